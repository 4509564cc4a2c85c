"""A table of records, one line each, drawn line by line: its columns, and the order and choice of its rows.

A record is a frozen value of any kind; `RecordKind` says what to show of it. The table is shown its records, and keeps
only what a person does with it: cursor, marks, arrangement.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from rich.segment import Segment
from textual.binding import BindingType
from textual.geometry import Size
from textual.reactive import var
from textual.strip import Strip

from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.state_styles import SHOWN
from ampsm_tui.app_context import app_of
from ampsm_tui.bindings import bind
from ampsm_tui.clean import fit
from ampsm_tui.theme import state_rules
from ampsm_tui.widgets.line_widgets import Piece, pieces_width
from ampsm_tui.widgets.table_lines import GAP, GUTTER, Cells, RowState, TableView, note, nothing_found, paint_row

Record = TypeVar("Record")

EXTRA = 4
"""Columns that give way earlier than this are extras."""

ALL = "all"
"""The state of an arrangement that shows the records of every state."""


class RecordColumn(NamedTuple):
    """One column. `drop_order`: the higher, the earlier it gives way, to `narrow` where it has one; 0 stays."""

    title: str
    least: int
    most: int
    drop_order: int
    value: "Shown"
    right: bool = False
    order: Callable[[Any], Any] | None = None
    """What its rows are sorted by, None for what is not known, which comes last; without it nothing sorts by it."""
    narrow: "RecordColumn | None" = None
    comfort: int = 0
    """Cells that it is to have before a column that is but an extra comes in."""

    @property
    def grows(self) -> bool:
        """Whether it takes more than its least where there is room."""
        return self.least < self.most


Shown = Callable[[Any, datetime], tuple[Piece, ...]]
"""What a column shows of a record at a moment."""


def cell(text: Callable[[Any], str | None], style: str = "", *, lacking: str = "") -> Shown:
    """What a column of one text shows, in one style; `lacking`, quietly, where a record has no such text."""

    def show(record: Any, _at: datetime) -> tuple[Piece, ...]:
        shown = text(record)
        return (Piece(shown, style) if shown is not None else Piece(lacking, "quiet"),)

    return show


def state_column(
    cells: int, drop_order: int, word: Callable[[Any, datetime], str], order: Callable[[Any], Any]
) -> RecordColumn:
    """The column of the state: glyph and word, or the glyph alone where there is little room."""

    def show(record: Any, at: datetime) -> tuple[Piece, ...]:
        found = word(record, at)
        return (Piece(f"{SHOWN[found].glyph} {found}", found),)

    def show_glyph(record: Any, at: datetime) -> tuple[Piece, ...]:
        found = word(record, at)
        return (Piece(SHOWN[found].glyph, found),)

    return RecordColumn(
        "STATE", cells, cells, drop_order, show, order=order, narrow=RecordColumn("", 1, 1, 0, show_glyph)
    )


def layout(
    columns: Sequence[RecordColumn], width: int, needs: Callable[[RecordColumn], int] | None = None
) -> tuple[tuple[RecordColumn, int], ...]:
    """The columns that `width` cells have room for, each with its cells.

    `needs`: the cells that the values of a column take, beyond which it does not grow. What is to spare goes to those
    that can grow, and the rest of it to the last column of text, so that the figures behind it end at the right edge;
    what that shows often changes, and the others do not jump with it. What is lacking the widest lacks.
    """
    kept = list(columns)
    while _wanted(kept) > width and any(column.drop_order for column in kept):
        first = max(kept, key=lambda column: column.drop_order)
        at = kept.index(first)
        kept[at : at + 1] = [first.narrow] if first.narrow is not None else []
    spare = width - _least(kept)
    room = [column.least for column in kept]
    last = max((at for at, column in enumerate(kept) if column.grows and not column.right), default=None)
    most = [
        column.most if needs is None or at == last or not column.grows else min(column.most, needs(column))
        for at, column in enumerate(kept)
    ]
    while spare > 0 and (growing := [at for at in range(len(kept)) if room[at] < most[at]]):
        for at in growing[:spare]:
            room[at] += 1
        spare -= len(growing[:spare])
    if kept:
        widest = max(range(len(kept)), key=lambda at: kept[at].most)
        flexible = last if last is not None and spare > 0 else widest
        room[flexible] = max(1, room[flexible] + spare)
    return tuple(zip(kept, room, strict=True))


def _wanted(columns: Sequence[RecordColumn]) -> int:
    """The cells that these columns need; an extra one only comes in where names can be read."""
    eases = any(column.drop_order > EXTRA for column in columns)
    return _least(columns) + sum(max(0, column.comfort - column.least) for column in columns if eases)


def _least(columns: Sequence[RecordColumn]) -> int:
    return sum(column.least for column in columns) + GAP * max(0, len(columns) - 1)


@dataclass(frozen=True, slots=True)
class RecordArrangement:
    """Filter, state and sort order of a table, as a person chose them."""

    text: str = ""
    state: str = ALL
    sort: str = ""
    """The title of the column that sorts; empty: as the records come."""
    is_reversed: bool = False


class RecordKind(NamedTuple, Generic[Record]):
    """What a table must know of its records."""

    key: Callable[[Record], str]
    """What names one of them for as long as it lives."""
    text: Callable[[Record], str]
    """What a filter looks through."""
    state: Callable[[Record], str]
    """The word of its state; empty where it has none."""
    columns: tuple[RecordColumn, ...]
    empty: str
    """What stands in a table without any."""

    def sorts(self) -> tuple[str, ...]:
        """What a table can be sorted by: as they come, and the titles of the columns that can."""
        return ("", *(column.title for column in self.columns if column.order is not None))

    def arranged(self, records: Sequence[Record], how: RecordArrangement) -> list[Record]:
        """The records that are wanted, in the order that is wanted; equal ones stay as they came."""
        words = how.text.casefold().split()
        kept = [
            record
            for record in records
            if how.state in {ALL, self.state(record)} and all(word in self.text(record).casefold() for word in words)
        ]
        order = next((column.order for column in self.columns if column.title == how.sort), None)
        if order is None:
            return kept[::-1] if how.is_reversed else kept
        known = [record for record in kept if order(record) is not None]
        known.sort(key=order, reverse=how.is_reversed)
        return [*known, *(record for record in kept if order(record) is None)]

    def next_state(self, records: Sequence[Record], how: RecordArrangement) -> RecordArrangement:
        """Only the records of the next state that any of them has; all after the last."""
        present = (ALL, *dict.fromkeys(sorted(filter(None, map(self.state, records)))))
        at = present.index(how.state) if how.state in present else -1
        return replace(how, state=present[(at + 1) % len(present)])

    def next_sort(self, how: RecordArrangement) -> RecordArrangement:
        """Sorted by the next column that can."""
        sorts = self.sorts()
        at = sorts.index(how.sort) if how.sort in sorts else 0
        return replace(how, sort=sorts[(at + 1) % len(sorts)], is_reversed=False)


MEASURED = 500
"""Records whose values are measured for the widths of the columns."""

_STYLES = ("titles", "cursor", "quiet", "name", "pointer", "marked", "added", "deleted", *SHOWN)


class RecordTable(TableView, Generic[Record]):
    """One line a record below the titles of the columns."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"-{word}" for word in _STYLES}
    DEFAULT_CSS = """
    RecordTable {
        height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; background: $background;
        & > .-titles { color: $foreground 45%; }
        & > .-cursor { background: $raised; }
        & > .-pointer { color: $primary; }
        & > .-marked { color: $accent; text-style: bold; }
        & > .-quiet { color: $foreground 50%; }
        & > .-name { color: $foreground; }
        & > .-added { color: $state-done; }
        & > .-deleted { color: $error; }
    }
    """ + state_rules("RecordTable", SHOWN)
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("table.open", "choose", "Open"),
        bind("table.mark", "mark"),
        bind("table.next-match", "match(1)", "Next match"),
        bind("table.match-before", "match(-1)"),
    ]

    arrangement: var[RecordArrangement] = var(RecordArrangement(), init=False)

    def __init__(self, kind: RecordKind[Record], *, id: str | None = None, marks: bool = True) -> None:  # noqa: A002
        super().__init__(id=id)
        self.kind = kind
        self.records: tuple[Record, ...] | None = None
        """All records, as they came; None until they are known."""
        self.rows: list[Record] = []
        """The records that are shown, in their order."""
        self._places: dict[str, int] = {}
        self.opens = True
        """Whether its records open anything."""
        self._marks = marks
        self._columns: tuple[tuple[RecordColumn, int], ...] = ()
        self._painted: dict[str, tuple[RowState, Cells, Strip]] = {}

    def selected(self) -> list[Record]:
        """The marked records in the order of the table, else the one under the cursor, else none."""
        marked = [row for row in self.rows if self.kind.key(row) in self.marked]
        row = self.current
        return marked or ([] if row is None else [row])

    @property
    def current(self) -> Record | None:
        """The record under the cursor."""
        at = self._places.get(self.cursor or "")
        return None if at is None else self.rows[at]

    def show(self, records: Sequence[Record]) -> None:
        """Show these records; the cursor stays on its record, and lines that are as they were are left alone."""
        self.records = tuple(records)
        self.marked &= {self.kind.key(record) for record in records}
        self.lay_out()
        self.order_rows()

    def set_kind(self, kind: RecordKind[Record]) -> None:
        """Show the records in other columns; a column that sorts and is gone sorts no more."""
        self.kind = kind
        self.forget()
        if self.arrangement.sort not in kind.sorts():
            self.set_reactive(RecordTable.arrangement, replace(self.arrangement, sort="", is_reversed=False))
        self._columns = ()
        self.lay_out()

    def refresh_changed(self) -> None:
        """Repaint the lines on screen that would look otherwise now."""
        for index in self.viewport.indexes(len(self.rows)):
            painted = self._painted.get(self.kind.key(self.rows[index]))
            if painted is None or painted[1] != self._values(self.rows[index]):
                self.viewport.refresh(index)

    def watch_arrangement(self) -> None:
        """Show what is wanted now, and the keys that go with it."""
        self.order_rows(repaint=True)
        self.refresh_bindings()

    def forget(self) -> None:
        """Drop the strips of rows that were painted."""
        self._painted.clear()

    def lay_out(self) -> None:
        """Choose the columns for the width as it is now."""
        columns = layout(self.kind.columns, self.size.width - GUTTER - 1, self._needs if self.records else None)
        if columns != self._columns:
            self._columns = columns
            self._painted.clear()
            self.refresh()
        self.viewport.titles = 1 if self.size.height >= 5 else 0

    def _needs(self, column: RecordColumn) -> int:
        """The cells that the longest value of a column takes."""
        at = app_of(self).clock()
        shown = (column.value(record, at) for record in (self.records or ())[:MEASURED])
        return max(map(pieces_width, shown), default=0)

    def order_rows(self, *, repaint: bool = False) -> None:
        """Bring the records into their order, and paint what differs; with `repaint` all of them."""
        at = self._places.get(self.cursor or "")
        before = list(self._places)
        self.rows = self.kind.arranged(self.records or (), self.arrangement)
        self._places = {self.kind.key(row): place for place, row in enumerate(self.rows)}
        if repaint or not self.rows or before != list(self._places):
            self._painted = {key: kept for key, kept in self._painted.items() if key in self._places}
            self.virtual_size = Size(self.size.width, len(self.rows) + self.viewport.titles)
            self.refresh()
        else:
            self.refresh_changed()
        if self.cursor not in self._places:
            last = min(at or 0, len(self.rows) - 1)
            self.cursor = self.kind.key(self.rows[last]) if self.rows else None
        self._scroll_to_cursor()

    def refresh_rows(self, *keys: str | None) -> None:
        """Repaint the lines of these records."""
        for key in keys:
            if (at := self._places.get(key or "")) is not None:
                self.viewport.refresh(at)

    def _scroll_to_cursor(self) -> None:
        at = self._places.get(self.cursor or "")
        if at is not None and self.viewport.height:
            self.viewport.scroll_to(at, at)

    def paint_line(self, index: int) -> Strip:
        """A record or, below the last, nothing."""
        width = self.size.width
        if index < len(self.rows):
            return self._row(self.rows[index], width)
        if index and not self.rows and self.records is not None:
            text = nothing_found(self) if self.records else self.kind.empty
            return note(text, index - 1, width, self.blended.style("-quiet"))
        return Strip.blank(width, self.blended.style())

    def paint_titles(self, width: int) -> Strip:
        """The titles of the columns; that by which the records are sorted has a mark."""
        how = self.arrangement
        parts = []
        for column, room in self._columns:
            sorts = bool(column.title) and column.title == how.sort
            mark = ("▴" if not how.is_reversed else "▾") if sorts else ""
            parts.append(fit(f"{column.title[: room - len(mark)]}{mark}", room, right=column.right))
        text = " " * GUTTER + (" " * GAP).join(parts)
        return Strip([Segment(fit(text, width), self.blended.style("-titles"))], width)

    def _row(self, record: Record, width: int) -> Strip:
        key = self.kind.key(record)
        state = RowState(width, key == self.cursor, key in self.marked, has_focus=self.has_focus)
        values = self._values(record)
        painted = self._painted.get(key)
        if painted is not None and painted[:2] == (state, values):
            return painted[2]
        strip = paint_row(self._columns, values, state, self.blended.style)
        self._painted[key] = (state, values, strip)
        return strip

    def _values(self, record: Record) -> Cells:
        at = app_of(self).clock()
        return tuple(column.value(record, at) for column, _ in self._columns)

    def row_key(self, index: int) -> str | None:
        """The key of a record by its place."""
        return self.kind.key(self.rows[index]) if index < len(self.rows) else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mark and open live only where rows can be marked and opened."""
        if (action == "mark" and not self._marks) or (action == "choose" and not self.opens):
            return False
        return super().check_action(action, parameters)

    def action_move(self, by: int) -> None:
        """Move the cursor down or up by so many records."""
        self._go(self._places.get(self.cursor or "", 0) + by)

    def action_match(self, by: int) -> None:
        """Go to the next record that the filter found, or the one before; after the last comes the first."""
        self._go((self._places.get(self.cursor or "", 0) + by) % max(1, len(self.rows)))

    def _go(self, place: int) -> None:
        if self.rows:
            self.cursor = self.kind.key(self.rows[max(0, min(len(self.rows) - 1, place))])
            self._scroll_to_cursor()
