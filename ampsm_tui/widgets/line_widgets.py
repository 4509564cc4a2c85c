"""Widgets that draw their own lines, and what such a widget needs: pieces of text, styles, selecting by dragging."""

import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ampsm_engine.errors import AmpsmError
from ampsm_tui.app_context import CopiesSelection, app_of
from ampsm_tui.ask import show_error
from ampsm_tui.clean import cells, cut
from ampsm_tui.terminal import copy_to_clipboard
from ampsm_tui.theme import legible

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
    """Lines that a turn of the wheel scrolls, negative upwards; the event is stopped: no other widget scrolls."""
    event.stop().prevent_default()
    return lines if isinstance(event, events.MouseScrollDown) else -lines


def copy_selection(app: App[Any]) -> bool:
    """Copy what is selected in a box, by dragging, or in the screen's own way; False where nothing is."""
    box, screen, drag = app.focused, app.screen, app_of(app).drag
    if getattr(box, "selected_text", "") and (copy := getattr(box, "action_copy", None)):
        copy()
    elif text := (drag.text if drag is not None else "") or screen.get_selected_text():
        copy_text(screen, text, "Copied what is selected, where the terminal allows it")
    else:
        return isinstance(screen, CopiesSelection) and screen.copy_selection()
    return True


def copy_text(node: DOMNode, text: str, told: str, *, instead: str = "Copy less of it.") -> bool:
    """Put a text into the clipboard of the terminal, and say so in a toast, `told`; whether that worked.

    `instead`: what works where the text is too long for a terminal.
    """
    try:
        copy_to_clipboard(node.app, text, os.environ, instead)
    except AmpsmError as refusal:
        show_error(node, refusal)
        return False
    app_of(node).show_toast(told)
    return True


_DRAWN = frozenset({"-rule", "-pointer"})
"""The classes of lines that are drawn and not read: they may be as faint as the theme has them."""


class Piece(NamedTuple):
    """Clean text in one style: the name of a component class without its dash, or empty."""

    text: str
    style: str = ""


def pieces_width(pieces: Iterable[Piece]) -> int:
    """The cells that pieces take beside each other."""
    return sum(cells(piece.text) for piece in pieces)


def fitting(pieces: Iterable[Piece], room: int) -> list[Piece]:
    """Pieces in at most so many cells; where anything is left out there is an ellipsis."""
    kept: list[Piece] = []
    for piece in pieces:
        text = piece.text if cells(piece.text) <= room else piece.text.rstrip()
        text = cut(text, room)
        if piece.text.strip() and not text and kept and not kept[-1].text.endswith("…"):
            last = kept[-1]
            kept[-1] = last._replace(text=cut(f"{last.text} ", cells(last.text)))
        kept.append(piece._replace(text=text))
        room -= cells(text)
        if text != piece.text:  # cut, or without the blanks at its end
            break
    return kept


class BlendedStyles:
    """The styles of a widget by the names of its component classes, each worked out once, so that all can be read."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._known: dict[tuple[str, ...], Style] = {}

    def forget(self) -> None:
        """Drop the styles that were computed: the colours have changed."""
        self._known.clear()

    def style(self, *names: str) -> Style:
        """The style of these component classes over the widget's own; a later one lies over an earlier one."""
        found = self._known.get(names)
        if found is None:
            found = self._known[names] = self._blend(names)
        return found

    def _blend(self, names: tuple[str, ...]) -> Style:
        _, _, background, foreground = self._widget.colors
        style = Style()
        for name in filter(None, names):
            styles = self._widget.get_component_styles(name)
            if styles.has_rule("background"):
                background += styles.background
            if styles.has_rule("color"):
                foreground = styles.color
            if styles.has_rule("text_style"):
                style += styles.text_style
        foreground = background + foreground
        if not _DRAWN.intersection(names):
            foreground = legible(foreground, background)
        return style + Style(color=foreground.rich_color, bgcolor=background.rich_color)

    def strip(self, pieces: Iterable[Piece], width: int) -> Strip:
        """Pieces as a line of that width; what there is no room for is cut, with one ellipsis."""
        segments = [
            Segment(piece.text, self.style(f"-{piece.style}" if piece.style else ""))
            for piece in fitting(pieces, width)
        ]
        return Strip(segments).adjust_cell_length(width, self.style())


class TextLine(DraggedText, Widget):
    """One line: pieces at the left, and pieces at the right where there is room. Repainted only when it changes."""

    DEFAULT_CSS = "TextLine { height: 1; width: 1fr; }"
    COMPONENT_CLASSES: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        self._blended = BlendedStyles(self)
        self._left: tuple[Piece, ...] = ()
        self._right: tuple[Piece, ...] = ()
        self.drag = LineDrag(self, self._line, lambda: 0, lambda _lines: None)

    def set_pieces(self, left: Sequence[Piece], right: Sequence[Piece] = ()) -> None:
        """Show these pieces at both ends; `right` only where there is room for it."""
        if (tuple(left), tuple(right)) != (self._left, self._right):
            self._left, self._right = tuple(left), tuple(right)
            self.refresh()

    def notify_style_update(self) -> None:
        """Paint all lines again: the colours have changed."""
        super().notify_style_update()
        self._blended.forget()

    def render_line(self, y: int) -> Strip:
        """The pieces in the first line, blanks in any other."""
        return self.drag.marked(self._line(y), y)

    def _line(self, y: int) -> Strip:
        width = self.size.width
        if y:
            return Strip.blank(width, self._blended.style())
        room = width - pieces_width(self._left)
        size = pieces_width(self._right)
        right = self._right if size <= room - 1 else ()
        gap = Piece(" " * max(0, room - (size if right else 0)))
        return self._blended.strip((*self._left, gap, *right), width)


class LineWidget(Widget):
    """A widget that is its lines: no border, no padding, so Textual's cache of a widget's look is passed by."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.blended = BlendedStyles(self)

    def strip(self, line: Sequence[Segment], width: int) -> Strip:
        """A line of clean text of that width as a strip, with the filters of the app applied."""
        background = self.background_colors[1]
        filtered = list(line)
        for one in self.get_line_filters():
            filtered = one.apply(filtered, background)
        return Strip(filtered, width)

    @abstractmethod
    def paint(self, y: int) -> Strip:
        """One line, as wide as the widget; a strip that is kept is not painted again."""

    @abstractmethod
    def forget(self) -> None:
        """Drop the strips that are kept: they are old."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a part of the widget."""
        strips = [self.paint(y) for y in crop.line_range]
        if crop.x or crop.width < self.size.width:
            return [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """One line of the widget as cells."""
        return self.paint(y)

    def refresh_line(self, y: int) -> None:
        """Repaint one line; one that is not on screen is left alone."""
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def notify_style_update(self) -> None:
        """Paint all lines again: the colours have changed."""
        super().notify_style_update()
        self.blended.forget()
        self.forget()
