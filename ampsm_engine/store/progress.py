"""Writing what happens to an iteration at work: its tally, its attempts, its end."""

from collections.abc import Sequence
from dataclasses import replace

from ampsm_engine import wording
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Iteration, Outcome, State, Status, Tally, ToolCall
from ampsm_engine.store.tables import IterationRow, SessionRow, changes
from ampsm_engine.store.writing import ITERATION_FIXED, Writing, keep_tool_calls, tally_columns


class Progress(Writing):
    """From the first event to the settled iteration."""

    def record(
        self,
        iteration_id: str,
        *,
        tally: Tally,
        offset: int,
        activity: str | None,
        thread_id: str | None,
        tool_calls: Sequence[ToolCall] = (),
    ) -> None:
        """What the stream says up to `offset` (bytes). Telling it twice changes nothing, telling less is ignored.

        The thread's id is kept from the first time it is known, for the session as well. NotFound;
        Refused unless the iteration is at work.
        """
        with self._writing() as database:
            found = self._select(
                'SELECT state, "offset", "threadId", "sessionId" FROM iterations WHERE id = ?', (iteration_id,)
            )
            if not found:
                raise NotFound(f"There is no iteration {iteration_id}.", "ampsm ls")
            state, covered, thread, session_id = found[0]
            if state not in (State.RUNNING, State.SETTLING):
                raise Refused(f"Iteration {iteration_id} is {state}: nothing more can be recorded.")
            if offset < covered:
                return
            columns = tally_columns(tally) | {"offset": offset, "activity": activity}
            if thread is None and thread_id is not None:
                columns["thread_id"] = thread_id
                unknown = (SessionRow.id == session_id) & SessionRow.thread_id.is_null()
                SessionRow.update(thread_id=thread_id).where(unknown).execute(database)
            self._change(database, iteration_id, **columns)
            keep_tool_calls(database, [replace(call, iteration_id=iteration_id) for call in tool_calls])

    def begin_attempt(self, iteration_id: str) -> None:
        """Count one more start of amp; NotFound, or Refused unless the iteration runs."""
        with self._writing() as database:
            iteration = self.iteration(iteration_id)
            if iteration.state is not State.RUNNING:
                raise Refused(f"Iteration {iteration_id} is {iteration.state}: amp cannot be started for it.")
            self._change(database, iteration_id, attempts=iteration.attempts + 1)

    def begin_settling(
        self,
        iteration_id: str,
        *,
        outcome: Outcome,
        failure: str | None = None,
        error: str | None = None,
        hint: str | None = None,
        exit_code: int | None = None,
        duration_ms: int | None = None,
    ) -> None:
        """Record how amp ended. NotFound; Refused unless the iteration runs."""
        with self._writing() as database:
            self._move(
                database,
                iteration_id,
                State.SETTLING,
                outcome=outcome,
                failure=failure,
                error=error,
                hint=hint,
                exit_code=exit_code,
                duration_ms=duration_ms,
            )

    def settle(
        self, iteration_id: str, *, status: Status, facts: Sequence[tuple[str, str]] = (), **columns: object
    ) -> Iteration:
        """Close an iteration with its last columns, give its session a status, record facts (kind, text).

        NotFound; Refused unless the iteration is settling.
        """
        changes(IterationRow, columns, fixed=ITERATION_FIXED)
        with self._writing() as database:
            ending = {"end_time": wording.now()} | columns
            before = self._move(database, iteration_id, State.SETTLED, **ending)
            if before.state is State.QUEUED:
                raise Refused(f"Iteration {before.number} waits: it can be stopped, not settled.", "ampsm stop")
            self._change_session(database, before.session_id, status=status)
            for kind, text in facts:
                self._note_on(database, before, kind, text)
            return self.iteration(iteration_id)

    def update_iteration(self, iteration_id: str, **columns: object) -> None:
        """Change columns of an iteration, named as its fields; NotFound. State and tally have their own verbs."""
        changes(IterationRow, columns, fixed=ITERATION_FIXED)
        with self._writing() as database:
            self._change(database, iteration_id, **columns)
