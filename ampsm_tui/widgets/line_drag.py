"""The mouse in a widget that paints its own lines: what is selected by dragging, marked and copied; and the wheel."""

import os
from collections.abc import Callable
from typing import Any

from rich.style import Style
from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.strip import Strip
from textual.widget import Widget

from ampsm_engine.errors import AmpsmError
from ampsm_tui.app_context import CopiesSelection, app_of
from ampsm_tui.ask import show_error

Place = tuple[int, int]
"""A line of the content and a cell of it."""

_MARKED = Style(reverse=True)


class LineDrag:
    """A selection; `line` gives a line of the content as it is painted, `top` the first that is seen.

    `scroll` moves the content by so many lines: what is dragged over an edge.
    """

    def __init__(
        self, widget: Widget, line: Callable[[int], Strip], top: Callable[[], int], scroll: Callable[[int], object]
    ) -> None:
        self.widget = widget
        self._line = line
        self._top = top
        self._scroll = scroll
        self._begun: Place | None = None
        self._from: Place = (0, 0)
        self._to: Place | None = None
        self.was_dragged = False
        """Whether the button that was let go last had selected something: that was no click."""

    def press(self, event: events.MouseDown) -> None:
        """The left button goes down: what was selected, here or in another widget, is so no more."""
        app = app_of(self.widget)
        if app.drag is not None:
            app.drag.clear()
        app.drag = self
        self.was_dragged = False
        if event.button == 1:
            self._begun = self._place(event)
            self.widget.capture_mouse()

    def move(self, event: events.MouseMove) -> None:
        """The mouse moves; with the button down, to the end of what is selected."""
        if self._begun is None:
            return
        height = self.widget.content_size.height
        y = event.y - self.widget.gutter.top
        if y < 0 or y >= height:
            self._scroll(-1 if y < 0 else 1)
        to = self._place(event)
        if to != self._begun or self._to is not None:
            self._from, self._to = self._begun, to
            self.widget.refresh()

    def release(self) -> None:
        """The button is let go."""
        if self._begun is not None:
            self.widget.release_mouse()
        self._begun = None
        self.was_dragged = self._to is not None

    def clear(self) -> None:
        """Take the selection of lines away."""
        if self._to is not None:
            self._to = None
            self.widget.refresh()

    @property
    def text(self) -> str:
        """The text that is selected and on the screen, without blanks at the ends of lines; empty when none is."""
        if self._to is None or not self.widget.is_attached or not self.widget.screen.is_current:
            return ""
        first, last = sorted((self._from, self._to))
        lines = []
        for at in range(first[0], last[0] + 1):
            strip = self._line(at)
            begin, end = self._span(at, strip.cell_length)
            lines.append(strip.crop(begin, end).text.rstrip())
        return "\n".join(lines)

    def marked(self, strip: Strip, at: int) -> Strip:
        """A line of the content as it is shown: what of it is selected stands out."""
        if self._to is None:
            return strip
        begin, end = self._span(at, strip.cell_length)
        if begin >= end:
            return strip
        before, chosen, after = strip.divide([begin, end, strip.cell_length])
        return Strip.join([before, chosen.apply_style(_MARKED), after])

    def _span(self, at: int, width: int) -> tuple[int, int]:
        first, last = sorted((self._from, self._to or self._from))
        if not first[0] <= at <= last[0]:
            return 0, 0
        begin = first[1] if at == first[0] else 0
        end = last[1] + 1 if at == last[0] else width
        return min(begin, width), min(end, width)

    def _place(self, event: events.MouseEvent) -> Place:
        gutter, size = self.widget.gutter, self.widget.content_size
        y = min(max(event.y - gutter.top, 0), max(0, size.height - 1))
        return self._top() + y, max(0, event.x - gutter.left)


class DraggedText:
    """A widget of which lines are selected by dragging; it makes `drag`, and paints its lines by `drag.marked`."""

    ALLOW_SELECT = False  # Textual knows no text in lines that a widget paints by itself

    drag: LineDrag

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin a selection where the button went down."""
        self.drag.press(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Let the selection reach to where the mouse is."""
        self.drag.move(event)

    def on_mouse_up(self) -> None:
        """Leave selected what is, until the next click."""
        self.drag.release()


def wheel_lines(event: events.MouseScrollDown | events.MouseScrollUp, lines: int) -> int:
    """Lines that a turn of the wheel scrolls, upwards less than 0; nobody else scrolls by it then."""
    event.stop().prevent_default()
    return lines if isinstance(event, events.MouseScrollDown) else -lines


def copy_selection(app: App[Any]) -> bool:
    """Copy what is selected in a box, by dragging, or in the screen's own way; False where nothing is."""
    box, screen, drag = app.focused, app.screen, app_of(app).drag
    if getattr(box, "selected_text", "") and (copy := getattr(box, "action_copy", None)):
        copy()
    elif text := (drag.text if drag is not None else "") or screen.get_selected_text():
        copy_selected(screen, text)
    else:
        return isinstance(screen, CopiesSelection) and screen.copy_selection()
    return True


def copy_selected(widget: DOMNode, text: str) -> None:
    """Put a selected text into the clipboard of the terminal, and say so."""
    from ampsm_tui import clipboard

    try:
        clipboard.copy(widget.app, text, os.environ)
    except AmpsmError as refusal:
        show_error(widget, refusal)
    else:
        app_of(widget).show_toast("Copied what is selected, where the terminal allows it")
