"""From rows to the values of a review, with the questions that go with them: only who reviews loads them."""

# ruff: noqa: S608 - every piece is a column list of this file; values are bound

from collections.abc import Iterable
from typing import Any

from ampsm_engine.diff.hunks import Side
from ampsm_engine.lean_dataclass import fields
from ampsm_engine.model import camel
from ampsm_engine.review.annotations import (
    Comment,
    CommentAnswer,
    CommentState,
    Fate,
    Looked,
    PullRequest,
    Rejection,
    RejectionState,
    ReviewRound,
)
from ampsm_engine.store.rows import Row, file_name

__all__ = [
    "COMMENTS",
    "OLDEST_FIRST",
    "PULL_REQUESTS",
    "REJECTIONS",
    "ROUNDS",
    "Looked",
    "PullRequest",
    "ReviewRound",
    "comment",
    "rejection",
]

_COMMENT = [field.name for field in fields(Comment) if field.name != "round"]
_REJECTION = [field.name for field in fields(Rejection)]


def _columns(names: Iterable[str]) -> str:
    return ", ".join(f'"{camel(name)}"' for name in names)


_ROUND = '(SELECT r.number FROM "reviewRounds" r WHERE r."iterationId" = c."iterationId")'

COMMENTS = f'SELECT {_columns(_COMMENT)}, {_ROUND} FROM "reviewComments" c'
PULL_REQUESTS = f'SELECT {_columns([field.name for field in fields(PullRequest)])} FROM "pullRequests"'
ROUNDS = 'SELECT "sessionId", number, "iterationId", "sentAt" FROM "reviewRounds"'
REJECTIONS = f'SELECT {_columns(_REJECTION)} FROM "rejections"'
OLDEST_FIRST = ' ORDER BY "createdAt", rowid'

_STATES: dict[str, CommentState] = {str(state): state for state in CommentState}
_FATES: dict[str, Fate] = {str(fate): fate for fate in Fate}
_ANSWERS: dict[str, CommentAnswer] = {str(answer): answer for answer in CommentAnswer}
_REJECTION_STATES: dict[str, RejectionState] = {str(state): state for state in RejectionState}


def comment(row: Row) -> Comment:
    """The comment of a row of COMMENTS; an unknown state becomes resolved."""
    values: dict[str, Any] = dict(zip((*_COMMENT, "round"), row, strict=True))
    values["side"] = Side.OLD if values["side"] == "old" else Side.NEW
    values["state"] = _STATES.get(values["state"], CommentState.RESOLVED)
    values["outcome"] = _FATES.get(values["outcome"])
    values["answer"] = _ANSWERS.get(values["answer"])
    values |= {name: file_name(values[name]) for name in ("path", "old_path", "now_path")}
    return Comment(**values)


def rejection(row: Row) -> Rejection:
    """The rejection of a row of REJECTIONS."""
    values: dict[str, Any] = dict(zip(_REJECTION, row, strict=True))
    values["state"] = _REJECTION_STATES.get(values["state"], RejectionState.DONE)
    values |= {name: file_name(values[name]) for name in ("path", "old_path")}
    return Rejection(**values)
