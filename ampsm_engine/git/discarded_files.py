"""The folder of a trashed session: what must not become an object of the repository (secrets, whole repositories).

It is private and beside the objects: `<common dir>/ampsm/trash/<session>`. Moving is renaming, so that it costs
nothing and keeps modes and times; the one slow way is between file systems.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from ampsm_engine.git.registry import delete_tree
from ampsm_engine.home import PRIVATE_FOLDER, write_private

_SETTINGS = ("config.worktree", "info/sparse-checkout")
"""What git keeps for one worktree and does not make again."""

_MODULES = ("modules",)
"""The repositories of the submodules that are checked out in one worktree."""


class DiscardedFiles:
    """The folder of one trashed session."""

    def __init__(self, common_dir: Path, session_id: str) -> None:
        self.folder = common_dir / "ampsm" / "trash" / session_id
        self._files = self.folder / "files"
        self._admin = self.folder / "admin"
        self._stage = self.folder / "restoring"

    @property
    def stage(self) -> str:
        """How far a restore came that did not end: `filling` (the worktree is not whole), `giving`; empty: none."""
        return self._stage.read_text() if self._stage.exists() else ""

    def mark(self, stage: str) -> None:
        """Note how far a restore is."""
        self.folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        write_private(self._stage, stage.encode())

    def unmark(self) -> None:
        """No restore is on its way."""
        self._stage.unlink(missing_ok=True)

    def take(self, worktree: Path, paths: Iterable[str], admin: Path | None) -> None:
        """Move these out of a worktree, and what git keeps for it out of its folder; may be done again."""
        self.folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        _move(worktree, self._files, paths)
        if admin is not None:
            _move(admin, self._admin, (*_SETTINGS, *_MODULES))

    def lend_settings(self, admin: Path) -> None:
        """Copy a worktree's settings back: they decide which files belong into it."""
        for name in _SETTINGS:
            if (self._admin / name).exists():
                (admin / name).parent.mkdir(exist_ok=True)
                shutil.copy2(self._admin / name, admin / name)

    def give(self, worktree: Path, paths: Iterable[str], admin: Path) -> None:
        """Move everything back; may be done again."""
        _move(self._files, worktree, paths)
        _move(self._admin, admin, _MODULES)

    def delete(self) -> None:
        """Delete all of it; the parents too when nothing else is in there."""
        delete_tree(self.folder)
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()
            self.folder.parent.parent.rmdir()

    def size(self) -> int:
        """Bytes of all files in it."""
        return sum(file.lstat().st_size for file in self.folder.rglob("*") if not file.is_dir())


def _move(source: Path, target: Path, paths: Iterable[str]) -> None:
    """Move what is there, over what git made in its place meanwhile."""
    for path in paths:
        if os.path.lexists(source / path):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(target / path):
                delete_tree(target / path)
            _move_one(source / path, target / path)


def _move_one(source: Path, target: Path) -> None:
    """Move a file or a folder, also where the permissions of its owner forbid it; it keeps its own."""
    try:
        shutil.move(source, target)
    except PermissionError:
        source.parent.chmod(stat.S_IMODE(source.parent.stat().st_mode) | stat.S_IRWXU)
        own = stat.S_IMODE(source.stat().st_mode) if source.is_dir() and not source.is_symlink() else None
        if own is not None:
            source.chmod(own | stat.S_IRWXU)
        shutil.move(source, target)
        if own is not None:
            target.chmod(own)
