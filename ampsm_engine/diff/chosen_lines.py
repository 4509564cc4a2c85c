"""Some of the changed lines of a file: taken out of what a diff shows, or put into an index beside others. Pure.

Of a run of removed and added lines the first removed one stands beside the first added one, the second beside the
second, and so on: for any choice of them, the lines of each side keep their order, and all of them together are
the whole change.
"""

import itertools
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from ampsm_engine.diff import hunks
from ampsm_engine.diff.hunks import Hunk, Side, lines_of

SAME, PLUS, MINUS = b" +-"

MOST_STEPS = 150_000
"""Comparisons of lines after which the search for the staged lines of a diff is given up."""


class _Element(NamedTuple):
    """A line of a file that may be in it: context always, a removed one until, an added one once its row is made."""

    sign: int
    text: bytes
    row: int


class Beside(NamedTuple):
    """What a content becomes, and the rows of the patch that are made in it then."""

    content: bytes
    made: frozenset[int]


class ChosenLines:
    """Rows of one file's patch, counted from its first `@@` (0): the changed lines among them are chosen."""

    def __init__(self, patch: bytes, rows: Collection[int]) -> None:
        self._hunks = [(hunk, list(_elements(hunk, first))) for hunk, first in _placed(patch)]
        self._is_whole = hunks.is_whole(patch)
        changed = {one.row for _, elements in self._hunks for one in elements if one.sign != SAME}
        self._changed = frozenset(changed)
        self.rows = frozenset(rows) & self._changed
        """The chosen rows that are a change; a last line and the same one with another end are chosen together."""
        for twins in (twins for _, elements in self._hunks for twins in _twins(elements)):
            self.rows |= twins if self.rows & twins else frozenset()
        self._touched = [(hunk, elements) for hunk, elements in self._hunks if self._chosen(elements)]
        sizes = zip(hunks.slices(patch), self._hunks, strict=True)
        self.is_exact = all(hunks.is_whole(data) for data, (_, elements) in sizes if self._chosen(elements))
        """Whether the hunks that have chosen lines are as git has them, not cut to be read."""

    def _chosen(self, elements: Sequence[_Element]) -> bool:
        return any(one.row in self.rows for one in elements)

    def taken_out(self, content: bytes) -> bytes:
        """What the diff shows, without the chosen changes; Misplaced when their hunks are not in it."""
        return self._exchanged(content, Side.NEW, self._changed - self.rows)

    def put_in(self, content: bytes) -> bytes:
        """What the diff begins with, with the chosen changes alone; Misplaced when their hunks are not in it."""
        return self._exchanged(content, Side.OLD, self.rows)

    def _exchanged(self, content: bytes, side: Side, made: Collection[int]) -> bytes:
        lines = lines_of(content)
        for hunk, elements in reversed(self._touched):
            wanted = hunk.image(side)
            at = hunks.place(lines, wanted, hunk.start(side))
            lines[at : at + len(wanted)] = _made(elements, made)
        return hunks.joined(lines)

    def beside(
        self, old: bytes, content: bytes, *, is_put_in: bool, known: frozenset[int] | None = None
    ) -> "Beside | None":
        """A content that has some of the diff's changes, with the chosen ones as well, or without them.

        `old` is what the diff begins with. None where the content has other lines than the diff, or it is not known.
        `known`: the rows that are made in it, as far as remembered: of equal lines, nothing else tells which.
        """
        elements = self._file(old) if self._is_whole else None
        if elements is None:
            return None
        if known is None or hunks.joined(_made(elements, known)) != content:
            known = _found(elements, lines_of(content), self.rows, is_in=not is_put_in)
        if known is None:
            return None
        made = known | self.rows if is_put_in else known - self.rows
        return Beside(hunks.joined(_made(elements, made)), made)

    def rows_of(self, removed: Collection[int], missing: Collection[int]) -> frozenset[int]:
        """The rows that are made where these lines of the old side are gone, and these of the new side not there."""
        return frozenset(
            row for sign, row, line in self._numbered() if (line in removed if sign == MINUS else line not in missing)
        )

    def lines_of_rows(self, made: Collection[int]) -> tuple[list[int], list[int]]:
        """Where these rows are made: the lines of the old side that are gone, and those of the new one not there."""
        numbered = list(self._numbered())
        removed = [line for sign, row, line in numbered if sign == MINUS and row in made]
        return removed, [line for sign, row, line in numbered if sign == PLUS and row not in made]

    def _numbered(self) -> Iterator[tuple[int, int, int]]:
        """Sign, row and line, from 1, of each changed line: of the old side for a removed one, else of the new side."""
        for hunk, elements in self._hunks:
            old, new = hunk.start(Side.OLD) + 1, hunk.start(Side.NEW) + 1
            for line, row in zip(hunk.lines, _rows(hunk, min(one.row for one in elements)), strict=True):
                if line[0] != SAME:
                    yield line[0], row, old if line[0] == MINUS else new
                old, new = old + (line[0] != PLUS), new + (line[0] != MINUS)

    def _file(self, old: bytes) -> list[_Element] | None:
        """All lines of the file, those outside of hunks too; None where the hunks are not of this content."""
        lines, found, done = lines_of(old), [], 0
        for hunk, elements in self._hunks:
            start, wanted = hunk.start(Side.OLD), hunk.image(Side.OLD)
            if start < done or tuple(lines[start : start + len(wanted)]) != wanted:
                return None
            found += [_Element(SAME, line, -1) for line in lines[done:start]]
            found += elements
            done = start + len(wanted)
        return found + [_Element(SAME, line, -1) for line in lines[done:]]

    def quote(self) -> bytes:
        """The chosen changes as a patch writes them; what is added beside them is around them."""
        parts: list[bytes] = []
        for hunk, elements in self._touched:
            first = min(one.row for one in elements)
            chosen = {index for index, row in enumerate(_rows(hunk, first)) if row in self.rows}
            parts += hunks.select(hunk, chosen, Side.NEW).lines
        return b"".join(line if line.endswith(b"\n") else line + b"\n" for line in parts)


