"""Writing the journal of merges: what is about to be done is in here before it is done.

One operation at a time is open in a session, and none while an iteration runs or waits. SQLite itself holds the first.
"""

from collections.abc import Sequence
from dataclasses import asdict

import peewee

from ampsm_engine import wording
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Merge, MergeState, Session, State
from ampsm_engine.store import rows
from ampsm_engine.store.tables import MergeRow, changes
from ampsm_engine.store.writing import Writing

_MERGES = f"SELECT {rows.MERGE_COLUMNS} FROM merges m"  # noqa: S608 - a column list of `rows`
_OPEN = "m.state IN ('working', 'conflicted')"
_FIXED = frozenset({"id", "session_id", "kind", "started_at", "state"})


class Merging(Writing):
    """Operations come, take their steps, and end."""

    def merge(self, merge_id: str) -> Merge:
        """The operation of exactly this id; NotFound."""
        for row in self._select(f"{_MERGES} WHERE m.id = ?", (merge_id,)):
            return rows.merge(row)
        raise NotFound(f"There is no merge {merge_id}.", "ampsm ls")

    def merges(self, session_id: str) -> tuple[Merge, ...]:
        """All operations of a session, the newest first."""
        where = ' WHERE m."sessionId" = ? ORDER BY m.rowid DESC'
        return tuple(rows.merge(row) for row in self._select(_MERGES + where, (session_id,)))

    def open_merge(self, session_id: str) -> Merge | None:
        """The operation of a session that is at work or waits with a conflict; None when there is none."""
        found = self._select(f'{_MERGES} WHERE m."sessionId" = ? AND {_OPEN}', (session_id,))
        return rows.merge(found[0]) if found else None

    def open_merges(self) -> dict[str, Merge]:
        """All open operations by session."""
        found = (rows.merge(row) for row in self._select(f"{_MERGES} WHERE {_OPEN}"))
        return {merge.session_id: merge for merge in found}

    def working_merges(self) -> tuple[Merge, ...]:
        """The operations that a process is at or died at; one question to an index."""
        return tuple(rows.merge(row) for row in self._select(f"{_MERGES} WHERE m.state = 'working' AND {_OPEN}"))

    def begin_merge(self, merge: Merge) -> Merge:
        """Open an operation. Refused in the trash, with one open already, or while an iteration runs or waits."""
        with self._writing() as database:
            session = self.session(merge.session_id)
            self._may_merge(session)
            self._refuse_open(session)
            MergeRow.insert(**asdict(merge)).execute(database)
            return self.merge(merge.id)

    def take_merge(self, merge_id: str, before: MergeState, step: str) -> Merge:
        """Go on with an operation that rests: to continue, abort or undo it; it is at work from then on.

        Refused unless it is in the state `before`, and as `begin_merge`.
        """
        with self._writing() as database:
            merge = self.merge(merge_id)
            session = self.session(merge.session_id)
            if merge.state is not before:
                message = f"The {merge.kind} of {session.name} is {merge.state} by now."
                raise Refused(message, f"ampsm show {session.id}")
            self._may_merge(session)
            if before is not MergeState.CONFLICTED:
                self._refuse_open(session)
            self._change_merge(database, merge_id, state=MergeState.WORKING, step=step)
            return self.merge(merge_id)

    def step_merge(self, merge_id: str, step: str, **columns: object) -> Merge:
        """Write down what is done next, with what is known by then; NotFound."""
        changes(MergeRow, columns, fixed=_FIXED)
        with self._writing() as database:
            self._change_merge(database, merge_id, step=step, **columns)
            return self.merge(merge_id)

    def end_merge(
        self,
        merge_id: str,
        state: MergeState,
        *,
        facts: Sequence[tuple[str, str]] = (),
        session: dict[str, object] | None = None,
        **columns: object,
    ) -> Merge:
        """Let an operation rest or end in a state, change columns of its session, record facts: all at once."""
        changes(MergeRow, columns, fixed=_FIXED)
        with self._writing() as database:
            merge = self.merge(merge_id)
            ended = None if state is MergeState.CONFLICTED else wording.now()
            self._change_merge(database, merge_id, state=state, ended_at=ended, **columns)
            if session:
                self._change_session(database, merge.session_id, **session)
            for kind, text in facts:
                self._note(database, kind, text, session_id=merge.session_id)
            return self.merge(merge_id)

    def _change_merge(self, database: peewee.Database, merge_id: str, **columns: object) -> None:
        changed = changes(MergeRow, columns, fixed=frozenset({"id", "session_id"}))
        if not MergeRow.update(changed).where(MergeRow.id == merge_id).execute(database):
            raise NotFound(f"There is no merge {merge_id}.", "ampsm ls")

    def _may_merge(self, session: Session) -> None:
        if session.trashed_at is not None:
            raise Refused(f"The session {session.name!r} is in the trash.", f"ampsm trash restore {session.id}")
        at_work = [one for one in self.iterations(session.id) if one.state is not State.SETTLED]
        if at_work:
            one = at_work[0]
            doing = "waits in the queue" if one.state is State.QUEUED else "is running"
            message = f"Iteration {one.number} of {session.name} {doing}."
            raise Refused(message, f"ampsm wait {session.id}, or: ampsm stop {session.id}")

    def _refuse_open(self, session: Session, but: str | None = None) -> None:
        """Refused while an operation of the session is open, unless it is `but` and waits with its conflict."""
        merge = self.open_merge(session.id)
        if merge is not None and (merge.id != but or merge.state is not MergeState.CONFLICTED):
            raise open_refusal(session, merge)


def open_refusal(session: Session, merge: Merge) -> Refused:
    """Why something has to wait for an open operation."""
    if merge.state is MergeState.CONFLICTED:
        message = f"The {merge.kind} of {session.name} waits for its conflicts to be resolved."
        return Refused(message, f"ampsm merge {session.id} --continue, or: ampsm merge {session.id} --abort")
    return Refused(f"A {merge.kind} of {session.name} is going on.", f"ampsm show {session.id}")
