"""Painting what one will probably look at next, while nothing else is to be done. At rest nothing is left to do here.

A page is some milliseconds of painting; a key that finds it painted already only has to have it written.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ampsm_engine.review import ways
from ampsm_tui.widgets import collecting

if TYPE_CHECKING:
    from ampsm_tui.widgets.diff_view import DiffView

PAUSE = 0.008
"""Seconds after a step before this begins: the frame of the step comes first, and colours may be on their way."""

SLICE = 0.002
"""Seconds of painting between two chances for a key."""

REST = 1.0
"""Seconds without a step after which what is left of the steps is cleared away."""

ABOVE = 4
"""Rows above a place that one jumps to that will be seen as well."""

Painting = tuple[int, int]
"""A row, and whether the cursor is on it."""


class Ahead:
    """The painter of what comes next in a view."""

    def __init__(self, view: "DiffView") -> None:
        self._view = view
        self._handle: asyncio.TimerHandle | None = None
        self._left: Iterator[Painting] = iter(())

    def soon(self) -> None:
        """The view stands elsewhere, or what was painted is old."""
        self.end()
        self._left = wanted(self._view)
        self._handle = asyncio.get_running_loop().call_later(PAUSE, self._paint)

    def end(self) -> None:
        """Leave it."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _paint(self) -> None:
        self._handle = None
        view = self._view
        if not view.is_attached or not view.is_ready:
            return
        until = time.perf_counter() + SLICE
        total = len(view.document)
        for at, state in self._left:
            if 0 <= at < total:
                view.strips(at, state)
            if time.perf_counter() > until:
                collecting.between()
                self._handle = asyncio.get_running_loop().call_later(0, self._paint)
                return
        self._handle = asyncio.get_running_loop().call_later(REST, self._clear)

    def _clear(self) -> None:
        """Collect garbage now rather than in the middle of the next steps."""
        self._handle = None
        collecting.at_rest()

    def gone(self) -> None:
        """The view is no more: what it held is garbage."""
        self.end()
        asyncio.get_running_loop().call_later(REST, collecting.over)


def wanted(view: "DiffView") -> Iterator[Painting]:
    """The rows of the pages around, of the hunks and files before and behind, of both ends: the likeliest first."""
    document, cursor = view.document, view.cursor
    total, room, top = len(document), view.size.height, view.top[0]
    if not total:
        return
    yield from ((at, 0) for at in range(top + room, top + 2 * room))
    for way in (1, -1):
        for found in (ways.next_hunk(document, cursor, way), ways.next_file(document, cursor, way)):
            if found is not None:
                yield from _landing(found, room)
        if way > 0:
            yield from ((at, 0) for at in range(top - 1, top - room, -1))
    yield from _landing(total - 1, room, above=room)
    yield from _landing(0, room)


def _landing(at: int, room: int, above: int = ABOVE) -> Iterator[Painting]:
    yield at, 1
    yield from ((near, 0) for near in range(at - above, at + room) if near != at)


def ends(view: "DiffView") -> Iterator[int]:
    """The files at the beginning and at the end: one key away from everywhere."""
    document, room = view.document, view.size.height
    last = len(document) - 1
    yield from range(document.file_at(min(room, last)) + 1)
    yield from range(len(document.files) - 1, document.file_at(max(0, last - room)) - 1, -1)