def _placed(patch: bytes) -> Iterator[tuple[Hunk, int]]:
    """The hunks with the row of their first line."""
    row = 0
    for hunk in hunks.split(patch):
        yield hunk, row + 1
        row += 1 + sum(1 + (not line.endswith(b"\n")) for line in hunk.lines)


def _rows(hunk: Hunk, first: int) -> Iterator[int]:
    row = first
    for line in hunk.lines:
        yield row
        row += 1 + (not line.endswith(b"\n"))  # what says that there is no line feed has a row of its own


def _elements(hunk: Hunk, first: int) -> Iterator[_Element]:
    """The lines of a hunk, each removed one beside the added one that takes its place."""
    removed: list[_Element] = []
    added: list[_Element] = []
    for line, row in zip(hunk.lines, _rows(hunk, first), strict=True):
        one = _Element(line[0], line[1:], row)
        if one.sign == SAME:
            yield from _paired(removed, added)
            removed, added = [], []
            yield one
        else:
            (removed if one.sign == MINUS else added).append(one)
    yield from _paired(removed, added)


def _twins(elements: Sequence[_Element]) -> Iterator[frozenset[int]]:
    """Rows that only differ in having a line feed or none: what is below them decides that, and not who chooses."""
    for _, run in itertools.groupby(elements, key=lambda one: one.sign == SAME):
        block = list(run)
        for one in (one for one in block if not one.text.endswith(b"\n")):
            alike = [two for two in block if two.sign != one.sign and _bare(two.text) == _bare(one.text)]
            yield from (frozenset({one.row, two.row}) for two in alike[:1])


def _paired(removed: Sequence[_Element], added: Sequence[_Element]) -> Iterator[_Element]:
    for at in range(max(len(removed), len(added))):
        yield from removed[at : at + 1]
        yield from added[at : at + 1]


def _made(elements: Sequence[_Element], made: Collection[int]) -> list[bytes]:
    """The lines that are there when these rows are made."""
    return [one.text for one in elements if one.sign == SAME or (one.row in made) == (one.sign == PLUS)]


def rows_at(patch: bytes, side: Side, first: int, last: int) -> frozenset[int]:
    """The rows of a file's patch that change these lines (from 1) of one side, with what stands in their place.

    Of a run of removed and added lines the first stand side by side, the second, and so on; what the other side has
    more of belongs to the last line of this one.
    """
    found: set[int] = set()
    for hunk, start in _placed(patch):
        before = {one: hunk.start(one) for one in Side}
        pairs = zip(hunk.lines, _rows(hunk, start), strict=True)
        for is_same, run in itertools.groupby(pairs, key=lambda pair: pair[0][0] == SAME):
            changed = list(run)
            rows = {
                one: [row for line, row in changed if is_same or line[0] == sign]
                for one, sign in ((Side.OLD, MINUS), (Side.NEW, PLUS))
            }
            here, there = rows[side], rows[Side.OLD if side is Side.NEW else Side.NEW]
            for at, row in enumerate(here):
                if not is_same and first <= before[side] + at + 1 <= last:
                    found |= {row, *(there[at : at + 1] if at + 1 < len(here) else there[at:])}
            before = {one: before[one] + len(rows[one]) for one in Side}
    return frozenset(found)


def rows_of(patch: bytes, number: int) -> frozenset[int]:
    """The rows of one hunk of a file's patch, the first of which is 0."""
    hunk, start = tuple(_placed(patch))[number]
    return frozenset(_rows(hunk, start))


