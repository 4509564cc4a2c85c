"""A repository's commit hooks: where git looks for them, and whether they are there at all."""

import os
from pathlib import Path

from ampsm_engine.git import program, repository
from ampsm_engine.plain_text import printable

COMMIT = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit")
LIMIT = 900.0
"""Seconds that a commit or a move may take with its hooks."""
MERGE = ("pre-merge-commit", "prepare-commit-msg", "commit-msg")


def folder(worktree: Path) -> Path:
    """Where git looks for the hooks of a worktree; the folder may not be there."""
    configured = program.write(worktree, "config", "--type=path", "--get", "core.hooksPath")
    if configured.ok and configured.line:
        return worktree / configured.line
    return repository.common_dir(worktree) / "hooks"


def has_any(hooks: Path, names: tuple[str, ...]) -> bool:
    """Whether a folder of hooks has one of these."""
    return any(os.access(hooks / name, os.X_OK) for name in names)


def missing(worktree: Path, root: Path) -> str | None:
    """A sentence where the main worktree has hooks that a session's worktree has not: git skips them in silence.

    So it is with a `core.hooksPath` below the worktree whose files git does not track, as husky makes them.
    """
    configured = program.write(worktree, "config", "--type=path", "--get", "core.hooksPath").line
    if not configured or (worktree / configured).is_dir() or not has_any(root / configured, (*COMMIT, *MERGE)):
        return None
    where = f"core.hooksPath is {printable(configured)}, which is in {root} and not in {worktree}"
    return f"The repository's own hooks do not run in this session: {where}."
