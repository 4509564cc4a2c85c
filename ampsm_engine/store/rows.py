"""From rows to the frozen values of `model`, or to JSON: the one mapping, and the column lists that go with it.

A field is a column: `base_branch` is read from `baseBranch`. Another program may have written the row, so an
unknown word in it reads as something harmless and never as an error.
"""

# ruff: noqa: S608 - every piece is a field of the model or a word of this file

import json
import os
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from ampsm_engine.lean_dataclass import fields, replace
from ampsm_engine.model import (
    ITERATION_FIELDS,
    SESSION_FIELDS,
    TALLY_FIELDS,
    Batch,
    BatchItem,
    BatchState,
    BatchTry,
    Fact,
    ItemState,
    Iteration,
    Merge,
    MergeState,
    Outcome,
    Placement,
    ScriptResult,
    Session,
    SessionPlace,
    State,
    Status,
    Tally,
    ToolCall,
    TryKind,
    camel,
)

Row = tuple[Any, ...]

_READ = {
    # Nullable in the predecessor's tables, where an iteration that never began did not exist.
    "ampPrompt": "coalesce({0}, '')",
    "startTime": "nullif({0}, '')",
}


def _columns(names: Iterable[str], table: str) -> str:
    columns = ((camel(name), f'{table}."{camel(name)}"') for name in names)
    return ", ".join(_READ.get(column, "{0}").format(quoted) for column, quoted in columns)


_TALLY_AT = [field.name for field in fields(Iteration)].index("tally")
_SPLIT = len(ITERATION_FIELDS)

SESSION_COLUMNS = _columns(SESSION_FIELDS, "s")
PLACE_COLUMNS = _columns(SessionPlace._fields, "s")
ITERATION_COLUMNS = _columns([*ITERATION_FIELDS, *(field.name for field in fields(Tally))], "i")
TOOL_CALL_COLUMNS = _columns((field.name for field in fields(ToolCall)), "c")
FACT_COLUMNS = _columns((field.name for field in fields(Fact)), "f")

MERGE_COLUMNS = _columns((field.name for field in fields(Merge)), "m")
BATCH_COLUMNS = _columns((field.name for field in fields(Batch)), "b")
ITEM_COLUMNS = _columns((field.name for field in fields(BatchItem)), "n")
TRY_COLUMNS = _columns((field.name for field in fields(BatchTry)), "t")
PLACEMENT_COLUMNS = _columns((field.name for field in fields(Placement)), "p")

_STATUS, _TAGS = (SESSION_FIELDS.index(name) for name in ("status", "tags"))
_STATE, _OUTCOME, _TEST = (ITERATION_FIELDS.index(name) for name in ("state", "outcome", "test_result"))
_SUCCESS = [field.name for field in fields(ToolCall)].index("success")

# A dictionary is ten times as fast as a call of the enum, and boards are read often.
_STATUSES = {str(status): status for status in Status}
_STATES = {str(state): state for state in State}
_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
_RESULTS = {str(result): result for result in ScriptResult}
_ITEM_STATES = {str(state): state for state in ItemState}


def session(row: Row) -> Session:
    """The session of a row of SESSION_COLUMNS; an unknown status becomes awaiting-input."""
    values = list(row)
    values[_STATUS] = _STATUSES.get(values[_STATUS], Status.AWAITING_INPUT)
    values[_TAGS] = tags(values[_TAGS])
    return Session(*values)


def tags(stored: str) -> tuple[str, ...]:
    """The words of a column of tags; what is no array of texts has none."""
    if stored == "[]":
        return ()
    try:
        found = json.loads(stored)
    except ValueError:
        return ()
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def place(row: Row) -> SessionPlace:
    """The place of a session, of a row of PLACE_COLUMNS; its status as in `session`."""
    session_id, status, *rest = row
    return SessionPlace(session_id, _STATUSES.get(status, Status.AWAITING_INPUT), *rest)


def iteration(row: Row) -> Iteration:
    """The iteration of a row of ITERATION_COLUMNS; an unknown state becomes settled."""
    values = list(row)
    values[_STATE] = _STATES.get(values[_STATE], State.SETTLED)
    values[_OUTCOME] = _OUTCOMES.get(values[_OUTCOME])
    values[_TEST] = _RESULTS.get(values[_TEST])
    tally = Tally(*values[_SPLIT:])
    values[_TALLY_AT:] = [tally, *values[_TALLY_AT:_SPLIT]]
    return Iteration(*values)


