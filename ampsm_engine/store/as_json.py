"""SQL that lets SQLite write sessions and iterations as JSON: ten times as fast as values made of rows.

The keys are the columns. An unknown word in a row becomes the same harmless one as in `rows`; a test holds that both
say the same. Nothing is executed in here.
"""

# ruff: noqa: S608 - every piece is a field of the model or a word of this file

from collections.abc import Iterable
from dataclasses import fields
from enum import StrEnum

from ampsm_engine.model import Iteration, Outcome, ScriptResult, Session, State, Status, Tally
from ampsm_engine.store import rows

_TOKENS = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")


def _known(column: str, words: type[StrEnum], otherwise: str) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"CASE WHEN {column} IN ({listed}) THEN {column} ELSE {otherwise} END"


def _sum(table: str) -> str:
    columns = [f'{table}."{name}"' for name in _TOKENS]
    total = " + ".join(f"coalesce({column}, 0)" for column in columns)
    return f"CASE WHEN coalesce({', '.join(columns)}) IS NOT NULL THEN {total} END"


_SAID = {
    "s.status": _known("s.status", Status, "'awaiting-input'"),
    "i.state": _known("i.state", State, "'settled'"),
    "i.outcome": _known("i.outcome", Outcome, "NULL"),
    "i.testResult": _known('i."testResult"', ScriptResult, "NULL"),
    "s.ampPrompt": "coalesce(s.\"ampPrompt\", '')",
    "i.startTime": "nullif(i.\"startTime\", '')",
    "i.tokenUsage": _sum("i"),
}


def _object(table: str, names: Iterable[str]) -> str:
    keys = map(rows.camel, names)
    return ", ".join(f"'{key}', " + _SAID.get(f"{table}.{key}", f'{table}."{key}"') for key in keys)


_OWN = [field.name for field in fields(Iteration) if field.name != "tally"]
_TALLY = [*(field.name for field in fields(Tally)), "token_usage"]

SESSIONS = f"SELECT s.id, json_object({_object('s', (field.name for field in fields(Session)))}) FROM sessions s"
"""Rows (id, JSON object) of sessions `s`."""

ITERATIONS = f'SELECT i."sessionId", i.id, json_object({_object("i", [*_OWN, *_TALLY])}) FROM iterations i'
"""Rows (session id, id, JSON object) of iterations `i`."""
