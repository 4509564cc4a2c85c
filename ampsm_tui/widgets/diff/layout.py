"""How one file of a diff is laid out: which rows stand below or beside each other, and what each of them is. Pure.

A row may take several lines on the screen (a comment, a wrapped line); that is the painter's business.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import accumulate
from typing import NamedTuple

from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_tui.widgets.diff.patch import Body, PatchHunk

_RUNS = re.compile(rb"( +\\?)|(-*)(\\?)(\+*)(\\?)")


class Pairs(NamedTuple):
    """For each line of the side by side view, the row at the left and the row at the right; -1 is no line."""

    left: "array[int]"
    right: "array[int]"


def pairs_height(kinds: bytes) -> int:
    """The lines that a hunk of these kinds takes side by side."""
    return sum(max(minus, plus) for _, minus, _, plus in _runs(kinds))


def pair_lines(kinds: bytes, first: int) -> Pairs:
    """Pair the lines of a hunk of these kinds, whose first line is row `first`."""
    left, right = array("l"), array("l")
    for old, minus, new, plus in _runs(kinds):
        room = max(minus, plus)
        left.extend(range(first + old, first + old + minus))
        left.extend([-1] * (room - minus))
        right.extend(range(first + new, first + new + plus))
        right.extend([-1] * (room - plus))
    return Pairs(left, right)


def _runs(kinds: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Runs as (first row at the left, how many, first row at the right, how many)."""
    for found in _RUNS.finditer(kinds):
        start, end = found.span()
        if start == end:
            continue
        if found.start(1) >= 0:
            count = end - start - (kinds[end - 1] == ord("\\"))
            yield start, count, start, count
        else:
            minus, plus = found.end(2) - found.start(2), found.end(4) - found.start(4)
            yield start, minus, found.start(4), plus


GROWTH = 20
"""Lines of context that come at once."""

HUGE = 3_000
"""Changed lines from which on a file begins folded."""


class RowKind(IntEnum):
    """The kinds of rows that a diff has."""

    HEAD = 0
    CARD = 1
    HUNK = 2
    LINE = 3
    PAIR = 4
    GROWN = 5
    NOTE = 6
    TAIL = 7
    WAIT = 8


class Row(NamedTuple):
    """One row; what `a` and `b` are depends on its kind.

    CARD a: which; HUNK a: the hunk; LINE a: the patch's row, b: the hunk; PAIR a, b: the patch's rows left and right,
    -1 for none; GROWN a, b: the numbers of the line, old and new; NOTE a: which; others none.
    """

    kind: RowKind
    file: int
    a: int = 0
    b: int = 0


class Anchor(NamedTuple):
    """Where a note stands: below the line with that number on that side (0: below the file's head)."""

    is_new: bool
    line: int


class LayoutPart(NamedTuple):
    """`rows` rows of one kind, the first of them with this `a`; `ref` as that kind uses it."""

    kind: RowKind
    first: int
    rows: int
    ref: int = 0


@dataclass(slots=True)
class Growth:
    """Lines of context that were added above and below a hunk."""

    above: int = 0
    below: int = 0


@dataclass(slots=True)
class Shape:
    """What a person did to a file, and what is known of it beside its patch."""

    folded: bool = False
    closed: set[int] = field(default_factory=set)
    """Hunks that show their heading alone."""
    grown: dict[int, Growth] = field(default_factory=dict)
    notes: tuple[Anchor, ...] = ()
    cards: int = 0
    total: int | None = None
    """Lines of the new side, once they are known."""
    has_tail: bool = False
    """There may be more lines below the last hunk."""
    is_split: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing was done to the file that its height would need a layout for."""
        return not (self.closed or self.grown or self.notes)


def pairs_of(body: Body, hunk: PatchHunk) -> Pairs:
    """The lines of a hunk side by side."""
    rows = hunk.shown
    return pair_lines(body.kinds[rows.start : rows.stop], rows.start)


def height(body: Body | None, shape: Shape) -> int:
    """How many rows a file takes; for one that nothing was done to, without laying it out."""
    if shape.folded:
        return 1
    if body is None:
        return 2
    if not shape.is_plain:
        return sum(part.rows for part in parts(body, shape))
    lines = len(body.kinds) - body.kinds.count(b"\\")
    if shape.is_split:
        lines = len(body.hunks) + sum(split_height(body, hunk) for hunk in body.hunks)
    return 1 + shape.cards + lines + shape.has_tail


def split_height(body: Body, hunk: PatchHunk) -> int:
    """How many lines a hunk takes side by side."""
    rows = hunk.shown
    return pairs_height(body.kinds[rows.start : rows.stop])


def hidden_above(body: Body, number: int) -> int:
    """Lines between the hunk before and this one, that the patch does not have."""
    hunk = body.hunks[number]
    start = hunk.new if hunk.new_count else hunk.new + 1
    if not number:
        return max(0, start - 1)
    before = body.hunks[number - 1]
    end = before.new + before.new_count if before.new_count else before.new + 1
    return max(0, start - end)


def still_hidden(body: Body, shape: Shape, number: int) -> int:
    """Lines above a hunk that are not shown yet."""
    above = shape.grown.get(number, Growth()).above
    below = shape.grown.get(number - 1, Growth()).below if number else 0
    return max(0, hidden_above(body, number) - above - below)


def rest_hidden(body: Body, shape: Shape) -> int:
    """Lines below the last hunk that are not shown yet; 0 while the number of the file's lines is not known."""
    below = shape.grown.get(len(body.hunks) - 1, Growth()).below
    return max(0, _rest(body, shape) - below)


