"""The verbs of a review: what is viewed and looked at; and the face of ranges, comments and acting on changes."""

import os
from collections.abc import Collection
from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.engine import views
from ampsm_engine.engine.comments import (
    comment,
    comments,
    delete_comment,
    draft,
    edit_comment,
    find,
    reopen_comment,
    resolve_comment,
    send,
    unsent,
)
from ampsm_engine.engine.ranges import Point, RangeChoice, points, ranges, resolve
from ampsm_engine.engine.rejecting import (
    commit_by_hand,
    place_of,
    reject,
    rejections,
    stage,
    staged,
    undo_last,
    undo_reject,
    unstage,
)
from ampsm_engine.git import pinned_refs
from ampsm_engine.review.values import Ends, Marks

__all__ = [
    "Ends",
    "Point",
    "RangeChoice",
    "comment",
    "comments",
    "commit_by_hand",
    "delete_comment",
    "draft",
    "edit_comment",
    "find",
    "looked",
    "mark",
    "marks",
    "place_of",
    "points",
    "ranges",
    "reject",
    "rejections",
    "reopen_comment",
    "resolve",
    "resolve_comment",
    "send",
    "stage",
    "staged",
    "undo_last",
    "undo_reject",
    "unsent",
    "unstage",
]


def marks(engine: Engine, session_id: str) -> Marks:
    """What is viewed in a session. Marks of a path that is gone hold for their content wherever it is now."""
    store = engine.store
    keys = store.reviews.viewed(session_id)
    worktree = Path(store.sessions.get(session_id).worktree_path)
    if not worktree.is_dir():
        return Marks(keys)
    gone = {path for path in {path for path, _ in keys} if not os.path.lexists(worktree / path)}
    return Marks(keys, frozenset(key for path, key in keys if path in gone))


def mark(engine: Engine, session_id: str, pairs: Collection[tuple[str, str]], viewed: bool) -> Marks:
    """Mark hunks and files as viewed, or not any more; pairs of path and content key. Answers all marks."""
    engine.store.reviews.mark_viewed(session_id, pairs, viewed=viewed)
    return marks(engine, session_id)


def looked(engine: Engine, session_id: str, tree: str, objects: str | None = None) -> None:
    """Remember the tree that somebody looked at; `objects` is the folder that has what the repository does not.

    Refused when a part of it is nowhere to be found.
    """
    session = engine.store.sessions.get(session_id)
    pinned_refs.keep_looked(views.place_of(session), session.id, tree, Path(objects) if objects else None)
    engine.store.reviews.set_looked(session.id, tree)
