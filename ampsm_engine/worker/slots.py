"""Locks that the kernel frees when their holder dies: slots, leases and the claim lock.

No pid file, no heartbeat: `kill -9` of a worker is seen at once by whoever asks next.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ampsm_engine.errors import Failed
from ampsm_engine.home import Home, RunDirectory, open_private


class Lock:
    """One held lock file. Children do not inherit it (PEP 446), so amp never keeps it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _try(path: Path) -> Lock | None:
    try:
        descriptor = open_private(path, os.O_RDWR | os.O_CREAT)
    except OSError as reason:
        message = f"The lock {path} cannot be opened: {reason.strerror}."
        raise Failed(message, "ampsm doctor") from reason
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return Lock(descriptor)


def slot(home: Home, slots: int) -> Lock | None:
    """A free one of N slots, None when all are taken."""
    for number in range(1, slots + 1):
        if (taken := _try(home.slots / str(number))) is not None:
            return taken
    return None


def lease(run: RunDirectory) -> Lock | None:
    """The sole right to look after an iteration; None while somebody living holds it."""
    return _try(run.lease) if run.path.is_dir() else Lock(-1)


def is_leased(run: RunDirectory) -> bool:
    """Whether a living worker looks after that iteration."""
    if not run.lease.exists():
        return False
    taken = _try(run.lease)
    if taken is None:
        return True
    taken.release()
    return False


@contextmanager
def claiming(home: Home) -> Iterator[None]:
    """One at a time between choosing an iteration and holding its lease.

    Without it a sweep could see an iteration that is claimed but not leased yet, and adopt it.
    """
    descriptor = open_private(home.slots / "claim", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
