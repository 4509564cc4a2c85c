"""What every table that draws its own lines is made of: a row as cells in columns, and which lines are on screen."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ampsm_tui.clean import cells, cut
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.record_columns import GAP

GUTTER = 2
"""Cells before the first column: the cursor and the mark."""

Cells = tuple[tuple[Piece, ...], ...]
"""What a row shows, a tuple of pieces for each column."""


class ShownColumn(Protocol):
    """What painting must know of a column."""

    @property
    def right(self) -> bool:
        """Whether its values end at its right edge."""


class RowState(NamedTuple):
    """How a row stands in the list at this moment."""

    width: int
    is_cursor: bool = False
    is_marked: bool = False
    has_focus: bool = False


def paint_row(
    columns: Sequence[tuple[ShownColumn, int]],
    values: Cells,
    look: RowState,
    style: Callable[..., Style],
    name: str = "name",
    *,
    indent: int = 0,
) -> Strip:
    """The line of a row. `style` answers component classes laid over each other; `name`: that of pieces named so.

    `indent`: cells between the gutter and the first column.
    """
    ground = "-cursor" if look.is_cursor else ""
    pointer = ("▌" if look.has_focus else "│") if look.is_cursor else " "
    segments = [
        Segment(pointer, style(ground, "-pointer")),
        Segment("*" if look.is_marked else " ", style(ground, "-marked")),
        *([Segment(" " * indent, style(ground))] if indent else ()),
    ]
    for at, ((column, room), pieces) in enumerate(zip(columns, values, strict=True)):
        if at:
            segments.append(Segment(" " * GAP, style(ground)))
        shown = []
        left = room
        for piece in fitting(pieces, room):
            left -= cells(piece.text)
            word = name if piece.style == "name" else piece.style
            shown.append(Segment(piece.text, style(ground, f"-{word}" if word else "")))
        gap = Segment(" " * left, style(ground))
        segments += [gap, *shown] if column.right else [*shown, gap]
    return Strip(segments).adjust_cell_length(look.width, style(ground)).simplify()


class ListViewport:
    """Which lines of a list are on screen: all from `top` on that fit below its titles."""

    def __init__(self, widget: ScrollView) -> None:
        self.titles = 0
        """Lines above the list that stay where they are."""
        self._widget = widget

    @property
    def top(self) -> int:
        """The first line of the list that is on screen."""
        return round(self._widget.scroll_offset.y)

    @property
    def height(self) -> int:
        """How many lines of the list fit."""
        return max(0, self._widget.size.height - self.titles)

    def indexes(self, lines: int) -> range:
        """The lines on screen, of so many."""
        return range(self.top, min(lines, self.top + self.height))

    def index_at(self, y: int) -> int:
        """The line of the list at a line of the widget."""
        return y - self.titles + self.top

    def refresh(self, index: int) -> None:
        """Repaint one line of the list, if it is on screen."""
        y = index - self.top + self.titles
        if self.titles <= y < self._widget.size.height:
            self._widget.refresh(Region(0, y, self._widget.size.width, 1))

    def scroll_to(self, index: int, first: int) -> None:
        """Scroll no further than needed to show a line; from above, `first` is to be seen with it."""
        if first < self.top:
            self._widget.scroll_to(y=first, animate=False, immediate=True)
        elif index >= self.top + self.height:
            self._widget.scroll_to(y=index - self.height + 1, animate=False, immediate=True)


def fitting(pieces: Sequence[Piece], room: int) -> list[Piece]:
    """Pieces in at most so many cells; where anything is left out there is an ellipsis."""
    kept: list[Piece] = []
    for piece in pieces:
        text = cut(piece.text, room)
        if piece.text.strip() and not text and kept and not kept[-1].text.endswith("…"):
            last = kept[-1]
            kept[-1] = last._replace(text=cut(f"{last.text} ", cells(last.text)))
        kept.append(piece._replace(text=text))
        room -= cells(text)
        if text != piece.text:
            break
    return kept
