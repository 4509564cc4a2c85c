"""The queue: iterations wait, are claimed, go back, are stopped."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ampsm_engine import lifecycle, naming, wording
from ampsm_engine.errors import Refused
from ampsm_engine.model import Iteration, Outcome, State, Status
from ampsm_engine.store import records, reviews
from ampsm_engine.store.connection import StorePart
from ampsm_engine.store.tables import IterationRow

# In the order of their coming (a row number only grows while its row is there), one at a time for each session.
_NEXT = """
SELECT i.id FROM iterations i JOIN sessions s ON s.id = i."sessionId"
 WHERE i.state = 'queued' AND s."trashedAt" IS NULL
   AND NOT EXISTS (SELECT 1 FROM iterations a
                    WHERE a."sessionId" = i."sessionId" AND a.state IN ('running', 'settling'))
 ORDER BY i.rowid LIMIT 1
"""


class IterationQueue(StorePart):
    """The iterations that wait, over all sessions, and which is taken next."""

    def count(self) -> int:
        """How many iterations wait; those of sessions in the trash do not count."""
        ((count,),) = self._db.select(
            'SELECT count(*) FROM iterations i JOIN sessions s ON s.id = i."sessionId"'
            " WHERE i.state = 'queued' AND s.\"trashedAt\" IS NULL"
        )
        return int(count)

    def add(self, iteration: Iteration, *, resolves: str | None = None, answers: Sequence[str] = ()) -> Iteration:
        """Add an iteration to its session's queue and answer it with its number. Fact: queued.

        `answers` are ids of comments and rejections that its prompt tells of: they count as sent from now on.
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
            queued = replace(iteration, number=number, queued_at=iteration.queued_at or wording.now())
            self._db.execute(IterationRow.insert(**records.iteration_columns(queued)))
            if answers:
                reviews.bind(self._db, session.id, queued.id, answers)
            stored = records.iteration(self._db, queued.id)
            # Of the stored prompt: cut in two, a secret would not be known as one.
            records.note_on(self._db, stored, "queued", f"iteration {number}: {naming.session_name(stored.prompt)}")
            return stored

    def has_claimable(self) -> bool:
        """Whether a worker would find something to claim now."""
        return bool(self._db.select(_NEXT))

    def claim(self) -> Iteration | None:
        """Take the oldest iteration that waits for no other one of its session; None when there is none.

        It runs from now on, and so does its session. Fact: started.
        """
        with self._db.writing():
            for (iteration_id,) in self._db.select(_NEXT):
                now = wording.now()
                before = records.move_iteration(self._db, iteration_id, State.RUNNING, start_time=now, activity=None)
                records.change_session(self._db, before.session_id, status=Status.RUNNING, last_run=now)
                records.note_on(self._db, before, "started", f"iteration {before.number}")
                return records.iteration(self._db, iteration_id)
        return None

    def put_back(self, iteration_id: str) -> None:
        """Put an iteration back whose worker died before amp was started; Refused unless it runs. Fact: queued.

        When it was to stop, it is stopped instead. Its session is idle until it is claimed again.
        """
        with self._db.writing():
            before = records.move_iteration(self._db, iteration_id, State.QUEUED, start_time=None, activity=None)
            records.change_session(self._db, before.session_id, status=Status.IDLE)
            records.note_on(self._db, before, "queued", f"iteration {before.number} again: its worker was gone")
            if before.stop_requested_at is not None:
                self._stop_waiting(before)

    def ask_to_stop(self, session_id: str, *, only_active: bool = False) -> tuple[Iteration, ...]:
        """Settle what waits as stopped (fact: stopped), and ask what is at work to stop; answers both, by number.

        With `only_active` the queue stays as it is. NotFound without the session.
        """
        with self._db.writing():
            records.session(self._db, session_id)
            touched = []
            for iteration in records.iterations_of(self._db, (session_id,))[session_id]:
                if lifecycle.is_active(iteration.state):
                    asked = iteration.stop_requested_at or wording.now()
                    records.change_iteration(self._db, iteration.id, stop_requested_at=asked)
                    touched.append(iteration.id)
                elif iteration.state is State.QUEUED and not only_active:
                    self._stop_waiting(iteration)
                    touched.append(iteration.id)
            return tuple(records.iteration(self._db, iteration_id) for iteration_id in touched)

    def edit(self, iteration_id: str, prompt: str, *, before: Callable[[], None] = lambda: None) -> None:
        """Give a waiting iteration another prompt; Refused once it started.

        `before` is called while nobody can claim it: whatever amp would read is changed there.
        """
        with self._db.writing():
            self._waiting(iteration_id)
            before()
            records.change_iteration(self._db, iteration_id, prompt=prompt)

    def drop(self, iteration_id: str) -> None:
        """Take a waiting iteration out of the queue as if it had never been; Refused once it started. Fact: dropped."""
        with self._db.writing():
            iteration = self._waiting(iteration_id)
            reviews.release(self._db, iteration_id)
            self._db.execute(IterationRow.delete().where(IterationRow.id == iteration_id))
            records.note_on(self._db, iteration, "dropped", f"iteration {iteration.number}")

    def _waiting(self, iteration_id: str) -> Iteration:
        iteration = records.iteration(self._db, iteration_id)
        if iteration.state is not State.QUEUED:
            raise Refused(
                f"Iteration {iteration.number} has started: it is {iteration.state}.",
                f"ampsm show {iteration.session_id}",
            )
        return iteration

    def _stop_waiting(self, iteration: Iteration) -> None:
        now = wording.now()
        asked = iteration.stop_requested_at or now
        records.move_iteration(
            self._db, iteration.id, State.SETTLED, outcome=Outcome.STOPPED, end_time=now, stop_requested_at=asked
        )
        reviews.release(self._db, iteration.id)
        records.note_on(self._db, iteration, "stopped", f"iteration {iteration.number}, before it began")
