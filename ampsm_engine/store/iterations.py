"""Iterations, from the queue to the settled one: added, claimed, stopped, recorded while amp works, settled."""

import json
from collections.abc import Callable, Sequence

from ampsm_engine import lifecycle, naming, timestamps
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Iteration, Outcome, State, Status, Tally, ToolCall
from ampsm_engine.store import batches, records, reviews, rows
from ampsm_engine.store.connection import StorePart
from ampsm_engine.store.lazy_tables import tables

# In the order of their coming (a row number only grows while its row is there), one at a time for each session. What a
# person asked for comes before what a batch has queued; of a batch no more run at once than its plan allows, and none
# while it waits for a rate limit's end or is being stopped.
_NEXT = """
SELECT i.id FROM iterations i JOIN sessions s ON s.id = i."sessionId"
  LEFT JOIN "batchTries" t ON t."iterationId" = i.id
  LEFT JOIN "batchItems" n ON n.id = t."itemId"
  LEFT JOIN "batchRuns" b ON b.id = n."batchId"
 WHERE i.state = 'queued' AND s."trashedAt" IS NULL
   AND NOT EXISTS (SELECT 1 FROM iterations a
                    WHERE a."sessionId" = i."sessionId" AND a.state IN ('running', 'settling'))
   AND (b.id IS NULL
        OR (b.state = 'running' AND coalesce(b."waitUntil", '') <= ?
            AND b.concurrency > (SELECT count(*) FROM iterations a
                                   JOIN "batchTries" u ON u."iterationId" = a.id
                                   JOIN "batchItems" m ON m.id = u."itemId"
                                  WHERE m."batchId" = b.id AND a.state IN ('running', 'settling'))))
 ORDER BY b.id IS NOT NULL, i.rowid LIMIT 1
"""


class Iterations(StorePart):
    """The iterations of all sessions; queued ones are changed by `IterationQueue`."""

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
                records.note_on(self._db, before, kind, text)
            return self.get(iteration_id)

    def update(self, iteration_id: str, **columns: object) -> None:
        """Change columns of an iteration, named as its fields; NotFound. State and tally have their own verbs."""
        tables.changes(tables.IterationRow, columns, fixed=records.ITERATION_FIXED)
        with self._db.writing():
            records.change_iteration(self._db, iteration_id, **columns)


