"""A line of text in pieces, repainted only when they differ."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from ampsm_tui.clean import cells, cut
from ampsm_tui.widgets.blending import Blending


class Piece(NamedTuple):
    """Text in one style: a word that the widget has a colour for, or nothing."""

    text: str
    style: str = ""


class OneLiner(Widget):
    """Pieces at the left, and pieces at the right where there is room; styles are component classes of its own."""

    DEFAULT_CSS = "OneLiner { height: 1; width: 1fr; }"
    COMPONENT_CLASSES: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        self._blending = Blending(self)
        self._left: tuple[Piece, ...] = ()
        self._right: tuple[Piece, ...] = ()

    def set_pieces(self, left: Sequence[Piece], right: Sequence[Piece] = ()) -> None:
        """Show these pieces at both ends; `right` only where there is room for it."""
        if (tuple(left), tuple(right)) != (self._left, self._right):
            self._left, self._right = tuple(left), tuple(right)
            self.refresh()

    def notify_style_update(self) -> None:
        """Other colours: paint anew."""
        super().notify_style_update()
        self._blending.forget()

    def render_line(self, y: int) -> Strip:
        """The pieces in the first line, blanks in any other."""
        width = self.size.width
        if y:
            return Strip.blank(width, self._blending.style())
        taken = sum(cells(piece.text) for piece in self._left)
        room = width - taken - 1
        right = self._right if sum(cells(piece.text) for piece in self._right) <= room else ()
        gap = max(0, width - taken - sum(cells(piece.text) for piece in right))
        segments: list[Segment] = []
        left = width
        for piece in (*self._left, Piece(" " * gap), *right):
            text = cut(piece.text, left)
            left = left - cells(text) if text == piece.text else 0  # one ellipsis is enough
            segments.append(Segment(text, self._blending.style(f"-{piece.style}" if piece.style else "")))
        return Strip(segments).adjust_cell_length(width, self._blending.style())
