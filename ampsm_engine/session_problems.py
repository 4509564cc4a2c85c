"""What is wrong with a session beside its status: missing parts, an open conflict. A few `stat` calls each."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine.errors import Failed, Refused
from ampsm_engine.model import MergeState, Session, SessionPlace

if TYPE_CHECKING:
    from ampsm_engine.store import Store

MISSING = {
    "repository": "repository gone",
    "worktree": "worktree gone",
    "link": "no .git in its worktree",
}


def missing(session: "Session | SessionPlace", roots: dict[str, bool] | None = None) -> str | None:
    """The missing part of a session: `repository`, `worktree`, or the `link` between them; else None.

    `roots` keeps which repositories are there, for who asks for many sessions of a few.
    """
    known = {} if roots is None else roots
    is_there = known.get(session.repo_root)
    if is_there is None:
        is_there = known[session.repo_root] = os.path.isdir(session.repo_root)  # noqa: PTH112 - a thousand times in `ls`
    if not is_there:
        return "repository"
    if os.path.lexists(f"{session.worktree_path}/.git"):
        return None
    return "link" if os.path.isdir(session.worktree_path) else "worktree"  # noqa: PTH112


def working_folder(top: Path, folder: str) -> Path:
    """The folder of a worktree, `top`, in which amp and the script of a session work: `Session.folder`, or all of it.

    Failed when that is gone, or has become a link: no work is done in another place unasked.
    """
    place = top / folder
    if folder and (not place.is_dir() or place.resolve() != top.resolve() / folder):
        message = f"{folder} is no folder in {top} any more, and that is where the session works."
        raise Failed(message, f"ls -ld {place}")
    return place


def missing_part_message(session: Session) -> tuple[str, str] | None:
    """Message and hint for a session whose worktree cannot be used; None when nothing is missing."""
    if session.history_from:
        text = f"Session {session.name} is history, imported from {session.history_from}: it has no worktree."
        return text, "ampsm new 'what amp is to do' begins a session of its own."
    match missing(session):
        case "repository":
            text = f"The repository of session {session.name} is not at {session.repo_root}."
            return text, "ampsm repair finds it nearby; else: ampsm repair --repo ITS-NEW-PLACE"
        case "worktree":
            text = f"The worktree of session {session.name} is gone: {session.worktree_path}."
            return text, "ampsm repair --apply makes it again from its branch; moved: ampsm repair --repo ITS-PLACE"
        case "link":
            text = f"The worktree of session {session.name} has lost its link to git: {session.worktree_path}."
            return text, "ampsm repair --apply links it again"
    return None


def check_worktree(session: Session) -> None:
    """Refused where the session has no worktree to work in."""
    if reason := missing_part_message(session):
        raise Refused(*reason)


def sessions_in_conflict(store: "Store") -> frozenset[str]:
    """The ids of the sessions with an open conflict."""
    return frozenset(key for key, merge in store.merges.all_open().items() if merge.state is MergeState.CONFLICTED)


def problem_text(session: Session, *, conflict: bool, base_gone: bool = False) -> str:
    """What is wrong with a session, in a few words; empty when nothing is."""
    if session.history_from:
        return ""
    found = [MISSING[what]] if (what := missing(session)) else []
    base = [f"base {session.base_branch} gone"] if base_gone else []
    return ", ".join([*found, *base, *(["open conflict"] if conflict else [])])