class IterationQueue(StorePart):
    """The queued iterations of all sessions."""

    def count(self) -> int:
        """How many iterations are queued; those of sessions in the trash do not count."""
        ((count,),) = self._db.select(
            'SELECT count(*) FROM iterations i JOIN sessions s ON s.id = i."sessionId"'
            " WHERE i.state = 'queued' AND s.\"trashedAt\" IS NULL"
        )
        return int(count)

    def add(
        self,
        iteration: Iteration,
        *,
        resolves: str | None = None,
        answers: Sequence[str] = (),
        attempt: batches.ItemAttempt | None = None,
    ) -> Iteration:
        """Add an iteration to its session's queue and answer it with its number. Fact: queued.

        `answers` are ids of comments and rejections that its prompt tells of: they count as sent from now on.
        `attempt`: the try of a batch item that it is, entered with it; Refused when that was made already.
        NotFound without its session; Refused when that is in the trash, when the iteration is not queued, and while
        a merge of the session is open: but for the one that resolves its conflicts (`resolves`: the merge's id).
        """
        if iteration.state is not State.QUEUED:
            raise Refused(f"Iteration {iteration.id} is {iteration.state}, so it cannot be queued.")
        with self._db.writing():
            session = records.session(self._db, iteration.session_id)
            records.refuse_trashed(session)
            records.refuse_open_merge(self._db, session, but=resolves)
            ((number,),) = self._db.select(
                'SELECT coalesce(max(number), 0) + 1 FROM iterations WHERE "sessionId" = ?', (session.id,)
            )
            queued = replace(iteration, number=number, queued_at=iteration.queued_at or timestamps.now())
            self._db.execute(tables.IterationRow.insert(**records.iteration_columns(queued)))
            if answers:
                reviews.bind(self._db, session.id, queued.id, answers)
            if attempt:
                batches.enter_try(self._db, attempt, queued.id)
            stored = records.iteration(self._db, queued.id)
            # Of the stored prompt: cut in two, a secret would not be known as one.
            records.note_on(self._db, stored, "queued", f"iteration {number}: {naming.session_name(stored.prompt)}")
            return stored

    def has_claimable(self) -> bool:
        """Whether a worker would find something to claim now."""
        return bool(self._db.select(_NEXT, (timestamps.now(),)))

    def claim(self) -> Iteration | None:
        """Claim the oldest queued iteration whose session has none at work; None when there is none.

        It runs from now on, and so does its session. Fact: started.
        """
        with self._db.writing():
            now = timestamps.now()
            for (iteration_id,) in self._db.select(_NEXT, (now,)):
                before = records.move_iteration(self._db, iteration_id, State.RUNNING, start_time=now, activity=None)
                records.change_session(self._db, before.session_id, status=Status.RUNNING, last_run=now)
                records.note_on(self._db, before, "started", f"iteration {before.number}")
                return records.iteration(self._db, iteration_id)
        return None

    def requeue(self, iteration_id: str) -> None:
        """Put an iteration back whose worker died before amp was started; Refused unless it runs. Fact: queued.

        When it was to stop, it is stopped instead. Its session is idle until it is claimed again.
        """
        with self._db.writing():
            before = records.move_iteration(self._db, iteration_id, State.QUEUED, start_time=None, activity=None)
            records.change_session(self._db, before.session_id, status=Status.IDLE)
            records.note_on(self._db, before, "queued", f"iteration {before.number} again: its worker was gone")
            if before.stop_requested_at is not None:
                self._stop_queued(before)

    def ask_to_stop(self, session_id: str) -> tuple[Iteration, ...]:
        """Settle queued iterations as stopped (fact: stopped), ask the one at work to stop; answers both, by number.

        NotFound without the session.
        """
        with self._db.writing():
            records.session(self._db, session_id)
            touched = []
            for iteration in records.iterations_of(self._db, (session_id,))[session_id]:
                if lifecycle.is_active(iteration.state):
                    asked = iteration.stop_requested_at or timestamps.now()
                    records.change_iteration(self._db, iteration.id, stop_requested_at=asked)
                    touched.append(iteration.id)
                elif iteration.state is State.QUEUED:
                    self._stop_queued(iteration)
                    touched.append(iteration.id)
            return tuple(records.iteration(self._db, iteration_id) for iteration_id in touched)

    def edit(self, iteration_id: str, prompt: str, *, before: Callable[[], None] = lambda: None) -> None:
        """Change the prompt of a queued iteration; Refused once it started.

        `before` is called while no worker can claim it: files that amp would read are changed there.
        """
        with self._db.writing():
            self._queued(iteration_id)
            before()
            records.change_iteration(self._db, iteration_id, prompt=prompt)

    def drop(self, iteration_id: str) -> None:
        """Delete a queued iteration; Refused once it started. Fact: dropped."""
        with self._db.writing():
            iteration = self._queued(iteration_id)
            reviews.release(self._db, iteration_id)
            self._db.execute(tables.IterationRow.delete().where(tables.IterationRow.id == iteration_id))
            records.note_on(self._db, iteration, "dropped", f"iteration {iteration.number}")

    def _queued(self, iteration_id: str) -> Iteration:
        iteration = records.iteration(self._db, iteration_id)
        if iteration.state is not State.QUEUED:
            raise Refused(
                f"Iteration {iteration.number} has started: it is {iteration.state}.",
                f"ampsm show {iteration.session_id}",
            )
        return iteration

    def _stop_queued(self, iteration: Iteration) -> None:
        now = timestamps.now()
        asked = iteration.stop_requested_at or now
        records.move_iteration(
            self._db, iteration.id, State.SETTLED, outcome=Outcome.STOPPED, end_time=now, stop_requested_at=asked
        )
        reviews.release(self._db, iteration.id)
        records.note_on(self._db, iteration, "stopped", f"iteration {iteration.number}, before it began")
