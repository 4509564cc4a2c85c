"""What is amiss with a session beside its status: a part of it is gone, a conflict waits. A few `stat` each."""

import os
from typing import TYPE_CHECKING

from ampsm_engine.model import MergeState, Session

if TYPE_CHECKING:
    from ampsm_engine.store import Store

MISSING = {
    "repository": "repository gone",
    "worktree": "worktree gone",
    "link": "no .git in its worktree",
}


def missing(session: Session) -> str | None:
    """What of a session is not at its place: `repository`, `worktree`, or the `link` between them; else None."""
    if os.path.lexists(f"{session.worktree_path}/.git"):
        return None if os.path.isdir(session.repo_root) else "repository"  # noqa: PTH112 - a thousand times in `ls`
    if not os.path.isdir(session.repo_root):  # noqa: PTH112
        return "repository"
    return "link" if os.path.isdir(session.worktree_path) else "worktree"  # noqa: PTH112


def conflicts(store: "Store") -> frozenset[str]:
    """The sessions in which a conflict waits for somebody."""
    return frozenset(key for key, merge in store.open_merges().items() if merge.state is MergeState.CONFLICTED)


def sentence(session: Session, *, conflict: bool) -> str:
    """What is amiss, in a word or two; empty when nothing is."""
    found = [MISSING[what]] if (what := missing(session)) else []
    return ", ".join([*found, *(["conflict waits"] if conflict else [])])
