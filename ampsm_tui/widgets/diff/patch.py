"""One file's patch as columns: what kind each line is, where pages of lines begin, the hunks. Pure.

Lines that were moved, removed in one place and added in another, are found over the patches of all files.

No object a line: a line is cut out of the bytes when it is looked at, so 200,000 of them cost a few megabytes.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

PAGE = 256
"""Lines that are cut at once."""

CONTEXT = 3
"""Lines of context around a change."""

STEP = 1 << 18
"""Bytes that are read at once: some milliseconds."""

_KEPT = 48
"""Pages kept cut: a dozen screens."""

_HEADING = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")

AT, PLUS, MINUS, SAME, NO_EOL = b"@+- \\"


class PatchHunk(NamedTuple):
    """One hunk. `first` is its heading's row; its lines are the `rows` rows below."""

    first: int
    rows: int
    old: int
    old_count: int
    new: int
    new_count: int
    has_no_eol: bool

    @property
    def shown(self) -> range:
        """The rows of the hunk without its heading; what says that there is no newline is among them."""
        return range(self.first + 1, self.first + 1 + self.rows)


class PatchLine(NamedTuple):
    """One line of a hunk: its number on either side (where it has none, the next one's), its text without sign."""

    kind: int
    text: bytes
    old: int
    new: int
    has_no_eol: bool


class _Page(NamedTuple):
    lines: list[bytes]
    old: list[int]
    new: list[int]


