"""Writing sessions and facts."""

from collections.abc import Sequence
from dataclasses import asdict

from ampsm_engine import wording
from ampsm_engine.errors import Refused
from ampsm_engine.model import Iteration, Session, State, ToolCall
from ampsm_engine.store import copies, removal
from ampsm_engine.store.merging import Merging
from ampsm_engine.store.rows import ITERATION_FIELDS
from ampsm_engine.store.tables import FactRow, IterationRow, SessionRow
from ampsm_engine.store.writing import keep_tool_calls, tally_columns


class Sessions(Merging):
    """Sessions come, change and go."""

    def add_session(self, session: Session) -> None:
        """Add a session; Refused when its id is taken. Fact: created."""
        with self._writing() as database:
            if SessionRow.select(SessionRow.id).where(SessionRow.id == session.id).tuples().execute(database):
                raise Refused(f"There is a session {session.id} already.", f"ampsm show {session.id}")
            SessionRow.insert(**asdict(session)).execute(database)
            self._note(database, "created", session.name, session_id=session.id)
        copies.note_repository(self.path, session.repo_root)

    def update_session(self, session_id: str, **columns: object) -> Session:
        """Change columns of a session, named as its fields, and answer it; NotFound. No fact."""
        with self._writing() as database:
            self._change_session(database, session_id, **columns)
            session = self.session(session_id)
        if "repo_root" in columns:
            copies.note_repository(self.path, session.repo_root)
        return session

    def begin_trash(self, session_id: str) -> Session:
        """Mark a session as trashed, so that nothing can be queued in it any more; its fact follows when it is kept.

        NotFound; Refused when it is in the trash already, while an iteration runs or waits, or a merge is open.
        """
        with self._writing() as database:
            session = self.session(session_id)
            if session.trashed_at is not None:
                raise Refused(f"Session {session.name} is in the trash already.", f"ampsm trash restore {session.id}")
            open_ones = [one for one in self.iterations(session_id) if one.state is not State.SETTLED]
            if open_ones:
                many = f"{len(open_ones)} iteration{'s' * (len(open_ones) != 1)} of {session.name} still run or wait"
                raise Refused(f"{many}.", f"ampsm stop {session.id}")
            self._refuse_open(session)
            self._change_session(database, session_id, trashed_at=wording.now())
            return self.session(session_id)

    def remove_session(self, session_id: str, *, with_facts: bool = False) -> None:
        """Remove a session for good, with all that refers to it; NotFound.

        Its facts stay, unless it never came to be: `with_facts` is for a creation that is taken back.
        """
        with self._writing() as database:
            self.session(session_id)
            removal.remove(database, "sessions", "id = ?", (session_id,))
            if with_facts:
                FactRow.delete().where(FactRow.session_id == session_id).execute(database)

    def rebuild(
        self, session: Session, iterations: Sequence[Iteration], tool_calls: Sequence[ToolCall], text: str
    ) -> None:
        """Enter what was found of a session whose rows were lost; rows of iterations that are there are replaced.

        Fact: rebuilt, with `text`.
        """
        with self._writing() as database:
            SessionRow.insert(**asdict(session)).on_conflict_ignore().execute(database)
            for iteration in iterations:
                columns = {name: getattr(iteration, name) for name in ITERATION_FIELDS}
                columns |= tally_columns(iteration.tally)
                kept = [getattr(IterationRow, name) for name in columns if name not in ("id", "session_id")]
                insert = IterationRow.insert(**columns)
                insert.on_conflict(conflict_target=(IterationRow.id,), preserve=kept).execute(database)
            keep_tool_calls(database, tool_calls)
            self._note(database, "rebuilt", text, session_id=session.id)
        copies.note_repository(self.path, session.repo_root)

    def fact(self, kind: str, text: str, *, session_id: str | None = None, iteration_id: str | None = None) -> None:
        """Record that something became true."""
        with self._writing() as database:
            self._note(database, kind, text, session_id=session_id, iteration_id=iteration_id)
