"""The tables as peewee models, for writing. They are not used outside of this room.

A column is a field of a value of `model`, so that each is written once. Every text passes one of the two field types
here on its way in, so that no caller can forget to clean or to redact it. The schema itself is made by migrations; a
test holds that both agree.
"""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from peewee import (
    AutoField,
    BooleanField,
    CompositeKey,
    Field,
    Model,
    Query,
    SqliteDatabase,
)

from ampsm_engine.model import (
    Batch,
    BatchItem,
    BatchTry,
    CostQuery,
    Fact,
    Iteration,
    Merge,
    Placement,
    Session,
    Tally,
    ToolCall,
)
from ampsm_engine.store.columns import Count, Plain, RedactedJson, Tags
from ampsm_engine.store.columns import RedactedText as RedactedText  # noqa: PLC0414 - handed on
from ampsm_engine.store.statements import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable


_DIALECT = SqliteDatabase(None)
"""How SQLite words a query; it is never connected."""


def _model(table: str, *values: type[Any], **special: "Field[Any]") -> Any:
    """The model of a table that has a column for each field of one or more dataclasses, and `special` columns.

    Texts are redacted but for words of an enumeration and the fields in `PLAIN`, so that none is forgotten.
    """
    plain = PLAIN[table].split()
    columns: dict[str, Any] = dict(special)
    for value in values:
        for name, hint in get_type_hints(value).items():
            if name not in columns and hint is not Tally:
                options = get_args(hint) or (hint,)
                kind = _KINDS.get(options[0], RedactedText)
                if name in plain or issubclass(options[0], StrEnum):
                    kind = Plain
                columns[name] = kind(primary_key=name == "id", null=type(None) in options)
    keys = _KEYS.get(table, ())
    meta = {"table_name": table} | ({"primary_key": CompositeKey(*keys)} if keys else {})
    return type(values[0].__name__ + "Row", (Model,), columns | {"Meta": type("Meta", (), meta)})


_KINDS: dict[type[Any], Any] = {int: Count, bool: BooleanField}
_KEYS = {
    "toolCalls": ("iteration_id", "sequence"),
    "batchTries": ("item_id", "number"),
    "placements": ("item_id", "number"),
}
"""The keys of tables whose rows have no id of their own."""

if TYPE_CHECKING:
    SessionRow: Any
    IterationRow: Any
    ToolCallRow: Any
    FactRow: Any
    MergeRow: Any
    BatchRow: Any
    BatchItemRow: Any
    BatchTryRow: Any
    PlacementRow: Any
    CostQueryRow: Any
    ViewedHunkRow: Any
    LookedTreeRow: Any
    CommentRow: Any
    RejectionRow: Any
    ReviewRoundRow: Any
    PullRequestRow: Any
    TABLES: tuple[type[Model], ...]

_MADE: "dict[str, Callable[[], Any]]" = {
    "SessionRow": lambda: _model(
        "sessions",
        Session,
        amp_prompt=RedactedText(null=True),
        tags=Tags(null=False),
    ),
    "IterationRow": lambda: _model(
        "iterations",
        Iteration,
        Tally,
        token_usage=Count(null=True),
    ),
    "ToolCallRow": lambda: _model("toolCalls", ToolCall),
    "FactRow": lambda: _model("facts", Fact, number=AutoField()),
    "MergeRow": lambda: _model(
        "merges",
        Merge,
    ),
    "BatchRow": lambda: _model("batchRuns", Batch, plan=RedactedJson(null=False)),
    "BatchItemRow": lambda: _model(
        "batchItems",
        BatchItem,
        spec=RedactedJson(null=False),
    ),
    "BatchTryRow": lambda: _model("batchTries", BatchTry),
    "PlacementRow": lambda: _model("placements", Placement),
    "CostQueryRow": lambda: _model("costQueries", CostQuery, number=AutoField()),
}
"""What makes each model: a class of peewee takes 2 ms, and no command writes to all."""

_OF_REVIEWS = frozenset(
    {"ViewedHunkRow", "LookedTreeRow", "CommentRow", "RejectionRow", "ReviewRoundRow", "PullRequestRow"}
)


def __getattr__(name: str) -> Any:
    """The model of a table, made when it is asked for; `TABLES`: all of them."""
    if name in _MADE:
        found = _MADE[name]()
    elif name in _OF_REVIEWS:
        from ampsm_engine.store import review_tables

        found = getattr(review_tables, name)
    elif name == "TABLES":
        found = tuple(getattr(sys.modules[__name__], one) for one in (*_MADE, *sorted(_OF_REVIEWS)))
    else:
        raise AttributeError(name)
    globals()[name] = found
    return found


def changes(table: type[Model], values: dict[str, object], *, fixed: frozenset[str]) -> "dict[Field[Any], object]":
    """The fields of a table for columns in snake case; TypeError for one that is unknown or must stay."""
    columns: dict[str, Field[Any]] = table._meta.fields  # noqa: SLF001 - peewee documents it
    for name in values:
        if name not in columns or name in fixed:
            raise TypeError(f"{name!r} is not a column of {table.__name__} that may be changed here")
    return {columns[name]: value for name, value in values.items()}


def sql_of(query: Query) -> tuple[str, tuple[object, ...]]:
    """A query of peewee as SQL and its values, for the connection that the store holds itself."""
    sql, values = query.bind(_DIALECT).sql()
    return sql, tuple(values)
