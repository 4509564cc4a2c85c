"""Which sessions have lost their base branch: cheap enough for a list."""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ampsm_engine.git import branch_files
from ampsm_engine.model import Session, Status

if TYPE_CHECKING:
    from ampsm_engine.model import SessionPlace


def gone_bases(sessions: "Iterable[Session | SessionPlace]") -> frozenset[str]:
    """The ids of the unmerged sessions whose base branch does not exist any more.

    git is asked, once a repository, for what its files do not tell at first sight.
    """
    by_root: dict[str, dict[str, list[str]]] = {}
    for session in sessions:
        if session.status is not Status.DONE:
            by_root.setdefault(session.repo_root, {}).setdefault(session.base_branch, []).append(session.id)
    gone: set[str] = set()
    for root, theirs in by_root.items():
        if os.path.isdir(root):  # noqa: PTH112 - a list asks for many
            gone.update(*(theirs[name] for name in _unresolved(root, theirs)))
    return frozenset(gone)


def _unresolved(root: str, theirs: Mapping[str, list[str]]) -> frozenset[str]:
    doubtful = theirs.keys() - branch_files.certain(root, frozenset(theirs))
    if not doubtful:
        return frozenset()
    from pathlib import Path

    from ampsm_engine.git import repository

    return repository.unresolved(Path(root), sorted(doubtful))