def tool_call(row: Row) -> ToolCall:
    """The tool call of a row of TOOL_CALL_COLUMNS."""
    values = list(row)
    values[_SUCCESS] = None if values[_SUCCESS] is None else bool(values[_SUCCESS])
    return ToolCall(*values)


def fact(row: Row) -> Fact:
    """The fact of a row of FACT_COLUMNS."""
    return Fact(*row)


def merge(row: Row) -> Merge:
    """The operation of a row of MERGE_COLUMNS; an unknown state becomes rolled-back."""
    found = Merge(*row)
    known = {str(state): state for state in MergeState}
    return replace(found, state=known.get(found.state, MergeState.ROLLED_BACK))


def batch(row: Row) -> Batch:
    """The batch of a row of BATCH_COLUMNS; an unknown state becomes stopped."""
    found = Batch(*row)
    known = {str(state): state for state in BatchState}
    return replace(found, state=known.get(found.state, BatchState.STOPPED))


def batch_item(row: Row) -> BatchItem:
    """The item of a row of ITEM_COLUMNS; an unknown state becomes stopped."""
    found = BatchItem(*row)
    return replace(found, state=_ITEM_STATES.get(found.state, ItemState.STOPPED))


def batch_try(row: Row) -> BatchTry:
    """The try of a row of TRY_COLUMNS; an unknown kind becomes that of a prompt."""
    found = BatchTry(*row)
    known = {str(kind): kind for kind in TryKind}
    return replace(found, kind=known.get(found.kind, TryKind.PROMPT))


# SQLite writes sessions and iterations as JSON ten times as fast as values made of rows. The keys are the columns, and
# an unknown word becomes the same harmless one as above; a test holds that both say the same.

_TOKENS = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")


def _known(column: str, words: type[StrEnum], otherwise: str) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"CASE WHEN {column} IN ({listed}) THEN {column} ELSE {otherwise} END"


def _sum_of_tokens() -> str:
    columns = [f'i."{name}"' for name in _TOKENS]
    total = " + ".join(f"coalesce({column}, 0)" for column in columns)
    return f"CASE WHEN coalesce({', '.join(columns)}) IS NOT NULL THEN {total} END"


TAGS = "json_each(CASE WHEN json_valid(s.tags) AND json_type(s.tags) = 'array' THEN s.tags ELSE '[]' END)"
"""The words of a session's tags as rows; what is no array has none."""

_JSON_VALUES = {
    "s.tags": f"(SELECT json_group_array(value) FROM {TAGS} WHERE type = 'text')",
    "s.status": _known("s.status", Status, "'awaiting-input'"),
    "i.state": _known("i.state", State, "'settled'"),
    "i.outcome": _known("i.outcome", Outcome, "NULL"),
    "i.testResult": _known('i."testResult"', ScriptResult, "NULL"),
    "s.ampPrompt": "coalesce(s.\"ampPrompt\", '')",
    "i.startTime": "nullif(i.\"startTime\", '')",
    "i.tokenUsage": _sum_of_tokens(),
}


def _object(table: str, names: Iterable[str]) -> str:
    keys = map(camel, names)
    return ", ".join(f"'{key}', " + _JSON_VALUES.get(f"{table}.{key}", f'{table}."{key}"') for key in keys)


SESSION_JSON = f"SELECT s.id, json_object({_object('s', SESSION_FIELDS)}) FROM sessions s"
"""Rows (id, JSON object) of sessions `s`."""

ITERATION_JSON = (
    f'SELECT i."sessionId", i.id, json_object({_object("i", [*ITERATION_FIELDS, *TALLY_FIELDS])}) FROM iterations i'
)
"""Rows (session id, id, JSON object) of iterations `i`."""


def file_name(stored: str | None) -> str | None:
    """The path that a `FileName` column holds in its stored form; None stays None."""
    if stored is None or not stored.startswith("/"):
        return stored
    try:
        return os.fsdecode(bytes.fromhex(stored[1:]))
    except ValueError:  # another program wrote it
        return stored
