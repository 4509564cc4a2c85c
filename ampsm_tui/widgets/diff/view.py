"""A diff with a cursor: moving by line, page, hunk and file; what changes around the cursor does not move it.

It moves through rows; what a row is, and what is done with it, is known elsewhere.
"""

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.bindings import bind
from ampsm_tui.widgets import collector
from ampsm_tui.widgets.diff import navigation
from ampsm_tui.widgets.diff.document import Document
from ampsm_tui.widgets.diff.layout import Row
from ampsm_tui.widgets.diff.painter import DiffPainter
from ampsm_tui.widgets.diff.source import DiffSource
from ampsm_tui.widgets.diff.viewport import DiffViewport, RowStrips
from ampsm_tui.widgets.line_widgets import wheel_lines
from ampsm_tui.widgets.table_lines import note

WHEEL = 3
SIDEWAYS = 16
"""Columns of one step to the side."""

REST = 1.0
"""Seconds after a view is gone until its memory is collected, so that no key waits for that."""


PATIENCE = 3.0
"""Seconds after which a number that no key followed is forgotten."""

MOST_DIGITS = 6
"""Digits of a number before a key."""


class RepeatCount:
    """A number typed before a key: how often it is done, as in vim and less."""

    def __init__(self) -> None:
        self._typed = ""
        self._typed_at = 0.0

    def add(self, digit: int) -> None:
        """Append a digit; a number does not begin with 0."""
        typed = self._typed if self._is_fresh() else ""
        self._typed, self._typed_at = (typed + str(digit)).lstrip("0")[:MOST_DIGITS], time.monotonic()

    def _is_fresh(self) -> bool:
        return bool(self._typed) and time.monotonic() - self._typed_at < PATIENCE

    def take(self) -> int | None:
        """The number that was typed; it is used up. None without one."""
        typed, self._typed = (self._typed if self._is_fresh() else ""), ""
        return int(typed) if typed else None


class RowDrag:
    """Rows selected by dragging: `press` where the button of the mouse goes down, `move` to where the mouse is."""

    def __init__(self, view: "DiffView") -> None:
        self._view = view
        self._pressed: int | None = None

    def press(self, event: events.MouseDown) -> None:
        """Put the cursor where the button goes down; nothing is selected then."""
        if event.button == 1:
            self._view.selected_from, self._pressed = None, self._row_at(event.y)
            self._view.capture_mouse()
            self._go(self._pressed)

    def move(self, event: events.MouseMove) -> None:
        """Select all rows from where the button went down to here; beyond an edge, scroll."""
        view = self._view
        if self._pressed is None:
            return
        if not 0 <= event.y < view.size.height:
            view.action_scroll(-1 if event.y < 0 else 1)
        row = self._row_at(event.y)
        if row is not None and (row != self._pressed or view.selected_from is not None):
            view.selected_from = self._pressed
            self._go(row)

    def release(self) -> None:
        """Leave selected what is, to be commented on or copied."""
        if self._pressed is not None:
            self._view.release_mouse()
        self._pressed = None

    def _row_at(self, y: int) -> int | None:
        places = self._view.viewport.places()
        return places[min(max(y, 0), len(places) - 1)][0] if places else None

    def _go(self, row: int | None) -> None:
        if row is not None:
            self._view.go(row)
            self._view.refresh()


