"""Writing to the terminal from a thread: the app never waits for a slow line, and a lost one ends it in order."""

import contextlib
import os
import select
import threading
from collections.abc import Callable
from queue import SimpleQueue


class OutputThread:
    """Writes texts one after the other.

    A terminal that has gone away fails from then on: what is written to it is dropped, and `lost` is called once, from
    the thread. `idle` is called from the thread whenever everything has been written.
    """

    def __init__(self, file: int, idle: Callable[[], object], lost: Callable[[], object]) -> None:
        self._file = file
        self._idle = idle
        self._lost = lost
        self._is_lost = False
        self._is_writing = False
        # A signal's handler may write between any two lines: this queue takes no lock that it could hold already.
        self._queue: SimpleQueue[bytes | threading.Event] = SimpleQueue()
        threading.Thread(target=self._run, name="ampsm-output", daemon=True).start()

    @property
    def is_busy(self) -> bool:
        """Whether something is not written yet."""
        return self._is_writing or not self._queue.empty()

    @property
    def waiting(self) -> int:
        """How many texts wait, about."""
        return self._queue.qsize()

    def write(self, text: str) -> None:
        """Write a text after all that was handed over before; returns at once."""
        if text:
            self._queue.put(text.encode("utf-8", "replace"))

    def drain(self, seconds: float) -> bool:
        """Wait until all is written, at most so long; whether it is."""
        done = threading.Event()
        self._queue.put(done)
        return done.wait(seconds)

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            self._is_writing = True
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._write(item)
            self._is_writing = False
            if self._queue.empty():
                self._idle()

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left and not self._is_lost:
            try:
                left = left[os.write(self._file, left) :]
            except BlockingIOError:
                with contextlib.suppress(OSError, ValueError):
                    select.select([], [self._file], [], 1.0)
            except OSError:
                self._is_lost = True
                self._lost()
