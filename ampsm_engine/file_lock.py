"""Waiting for a lock on a file, which the kernel frees with its holder."""

import fcntl
import time
from collections.abc import Callable

_INTERVAL = 0.02
"""Seconds between two tries: flock itself waits without an end, or not at all."""


def acquire(descriptor: int, patience: float, *, stop: Callable[[], bool] = lambda: False) -> bool:
    """Lock an open file for its descriptor alone; False when another one holds it for `patience` seconds, or at `stop`.

    Closing the descriptor gives the lock back.
    """
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
