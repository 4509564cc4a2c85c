"""Iterations that have begun: read, recorded while amp works, settled. Those that wait are in `queue`."""

import json
from collections.abc import Sequence

from ampsm_engine import timestamps
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Iteration, Outcome, State, Status, Tally, ToolCall
from ampsm_engine.store import records, reviews, rows
from ampsm_engine.store.connection import StorePart
from ampsm_engine.store.lazy_tables import tables


class Iterations(StorePart):
    """The iterations of all sessions; queued ones are changed by `queue.IterationQueue`."""

    def get(self, iteration_id: str) -> Iteration:
        """The iteration of exactly this id; NotFound."""
        return records.iteration(self._db, iteration_id)

    def of(self, session_id: str) -> tuple[Iteration, ...]:
        """The iterations of a session by number."""
        return records.iterations_of(self._db, (session_id,))[session_id]

    def of_sessions(self, session_ids: Sequence[str]) -> dict[str, tuple[Iteration, ...]]:
        """The iterations of many sessions by number, in one question; every id asked for is in the answer."""
        return records.iterations_of(self._db, session_ids)

    def states(self, iteration_ids: Sequence[str]) -> dict[str, State]:
        """The states of some iterations by id; one that is not there any more is not in the answer."""
        where = "SELECT id, state FROM iterations WHERE id IN (SELECT value FROM json_each(?))"
        known = {str(state): state for state in State}
        found = self._db.select(where, (json.dumps(list(iteration_ids)),)) if iteration_ids else []
        return {iteration_id: known.get(state, State.SETTLED) for iteration_id, state in found}

    def unsettled(self) -> tuple[Iteration, ...]:
        """The iterations that run or settle, oldest first."""
        where = " WHERE i.state IN ('running', 'settling') ORDER BY i.\"startTime\", i.rowid"
        return tuple(rows.iteration(row) for row in self._db.select(records.ITERATIONS + where))

    def tool_calls(self, iteration_id: str) -> tuple[ToolCall, ...]:
        """The tool calls of an iteration, in the order of the stream."""
        columns = rows.TOOL_CALL_COLUMNS
        question = f'SELECT {columns} FROM "toolCalls" c WHERE c."iterationId" = ? ORDER BY c.sequence'  # noqa: S608
        return tuple(rows.tool_call(row) for row in self._db.select(question, (iteration_id,)))

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
        """Record what the stream says up to `offset` (bytes). Repeating it changes nothing, an earlier offset neither.

        The first known thread id is kept, for the session as well. NotFound;
        Refused unless the iteration is at work.
        """
        with self._db.writing():
            found = self._db.select(
                'SELECT state, "offset", "threadId", "sessionId" FROM iterations WHERE id = ?', (iteration_id,)
            )
            if not found:
                raise NotFound(f"There is no iteration {iteration_id}.", "ampsm ls")
            state, covered, thread, session_id = found[0]
            if state not in (State.RUNNING, State.SETTLING):
                raise Refused(f"Iteration {iteration_id} is {state}: nothing more can be recorded.")
            if offset < covered:
                return
            columns = records.tally_columns(tally) | {"offset": offset, "activity": activity}
            if thread is None and thread_id is not None:
                columns["thread_id"] = thread_id
                unknown = (tables.SessionRow.id == session_id) & tables.SessionRow.thread_id.is_null()
                self._db.execute(tables.SessionRow.update(thread_id=thread_id).where(unknown))
            records.change_iteration(self._db, iteration_id, **columns)
            records.write_tool_calls(
                self._db,
                [
                    call if call.iteration_id == iteration_id else replace(call, iteration_id=iteration_id)
                    for call in tool_calls
                ],
            )

    def begin_attempt(self, iteration_id: str) -> None:
        """Count one more start of amp; NotFound, or Refused unless the iteration runs."""
        with self._db.writing():
            iteration = self.get(iteration_id)
            if iteration.state is not State.RUNNING:
                raise Refused(f"Iteration {iteration_id} is {iteration.state}: amp cannot be started for it.")
            records.change_iteration(self._db, iteration_id, attempts=iteration.attempts + 1)

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
        with self._db.writing():
            records.move_iteration(
                self._db,
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

        NotFound; Refused unless the iteration is settling; RejectionsWait while rejections wait for its end.
        """
        tables.changes(tables.IterationRow, columns, fixed=records.ITERATION_FIXED)
        with self._db.writing():
            reviews.refuse_waiting(self._db, self.get(iteration_id).session_id)
            ending = {"end_time": timestamps.now()} | columns
            before = records.move_iteration(self._db, iteration_id, State.SETTLED, **ending)
            if before.state is State.QUEUED:
                raise Refused(f"Iteration {before.number} is queued: it can be stopped, not settled.", "ampsm stop")
            records.change_session(self._db, before.session_id, status=status)
            for kind, text in facts:
                records.add_fact_on(self._db, before, kind, text)
            return self.get(iteration_id)

    def update(self, iteration_id: str, **columns: object) -> None:
        """Change columns of an iteration, named as its fields; NotFound. State and tally have their own verbs."""
        tables.changes(tables.IterationRow, columns, fixed=records.ITERATION_FIXED)
        with self._db.writing():
            records.change_iteration(self._db, iteration_id, **columns)
