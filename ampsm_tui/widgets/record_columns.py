"""The columns of a table of records, which of them a width has room for, and the order and choice of its rows. Pure.

A record is a frozen value of any kind; its table is told what to show of it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_tui.clean import one_line
from ampsm_tui.widgets.line_widgets import Piece

Record = TypeVar("Record")

GAP = 2
"""Cells between two columns."""

EXTRA = 4
"""Columns that give way earlier than this are extras."""

ALL = "all"
"""The state of an arrangement that leaves out nobody."""


class RecordColumn(NamedTuple):
    """One column. `drop_order`: the higher, the earlier it gives way, to `narrow` where it has one; 0 stays."""

    title: str
    least: int
    most: int
    drop_order: int
    value: Callable[[Any, datetime], tuple[Piece, ...]]
    """What it shows of a record at a moment."""
    right: bool = False
    order: Callable[[Any], Any] | None = None
    """What its rows are sorted by, None for what is not known, which comes last; without it nothing sorts by it."""
    narrow: "RecordColumn | None" = None
    comfort: int = 0
    """Cells that it is to have before a column that is but an extra comes in."""


def layout(columns: Sequence[RecordColumn], width: int) -> tuple[tuple[RecordColumn, int], ...]:
    """The columns that `width` cells have room for, each with its cells.

    What is to spare goes to those that can grow, and the rest of it, or what is lacking, to the widest.
    """
    kept = list(columns)
    while _wanted(kept) > width and any(column.drop_order for column in kept):
        first = max(kept, key=lambda column: column.drop_order)
        at = kept.index(first)
        kept[at : at + 1] = [first.narrow] if first.narrow is not None else []
    spare = width - _least(kept)
    room = [column.least for column in kept]
    while spare > 0 and (growing := [at for at, column in enumerate(kept) if room[at] < column.most]):
        for at in growing[:spare]:
            room[at] += 1
        spare -= len(growing[:spare])
    if kept:
        widest = max(range(len(kept)), key=lambda at: kept[at].most)
        room[widest] = max(1, room[widest] + spare)
    return tuple(zip(kept, room, strict=True))


def _wanted(columns: Sequence[RecordColumn]) -> int:
    """The cells that these columns need; an extra one only comes in where names can be read."""
    eases = any(column.drop_order > EXTRA for column in columns)
    return _least(columns) + sum(max(0, column.comfort - column.least) for column in columns if eases)


def _least(columns: Sequence[RecordColumn]) -> int:
    return sum(column.least for column in columns) + GAP * max(0, len(columns) - 1)


@dataclass(frozen=True, slots=True)
class RecordArrangement:
    """What a person chose to see of a table, and how."""

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

    def nothing(self, how: RecordArrangement, back: str) -> str:
        """What stands in a table whose arrangement leaves none of its records; `back`: the key that takes it back."""
        return f"Nothing matches {one_line(how.text, 40)!r}" if how.text else f"None of these; {back} shows all"
