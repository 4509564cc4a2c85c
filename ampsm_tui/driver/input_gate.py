"""Where the thread that reads a terminal waits: Textual's asks ten times a second whether it is to leave."""

import contextlib
import os
import select
import threading
import time

from textual.constants import ESCAPE_DELAY

_PENDING = ESCAPE_DELAY + 0.3
"""Seconds after an input in which Textual's reader looks at the clock: an escape may be a key, or begin one."""


class InputGate(threading.Event):
    """Tells the thread that reads a file whether it is to leave; until then it waits here for something to read.

    It takes the place of a driver's `exit_event`. To all other threads it is an event as any other.
    """

    def __init__(self, file: int) -> None:
        super().__init__()
        self._file = file
        self._woken, self._waker = os.pipe()
        self._reader = 0
        self._pending_until = 0.0

    def enter(self) -> None:
        """Take the thread that runs for the one that reads."""
        self._reader = threading.get_ident()
        self._pending_until = time.monotonic() + _PENDING

    def set(self) -> None:
        """Let the reader leave."""
        super().set()
        os.write(self._waker, b"\0")

    def clear(self) -> None:
        """Let the next reader stay."""
        if super().is_set():
            os.read(self._woken, 1 << 10)
        super().clear()

    def is_set(self) -> bool:
        """Whether the reader is to leave; the reader itself is answered once there is something to do for it."""
        if threading.get_ident() == self._reader and not super().is_set():
            self._wait()
        return super().is_set()

    def _wait(self) -> None:
        is_pending = time.monotonic() < self._pending_until
        with contextlib.suppress(OSError, ValueError):  # the file is closed: whoever reads it meets that
            ready, _, _ = select.select([self._file, self._woken], [], [], 0 if is_pending else None)
            if self._file in ready:
                self._pending_until = time.monotonic() + _PENDING