def parts(body: Body | None, shape: Shape) -> Iterator[LayoutPart]:
    """What a file is laid out of, from its head down."""
    yield LayoutPart(RowKind.HEAD, 0, 1)
    if shape.folded:
        return
    if body is None:
        yield LayoutPart(RowKind.WAIT, 0, 1)
        return
    if shape.cards:
        yield LayoutPart(RowKind.CARD, 0, shape.cards)
    yield from (LayoutPart(RowKind.NOTE, at, 1) for at, note in enumerate(shape.notes) if not note.line)
    unplaced = {at for at, note in enumerate(shape.notes) if note.line}
    for number in range(len(body.hunks)):
        for part in _hunk_parts(body, shape, number):
            if part.kind is RowKind.NOTE:
                unplaced.discard(part.first)
            yield part
    yield from (LayoutPart(RowKind.NOTE, at, 1) for at in sorted(unplaced))
    if shape.has_tail:
        yield LayoutPart(RowKind.TAIL, 0, 1)


def _hunk_parts(body: Body, shape: Shape, number: int) -> Iterator[LayoutPart]:
    """The rows of one hunk: what grew above is split between both sides of its heading."""
    hunk = body.hunks[number]
    growth = shape.grown.get(number, Growth())
    yield LayoutPart(RowKind.HUNK, number, 1)
    if number in shape.closed:
        yield from (LayoutPart(RowKind.NOTE, at, 1) for at in _notes_in(shape, hunk))
        return
    gap = hidden_above(body, number)
    earlier = shape.grown.get(number - 1, Growth()).below if number else 0
    start = hunk.new if hunk.new_count else hunk.new + 1
    shift = (hunk.old if hunk.old_count else hunk.old + 1) - start
    above = min(growth.above, max(0, gap - min(earlier, gap)))
    if above:
        yield from _with_notes_grown(shape, start - above, above, shift)
    yield from _lines(body, shape, number)
    if growth.below:
        last = number + 1 >= len(body.hunks)
        room = _rest(body, shape) if last else hidden_above(body, number + 1)
        end = hunk.new + hunk.new_count if hunk.new_count else hunk.new + 1
        old_end = hunk.old + hunk.old_count if hunk.old_count else hunk.old + 1
        if below := min(growth.below, room):
            yield from _with_notes_grown(shape, end, below, old_end - end)


def _rest(body: Body, shape: Shape) -> int:
    """Lines below the last hunk."""
    last = body.hunks[-1]
    return max(0, (shape.total or 0) - (last.new + last.new_count - 1 if last.new_count else last.new))


def _notes_in(shape: Shape, hunk: PatchHunk) -> Iterator[int]:
    for at, note in enumerate(shape.notes):
        first, count = (hunk.new, hunk.new_count) if note.is_new else (hunk.old, hunk.old_count)
        if note.line and first <= note.line < first + count:
            yield at


def _with_notes_grown(shape: Shape, first: int, count: int, shift: int) -> Iterator[LayoutPart]:
    """Lines first to first + count of the new side, as context, with the notes on them."""
    stops: dict[int, list[int]] = {}
    for at, note in enumerate(shape.notes):
        line = note.line if note.is_new else note.line - shift
        if note.line and first <= line < first + count:
            stops.setdefault(line, []).append(at)
    start = first
    for line in sorted(stops):
        yield LayoutPart(RowKind.GROWN, start, line + 1 - start, shift)
        yield from (LayoutPart(RowKind.NOTE, at, 1) for at in stops[line])
        start = line + 1
    if start < first + count:
        yield LayoutPart(RowKind.GROWN, start, first + count - start, shift)


