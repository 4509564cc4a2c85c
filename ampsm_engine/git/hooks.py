"""A repository's commit hooks: where git looks for them, and whether they are there at all."""

import os
from pathlib import Path

from ampsm_engine.git import program, repository

COMMIT = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit")
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
    here, there = folder(worktree), folder(root)
    if here == there or here.is_dir() or not has_any(there, (*COMMIT, *MERGE)):
        return None
    name = here.relative_to(worktree) if here.is_relative_to(worktree) else here
    return f"The repository's hooks do not run here: core.hooksPath is {name}, which this worktree does not have."
