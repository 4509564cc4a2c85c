"""Which sessions a screen shows: a lock file for each, which the kernel frees when the screen's process dies.

A worker sends no notification of a session that is on a screen.
"""

import contextlib
import os

from ampsm_engine import file_lock
from ampsm_engine.home import Home, open_private


class ViewerLock:
    """A shared lock on one session, held while a screen shows it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def end(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def hold(home: Home, session_id: str) -> ViewerLock:
    """Lock a session as shown; several screens may. Where the home takes no file, the lock has no effect."""
    place = home.viewer_locks / session_id
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = open_private(place, os.O_RDWR | os.O_CREAT)
        file_lock.acquire(descriptor, 0, shared=True)
    except OSError:
        return ViewerLock(-1)
    return ViewerLock(descriptor)


def is_viewed(home: Home, session_id: str) -> bool:
    """Whether a running screen shows a session."""
    try:
        descriptor = os.open(home.viewer_locks / session_id, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not file_lock.acquire(descriptor, 0):
            return True
        with contextlib.suppress(OSError):
            (home.viewer_locks / session_id).unlink()  # left by a screen that is gone
    finally:
        os.close(descriptor)
    return False
