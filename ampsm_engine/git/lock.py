"""One writer per repository: a lock in what its worktrees share, held by the kernel, so that no death leaves it behind.

Taken for changes of several steps (trash, merge, exclude). A single move of one ref, as in creating a session or
committing, is safe by git's own means and does not wait here.
"""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine.errors import Failed, Unfit
from ampsm_engine.home import open_private
from ampsm_engine.naming import printable

NAME = "ampsm.lock"
PATIENCE = 30.0
"""Seconds to wait for another writer."""

_INTERVAL = 0.05

_held = threading.local()


@contextlib.contextmanager
def writer(common_dir: Path, who: str, *, patience: float = PATIENCE) -> Iterator[None]:
    """Be the only writer of a repository; a thread that is it already just goes on. Failed when another one stays.

    `who` names the work in the message that others get, such as `trash abc123`.
    """
    mine: dict[Path, int] = _held.__dict__.setdefault(str(os.getpid()), {})
    if common_dir in mine:
        yield
        return
    descriptor = _open(common_dir)
    try:
        _take(descriptor, common_dir, patience)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{who} (process {os.getpid()})".encode("utf-8", "replace"), 0)
        mine[common_dir] = descriptor
        try:
            yield
        finally:
            del mine[common_dir]
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _open(common_dir: Path) -> int:
    try:
        return open_private(common_dir / NAME, os.O_RDWR | os.O_CREAT)
    except OSError as reason:
        message = f"The repository at {common_dir} cannot be written: {reason.strerror}."
        raise Unfit(message, f"ls -ld {common_dir}") from reason


def _take(descriptor: int, common_dir: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as reason:
            if time.monotonic() >= deadline:
                who = printable(os.pread(descriptor, 500, 0).decode("utf-8", "replace")) or "another ampsm"
                message = f"{who} is writing in {common_dir} and did not end in {patience:g} seconds."
                raise Failed(message, "Wait for it to end, then ask again.") from reason
            time.sleep(_INTERVAL)
        else:
            return
