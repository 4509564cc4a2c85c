"""What every table that draws its own lines is made of: a row as cells in columns, which lines are on screen, keys."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.bindings import bind
from ampsm_tui.clean import cells, fit, one_line, wrapped
from ampsm_tui.hints import key_name
from ampsm_tui.widgets.line_widgets import BlendedStyles, DraggedText, LineDrag, Piece, fitting

FAR = 1_000_000
"""More rows than any table has."""

GAP = 2
"""Cells between two columns."""

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


def note(text: str, at: int, width: int, style: Style) -> Strip:
    """Line `at`, from 0, of what stands in a table without rows; a blank one before it and behind its end."""
    lines = wrapped(text, width - GUTTER)
    return Strip([Segment(fit(" " * GUTTER + lines[at] if 0 <= at < len(lines) else "", width), style)], width)


def paint_row(
    columns: Sequence[tuple[ShownColumn, int]],
    values: Cells,
    state: RowState,
    style: Callable[..., Style],
    name: str = "name",
    *,
    indent: int = 0,
) -> Strip:
    """The line of a row. `style` answers component classes laid over each other; `name`: that of pieces named so.

    `indent`: cells between the gutter and the first column.
    """
    background = "-cursor" if state.is_cursor else ""
    pointer = ("▌" if state.has_focus else "│") if state.is_cursor else " "
    segments = [
        Segment(pointer, style(background, "-pointer")),
        Segment("*" if state.is_marked else " ", style(background, "-marked")),
        *([Segment(" " * indent, style(background))] if indent else ()),
    ]
    for at, ((column, room), pieces) in enumerate(zip(columns, values, strict=True)):
        if at:
            segments.append(Segment(" " * GAP, style(background)))
        shown = []
        left = room
        for piece in fitting(pieces, room):
            left -= cells(piece.text)
            word = name if piece.style == "name" else piece.style
            shown.append(Segment(piece.text, style(background, f"-{word}" if word else "")))
        gap = Segment(" " * left, style(background))
        segments += [gap, *shown] if column.right else [*shown, gap]
    return Strip(segments).adjust_cell_length(state.width, style(background)).simplify()


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


class TableView(DraggedText, ScrollView, can_focus=True):
    """A table with a cursor and marks, which are keys of its rows; a line each, below the titles of the columns."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("move.down", "move(1)"),
        bind("move.up", "move(-1)"),
        bind("move.first", f"move(-{FAR})"),
        bind("move.last", f"move({FAR})"),
        bind("move.page-down", "page(1)"),
        bind("move.page-up", "page(-1)"),
    ]

    cursor: var[str | None] = var(None, init=False)
    """The key of the row under the cursor."""
    marked: var[frozenset[str]] = var(frozenset(), init=False)
    arrangement: Any
    """What a person chose to see of the rows, and how; `text` is the filter."""

    @dataclass
    class RowChosen(Message):
        """Posted when a row was opened, by Enter or by mouse."""

        table: "TableView"
        key: str

    @dataclass
    class RowHighlighted(Message):
        """The cursor stands on another row; None on none."""

        table: "TableView"
        key: str | None

    class MarksChanged(Message):
        """Other rows are marked than before."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.blended = BlendedStyles(self)
        self._width = -1
        """The width that the columns were laid out for."""
        self.viewport = viewport = ListViewport(self)
        self.drag = LineDrag(self, self.paint_line, lambda: viewport.top - viewport.titles, self._scroll_by)

    @abstractmethod
    def lay_out(self) -> None:
        """Choose the columns for the width as it is now; what was painted with others is dropped."""

    @abstractmethod
    def order_rows(self, *, repaint: bool = False) -> None:
        """Bring the rows into their order, and paint what differs; with `repaint` all of them."""

    @abstractmethod
    def forget(self) -> None:
        """Drop the lines that were painted."""

    @abstractmethod
    def paint_titles(self, width: int) -> Strip:
        """The line with the titles of the columns."""

    @abstractmethod
    def paint_line(self, index: int) -> Strip:
        """A line of the list, without what is selected of it; blank where there is none."""

    def render_line(self, y: int) -> Strip:
        """A line of the widget as cells."""
        if self.size.width != self._width:  # the first frame comes before the event of the first size
            self._fit()
        if y < self.viewport.titles:
            return self.paint_titles(self.size.width)
        index = self.viewport.index_at(y)
        return self.drag.marked(self.paint_line(index), index)

    def _fit(self) -> None:
        self._width = self.size.width
        self.lay_out()

    def on_resize(self) -> None:
        """Choose the columns for the new width."""
        self._fit()
        self.order_rows(repaint=True)

    def notify_style_update(self) -> None:
        """Paint all lines again: the colours have changed."""
        super().notify_style_update()
        self.blended.forget()
        self.forget()

    def watch_cursor(self, old: str | None, new: str | None) -> None:
        """Repaint the row that had the cursor and the one that has it."""
        self.refresh_rows(old, new)
        self.post_message(self.RowHighlighted(self, new))

    def watch_marked(self, old: frozenset[str], new: frozenset[str]) -> None:
        """Repaint the rows whose mark came or went."""
        self.refresh_rows(*(old ^ new))
        self.post_message(self.MarksChanged())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where a filter has found something its keys go from match to match; else they are the screen's."""
        if action == "match" and not self.arrangement.text:
            return False
        return super().check_action(action, parameters)

    def _scroll_by(self, lines: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False, immediate=True)

    @abstractmethod
    def row_key(self, index: int) -> str | None:
        """The key of the row that a line of the list shows; None where it shows none."""

    @abstractmethod
    def refresh_rows(self, *keys: str | None) -> None:
        """Repaint the rows of these keys, where they are on screen."""

    @abstractmethod
    def action_move(self, by: int) -> None:
        """Move the cursor down or up by so many rows."""

    def action_choose(self) -> None:
        """Open the row under the cursor."""
        if self.cursor is not None:
            self.post_message(self.RowChosen(self, self.cursor))

    def on_focus(self) -> None:
        """The cursor shows where the keys go."""
        self.refresh_rows(self.cursor)

    def on_blur(self) -> None:
        """Repaint the row of the cursor, which shows only with the focus."""
        self.refresh_rows(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """The first click moves the cursor, a second one opens."""
        if self.drag.was_dragged:
            return
        key = self.row_key(self.viewport.index_at(event.y)) if self.viewport.titles <= event.y else None
        if key is not None:
            self.cursor = key
            if event.chain > 1:
                self.action_choose()

    def action_page(self, by: int) -> None:
        """Half a screen down or up."""
        self.action_move(by * max(1, self.viewport.height // 2))

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next."""
        if self.cursor is not None:
            self.marked ^= {self.cursor}
            self.action_move(1)


def nothing_found(table: TableView) -> str:
    """What stands in a table whose arrangement leaves none of its rows; where it is no filter, with the way back."""
    text = table.arrangement.text
    return f"Nothing matches {one_line(text, 40)!r}" if text else f"None of these; {key_name(table, 'back')} shows all"
