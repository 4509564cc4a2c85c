"""What amp says that threads cost, and how often it was asked: sixty times an hour is all that an account may.

A question is entered before it is asked, in one transaction with the count of those of the last hour: no two processes
can ask the last one that is allowed.
"""

# ruff: noqa: S608 - every piece is a field of the model or a word of this file; values are bound

from datetime import datetime, timedelta

from ampsm_engine import timestamps
from ampsm_engine.lean_dataclass import fields
from ampsm_engine.model import CostQuery, camel
from ampsm_engine.store.connection import StorePart
from ampsm_engine.store.lazy_tables import tables

ALLOWED = 60
"""Questions an hour that amp's server takes from an account, over all its programs."""

_COLUMNS = ", ".join(f'q."{camel(field.name)}"' for field in fields(CostQuery))
QUERIES = f'SELECT {_COLUMNS} FROM "costQueries" q'

_OF_SESSION = """
SELECT sum(micros) FROM (
    SELECT q.micros, max(q.number) FROM "costQueries" q JOIN iterations i ON i.id = q."iterationId"
     WHERE i."sessionId" = ? AND q.micros IS NOT NULL GROUP BY q."threadId")
"""


class Costs(StorePart):
    """The queries of the cost of threads, and amp's answers."""

    def claim(self, thread_id: str, iteration_id: str, *, most: int, now: datetime) -> int | None:
        """Enter a question for a thread's cost, so that it may be asked; its number, None where it may not.

        At most so many are entered within an hour, never more than ALLOWED.
        """
        since = timestamps.stamp(now - timedelta(hours=1))
        with self._db.writing():
            ((asked,),) = self._db.select('SELECT count(*) FROM "costQueries" WHERE "askedAt" > ?', (since,))
            if asked >= min(most, ALLOWED):
                return None
            values = {"thread_id": thread_id, "asked_at": timestamps.stamp(now), "iteration_id": iteration_id}
            self._db.execute(tables.CostQueryRow.insert(**values))
            ((number,),) = self._db.select("SELECT last_insert_rowid()")
            return int(number)

    def answer(self, number: int, micros: int | None) -> None:
        """Enter what amp said to a question: millionths of a dollar, None where it said nothing of the kind."""
        with self._db.writing():
            row = tables.CostQueryRow
            self._db.execute(row.update(micros=micros).where(row.number == number))

    def of_session(self, session_id: str) -> int | None:
        """What a session's threads cost by amp's last word on each, in millionths of a dollar; None: it said none."""
        ((micros,),) = self._db.select(_OF_SESSION, (session_id,))
        return None if micros is None else int(micros)

    def all(self) -> tuple[CostQuery, ...]:
        """Every question, in the order in which they were asked."""
        return tuple(CostQuery(*row) for row in self._db.select(f"{QUERIES} ORDER BY q.number"))
