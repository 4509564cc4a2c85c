"""The tables as peewee models, for writing. They are not used outside of this room.

A column is a field of a value of `model` or `review`, so that each is written once. Every text passes one of the
kinds of columns here on its way in, so that no caller can forget to clean or to redact it. The schema itself is made
by migrations; a test holds that both agree.
"""

import json
import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from peewee import (
    AutoField,
    BooleanField,
    CompositeKey,
    Field,
    IntegerField,
    Model,
    Query,
    SqliteDatabase,
    TextField,
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
    camel,
)
from ampsm_engine.store.statements import PATHS, PLAIN, array, clean, redacted

if TYPE_CHECKING:
    from collections.abc import Callable


class CamelColumn(Field):
    """A field whose column has its name in camel case: `base_branch` is `baseBranch`."""

    def bind(self, model: type[Model], name: str, set_attribute: bool = True) -> None:
        """Take the place of the model's attribute of that name."""
        self.column_name = camel(name)
        super().bind(model, name, set_attribute)


class Count(CamelColumn, IntegerField):
    """A whole number in a column of that kind."""


class Plain(CamelColumn, TextField):
    """Text that must come back as it went in: ids, paths, branches, commits, states, times."""

    def db_value(self, value: object) -> str | None:
        """The text in valid UTF-8, otherwise unchanged; None as NULL."""
        return None if value is None else clean(value)


class RedactedText(CamelColumn, TextField):
    """Text by people, by amp or by programs: secrets are taken out before it is stored."""

    def db_value(self, value: object) -> str | None:
        """The text with its secrets redacted; None as NULL."""
        return None if value is None else redacted(value)


class RedactedJson(CamelColumn, TextField):
    """JSON whose texts are by people: secrets are taken out of each before it is stored, and it stays JSON."""

    def db_value(self, value: object) -> str | None:
        """The JSON with the secrets in its texts redacted; None as NULL."""
        return None if value is None else json.dumps(_redacted(json.loads(str(value))), ensure_ascii=False)


class Tags(CamelColumn, TextField):
    """Words by people as a JSON array: secrets are taken out of each."""

    def db_value(self, value: "tuple[str, ...]") -> str:
        """A JSON array of the words, with their secrets redacted."""
        return array(value)


def _redacted(value: Any) -> Any:
    """A value of JSON with its texts redacted."""
    if isinstance(value, dict):
        return {key: _redacted(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_redacted(part) for part in value]
    return redacted(value) if isinstance(value, str) else value


class FileName(CamelColumn, TextField):
    """A path inside a repository; one that is no UTF-8 is kept as `/` and its bytes in hex: no such path begins so."""

    def db_value(self, value: object) -> str | None:
        """The path as text; one that is no UTF-8 as `/` and hex digits."""
        if value is None:
            return None
        name = str(value)
        return f"/{os.fsencode(name).hex()}" if any("\ud800" <= letter <= "\udfff" for letter in name) else name


_DIALECT = SqliteDatabase(None)
"""How SQLite words a query; it is never connected."""


def _model(table: str, *values: type[Any], without: str = "", **special: "Field[Any]") -> Any:
    """The model of a table that has a column for each field of one or more dataclasses, and `special` columns.

    Texts are redacted but for words of an enumeration, paths and the fields in `PLAIN`, so that none is forgotten.
    `without`: a field that is no column.
    """
    plain = PLAIN[table].split()
    columns: dict[str, Any] = dict(special)
    for value in values:
        for name, hint in get_type_hints(value).items():
            if name not in columns and name != without and hint is not Tally:
                options = get_args(hint) or (hint,)
                kind = _KINDS.get(options[0], RedactedText)
                if name in plain or issubclass(options[0], StrEnum):
                    kind = Plain
                elif name in PATHS:
                    kind = FileName
                columns[name] = kind(primary_key=name == "id", null=type(None) in options)
    keys = _KEYS.get(table, ())
    meta = {"table_name": table} | ({"primary_key": CompositeKey(*keys)} if keys else {})
    return type(f"{table}Row", (Model,), columns | {"Meta": type("Meta", (), meta)})


_KINDS: dict[type[Any], Any] = {int: Count, bool: BooleanField}
_KEYS = {
    "toolCalls": ("iteration_id", "sequence"),
    "batchTries": ("item_id", "number"),
    "placements": ("item_id", "number"),
    "viewedHunks": ("session_id", "path", "key"),
    "reviewRounds": ("session_id", "number"),
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
    "ViewedHunkRow": lambda: _model("viewedHunks", session_id=Plain(), path=FileName(), key=Plain(), viewed_at=Plain()),
    "LookedTreeRow": lambda: _model("lookedTrees", _review().Looked, session_id=Plain(primary_key=True)),
    "CommentRow": lambda: _model("reviewComments", _review().Comment, without="round"),
    "RejectionRow": lambda: _model("rejections", _review().Rejection),
    "ReviewRoundRow": lambda: _model("reviewRounds", _review().ReviewRound),
    "PullRequestRow": lambda: _model("pullRequests", _review().PullRequest, session_id=Plain(primary_key=True)),
}
"""What makes each model: a class of peewee takes 2 ms, and no command writes to all."""


def _review() -> Any:
    """The values of a review, for who writes some."""
    from ampsm_engine.review import annotations

    return annotations


def __getattr__(name: str) -> Any:
    """The model of a table, made when it is asked for; `TABLES`: all of them."""
    if name in _MADE:
        found = _MADE[name]()
    elif name == "TABLES":
        found = tuple(getattr(sys.modules[__name__], one) for one in _MADE)
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
