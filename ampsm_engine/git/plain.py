"""Where a worktree's git folder is, read without asking git, as long as everything that git looks at is as usual.

A start of git costs more than all of this; None leaves the question, and what to say about it, to git.
"""

import os
from pathlib import Path

from ampsm_engine.git import program

_PARTS = ("HEAD",)
"""What makes a folder a git folder, beside the objects; that it is there, not what it says."""


def git_dir(worktree: Path) -> Path | None:
    """The git folder of a worktree, when it is whole and all of it belongs to this user, as git wants it."""
    own = worktree / ".git"
    try:
        if own.is_symlink():
            return None
        folder = (own if own.is_dir() else _linked(own)).resolve(strict=True)
        common = common_of(folder)
        mine = all(place.lstat().st_uid == os.geteuid() for place in (worktree, own, folder, common))
        whole = all((folder / name).exists() for name in _PARTS) and (common / "objects").is_dir()
    except (OSError, ValueError):
        return None
    return folder if mine and whole else None


def common_of(git_dir: Path) -> Path:
    """The git folder that all worktrees of a repository share, from the git folder of one of them."""
    try:
        return (git_dir / (git_dir / "commondir").read_text("utf-8", "surrogateescape").removesuffix("\n")).resolve()
    except FileNotFoundError:
        return git_dir.resolve()


def _linked(own: Path) -> Path:
    """Where a `.git` file points."""
    head, gap, folder = program.text(own.read_bytes()).partition("gitdir: ")
    if head or not gap or not folder.startswith("/"):
        raise ValueError
    return Path(folder.rstrip("\r\n"))
