"""The history: facts that became true, and when; only ever added."""

# ruff: noqa: S608 - every piece is a column list of `rows` or a word of this file; values are bound

import json
from collections.abc import Sequence

from ampsm_engine.model import Fact, SetupState
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

    def read(
        self,
        *,
        after: int = 0,
        session_id: str | None = None,
        limit: int | None = None,
        kinds: Sequence[str] = (),
    ) -> tuple[Fact, ...]:
        """Facts with a number above `after`, oldest first; of some `kinds` alone where they are given.

        `limit` alone gives the newest so many; with `after`, the first so many, so that a follower misses none.
        """
        where = " WHERE f.number > ?"
        values: list[object] = [after]
        if session_id is not None:
            where += ' AND f."sessionId" = ?'
            values.append(session_id)
        if kinds:
            where += " AND f.kind IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(list(kinds)))
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

    def setup_state(self, session_id: str) -> SetupState | None:
        """How the setup of a session's worktree stands; None where there is none."""
        found = self.read(session_id=session_id, limit=1, kinds=tuple(SetupState))
        return SetupState(found[0].kind) if found else None

    def add(self, kind: str, text: str, *, session_id: str | None = None, iteration_id: str | None = None) -> None:
        """Record that something became true."""
        with self._db.writing():
            records.note(self._db, kind, text, session_id=session_id, iteration_id=iteration_id)
