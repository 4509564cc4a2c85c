"""From rows to the values of a review, with the questions that go with them: only who reviews loads them."""

# ruff: noqa: S608 - every piece is a column list of this file; values are bound

from collections.abc import Iterable
from typing import Any

from ampsm_engine.diff.deltas import Side
from ampsm_engine.lean_dataclass import fields
from ampsm_engine.model import camel
from ampsm_engine.review.annotations import Comment, CommentState, Fate, Looked, Rejection
from ampsm_engine.store.rows import Row, file_name

__all__ = ["COMMENTS", "OLDEST_FIRST", "REJECTIONS", "Looked", "comment", "rejection"]

_COMMENT = [field.name for field in fields(Comment)]
_REJECTION = [field.name for field in fields(Rejection)]


def _columns(names: Iterable[str]) -> str:
    return ", ".join(f'"{camel(name)}"' for name in names)


COMMENTS = f'SELECT {_columns(_COMMENT)} FROM "reviewComments"'
REJECTIONS = f'SELECT {_columns(_REJECTION)} FROM "rejections"'
OLDEST_FIRST = ' ORDER BY "createdAt", rowid'

_STATES: dict[str, CommentState] = {str(state): state for state in CommentState}
_FATES: dict[str, Fate] = {str(fate): fate for fate in Fate}


def comment(row: Row) -> Comment:
    """The comment of a row of COMMENTS; an unknown state becomes resolved."""
    values: dict[str, Any] = dict(zip(_COMMENT, row, strict=True))
    values["side"] = Side.OLD if values["side"] == "old" else Side.NEW
    values["state"] = _STATES.get(values["state"], CommentState.RESOLVED)
    values["outcome"] = _FATES.get(values["outcome"])
    values |= {name: file_name(values[name]) for name in ("path", "old_path", "now_path")}
    return Comment(**values)


def rejection(row: Row) -> Rejection:
    """The rejection of a row of REJECTIONS."""
    values: dict[str, Any] = dict(zip(_REJECTION, row, strict=True))
    values |= {name: file_name(values[name]) for name in ("path", "old_path")}
    return Rejection(**values)
