"""Locks on files, which the kernel frees when their holder dies."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

_INTERVAL = 0.02
"""Seconds between two tries: flock itself waits without an end, or not at all."""


def acquire(descriptor: int, patience: float | None, *, stop: Callable[[], bool] = lambda: False) -> bool:
    """Lock an open file for its descriptor alone; False when another one holds it for `patience` seconds, or at `stop`.

    None waits for as long as it takes. Closing the descriptor gives the lock back.
    """
    if patience is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return True
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline or stop():
                return False
            time.sleep(_INTERVAL)
        else:
            return True


def is_held(path: Path) -> bool:
    """Whether a living process has a file locked; not where there is no such file. OSError when it cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared: two who only ask do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
