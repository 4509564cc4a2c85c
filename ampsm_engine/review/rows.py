"""How one file of a diff is laid out: which rows stand below each other, and what each of them is. Pure.

A row may take several lines on the screen (a comment, a wrapped line); that is the painter's business.
"""

from bisect import bisect_right
from itertools import accumulate

from ampsm_engine.review.body import Body
from ampsm_engine.review.pairs import Pairs
from ampsm_engine.review.parts import Row, Shape, Sort, pairs_of, parts


class Layout:
    """The rows of one file."""

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
        if part.sort is Sort.PAIR:
            pairs = self._pairs_of(part.ref)
            return Row(Sort.PAIR, self._file, pairs.left[part.first + inside], pairs.right[part.first + inside])
        if part.sort is Sort.GROWN:
            new = part.first + inside
            return Row(Sort.GROWN, self._file, new + part.ref, new)
        return Row(part.sort, self._file, part.first + inside, part.ref)

    def _pairs_of(self, number: int) -> Pairs:
        found = self._pairs.get(number)
        if found is None and self._body is not None:
            found = self._pairs[number] = pairs_of(self._body, self._body.hunks[number])
        assert found is not None  # noqa: S101 - a part of pairs has a body
        return found

    def hunk(self, number: int) -> int:
        """Where the heading of a hunk stands; the head when the file is folded."""
        return self._place(Sort.HUNK, number)

    def note(self, number: int) -> int:
        """Where a note stands; the head when the file is folded or its hunk closed."""
        return self._place(Sort.NOTE, number)

    def _place(self, sort: Sort, first: int) -> int:
        for part, top in zip(self._parts, self._tops, strict=False):
            if part.sort is sort and part.first == first:
                return top
        return 0

    def hunks(self) -> list[int]:
        """Where the headings of the hunks stand."""
        return [top for part, top in zip(self._parts, self._tops, strict=False) if part.sort is Sort.HUNK]

    def line(self, row: int) -> int | None:
        """Where a row of the patch stands; None when it is not shown."""
        for part, top in zip(self._parts, self._tops, strict=False):
            if part.sort is Sort.LINE and part.first <= row < part.first + part.rows:
                return top + row - part.first
            if part.sort is Sort.PAIR:
                pairs = self._pairs_of(part.ref)
                for inside in range(part.first, part.first + part.rows):
                    if row in (pairs.left[inside], pairs.right[inside]):
                        return top + inside - part.first
        return None

    def grown(self, new: int) -> int | None:
        """Where a line of grown context stands; None when it is not shown."""
        for part, top in zip(self._parts, self._tops, strict=False):
            if part.sort is Sort.GROWN and part.first <= new < part.first + part.rows:
                return top + new - part.first
        return None

    def last(self) -> Row:
        """The last row."""
        return self.row(len(self) - 1)
