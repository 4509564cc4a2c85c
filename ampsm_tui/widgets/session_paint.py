"""How a line of the session list looks: columns, words and their styles as strips, kept until they say something else.

Knows no widget: styles are asked for by name.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ampsm_engine.model import BoardRow
from ampsm_engine.states import STATES
from ampsm_tui.clean import cells, cut, fit
from ampsm_tui.widgets import session_columns
from ampsm_tui.widgets.one_liner import Piece
from ampsm_tui.widgets.session_columns import Column, Subject
from ampsm_tui.widgets.session_order import Heading, needs_me

if TYPE_CHECKING:
    from ampsm_engine.engine.diff_stat import ChangeCounts
    from ampsm_tui.widgets.outlook import Outlooks

GUTTER = 2
"""Cells before the first column: the cursor and the mark."""

Cells = tuple[tuple[Piece, ...], ...]

STYLES = frozenset({
    "-titles", "-heading", "-cursor", "-quiet", "-name", "-needs-me", "-pointer", "-marked", "-added", "-deleted",
    *(f"-{word}" for word in STATES),
})  # fmt: skip
"""The component classes that a painter asks for."""


class RowState(NamedTuple):
    """How a row stands in the list at this moment."""

    width: int
    is_cursor: bool = False
    is_marked: bool = False
    has_focus: bool = False


class RowPainter:
    """Paints lines with the columns that it was given; `style` answers component classes laid over each other."""

    def __init__(
        self,
        style: Callable[..., Style],
        clock: Callable[[], datetime],
        outlook: "Callable[[], Outlooks]" = dict,
    ) -> None:
        self.style = style
        self.clock = clock
        self.outlook = outlook
        self.width = 0
        self.columns: tuple[tuple[Column, int], ...] = ()
        self.counts: Mapping[str, ChangeCounts] = {}
        self._painted: dict[str, tuple[RowState, Cells, Strip]] = {}

    @property
    def has_words(self) -> bool:
        """Whether there is room for the word of each session's state."""
        return session_columns.STATE in dict(self.columns)

    def lay_out(self, width: int, *, repositories: int) -> bool:
        """Choose the columns for so many cells; whether they are others than before."""
        self.width = width
        columns = session_columns.layout(width - GUTTER - 1, repositories=repositories)
        if columns == self.columns:
            return False
        self.columns = columns
        self.forget()
        return True

    def forget(self) -> None:
        """Drop what was painted, so that every row is painted anew."""
        self._painted.clear()

    def is_stale(self, row: BoardRow) -> bool:
        """Whether the row says something else than when it was painted."""
        painted = self._painted.get(row.session.id)
        return painted is None or painted[1] != self._said(row)

    def titles(self, width: int) -> Strip:
        """The titles of the columns."""
        parts = [fit(column.title, room, right=column.right) for column, room in self.columns]
        text = " " * GUTTER + (" " * session_columns.GAP).join(parts)
        return Strip([Segment(fit(text, width), self.style("-titles"))], width)

    def heading(self, heading: Heading, width: int) -> Strip:
        """The line above a group."""
        text = " " * GUTTER + fit(heading.title, max(0, min(cells(heading.title), width - GUTTER - 6)))
        head = Segment(text, self.style("-heading"))
        rest = Segment(fit(f"  {heading.members}", width - cells(text)), self.style("-quiet"))
        return Strip([head, rest], width)

    def note(self, text: str, width: int) -> Strip:
        """What stands where no session does."""
        return Strip([Segment(fit(" " * GUTTER + text, width), self.style("-quiet"))], width)

    def row(self, row: BoardRow, look: RowState) -> Strip:
        """The line of a session."""
        said = self._said(row)
        painted = self._painted.get(row.session.id)
        if painted is not None and painted[:2] == (look, said):
            return painted[2]
        strip = self._strip(row, said, look)
        self._painted[row.session.id] = (look, said, strip)
        return strip

    def _strip(self, row: BoardRow, said: Cells, look: RowState) -> Strip:
        ground = "-cursor" if look.is_cursor else ""
        pointer = ("▌" if look.has_focus else "│") if look.is_cursor else " "
        segments = [
            Segment(pointer, self.style(ground, "-pointer")),
            Segment("*" if look.is_marked else " ", self.style(ground, "-marked")),
        ]
        for at, ((column, room), pieces) in enumerate(zip(self.columns, said, strict=True)):
            if at:
                segments.append(Segment(" " * session_columns.GAP, self.style(ground)))
            segments += self._cell(pieces, room, ground, needs=needs_me(row), right=column.right)
        return Strip(segments).adjust_cell_length(look.width, self.style(ground)).simplify()

    def _cell(self, pieces: tuple[Piece, ...], room: int, ground: str, *, needs: bool, right: bool) -> list[Segment]:
        segments = []
        left = room
        for piece in pieces:
            text = cut(piece.text, left)
            left -= cells(text)
            word = "needs-me" if needs and piece.style == "name" else piece.style
            segments.append(Segment(text, self.style(ground, f"-{word}" if word else "")))
        gap = Segment(" " * left, self.style(ground))
        return [gap, *segments] if right else [*segments, gap]

    def _said(self, row: BoardRow) -> Cells:
        session_id = row.session.id
        subject = Subject(row, self.counts.get(session_id), self.clock(), self.outlook().get(session_id))
        return tuple(column.says(subject) for column, _ in self.columns)