class DiffView(Widget, can_focus=True):
    """The diff of a review, from a top row on, with a cursor.

    Its strips go to the screen as they are: Textual's own cache of a widget's look would cost more than they do.
    """

    ALLOW_SELECT = False

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(digit), f"digit({digit})", show=False, system=True) for digit in range(10)),
        bind("move.down", "step(1)"),
        bind("move.up", "step(-1)"),
        bind("move.first", "top"),
        bind("move.last", "bottom"),
        bind("review.half-down", "page(0.5)"),
        bind("review.half-up", "page(-0.5)"),
        bind("review.page-down", "page(1)"),
        bind("review.page-up", "page(-1)"),
        bind("review.hunk", "next('hunk', 1)", "Hunk"),
        bind("review.hunk-before", "next('hunk', -1)"),
        bind("review.file", "next('file', 1)", "File"),
        bind("review.file-before", "next('file', -1)"),
        bind("review.scroll-down", "scroll(3)"),
        bind("review.scroll-up", "scroll(-3)"),
        bind("review.right", f"sideways({SIDEWAYS})"),
        bind("review.left", f"sideways(-{SIDEWAYS})"),
    ]

    @dataclass
    class Moved(Message):
        """Posted when the view or its cursor has moved."""

        row: Row | None

    beside: Callable[[], None] | None = None
    """Called when the view has moved: what stands beside it follows in the same frame."""

    def __init__(self) -> None:
        super().__init__()
        self.document = Document(())
        self.source = DiffSource()
        self.note = ""
        """What stands in the place of a diff without files."""
        self.cursor = 0
        self.selected_from: int | None = None
        self._drag = RowDrag(self)
        self._strips = RowStrips(self)
        self.painter = self._strips.painter = DiffPainter(self.document, self.source, self._strips.style)
        self.viewport = DiffViewport(self, self._strips)
        self._count = RepeatCount()

    def take(self, document: Document, source: DiffSource) -> None:
        """Show another document from its beginning."""
        manner = self.painter.manner
        self.document, self.source = document, source
        self.painter = self._strips.painter = DiffPainter(document, source, self._strips.style)
        self.painter.manner = manner
        self.viewport.top, self.cursor, self.selected_from = (0, 0), 0, None
        self.repaint()

    def on_unmount(self) -> None:
        """Collect what the view held, once the screen below it is there."""
        asyncio.get_running_loop().call_later(REST, collector.collect_all)

    # Painting.

    def repaint(self) -> None:
        """Paint all rows of the view again."""
        self._strips.forget()
        self.viewport.forget()
        self.refresh()

    def forget(self, file: int) -> None:
        """Paint the rows of one file again when they are shown next."""
        self._strips.forget(file)
        self.viewport.forget()

    def notify_style_update(self) -> None:
        """Paint all rows again: the theme has changed."""
        super().notify_style_update()
        self._strips.forget_styles()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a part of the view."""
        viewport = self.viewport
        viewport.fit()
        strips: list[Strip] = []
        for y, (at, inner) in enumerate(viewport.places()[: crop.bottom]):
            if y < crop.y:
                continue
            sticky = viewport.sticky_file((at, inner)) if not y else None
            if sticky is not None:
                at, inner = self.document.tops[sticky], -1  # noqa: PLW2901 - the head of the file lies over the line
            strips.append(self._strips.of(self.document.row(at), self._state(at))[inner])
        if self.note and not self.document.files:
            style = self._strips.style("-same")
            strips = [note(self.note, y - 1, self.painter.manner.width, style) for y in range(crop.y, crop.bottom)]
        strips += [self._strips.blank()] * (crop.height - len(strips))
        if crop.x or crop.width < self.size.width:
            return [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def _state(self, at: int) -> int:
        if at == self.cursor:
            return 1
        if self.selected_from is not None:
            first, last = sorted((self.selected_from, self.cursor))
            return 2 if first <= at <= last else 0
        return 0

    # Where the cursor is.

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        total = len(self.document)
        return self.document.row(min(self.cursor, total - 1)) if total else None

    def go(self, at: int, *, above: int | None = None) -> None:
        """The cursor to a row; the view moves as little as it must, or so that `above` lines are above the cursor."""
        total = len(self.document)
        if not total:
            return
        before, top = self.cursor, self.viewport.top
        self.cursor = min(max(at, 0), total - 1)
        if above is not None:
            self.viewport.put(self.cursor, above)
        else:
            self.viewport.reveal(self.cursor)
        self._show(before, top)

    def land(self, at: int) -> None:
        """Go to a row from further away: it is shown near the top, unless it is in view with something below it."""
        y = self.viewport.y_of(at)
        room = self.size.height
        if y is not None and 1 <= y <= room * 2 // 3:
            self.go(at)
        else:
            self.go(at, above=0 if self.viewport.is_head(at) else min(3, room // 4 + 1))

    def hold(self) -> tuple[Row, int] | None:
        """The row under the cursor and its line of the screen; `stand_on` brings it back after rows have changed."""
        if not len(self.document):
            return None
        return self.document.row(self.cursor), self.viewport.y_of(self.cursor) or 0

    def stand_on(self, held: tuple[Row, int] | None) -> None:
        """The cursor on the row that it was on, and that where it was on the screen."""
        if held is None and self.cursor >= len(self.document) > 0:
            self.stand_at(self.cursor, 0)  # no row was there before, and there are fewer now than there once were
            return
        if held is None or not len(self.document):
            self.refresh()
            return
        row, y = held
        self.selected_from = None
        self.stand_at(self.document.find(row), y)

    def stand_at(self, at: int, y: int) -> None:
        """The cursor on a row, in that line of the screen; all of the row is on it."""
        self.cursor = at = min(at, len(self.document) - 1)
        self.viewport.put_at(at, y)
        self.refresh()
        self._report_move()

    def _show(self, before: int, top: tuple[int, int]) -> None:
        """Repaint what is different after a move of the cursor or the top, and report the move."""
        if top != self.viewport.top or self.selected_from is not None:
            self.refresh()
        elif before != self.cursor:
            lines = {*self.viewport.ys_of(before), *self.viewport.ys_of(self.cursor)}
            self.refresh(*(Region(0, y, self.size.width, 1) for y in sorted(lines)))
        self._report_move()

    def _report_move(self) -> None:
        if self.beside is not None:
            self.beside()
        self.post_message(self.Moved(self.row))

    def on_resize(self) -> None:
        """Keep the cursor in view, and ask for the colours of what is on the screen now."""
        if len(self.document):
            self.viewport.reveal(self.cursor)
            self._report_move()

    # Moving.

    def action_digit(self, digit: int) -> None:
        """A digit of how often the next key is done."""
        self._count.add(digit)

    def action_step(self, by: int) -> None:
        """Move the cursor by lines, as often as the number before the key says."""
        self.go(self.cursor + by * (self._count.take() or 1))

    def action_top(self) -> None:
        """Go to the beginning of the diff."""
        self.go(0)

    def action_bottom(self) -> None:
        """Go to the end, or to the line of the file whose number was typed."""
        number, row = self._count.take(), self.row
        found = navigation.line(self.document, row.file, number) if number is not None and row is not None else None
        if found is not None:
            self.land(found)
        else:
            self.go(len(self.document) - 1)

    def action_page(self, pages: float) -> None:
        """A page or a part of one; the cursor stays where it is on the screen."""
        self._scroll(round(pages * max(2, self.size.height - 2)) * (self._count.take() or 1), hold_y=True)

    def action_scroll(self, lines: int) -> None:
        """The view by lines; the cursor moves only where it would leave it."""
        self._scroll(lines, hold_y=False)

    def _scroll(self, lines: int, *, hold_y: bool) -> None:
        if not len(self.document):
            return
        viewport = self.viewport
        before, top = self.cursor, viewport.top
        y = viewport.y_of(self.cursor) or 0
        viewport.scroll(lines)
        places, first = viewport.places(), viewport.first_free
        if hold_y and viewport.top == top:
            self.cursor = len(self.document) - 1 if lines > 0 else 0
        elif hold_y:
            self.cursor = places[min(max(y, first), len(places) - 1)][0]
        else:
            self.cursor = min(max(self.cursor, places[first][0]), places[-1][0])
        self._show(before, top)

    def action_next(self, what: str, way: int) -> None:
        """Go to the next hunk or file; `way` -1: the one before."""
        find = navigation.next_hunk if what == "hunk" else navigation.next_file
        for _ in range(self._count.take() or 1):
            found = find(self.document, self.cursor, way)
            if found is None:
                return
            if what == "hunk":
                self.land(found)
            else:
                self.go(found, above=0)

    def action_sideways(self, columns: int) -> None:
        """Scroll to the right or left of long lines."""
        manner = self.painter.manner
        left = max(0, manner.left + columns)
        if left != manner.left and not manner.wrap:
            manner.left = left
            self.repaint()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """The cursor to where the button goes down; from there lines are selected by dragging."""
        self._drag.press(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Select all lines from where the button went down to here."""
        self._drag.move(event)

    def on_mouse_up(self) -> None:
        """What is selected stays so, to be commented on or copied."""
        self._drag.release()

    @on(events.MouseScrollDown)
    @on(events.MouseScrollUp)
    def _scroll_by_wheel(self, event: events.MouseScrollDown | events.MouseScrollUp) -> None:
        self.action_scroll(wheel_lines(event, WHEEL))
