"""Which files of a worktree are copies of ignored files of the checkout: they are never committed, whatever is ignored.

A file in the worktree's own git folder names them; it goes with the worktree.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import records

_NAME = "ampsm-copies"


class CopiedPaths(NamedTuple):
    """Paths that were copied, and folders of copies, each with a slash behind it."""

    files: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether a path is a copy, or in a folder of copies."""
        return path in self.files or (bool(self.folders) and path.startswith(self.folders))


def read(git_dir: Path) -> CopiedPaths:
    """The copies in the worktree of a git folder; mostly there are none."""
    try:
        names = records.split((git_dir / _NAME).read_bytes())
    except OSError:
        return CopiedPaths()
    folders = tuple(name for name in names if name.endswith("/"))
    return CopiedPaths(frozenset(names).difference(folders), folders)


def note(git_dir: Path, names: Iterable[str]) -> None:
    """Note paths as copies, before they are made."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(git_dir / _NAME, flags, 0o600), "ab") as file:
        file.write(records.joined(names))
