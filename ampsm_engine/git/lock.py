"""One writer per repository: a lock in what its worktrees share, held by the kernel, so that no death leaves it behind.

Taken for changes of several steps (trash, merge, exclude), and while git registers a new worktree. A single move of one
ref, as in committing, is safe by git's own means and does not wait here.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ampsm_engine import file_lock
from ampsm_engine.errors import Failed, Unfit
from ampsm_engine.home import open_private
from ampsm_engine.plain_text import printable

NAME = "ampsm.lock"
STILL = "ampsm-still.lock"
PATIENCE = 30.0
"""Seconds to wait for another writer."""

_held = threading.local()


@contextlib.contextmanager
def writer(common_dir: Path, who: str, *, patience: float = PATIENCE) -> Iterator[None]:
    """Be the only writer of a repository; a thread that is it already just goes on. Failed when another one stays.

    `who` names the work in the message that others get, such as `trash abc123`.
    """
    with _alone(common_dir / NAME, who, patience):
        yield


@contextlib.contextmanager
def still(
    git_dir: Path, who: str, *, patience: float = PATIENCE, stop: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Keep amp from beginning in a worktree, by its git folder. Failed when another one stays, or `stop` says so.

    A worker that has claimed an iteration goes through it once before amp starts: who holds it and sees nothing
    claimed has the worktree for itself until it lets go.
    """
    with _alone(git_dir / STILL, who, patience, stop):
        yield


@contextlib.contextmanager
def _alone(path: Path, who: str, patience: float, stop: Callable[[], bool] = lambda: False) -> Iterator[None]:
    mine: dict[Path, int] = _held.__dict__.setdefault(str(os.getpid()), {})
    if path in mine:
        yield
        return
    descriptor = _open(path)
    try:
        _take(descriptor, path.parent, patience, stop)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{who} (process {os.getpid()})".encode("utf-8", "replace"), 0)
        mine[path] = descriptor
        try:
            yield
        finally:
            del mine[path]
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return open_private(path, os.O_RDWR | os.O_CREAT)
    except OSError as reason:
        message = f"The repository at {path.parent} cannot be written: {reason.strerror}."
        raise Unfit(message, f"ls -ld {path.parent}") from reason


def _take(descriptor: int, common_dir: Path, patience: float, stop: Callable[[], bool]) -> None:
    if not file_lock.acquire(descriptor, patience, stop=stop):
        who = printable(os.pread(descriptor, 500, 0).decode("utf-8", "replace")) or "another ampsm"
        message = f"{who} is writing in {common_dir} and did not end in {patience:g} seconds."
        raise Failed(message, "Wait for it to end, then ask again.")
