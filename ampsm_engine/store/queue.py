"""The queue: which iteration may begin next (`_NEXT`); adding, claiming, editing, dropping and stopping what waits."""

from collections.abc import Callable, Sequence

from ampsm_engine import lifecycle, naming, timestamps
from ampsm_engine.errors import Refused
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Iteration, Outcome, State, Status
from ampsm_engine.store import batches, records, reviews
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
            records.add_fact_on(self._db, stored, "queued", f"iteration {number}: {naming.session_name(stored.prompt)}")
            return stored

    def has_claimable(self) -> bool:
        """Whether a worker would find something to claim now."""
        return bool(self._db.select(_NEXT, (timestamps.now(),)))

    def claim(self) -> Iteration | None:
        """Claim the next iteration in the order of `_NEXT`, a person's before a batch's; None when none may begin.

        It runs from now on, and so does its session. Fact: started.
        """
        with self._db.writing():
            now = timestamps.now()
            for (iteration_id,) in self._db.select(_NEXT, (now,)):
                before = records.move_iteration(self._db, iteration_id, State.RUNNING, start_time=now, activity=None)
                records.change_session(self._db, before.session_id, status=Status.RUNNING, last_run=now)
                records.add_fact_on(self._db, before, "started", f"iteration {before.number}")
                return records.iteration(self._db, iteration_id)
        return None

    def requeue(self, iteration_id: str) -> None:
        """Put an iteration back whose worker died before amp was started; Refused unless it runs. Fact: queued.

        When it was to stop, it is stopped instead. Its session is idle until it is claimed again.
        """
        with self._db.writing():
            before = records.move_iteration(self._db, iteration_id, State.QUEUED, start_time=None, activity=None)
            records.change_session(self._db, before.session_id, status=Status.IDLE)
            records.add_fact_on(self._db, before, "queued", f"iteration {before.number} again: its worker was gone")
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
            records.add_fact_on(self._db, iteration, "dropped", f"iteration {iteration.number}")

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
        records.add_fact_on(self._db, iteration, "stopped", f"iteration {iteration.number}, before it began")
