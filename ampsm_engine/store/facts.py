"""The history: facts that became true, and when; only ever added."""

# ruff: noqa: S608 - every piece is a column list of `rows` or a word of this file; values are bound

import json
from collections.abc import Sequence

from ampsm_engine.model import Fact
from ampsm_engine.store import records, rows
from ampsm_engine.store.connection import StorePart

_NOTES = (
    "not-committed",
    "left-out",
    "rubbish",
    "branch",
    "lost-worktree",
    "committed-by-hand",
    "hand-edits",
    "stray",
    "note",
    "context",
    "trouble",
    "not-redacted",
    "outside",
    "reject-refused",
    "tested",
)
"""The kinds of facts that say of an iteration what its columns do not."""

FACTS = f"SELECT {rows.FACT_COLUMNS} FROM facts f"


class Facts(StorePart):
    """The history of all sessions."""

    def read(self, *, after: int = 0, session_id: str | None = None, limit: int | None = None) -> tuple[Fact, ...]:
        """Facts with a number above `after`, oldest first.

        `limit` alone gives the newest so many; with `after`, the first so many, so that a follower misses none.
        """
        where = " WHERE f.number > ?"
        values: list[object] = [after]
        if session_id is not None:
            where += ' AND f."sessionId" = ?'
            values.append(session_id)
        values.append(-1 if limit is None else limit)
        newest = limit is not None and not after
        found = self._db.select(f"{FACTS}{where} ORDER BY f.number {'DESC' if newest else ''} LIMIT ?", values)
        return tuple(rows.fact(row) for row in (reversed(found) if newest else found))

    def notes_of(self, session_ids: Sequence[str]) -> dict[str, tuple[Fact, ...]]:
        """The facts of _NOTES of many sessions by iteration, oldest first, in one question."""
        where = (
            ' WHERE f."sessionId" IN (SELECT value FROM json_each(?)) AND f."iterationId" IS NOT NULL'
            " AND f.kind IN (SELECT value FROM json_each(?)) ORDER BY f.number"
        )
        found: dict[str, list[Fact]] = {}
        for row in self._db.select(FACTS + where, (json.dumps(list(session_ids)), json.dumps(_NOTES))):
            fact = rows.fact(row)
            found.setdefault(str(fact.iteration_id), []).append(fact)
        return {iteration_id: tuple(facts) for iteration_id, facts in found.items()}

    def add(self, kind: str, text: str, *, session_id: str | None = None, iteration_id: str | None = None) -> None:
        """Record that something became true."""
        with self._db.writing():
            records.note(self._db, kind, text, session_id=session_id, iteration_id=iteration_id)
