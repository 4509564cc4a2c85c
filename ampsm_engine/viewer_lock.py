"""Who looks at which session: a lock that the kernel frees when the screen that holds it dies.

So a worker knows that nobody has to be told, and no screen has to say that it is still there.
"""

import contextlib
import fcntl
import os

from ampsm_engine import file_lock
from ampsm_engine.home import Home, open_private


class ViewerLock:
    """A look at one session, for as long as it is held."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def end(self) -> None:
        """Look away; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def hold(home: Home, session_id: str) -> ViewerLock:
    """Begin to look; several may look at one session. Where the home takes no file, nobody knows of the look."""
    place = home.looks / session_id
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = open_private(place, os.O_RDWR | os.O_CREAT)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return ViewerLock(-1)
    return ViewerLock(descriptor)


def is_viewed(home: Home, session_id: str) -> bool:
    """Whether a living screen shows that session."""
    try:
        descriptor = os.open(home.looks / session_id, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not file_lock.acquire(descriptor, 0):
            return True
        with contextlib.suppress(OSError):
            (home.looks / session_id).unlink()  # left by a screen that is gone
    finally:
        os.close(descriptor)
    return False