class Body:
    """A patch from its first `@@` on. `read` until it answers True; then the rest may be asked."""

    def __init__(self, data: bytes, encoding: str = "") -> None:
        self.data = data
        self.encoding = encoding
        """What its lines are in; empty for UTF-8."""
        self.kinds = b""
        self.hunks: tuple[PatchHunk, ...] = ()
        self._pages = array("Q", [0])
        self._read = 0
        self._parts: list[bytes] = []
        self._rows = 0
        self._headings: list[tuple[int, int]] = []
        self._cut: dict[int, _Page] = {}

    @classmethod
    def whole(cls, data: bytes, encoding: str = "") -> "Body":
        """A body with its patch read completely."""
        body = cls(data, encoding)
        while not body.read():
            pass
        return body

    def read(self, step: int = STEP) -> bool:
        """Read on by about so many bytes; whether all is read."""
        data, at = self.data, self._read
        if at < len(data):
            end = data.find(b"\n", min(at + step, len(data)) - 1) + 1 or len(data)
            self._take(data[at:end], at)
            self._read = end
        if self._read < len(data):
            return False
        if self._parts:
            self.kinds = b"".join(self._parts)
            self._parts = []
            self.hunks = tuple(self._found())
        return True

    def _take(self, chunk: bytes, at: int) -> None:
        lines = chunk.split(b"\n")
        if not lines[-1]:
            lines.pop()
        kinds = b"".join([line[:1] or b" " for line in lines])
        ends = list(accumulate(map(len, lines)))
        first = self._rows
        for row in range(-(-first // PAGE) * PAGE, first + len(lines), PAGE):
            if row:
                inside = row - first
                self._pages.append(at + (ends[inside - 1] + inside if inside else 0))
        place = kinds.find(b"@")
        while place >= 0:
            self._headings.append((first + place, at + (ends[place - 1] + place if place else 0)))
            place = kinds.find(b"@", place + 1)
        self._parts.append(kinds)
        self._rows += len(lines)

    def _found(self) -> Iterator[PatchHunk]:
        starts = [row for row, _ in self._headings]
        for (row, offset), end in zip(self._headings, [*starts[1:], self._rows], strict=True):
            found = _HEADING.match(self.data, offset)
            if found is None:
                raise ValueError(self.data[offset : offset + 80])
            old, old_count, new, new_count, _ = found.groups()
            yield PatchHunk(
                row,
                end - row - 1,
                int(old),
                int(old_count or 1),
                int(new),
                int(new_count or 1),
                self.kinds.find(b"\\", row, end) >= 0,
            )

    @cached_property
    def is_ascii(self) -> bool:
        """Whether each byte is a letter, so that columns are bytes."""
        return self.data.isascii()

    @property
    def pages(self) -> int:
        """How many pages the rows of the patch take."""
        return -(-len(self.kinds) // PAGE)

    def page(self, number: int) -> tuple[int, list[bytes]]:
        """The first row of a page, and its lines with their signs."""
        row = number * PAGE
        return row, self._page(number).lines[: len(self.kinds) - row]

    @property
    def additions(self) -> int:
        """The number of added lines."""
        return self.kinds.count(b"+")

    @property
    def deletions(self) -> int:
        """The number of deleted lines."""
        return self.kinds.count(b"-")

    @cached_property
    def firsts(self) -> "array[int]":
        """The heading rows of the hunks."""
        return array("L", [hunk.first for hunk in self.hunks])

    @cached_property
    def digits(self) -> int:
        """The digits of its highest line number."""
        last = self.hunks[-1] if self.hunks else None
        return len(str(max(last.old + last.old_count, last.new + last.new_count))) if last else 1

    @property
    def goes_on(self) -> bool:
        """Whether the file may have lines below the last hunk: that ends with all the context that there may be."""
        last = self.hunks[-1] if self.hunks else None
        return last is not None and not last.has_no_eol and self.kinds.endswith(b" " * CONTEXT)

    def hunk_at(self, row: int) -> int:
        """The ordinal of the hunk that a row belongs to."""
        return bisect_right(self.firsts, row) - 1

    def offset(self, row: int) -> int:
        """Where in the data a row begins; that of the row behind the last is the length."""
        if row >= len(self.kinds):
            return len(self.data)
        at = self._pages[row // PAGE]
        for _ in range(row % PAGE):
            at = self.data.index(b"\n", at) + 1
        return at

    def row_at(self, offset: int) -> int:
        """The row that a place in the data belongs to."""
        page = bisect_right(self._pages, offset) - 1
        return page * PAGE + self.data.count(b"\n", self._pages[page], offset)

    def slice(self, number: int) -> bytes:
        """The bytes of a hunk, with its heading."""
        hunk = self.hunks[number]
        end = hunk.first + 1 + hunk.rows
        return self.data[self.offset(hunk.first) : self.offset(end)]

    def heading_line(self, number: int) -> bytes:
        """The whole heading of a hunk."""
        at = self._headings[number][1]
        end = self.data.find(b"\n", at)
        return self.data[at : end if end >= 0 else len(self.data)]

    def heading(self, number: int) -> bytes:
        """What git says a hunk is in: the text behind the second `@@`."""
        found = _HEADING.match(self.data, self._headings[number][1])
        return found.group(5) if found else b""

    def line(self, row: int) -> PatchLine:
        """The line of a hunk in a row of the patch."""
        page = self._page(row // PAGE)
        inside = row % PAGE
        kinds = self.kinds
        has_no_eol = row + 1 < len(kinds) and kinds[row + 1] == NO_EOL
        return PatchLine(kinds[row], page.lines[inside][1:], page.old[inside], page.new[inside], has_no_eol)

    def _page(self, number: int) -> _Page:
        page = self._cut.get(number)
        if page is None:
            if len(self._cut) >= _KEPT:
                del self._cut[next(iter(self._cut))]
            page = self._cut[number] = self._made(number)
        return page

    def _made(self, number: int) -> _Page:
        start = self._pages[number]
        stop = self._pages[number + 1] if number + 1 < len(self._pages) else len(self.data)
        lines = self.data[start:stop].split(b"\n")
        row = number * PAGE
        kinds = self.kinds[row : row + PAGE]
        olds: list[int] = []
        news: list[int] = []
        old = new = 0
        at = self.hunk_at(row)
        if kinds and kinds[0] != AT:
            hunk = self.hunks[at]
            plus = self.kinds.count(b"+", hunk.first, row)
            minus = self.kinds.count(b"-", hunk.first, row)
            done = row - hunk.first - 1 - self.kinds.count(b"\\", hunk.first, row)
            old, new = hunk.old + done - plus, hunk.new + done - minus
        for inside, kind in enumerate(kinds):
            if kind == AT:
                hunk = self.hunks[self.hunk_at(row + inside)]
                old, new = hunk.old, hunk.new
            olds.append(old)
            news.append(new)
            if kind in b" -":
                old += 1
            if kind in b" +":
                new += 1
        return _Page(lines, olds, news)

    def rows_of(self, removed: Iterable[tuple[int, int]], missing: Iterable[tuple[int, int]]) -> list[int]:
        """The rows of removed lines in these ranges of the old side, and of added ones in none of those of the new."""
        old = {number for first, count in removed for number in range(first, first + count)}
        new = {number for first, count in missing for number in range(first, first + count)}
        changed = ((row, kind) for row, kind in enumerate(self.kinds) if kind in (MINUS, PLUS))
        return [
            row
            for row, kind in changed
            if (self.line(row).old in old if kind == MINUS else self.line(row).new not in new)
        ]

    def row_of(self, *, new: int | None = None, old: int | None = None) -> int | None:
        """The row with that line number on the new side, or on the old; None when no hunk shows it."""
        wanted = new if new is not None else old
        other = ord("-") if new is not None else ord("+")
        if wanted is None:
            return None
        for hunk in self.hunks:
            first, count = (hunk.new, hunk.new_count) if new is not None else (hunk.old, hunk.old_count)
            if first <= wanted < first + count:
                left = wanted - first
                for row in hunk.shown:
                    if self.kinds[row] not in (other, NO_EOL):
                        if not left:
                            return row
                        left -= 1
        return None


LEAST = 20
"""Letters and digits of a run of lines that counts as moved."""

MOST = 400_000
"""Changed lines of a diff beyond which no moves are looked for."""

MOST_STARTS = 64
"""Places with the same line at which a run may begin."""

LINES_AT_ONCE = 512
"""Lines that are looked at between two chances for a key."""


class MovedLines:
    """Finds the moved lines of a whole diff; `steps` until it ends, and `rows` is complete."""

    def __init__(self, bodies: Sequence[Body | None]) -> None:
        self._bodies = bodies
        self.rows: dict[int, frozenset[int]] = {}
        """The moved rows of each file's patch; files without any are left out."""
        self._texts: dict[int, dict[int, bytes]] = {MINUS: {}, PLUS: {}}
        """The stripped text of each changed line, by sign and by a number in which lines below each other follow."""
        self._places: dict[int, dict[bytes, list[int]]] = {MINUS: {}, PLUS: {}}
        self._runs: dict[int, int] = {}
        """Which run of changed lines each is in: the one that a run begins with."""
        self._files: dict[int, int] = {}
        """The number of each file's first row."""

    def steps(self) -> Iterator[None]:
        """Look for moved lines, some at a time; yields after each part of the work."""
        if sum(body.additions + body.deletions for body in self._bodies if body is not None) > MOST:
            return
        first = 0
        for index, body in enumerate(self._bodies):
            self._files[index] = first
            if body is not None:
                yield from self._read(body, first)
                first += len(body.kinds)
            first += 1
        found: set[int] = set()
        for sign, other in ((MINUS, PLUS), (PLUS, MINUS)):
            yield from self._match(sign, other, found)
        for index, body in enumerate(self._bodies):
            start = self._files[index]
            rows = frozenset(row for row in range(len(body.kinds)) if start + row in found) if body is not None else ()
            if rows:
                self.rows[index] = frozenset(rows)
            yield

    def _read(self, body: Body, first: int) -> Iterator[None]:
        kinds, run = body.kinds, first
        lines = body.data.split(b"\n")
        for row, kind in enumerate(kinds):
            if not row % LINES_AT_ONCE:
                yield
            if kind not in (MINUS, PLUS):
                run = first + row + 1
                continue
            number, text = first + row, lines[row][1:].strip()
            self._texts[kind][number] = text
            self._runs[number] = run
            if text:
                places = self._places[kind].setdefault(text, [])
                if len(places) < MOST_STARTS:
                    places.append(number)

    def _match(self, sign: int, other: int, found: set[int]) -> Iterator[None]:
        """The lines of one sign that stand in a run that the other sign has, too."""
        texts, places = self._texts[other], self._places[other]
        block: list[int] = []
        letters, last = 0, -2
        ends: list[int] = []
        for at, (number, text) in enumerate(self._texts[sign].items()):
            if not at % LINES_AT_ONCE:
                yield
            going = [end + 1 for end in ends if texts.get(end + 1) == text] if number == last + 1 else []
            if not going:
                if letters >= LEAST:
                    found.update(block)
                block, letters = [], 0
                going = [one for one in places.get(text, ()) if self._runs[one] != self._runs[number]] if text else []
            ends, last = going, number
            if going:
                block.append(number)
                letters += sum(map(_is_letter, text))
        if letters >= LEAST:
            found.update(block)


def _is_letter(byte: int) -> bool:
    return byte >= 0x80 or chr(byte).isalnum()
