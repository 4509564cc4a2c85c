"""A worktree of its own in which a script judges commits; removed when its process ends, or at the next start.

While it lives, a file of the home names it, locked by its process: the next start takes away what a killed one left,
processes of its script included. Light to import: every start looks for such a file without a lock.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine import file_lock
from ampsm_engine.errors import AmpsmError
from ampsm_engine.home import PRIVATE_FOLDER, Home, open_private

if TYPE_CHECKING:
    from ampsm_engine.git.entities import Repo

LOGS = "trials"
"""The folder of the cache with what scripts printed in their worktrees."""

_GRACE = 2.0
"""Seconds that what a script left running has to end."""


class ScratchWorktree:
    """A worktree for scripts. `mark` is what the processes that are started in it carry, see `home.RUN_MARK`."""

    def __init__(self, repo: "Repo", path: Path) -> None:
        self.path = path
        self.mark = path.name
        self._repo = repo
        self._held: int | None = None

    def show(self, commit: str) -> None:
        """Bring it to a commit, with nothing else in it: what another one left there, ignored or not, is gone."""
        from ampsm_engine.git import program

        if self._held is None:
            self._make(commit)
            return
        program.change(self.path, *program.parallel_checkout(), "checkout", "--quiet", "--force", "--detach", commit)
        program.change(self.path, "clean", "-ffdxq")

    def _make(self, commit: str) -> None:
        from ampsm_engine import private_folder
        from ampsm_engine.git import beginnings, lock, program

        repo = self._repo
        with lock.writer(repo.common_dir, self.mark):
            beginnings.hide_room(repo, self.path)
            add = ("worktree", "add", "--quiet", "--detach", self.path, commit)
            program.change(repo.root, *program.parallel_checkout(), *add)
            self._held = private_folder.hold(self.path)

    def end(self) -> None:
        """Remove the worktree, and end the processes that still run in it."""
        if self._held is None and not os.path.lexists(self.path):
            return
        _take_away(self._repo, self.path, self.mark)
        if self._held is not None:
            os.close(self._held)
            self._held = None


@contextlib.contextmanager
def scratch_worktree(home: Home, repo: "Repo", place: str) -> Iterator[ScratchWorktree]:
    """A worktree of this kind, made when it is first shown something.

    `place`: the template of the sessions' worktrees, beside which it lies. Refused where that makes no place.
    """
    from ampsm_engine import naming
    from ampsm_engine.git import beginnings, worktrees

    name = f"{worktrees.SCRATCH}{naming.new_id()}"
    path = beginnings.scratch_place(repo, place, name)
    home.scratch.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    record = home.scratch / name
    descriptor = open_private(record, os.O_RDWR | os.O_CREAT)
    try:
        file_lock.acquire(descriptor, None)
        os.pwrite(descriptor, json.dumps({"root": str(repo.root), "path": str(path)}).encode(), 0)
        os.fsync(descriptor)
        made = ScratchWorktree(repo, path)
        try:
            yield made
        finally:
            made.end()
            record.unlink(missing_ok=True)  # where it could not be taken away, the next start tries again
    finally:
        os.close(descriptor)


def _take_away(repo: "Repo", path: Path, mark: str) -> None:
    from ampsm_engine.amp import process
    from ampsm_engine.git import beginnings, lock, worktrees

    process.end_leftovers(mark, _GRACE)
    with lock.writer(repo.common_dir, mark):
        worktrees.erase(repo.common_dir, path)
        beginnings.leave(repo, path)


def has_abandoned(home: Home) -> bool:
    """Whether a process was killed while it had a worktree for scripts."""
    return any(True for _ in file_lock.abandoned(home.scratch))


def remove_abandoned(home: Home) -> tuple[str, ...]:
    """Take away what killed processes left; a sentence for each that cannot be, and stays noted for the next time."""
    sentences = []
    for record, descriptor in file_lock.abandoned(home.scratch):
        try:
            known = json.loads(os.pread(descriptor, 1 << 16, 0) or b"{}")
            if known:
                _clear_up(Path(str(known["root"])), Path(str(known["path"])))
        except (ValueError, KeyError, TypeError):
            pass  # killed before it wrote where: nothing was made
        except AmpsmError as reason:
            sentences.append(f"A worktree for a script was left behind: {reason.message}")
            continue
        for log in (home.cache / LOGS).glob(f"{record.name}-*"):
            log.unlink(missing_ok=True)  # it is not redacted yet
        record.unlink(missing_ok=True)
    return tuple(sentences)


def _clear_up(root: Path, path: Path) -> None:
    from ampsm_engine.git import orphaned_processes, repository

    if not root.is_dir():
        return  # gone with its repository
    repo = repository.around(root)
    orphaned_processes.end((repo.root,), lambda words: str(path) in words)
    orphaned_processes.end((path,))
    _take_away(repo, path, path.name)


def unknown(repo: "Repo", home: Home) -> Iterator[Path]:
    """The worktrees of this kind in a repository that no living process holds, and that this home does not know."""
    from ampsm_engine import private_folder
    from ampsm_engine.git import beginnings, worktrees

    registered = {tree.path for tree in worktrees.listed(repo)}
    for path in sorted({*registered, *beginnings.hidden_folder(repo).glob(f"{worktrees.SCRATCH}*")}):
        is_ours = worktrees.is_scratch(path.name) and not path.is_symlink()
        if is_ours and not (home.scratch / path.name).exists():
            with contextlib.suppress(OSError):  # held: its process lives
                os.close(private_folder.hold(path))
                yield path


def remove(repo: "Repo", path: Path) -> None:
    """Remove a worktree that `unknown` found."""
    _take_away(repo, path, path.name)
