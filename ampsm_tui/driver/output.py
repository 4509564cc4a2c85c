"""Frames on their way to a terminal: one is made when the line is free, of what should be seen by then."""

import asyncio
import contextlib
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from ampsm_tui.driver.capabilities import Capabilities, capabilities_of
from ampsm_tui.driver.encoder import SYNC_BEGIN, SYNC_END
from ampsm_tui.driver.renderer import Renderer, is_frame
from ampsm_tui.driver.safe_output import safe_output
from ampsm_tui.driver.writer import OutputThread

_ALTERNATE, _MAIN = "\x1b[?1049h", "\x1b[?1049l"

_ASK_CURSOR = "\x1b[6n"
_ASK_MARGINS = f"\x1b[?69h\x1b[3;6s\x1b[2;5H\r{_ASK_CURSOR}\x1b[?69l"
"""A return between margins goes to the left one, in column 3; where there are none it goes to column 1."""

_LEFT_MARGIN = 2

_ASKED_FROM = 200
"""Characters of a frame behind which the terminal is asked how far it is."""

_MOST_ASKED = 2
"""Frames that may be under way."""

_PATIENCE = 2.0
"""Seconds to wait for an answer before the next frame is sent without."""

_HOLD = 0.1
"""Seconds in which all of a new size is painted; what is written before is the old layout, cut."""

_DRAIN = 2.0
"""Seconds to bring out the last bytes before the terminal is given back; a lost line does not hold up the end."""


class TerminalOutput:
    """What a driver writes, brought to the terminal in order.

    All but `write` with an order that is no frame is for the app's loop. `lost` is called in it when the terminal has
    gone away, `repaint_all` when Textual has to write the whole screen again.
    """

    def __init__(self, *, plain: bool, lost: Callable[[], object], repaint_all: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._repaint_all = repaint_all
        # Textual writes to standard error, too.
        file = sys.__stderr__.fileno() if sys.__stderr__ else 2
        self._writer = OutputThread(file, self._on_idle, lambda: self._soon(lost))
        size = shutil.get_terminal_size()
        self._renderer = None if plain else Renderer(size.columns, size.lines, capabilities_of(os.environ))
        self._is_shown = False
        self._in_frame = False
        self._is_dirty = False
        self._asked: deque[str] = deque()
        """The questions that the terminal has not answered: `margins`, or `` for how far it is."""
        self._is_probed = False
        self._answers = False
        self._timer: asyncio.TimerHandle | None = None
        self._hold_until = 0.0

    @property
    def capabilities(self) -> Capabilities | None:
        """What is used of the terminal; None where Textual's own text is written."""
        return None if self._renderer is None else self._renderer.capabilities

    def write(self, data: str) -> None:
        """Take what Textual wants to be written."""
        renderer = self._renderer
        if renderer is None:
            self._writer.write(safe_output(data))
        elif data == SYNC_BEGIN:
            renderer.capabilities.synchronizes = self._in_frame = True
        elif data == SYNC_END:
            self._in_frame = False
            self._show()
        elif is_frame(data):
            self._fit(renderer)
            renderer.take(data)
            self._show()
        else:
            self._write_order(data, renderer)

    def write_own(self, sequence: str) -> None:
        """Write a sequence that the program itself has made: a notification, a clipboard through tmux."""
        self._writer.write(sequence)

    def repaint(self) -> None:
        """Write every cell anew: another program has written on the terminal."""
        if self._renderer is not None:
            self._renderer.forget()
            self._show()

    def probe(self) -> None:
        """Ask the terminal, once, whether it has left and right margins."""
        if self._renderer is not None and not self._is_probed:
            self._is_probed = True
            self._asked.append("margins")
            self._renderer.forget()
            self._writer.write(_ASK_MARGINS)

    def drain(self) -> None:
        """Wait until what was written has reached the terminal."""
        self._writer.drain(_DRAIN)

    def take_answer(self, column: int) -> bool:
        """Take where the terminal says its cursor is, from the thread of the input; False where nobody asked."""
        if self._renderer is None:
            return False
        self._soon(self._on_answer, column)
        return True

    def _write_order(self, data: str, renderer: Renderer) -> None:
        if _ALTERNATE in data:
            renderer.forget()
            self._is_shown = True
            self._hold_until = self._loop.time() + _HOLD
        if _MAIN in data:
            self._is_shown = False
            data = f"\x1b[m{data}"
        self._writer.write(safe_output(data))

    def _fit(self, renderer: Renderer) -> None:
        size = shutil.get_terminal_size()
        if (size.columns, size.lines) != renderer.size:
            renderer.resize(size.columns, size.lines)
            self._hold_until = self._loop.time() + _HOLD

    def _show(self) -> None:
        """Write a frame, as soon as the line is free."""
        renderer = self._renderer
        if renderer is None or not self._is_shown or self._in_frame:
            return
        # It is marked before the line is looked at: whoever frees the line after that look will see the mark.
        self._is_dirty = True
        wait = self._wait(renderer)
        if wait:
            if self._timer is None:
                self._timer = self._loop.call_later(wait, self._on_timer)
        elif not self._writer.is_busy:
            self._is_dirty = False
            text = renderer.frame()
            if self._answers and len(text) > _ASKED_FROM:
                self._asked.append("")
                text += _ASK_CURSOR
            self._writer.write(text)
            if renderer.is_full:
                self._renderer = Renderer(*renderer.size, renderer.capabilities)
                self._repaint_all()

    def _wait(self, renderer: Renderer) -> float:
        """Seconds to wait at most for the rest of a picture, or for the terminal's answer."""
        hold = self._hold_until - self._loop.time()
        if hold > 0 and not renderer.is_whole:
            return hold
        return _PATIENCE if len(self._asked) >= _MOST_ASKED else 0.0

    def _show_rest(self) -> None:
        if self._is_dirty:
            self._show()

    def _on_timer(self) -> None:
        self._timer = None
        if len(self._asked) >= _MOST_ASKED:
            self._asked.popleft()
        self._show_rest()

    def _on_idle(self) -> None:
        if self._is_dirty:  # in the writer's thread
            self._soon(self._show_rest)

    def _on_answer(self, column: int) -> None:
        asked = self._asked.popleft() if self._asked else ""
        if asked and self._renderer is not None:
            self._answers = True
            self._renderer.capabilities.has_margins = column == _LEFT_MARGIN
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._show_rest()

    def _soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call in the app's loop, from another thread."""
        with contextlib.suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(callback, *arguments)
