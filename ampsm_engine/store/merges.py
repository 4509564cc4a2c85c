"""The journal of merges: each step is recorded before it is done.

One operation at a time is open in a session, and none while an iteration runs or waits. SQLite itself holds the first.
"""

from collections.abc import Sequence

from ampsm_engine import timestamps
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.lean_dataclass import asdict
from ampsm_engine.model import Merge, MergeState, Session, State
from ampsm_engine.store import records, rows
from ampsm_engine.store.connection import StorePart
from ampsm_engine.store.records import MERGES, OPEN_MERGE

_FIXED = frozenset({"id", "session_id", "kind", "started_at", "state"})


class Merges(StorePart):
    """The journal of merges: entries begin, take their steps, and end."""

    def get(self, merge_id: str) -> Merge:
        """The operation of exactly this id; NotFound."""
        for row in self._db.select(f"{MERGES} WHERE m.id = ?", (merge_id,)):
            return rows.merge(row)
        raise NotFound(f"There is no merge {merge_id}.", "ampsm ls")

    def of(self, session_id: str) -> tuple[Merge, ...]:
        """All operations of a session, the newest first."""
        where = ' WHERE m."sessionId" = ? ORDER BY m.rowid DESC'
        return tuple(rows.merge(row) for row in self._db.select(MERGES + where, (session_id,)))

    def done_at(self, target: str, tip: str) -> Merge | None:
        """The operation that brought a branch to a commit and was not taken back; None where none of ours did."""
        where = f"{MERGES} WHERE m.target = ? AND m.\"baseAfter\" = ? AND m.state = 'done' ORDER BY m.rowid DESC"
        return next((rows.merge(row) for row in self._db.select(where, (target, tip))), None)

    def open_of(self, session_id: str) -> Merge | None:
        """The operation of a session that is running or has an open conflict; None when there is none."""
        return records.open_merge(self._db, session_id)

    def refuse_open(self, session: Session) -> None:
        """Refused while an operation of the session is open."""
        records.refuse_open_merge(self._db, session)

    def all_open(self) -> dict[str, Merge]:
        """All open operations by session."""
        found = (rows.merge(row) for row in self._db.select(f"{MERGES} WHERE {OPEN_MERGE}"))
        return {merge.session_id: merge for merge in found}

    def working(self) -> tuple[Merge, ...]:
        """The operations that a process is at or died at; one question to an index."""
        return tuple(rows.merge(row) for row in self._db.select(f"{MERGES} WHERE m.state = 'working' AND {OPEN_MERGE}"))

    def begin(self, merge: Merge) -> Merge:
        """Open an operation. Refused in the trash, with one open already, or while an iteration runs or waits."""
        with self._db.writing():
            session = records.session(self._db, merge.session_id)
            self._refuse_merge(session)
            records.refuse_open_merge(self._db, session)
            self._db.insert("merges", asdict(merge))
            return self.get(merge.id)

    def take(self, merge_id: str, before: MergeState, step: str) -> Merge:
        """Go on with an operation that rests: to continue, abort or undo it; it is at work from then on.

        Refused unless it is in the state `before`, and as `begin`.
        """
        with self._db.writing():
            merge = self.get(merge_id)
            session = records.session(self._db, merge.session_id)
            if merge.state is not before:
                message = f"The {merge.kind} of {session.name} is {merge.state} by now."
                raise Refused(message, f"ampsm show {session.id}")
            self._refuse_merge(session)
            if before is not MergeState.CONFLICTED:
                records.refuse_open_merge(self._db, session)
            self._change(merge_id, state=MergeState.WORKING, step=step)
            return self.get(merge_id)

    def step(self, merge_id: str, step: str, **columns: object) -> Merge:
        """Write down what is done next, with what is known by then; NotFound."""
        records.refuse_unknown(Merge, columns, fixed=_FIXED)
        with self._db.writing():
            self._change(merge_id, step=step, **columns)
            return self.get(merge_id)

    def end(
        self,
        merge_id: str,
        state: MergeState,
        *,
        facts: Sequence[tuple[str, str]] = (),
        session: dict[str, object] | None = None,
        **columns: object,
    ) -> Merge:
        """Let an operation rest or end in a state, change columns of its session, record facts: all at once."""
        records.refuse_unknown(Merge, columns, fixed=_FIXED)
        with self._db.writing():
            merge = self.get(merge_id)
            ended = None if state is MergeState.CONFLICTED else timestamps.now()
            self._change(merge_id, state=state, ended_at=ended, **columns)
            if session:
                records.change_session(self._db, merge.session_id, **session)
            for kind, text in facts:
                records.add_fact(self._db, kind, text, session_id=merge.session_id)
            return self.get(merge_id)

    def _change(self, merge_id: str, **columns: object) -> None:
        records.refuse_unknown(Merge, columns, fixed=frozenset({"id", "session_id"}))
        if not self._db.update("merges", merge_id, columns):
            raise NotFound(f"There is no merge {merge_id}.", "ampsm ls")

    def _refuse_merge(self, session: Session) -> None:
        records.refuse_trashed(session)
        iterations = records.iterations_of(self._db, (session.id,))[session.id]
        at_work = [one for one in iterations if one.state is not State.SETTLED]
        if at_work:
            one = at_work[0]
            doing = "is queued" if one.state is State.QUEUED else "is running"
            message = f"Iteration {one.number} of {session.name} {doing}."
            raise Refused(message, f"ampsm wait {session.id}, or: ampsm stop {session.id}")
