"""Which sessions have lost their base branch: one git process a repository, cheap enough for a list."""

import os
from collections.abc import Iterable
from pathlib import Path

from ampsm_engine.model import Session, Status


def gone_bases(sessions: Iterable[Session]) -> frozenset[str]:
    """The ids of the unmerged sessions whose base branch does not exist any more."""
    from ampsm_engine.git import repository

    by_root: dict[str, list[Session]] = {}
    for session in sessions:
        if session.status is not Status.DONE:
            by_root.setdefault(session.repo_root, []).append(session)
    gone: set[str] = set()
    for root, theirs in by_root.items():
        if os.path.isdir(root):  # noqa: PTH112 - a list asks for many
            names = repository.unresolved(Path(root), sorted({session.base_branch for session in theirs}))
            gone |= {session.id for session in theirs if session.base_branch in names}
    return frozenset(gone)
