"""Writing the queue: iterations wait, are claimed, go back, are stopped."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import peewee

from ampsm_engine import lifecycle, naming, wording
from ampsm_engine.errors import Refused
from ampsm_engine.model import Iteration, Outcome, State, Status
from ampsm_engine.store import reviews
from ampsm_engine.store.merging import Merging
from ampsm_engine.store.rows import ITERATION_FIELDS
from ampsm_engine.store.tables import IterationRow
from ampsm_engine.store.writing import tally_columns

# In the order of their coming (a row number only grows while its row is there), one at a time for each session.
_NEXT = """
SELECT i.id FROM iterations i JOIN sessions s ON s.id = i."sessionId"
 WHERE i.state = 'queued' AND s."trashedAt" IS NULL
   AND NOT EXISTS (SELECT 1 FROM iterations a
                    WHERE a."sessionId" = i."sessionId" AND a.state IN ('running', 'settling'))
 ORDER BY i.rowid LIMIT 1
"""


class Queueing(Merging):
    """What waits, and what is taken next."""

    def enqueue(self, iteration: Iteration, *, resolves: str | None = None, answers: Sequence[str] = ()) -> Iteration:
        """Add an iteration to its session's queue and answer it with its number. Fact: queued.

        `answers` are ids of comments and rejections that its prompt tells of: they count as sent from now on.
        NotFound without its session; Refused when that is in the trash, when the iteration is not queued, and while
        a merge of the session is open: but for the one that resolves its conflicts (`resolves`: the merge's id).
        """
        if iteration.state is not State.QUEUED:
            raise Refused(f"Iteration {iteration.id} is {iteration.state}, so it cannot be queued.")
        with self._writing() as database:
            session = self.session(iteration.session_id)
            if session.trashed_at is not None:
                raise Refused(f"The session {session.name!r} is in the trash.", f"ampsm trash restore {session.id}")
            self._refuse_open(session, but=resolves)
            ((number,),) = self._select(
                'SELECT coalesce(max(number), 0) + 1 FROM iterations WHERE "sessionId" = ?', (session.id,)
            )
            queued = replace(iteration, number=number, queued_at=iteration.queued_at or wording.now())
            columns = {name: getattr(queued, name) for name in ITERATION_FIELDS}
            IterationRow.insert(**columns, **tally_columns(queued.tally)).execute(database)
            if answers:
                reviews.bind(database, session.id, queued.id, answers)
            stored = self.iteration(queued.id)
            # Of the stored prompt: cut in two, a secret would not be known as one.
            self._note_on(database, stored, "queued", f"iteration {number}: {naming.session_name(stored.prompt)}")
            return stored

    def claimable(self) -> bool:
        """Whether a worker would find something to claim now."""
        return bool(self._select(_NEXT))

    def claim(self) -> Iteration | None:
        """Take the oldest iteration that waits for no other one of its session; None when there is none.

        It runs from now on, and so does its session. Fact: started.
        """
        with self._writing() as database:
            for (iteration_id,) in self._select(_NEXT):
                now = wording.now()
                before = self._move(database, iteration_id, State.RUNNING, start_time=now, activity=None)
                self._change_session(database, before.session_id, status=Status.RUNNING, last_run=now)
                self._note_on(database, before, "started", f"iteration {before.number}")
                return self.iteration(iteration_id)
        return None

    def requeue(self, iteration_id: str) -> None:
        """Put an iteration back whose worker died before amp was started; Refused unless it runs. Fact: queued.

        When it was to stop, it is stopped instead. Its session is idle until it is claimed again.
        """
        with self._writing() as database:
            before = self._move(database, iteration_id, State.QUEUED, start_time=None, activity=None)
            self._change_session(database, before.session_id, status=Status.IDLE)
            self._note_on(database, before, "queued", f"iteration {before.number} again: its worker was gone")
            if before.stop_requested_at is not None:
                self._stop_waiting(database, before)

    def ask_to_stop(self, session_id: str, *, only_active: bool = False) -> tuple[Iteration, ...]:
        """Settle what waits as stopped (fact: stopped), and ask what is at work to stop; answers both, by number.

        With `only_active` the queue stays as it is. NotFound without the session.
        """
        with self._writing() as database:
            self.session(session_id)
            touched = []
            for iteration in self.iterations(session_id):
                if lifecycle.is_active(iteration.state):
                    asked = iteration.stop_requested_at or wording.now()
                    self._change(database, iteration.id, stop_requested_at=asked)
                    touched.append(iteration.id)
                elif iteration.state is State.QUEUED and not only_active:
                    self._stop_waiting(database, iteration)
                    touched.append(iteration.id)
            return tuple(self.iteration(iteration_id) for iteration_id in touched)

    def edit_queued(self, iteration_id: str, prompt: str, *, before: Callable[[], None] = lambda: None) -> None:
        """Give a waiting iteration another prompt; Refused once it started.

        `before` is called while nobody can claim it: whatever amp would read is changed there.
        """
        with self._writing() as database:
            self._waiting(iteration_id)
            before()
            self._change(database, iteration_id, prompt=prompt)

    def drop_queued(self, iteration_id: str) -> None:
        """Take a waiting iteration out of the queue as if it had never been; Refused once it started. Fact: dropped."""
        with self._writing() as database:
            iteration = self._waiting(iteration_id)
            reviews.release(database, iteration_id)
            IterationRow.delete().where(IterationRow.id == iteration_id).execute(database)
            self._note_on(database, iteration, "dropped", f"iteration {iteration.number}")

    def _waiting(self, iteration_id: str) -> Iteration:
        iteration = self.iteration(iteration_id)
        if iteration.state is not State.QUEUED:
            raise Refused(
                f"Iteration {iteration.number} has started: it is {iteration.state}.",
                f"ampsm show {iteration.session_id}",
            )
        return iteration

    def _stop_waiting(self, database: peewee.Database, iteration: Iteration) -> None:
        now = wording.now()
        asked = iteration.stop_requested_at or now
        self._move(
            database, iteration.id, State.SETTLED, outcome=Outcome.STOPPED, end_time=now, stop_requested_at=asked
        )
        reviews.release(database, iteration.id)
        self._note_on(database, iteration, "stopped", f"iteration {iteration.number}, before it began")
