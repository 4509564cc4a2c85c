"""Widgets that draw their own lines, and what such a widget needs: pieces of text, and styles laid over each other."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ampsm_tui.clean import cells, cut
from ampsm_tui.contrast import legible
from ampsm_tui.widgets.line_drag import DraggedText, LineDrag

_DRAWN = frozenset({"-rule", "-pointer"})
"""The classes of lines that are drawn and not read: they may be as faint as the theme has them."""


class Piece(NamedTuple):
    """Clean text in one style: the name of a component class without its dash, or empty."""

    text: str
    style: str = ""


class BlendedStyles:
    """The styles of a widget by the names of its component classes, each worked out once, so that all can be read."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._known: dict[tuple[str, ...], Style] = {}

    def forget(self) -> None:
        """Work them out anew: the colours have changed."""
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
        segments: list[Segment] = []
        left = width
        for piece in pieces:
            text = cut(piece.text, left)
            left = left - cells(text) if text == piece.text else 0
            segments.append(Segment(text, self.style(f"-{piece.style}" if piece.style else "")))
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
        """Other colours: paint anew."""
        super().notify_style_update()
        self._blended.forget()

    def render_line(self, y: int) -> Strip:
        """The pieces in the first line, blanks in any other."""
        return self.drag.marked(self._line(y), y)

    def _line(self, y: int) -> Strip:
        width = self.size.width
        if y:
            return Strip.blank(width, self._blended.style())
        room = width - sum(cells(piece.text) for piece in self._left)
        size = sum(cells(piece.text) for piece in self._right)
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
        """Other colours: paint anew."""
        super().notify_style_update()
        self.blended.forget()
        self.forget()
