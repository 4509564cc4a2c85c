"""Frames on their way to a terminal: one is made when the line is free, of what should be seen by then.

A thread writes them: the app never waits for a slow line, and a lost one ends it in order.
"""

import asyncio
import contextlib
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from ampsm_tui.driver.capabilities import Capabilities, capabilities_of
from ampsm_tui.driver.encoder import SYNC_BEGIN, SYNC_END
from ampsm_tui.driver.renderer import Renderer, is_frame
from ampsm_tui.driver.safe_output import safe_output
from ampsm_tui.driver.status_records import StatusRecords, may_ask

if TYPE_CHECKING:
    from textual.message import Message

_ALTERNATE, _MAIN = "\x1b[?1049h", "\x1b[?1049l"

_ASK_CURSOR = "\x1b[6n"
_ASK_MARGINS = f"\x1b[?69h\x1b[3;6s\x1b[2;5H\r{_ASK_CURSOR}\x1b[?69l"
"""A return between margins goes to the left one, in column 3; where there are none it goes to column 1."""

_MARGIN_ROW = 1
_COLUMNS = {0: False, 2: True}
"""Whether there are margins, by the column, from 0, of the answer."""

_ASKED_FROM = 200
"""Characters of a frame behind which the terminal is asked how far it is."""

_MOST_ASKED = 2
"""Frames that may be under way."""

_PATIENCE = 2.0
"""Seconds to wait for an answer at most."""

_LEAST_PATIENCE = 0.25
"""Seconds to wait for an answer at least: one that was lost does not hold the screen up for longer."""

_TRIPS = 4
"""How many times as long as the answers before a further one may take."""

_FADING = 0.8
"""Part of a slow answer that the next one still counts for: a line that was slow may be quick again."""

_MOST_MISSED = 3
"""Answers in a row that do not come until a terminal is not asked again, unless one comes after all."""

_LAST_ANSWERS = 1.0
"""Seconds to wait for the answers under way before another program reads what the terminal sends."""

_HOLD = 0.1
"""Seconds in which all of a new size is painted; what is written before is the old layout, cut."""

_REPAINT = 1.0
"""Seconds that a whole new painting may take where the first was not whole."""

_MOST_TEXTS = 30
"""How many texts may wait to be written as they are; writing another one blocks."""

_DRAIN = 2.0
"""Seconds to bring out the last bytes before the terminal is given back; a lost line does not hold up the end."""