def _lines(body: Body, shape: Shape, number: int) -> Iterator[LayoutPart]:
    """The lines of a hunk with the notes between them."""
    hunk = body.hunks[number]
    stops: dict[int, list[int]] = {}
    for at in _notes_in(shape, hunk):
        note = shape.notes[at]
        row = body.row_of(new=note.line) if note.is_new else body.row_of(old=note.line)
        if row is not None:
            stops.setdefault(row, []).append(at)
    if shape.is_split:
        yield from _split_lines(body, number, stops)
        return
    start = hunk.first + 1
    end = start + hunk.rows
    for row in sorted({*stops, *_breaks(body, hunk)}):
        if row in stops:
            yield LayoutPart(RowKind.LINE, start, row + 1 - start, number)
            yield from (LayoutPart(RowKind.NOTE, at, 1) for at in stops[row])
        elif row > start:
            yield LayoutPart(RowKind.LINE, start, row - start, number)
        start = row + 1
    if start < end:
        yield LayoutPart(RowKind.LINE, start, end - start, number)


def _breaks(body: Body, hunk: PatchHunk) -> Iterable[int]:
    """The rows that say that there is no newline: a mark on the line above says it."""
    if hunk.has_no_eol:
        yield from (row for row in hunk.shown if body.kinds[row] == ord("\\"))


def _split_lines(body: Body, number: int, stops: dict[int, list[int]]) -> Iterator[LayoutPart]:
    hunk = body.hunks[number]
    if not stops:
        yield LayoutPart(RowKind.PAIR, 0, split_height(body, hunk), number)
        return
    pairs = pairs_of(body, hunk)
    start = 0
    for at in range(len(pairs.left)):
        here = dict.fromkeys([*stops.get(pairs.left[at], ()), *stops.get(pairs.right[at], ())])
        if here:
            yield LayoutPart(RowKind.PAIR, start, at + 1 - start, number)
            yield from (LayoutPart(RowKind.NOTE, one, 1) for one in here)
            start = at + 1
    if start < len(pairs.left):
        yield LayoutPart(RowKind.PAIR, start, len(pairs.left) - start, number)


class FileLayout:
    """The rows of a file of a diff, found by their place."""

    def __init__(self, file: int, body: Body | None, shape: Shape) -> None:
        self._file = file
        self._body = body
        self._shape = shape
        self._parts = list(parts(body, shape))
        self._tops = [0, *accumulate(part.rows for part in self._parts)]
        self._pairs: dict[int, Pairs] = {}

    def __len__(self) -> int:
        return self._tops[-1]

    def row(self, at: int) -> Row:
        """The row at a place of the file."""
        number = bisect_right(self._tops, at) - 1
        part = self._parts[number]
        inside = at - self._tops[number]
        if part.kind is RowKind.PAIR:
            pairs = self._pairs_of(part.ref)
            return Row(RowKind.PAIR, self._file, pairs.left[part.first + inside], pairs.right[part.first + inside])
        if part.kind is RowKind.GROWN:
            new = part.first + inside
            return Row(RowKind.GROWN, self._file, new + part.ref, new)
        return Row(part.kind, self._file, part.first + inside, part.ref)

    def _pairs_of(self, number: int) -> Pairs:
        found = self._pairs.get(number)
        if found is None and self._body is not None:
            found = self._pairs[number] = pairs_of(self._body, self._body.hunks[number])
        assert found is not None  # noqa: S101 - a part of pairs has a body
        return found

    def hunk(self, number: int) -> int:
        """Where the heading of a hunk stands; the head when the file is folded."""
        return self._place(RowKind.HUNK, number)

    def note(self, number: int) -> int:
        """Where a note stands; the head when the file is folded or its hunk closed."""
        return self._place(RowKind.NOTE, number)

    def _place(self, kind: RowKind, first: int) -> int:
        for part, top in zip(self._parts, self._tops, strict=False):
            if part.kind is kind and part.first == first:
                return top
        return 0

    def hunks(self) -> list[int]:
        """Where the headings of the hunks stand."""
        return [top for part, top in zip(self._parts, self._tops, strict=False) if part.kind is RowKind.HUNK]

    def line(self, row: int) -> int | None:
        """Where a row of the patch stands; None when it is not shown."""
        for part, top in zip(self._parts, self._tops, strict=False):
            if part.kind is RowKind.LINE and part.first <= row < part.first + part.rows:
                return top + row - part.first
            if part.kind is RowKind.PAIR:
                pairs = self._pairs_of(part.ref)
                for inside in range(part.first, part.first + part.rows):
                    if row in (pairs.left[inside], pairs.right[inside]):
                        return top + inside - part.first
        return None

    def grown(self, new: int) -> int | None:
        """Where a line of grown context stands; None when it is not shown."""
        for part, top in zip(self._parts, self._tops, strict=False):
            if part.kind is RowKind.GROWN and part.first <= new < part.first + part.rows:
                return top + new - part.first
        return None

    def last(self) -> Row:
        """The last row of the file."""
        return self.row(len(self) - 1)