class _LineStep(NamedTuple):
    cost: int
    before: int
    """Where the step before ended."""


class _Decoder:
    """Finds which rows are made in a content, line by line, keeping for each place reached the cheapest way there."""

    def __init__(self, elements: Sequence[_Element], chosen: frozenset[int], *, is_in: bool) -> None:
        self._elements = elements
        self._chosen = chosen
        self._is_in = is_in
        self._other_end = 2 * len(elements) + 1
        """What a line with another end costs: more than all that is preferred."""
        self._places: dict[bytes, list[int]] = {}
        for at, one in enumerate(elements):
            self._places.setdefault(_bare(one.text), []).append(at)
        skips = (0 if one.sign == SAME else self._price(one, made=one.sign == MINUS) for one in elements)
        self._skipped = list(itertools.accumulate(skips, initial=0))
        """What it costs to leave out all before a place."""
        self._ends = [0] * (len(elements) + 1)
        """The next line of context from each place on, which cannot be left out."""
        end = len(elements)
        for at in range(len(elements), -1, -1):
            end = at if at < len(elements) and elements[at].sign == SAME else end
            self._ends[at] = end
        self.left = MOST_STEPS

    def _price(self, one: _Element, *, made: bool) -> int:
        return 2 * (one.row in self._chosen and made != self._is_in)

    def step(self, ends: dict[int, _LineStep], line: bytes) -> dict[int, _LineStep]:
        """The places behind each element that the next line may be."""
        places, following = self._places.get(_bare(line), []), dict[int, _LineStep]()
        for start, step in ends.items():
            end = self._ends[start]
            first, last = bisect_left(places, start), bisect_left(places, end)
            base = step.cost - self._skipped[start]
            for at in map(places.__getitem__, range(first, last)):
                self.left -= 1
                cost = self._take(at, line, following, _LineStep(base, start))
                if cost + 2 <= base + self._skipped[at + 1]:
                    break  # what is further down leads nowhere more cheaply, before the next line of context
            if places[last : last + 1] == [end]:
                self._take(end, line, following, _LineStep(base, start))
        return self._best(following)

    def _take(self, at: int, line: bytes, following: dict[int, _LineStep], before: _LineStep) -> int:
        """Let the next line be an element; what it costs up to there. `before`: the cost without what is left out."""
        one = self._elements[at]
        cost = before.cost + self._skipped[at] + self._other_end * (one.text != line)
        cost += 0 if one.sign == SAME else self._price(one, made=one.sign == PLUS)
        if at + 1 not in following or cost < following[at + 1].cost:
            following[at + 1] = _LineStep(cost, before.before)
        return cost

    def _best(self, ends: dict[int, _LineStep]) -> dict[int, _LineStep]:
        """The ends, less those to which another one leads as cheaply by leaving out what is between them."""
        kept: dict[int, _LineStep] = {}
        end, least = -1, 0
        for at in sorted(ends):
            worth = ends[at].cost - self._skipped[at]
            if self._ends[at] != end or worth < least:
                kept[at] = ends[at]
                end, least = self._ends[at], worth
        return kept

    def last(self, ends: dict[int, _LineStep]) -> int | None:
        """The cheapest place at which the content may end; None where lines are missing."""
        whole = len(self._elements)
        costs = {
            at: step.cost + self._skipped[whole] - self._skipped[at]
            for at, step in ends.items()
            if self._ends[at] == whole
        }
        return min(costs, key=lambda at: (costs[at], at)) if costs else None


def _bare(line: bytes) -> bytes:
    return line.rstrip(b"\r\n")


def _found(
    elements: Sequence[_Element], lines: Sequence[bytes], chosen: frozenset[int], *, is_in: bool
) -> frozenset[int] | None:
    """Which rows are made in a content; None where it has other lines.

    Where equal lines leave a choice, the chosen rows are made as far as they can be (`is_in`), or as few of them.
    Line ends may differ where nothing else fits: a last line that has got one below it has a line feed.
    """
    decoder = _Decoder(elements, chosen, is_in=is_in)
    ends: dict[int, _LineStep] = {0: _LineStep(0, 0)}
    steps: list[dict[int, _LineStep]] = []
    for line in lines:
        ends = decoder.step(ends, line)
        if not ends or decoder.left < 0:
            return None
        steps.append(ends)
    at = decoder.last(ends)
    if at is None:
        return None
    taken = set()
    for step_ends in reversed(steps):
        taken.add(at - 1)
        at = step_ends[at].before
    return frozenset(
        one.row for at, one in enumerate(elements) if one.sign != SAME and (at in taken) == (one.sign == PLUS)
    )