class TerminalOutput:
    """What a driver writes, brought to the terminal in order.

    All but `write` with an order that is no frame is for the app's loop. `lost` is called in it when the terminal has
    gone away, `repaint_all` when Textual has to write the whole screen again.
    """

    def __init__(
        self,
        *,
        plain: bool,
        lost: Callable[[], object],
        repaint_all: Callable[[], object],
        size: Callable[[], tuple[int, int]],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._size = size
        self._repaint_all = repaint_all
        # Textual writes to standard error, too.
        file = sys.__stderr__.fileno() if sys.__stderr__ else 2
        self._writer = OutputThread(file, self._on_idle, lambda: self._soon(lost))
        self._renderer = None if plain else Renderer(*size(), capabilities_of(os.environ))
        self._is_shown = False
        self._in_frame = False
        self._is_dirty = False
        self._asked: deque[float] = deque()
        """When the terminal was asked how far it is, for each question that it has not answered."""
        self._round_trip = _PATIENCE / _TRIPS
        """Seconds that answers took lately."""
        self._missed = 0
        """Answers in a row that did not come."""
        self._all_answered = threading.Event()
        self._all_answered.set()
        self._is_probing = False
        self._answers = False
        self._timer: asyncio.TimerHandle | None = None
        self.status = StatusRecords(self.write_own)
        """What the terminal holds of what the program does."""
        self._hold_until = 0.0
        self._was_repainted = True

    @property
    def capabilities(self) -> Capabilities | None:
        """What is used of the terminal; None where Textual's own text is written."""
        return None if self._renderer is None else self._renderer.capabilities

    def write(self, data: str) -> None:
        """Take what Textual wants to be written."""
        renderer = self._renderer
        if renderer is None:
            if self._writer.waiting > _MOST_TEXTS:
                self._writer.drain(_PATIENCE)
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

    def resized(self) -> None:
        """Paint all anew: a terminal that had another size for a moment has cut what it showed."""
        if self._renderer is not None:
            self._renderer.forget()
            self._loop.call_later(_HOLD, self._show)  # also where Textual finds nothing to paint

    def probe(self) -> None:
        """Ask the terminal whether it has left and right margins, unless it has said so."""
        if self._renderer is not None and not self._answers:
            self._is_probing = True
            self._all_answered.clear()
            self._renderer.forget()
            self._writer.write((self.status.ask() if may_ask(os.environ) else "") + _ASK_MARGINS)

    def finish_questions(self) -> None:
        """Ask nothing more, and wait a moment for the answers under way: the next program must not read them.

        The loop stands still meanwhile; the answers come in the thread of the input.
        """
        self._is_shown = False
        if self._answers:
            self._all_answered.wait(_LAST_ANSWERS)

    def drain(self) -> None:
        """Wait until what was written has reached the terminal."""
        self._writer.drain(_DRAIN)

    def take_status_answer(self, message: "Message") -> "list[Message]":
        """What of a message is not the answer about the status, from the thread of the input."""
        others, is_understood = self.status.take(message)
        if is_understood:
            self._soon(self.status.understood)
        return others

    def take_answer(self, row: int, column: int) -> bool:
        """Take the terminal's report of its cursor, from the thread of the input; False where it was not asked for."""
        if self._renderer is None:
            return False
        if self._is_probing and row == _MARGIN_ROW and column in _COLUMNS:
            self._is_probing = False
            self._answers = True
            self._renderer.capabilities.has_margins = _COLUMNS[column]
        elif self._asked:
            self._round_trip = max(self._loop.time() - self._asked.popleft(), self._round_trip * _FADING)
            self._missed = 0
        else:  # it is slow, but it answers
            self._answers = True
        if not self._asked and not self._is_probing:
            self._all_answered.set()
        self._soon(self._on_answer)
        return True

    def _write_order(self, data: str, renderer: Renderer) -> None:
        if _ALTERNATE in data:
            renderer.forget()
            self._is_shown = True
            self._forget_questions()
            self._hold(_HOLD)
        if _MAIN in data:
            self._is_shown = False
            data = f"\x1b[m{data}"
        self._writer.write(safe_output(data))

    def _fit(self, renderer: Renderer) -> None:
        size = self._size()
        if size != renderer.size:
            renderer.resize(*size)
            self._hold(_HOLD)

    def _hold(self, seconds: float) -> None:
        """Write only whole pictures for some seconds."""
        self._hold_until = self._loop.time() + seconds
        self._was_repainted = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _forget_questions(self) -> None:
        self._asked.clear()
        self._all_answered.set()

    def _show(self) -> None:
        """Write a frame, as soon as the line is free."""
        renderer = self._renderer
        if renderer is None or not self._is_shown or self._in_frame:
            return
        # It is marked before the line is looked at: the thread that frees the line after that look will see the mark.
        self._is_dirty = True
        wait = self._wait(renderer)
        if wait:
            if self._timer is None:
                self._timer = self._loop.call_later(wait, self._on_timer)
        elif not self._writer.is_busy:
            self._is_dirty = False
            text = renderer.frame()
            if self._answers and len(text) > _ASKED_FROM:
                self._all_answered.clear()
                self._asked.append(self._loop.time())
                text += _ASK_CURSOR
            self._writer.write(text)
            if renderer.is_full:
                self._renderer = Renderer(*renderer.size, renderer.capabilities)
                self._hold(_REPAINT)
                self._was_repainted = True
                self._repaint_all()

    def _wait(self, renderer: Renderer) -> float:
        """Seconds to wait at most for the rest of a picture, or for the terminal's answer."""
        now = self._loop.time()
        if not renderer.is_whole:
            if now >= self._hold_until and not self._was_repainted:
                # Textual takes what it has painted for seen: what is missing comes only when all is asked for.
                self._was_repainted = True
                self._hold_until = now + _REPAINT
                self._repaint_all()
            if now < self._hold_until:
                return self._hold_until - now
        if len(self._asked) < _MOST_ASKED:
            return 0.0
        patience = min(max(self._round_trip * _TRIPS, _LEAST_PATIENCE), _PATIENCE)
        left = max(tuple(self._asked), default=0.0) + patience - now
        if left <= 0:
            self._missed += 1
            self._answers = self._missed < _MOST_MISSED
            self._forget_questions()
        return max(left, 0.0)

    def _show_rest(self) -> None:
        if self._is_dirty:
            self._show()

    def _on_timer(self) -> None:
        self._timer = None
        self._show_rest()

    def _on_idle(self) -> None:
        if self._is_dirty:  # in the writer's thread
            self._soon(self._show_rest)

    def _on_answer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._show_rest()

    def _soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call a function in the app's event loop, from another thread."""
        with contextlib.suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(callback, *arguments)


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
