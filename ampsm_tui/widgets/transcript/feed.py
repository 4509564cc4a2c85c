"""Follows a run's stream file for a transcript: its end first, then what comes, then backwards to its beginning.

What is little is read in a thread; what is much, in a side process, so that no screen waits for it. The file stays
open: when it is replaced (redaction does that), the old one is followed to its end.
"""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.amp.events import Event, TooLong
from ampsm_engine.amp.stream import EventReader
from ampsm_engine.errors import Failed
from ampsm_tui.ask import ask
from ampsm_tui.widgets.transcript import slices

FIRST = 32 * 1024
"""Bytes at the end of the file that the first screen is made of."""

SLICE = 192 * 1024
"""Bytes that a side process reads at once: its answer takes a few milliseconds to take over."""

AT_ONCE = 128 * 1024
"""Bytes that a thread reads at once; a longer line goes to the side process."""


class Feed:
    """The events of one file, from the end on and to the beginning. `close` it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._start = 0
        self._read = 0
        self._reader = EventReader()

    @property
    def is_complete(self) -> bool:
        """Whether everything before what was read first has been read, too."""
        return self._start == 0

    @property
    def share(self) -> float:
        """How much of the file has been read."""
        return 1 - self._start / self._read if self._read else 1.0

    async def last(self) -> tuple[Event, ...] | None:
        """The events at the end; None while there is no file."""
        if not self._opened():
            return None
        self._read = slices.last_line_end(self._descriptor, os.fstat(self._descriptor).st_size)
        self._start = self._read
        self._reader = EventReader(AT_ONCE, offset=self._read, redact=redact.text)
        return await self.earlier(FIRST)

    async def earlier(self, size: int = SLICE) -> tuple[Event, ...]:
        """The events before those read so far."""
        end = self._start
        start = slices.beginning(self._descriptor, end, size)
        found = await self._between(start, end)
        self._start = start
        return found

    async def later(self) -> tuple[Event, ...]:
        """The events that came since; empty when there are none."""
        try:
            size = os.fstat(self._descriptor).st_size
            if size <= self._read:
                return ()
            located = await asyncio.to_thread(self._new, min(size, self._read + AT_ONCE))
        except OSError as reason:
            raise self._unreadable(reason) from reason
        found: list[Event] = []
        for offset, event in located:
            if isinstance(event, TooLong):
                found += await self._between(max(0, offset - event.bytes - 1), offset)
            else:
                found.append(event)
        return tuple(found)

    def rest(self) -> tuple[Event, ...]:
        """The events of a last line that never got its end."""
        return tuple(slices.shown(self._reader.close()))

    def close(self) -> None:
        """Give the file back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _opened(self) -> bool:
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            except OSError as reason:
                raise self._unreadable(reason) from reason
        return True

    def _unreadable(self, reason: OSError) -> Failed:
        return Failed(f"The transcript cannot be read: {reason.strerror}.", f"ls -l {self._path}")

    def _new(self, end: int) -> list[tuple[int, Event]]:
        """Runs in a thread."""
        data = os.pread(self._descriptor, end - self._read, self._read)
        self._read += len(data)
        return list(_located(self._reader.located(data)))

    async def _between(self, start: int, end: int) -> tuple[Event, ...]:
        if end - start > AT_ONCE:
            try:
                identity = slices.FileIdentity.of(self._descriptor)
                found = await ask(slices.read_path, self._path, identity, start, end)
            except Failed:  # the side process was killed; this one can read as well
                found = None
            if found is not None:
                return found.events
        try:
            return (await asyncio.to_thread(slices.read, self._descriptor, start, end)).events
        except OSError as reason:
            raise self._unreadable(reason) from reason


def _located(found: Iterable[tuple[int, Event]]) -> Iterable[tuple[int, Event]]:
    for offset, event in found:
        for each in slices.shown((event,)):
            yield offset, each
