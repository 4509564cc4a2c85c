"""A whole diff as one column of rows: files below each other, each as tall as its layout, found by bisecting. Pure.

Patches come file by file and in any order; what is not here yet takes one row that says so.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate

from ampsm_engine.diff.hunks import CUT
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_tui.widgets.diff.layout import (
    HUGE,
    FileLayout,
    Growth,
    Row,
    RowKind,
    Shape,
    height,
    rest_hidden,
    still_hidden,
)
from ampsm_tui.widgets.diff.patch import Body, PatchHunk

_UNSEEN = re.compile(
    rb"[\x00\x08\x1b]|\xc2(?:[\x80-\x9f]|\xad)|\xd8\x9c|\xe2\x80[\x8b\x8c\x8e\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]"
    rb"|\xe3\x85\xa4|\xef\xbb\xbf|\xef\xbe\xa0|\xf3\xa0[\x80-\x87]"
)
"""Bytes in UTF-8 of what a reader would not see, or not as it is."""

_KEPT = 64
"""Layouts kept: those of the files around the view."""


@dataclass(slots=True)
class File:
    """A file of the diff: its entry, patch, layout and marks."""

    path: str
    old_path: str | None = None
    status: str = "M"
    """A letter, as git has it."""
    is_gone: bool = False
    """Whether the file was renamed to another one of the list, which tells of it."""
    quiet: str = ""
    """Why it begins folded: `generated`, `lock`, `minified` and the like are not written to be read."""
    body: Body | None = None
    shape: Shape = field(default_factory=Shape)
    cards: tuple[str, ...] = ()
    additions: int = 0
    """Lines, as git counts them."""
    deletions: int = 0
    keys: tuple[str, ...] = ()
    """The keys of its hunks, once they are asked for."""
    viewed: frozenset[int] = frozenset()
    """The hunks that were marked."""
    changed: frozenset[int] = frozenset()
    """The hunks in whose place another one was viewed."""
    staged: frozenset[int] = frozenset()
    """The hunks that are in the index; of a file without any, itself."""
    staged_rows: frozenset[int] = frozenset()
    """The rows of its patch that are in the index, where that has some lines of a hunk and not all of it."""
    partly_staged: frozenset[int] = frozenset()
    """The hunks of which some lines are in the index."""
    rejected: frozenset[int] = frozenset()
    """The hunks whose rejection waits for the end of amp's turn."""
    moved: frozenset[int] = frozenset()
    """The rows of its patch whose lines were moved: they are elsewhere in the diff, too."""
    encoding: str = ""
    """What its lines are in, where it is not UTF-8."""
    is_converted: bool = False
    """Whether lines in another encoding are shown in UTF-8: no key can act on some of them."""
    digits: int = 3
    """The room for a line number."""
    is_crlf: bool = False
    """Whether the file's lines end with CR as a rule."""
    may_go_on: bool = False
    """Whether there may be lines below the last hunk, as far as the patch tells."""
    has_unseen: bool = False
    """Whether the file has characters that are invisible or reorder others."""

    is_filtered: bool = False
    """A filter left it out."""

    @property
    def line_encoding(self) -> str:
        """What the lines of its patch are in, where it is not UTF-8."""
        return "" if self.is_converted else self.encoding

    @property
    def is_hidden(self) -> bool:
        """Whether the file takes no row: renamed away, or not matched by the filter."""
        return self.is_gone or self.is_filtered

    @property
    def hunks(self) -> int:
        """How many hunks there are to view; a file without any counts as one."""
        return max(1, len(self.body.hunks)) if self.body else 1

    @property
    def is_staged(self) -> bool:
        """Whether all hunks of the file are in the index."""
        return self.body is not None and len(self.staged) >= self.hunks

    @property
    def is_viewed(self) -> bool:
        """Whether all hunks of the file are viewed."""
        return self.body is not None and len(self.viewed) >= self.hunks


def has_unseen(data: bytes) -> bool:
    """Whether a text orders a terminal about, hides or reorders."""
    if CUT in data:
        data = data.replace(CUT, b"")
    if data.isascii():
        return b"\x1b" in data or b"\0" in data or b"\x08" in data
    return _UNSEEN.search(data) is not None


class Document:
    """The files with their rows. Rows are counted from 0 over all of them."""

    def __init__(self, files: Sequence[File], *, is_split: bool = False, extra_context: int = 0) -> None:
        self.files = tuple(files)
        self.is_split = is_split
        self._extra_context = extra_context
        for one in self.files if is_split else ():
            one.shape.is_split = True
        self._heights = array("q", [0 if one.is_hidden else height(one.body, one.shape) for one in self.files])
        self._tops = array("q", [0])
        self._is_stale = True
        self.version = 0
        """Another one whenever rows have changed."""
        self._layouts: dict[int, FileLayout] = {}

    # Where rows are.

    @property
    def tops(self) -> "array[int]":
        """The first row of each file, and behind the last of them the number of all rows."""
        if self._is_stale:
            self._tops = array("q", accumulate(self._heights, initial=0))
            self._is_stale = False
        return self._tops

    def __len__(self) -> int:
        return self.tops[-1]

    def file_at(self, at: int) -> int:
        """The file that a row belongs to."""
        return min(bisect_right(self.tops, at), len(self.files)) - 1

    def row(self, at: int) -> Row:
        """The row at a place of the whole diff, from 0."""
        file = self.file_at(at)
        return self.layout(file).row(at - self.tops[file])

    def layout(self, file: int) -> FileLayout:
        """The layout of a file: its rows from its head down."""
        found = self._layouts.get(file)
        if found is None:
            if len(self._layouts) >= _KEPT:
                del self._layouts[next(iter(self._layouts))]
            one = self.files[file]
            found = self._layouts[file] = FileLayout(file, one.body, one.shape)
        return found

    def find(self, row: Row) -> int:
        """Where a row stands now; where its hunk or file begins when it is not shown any more."""
        layout = self.layout(row.file)
        top = self.tops[row.file]
        return top + min(self._inside(layout, row), len(layout) - 1)

    def _inside(self, layout: FileLayout, row: Row) -> int:
        if row.kind is RowKind.HUNK:
            return layout.hunk(row.a)
        if row.kind in (RowKind.LINE, RowKind.PAIR):
            wanted = row.a if row.kind is RowKind.LINE or row.a >= 0 else row.b
            found = layout.line(wanted)
            body = self.files[row.file].body
            return found if found is not None else layout.hunk(body.hunk_at(wanted)) if body else 0
        if row.kind is RowKind.GROWN:
            found = layout.grown(row.b)
            return found if found is not None else layout.hunk(self._hunk_near(row))
        if row.kind is RowKind.NOTE:
            return layout.note(row.a)
        if row.kind is RowKind.TAIL:
            return len(layout) - 1
        return 1 + row.a if row.kind is RowKind.CARD else 0

    def _hunk_near(self, row: Row) -> int:
        body = self.files[row.file].body
        hunks = body.hunks if body else ()
        return next((at for at, hunk in enumerate(hunks) if hunk.new + hunk.new_count > row.b), max(0, len(hunks) - 1))

    def hunk_of(self, row: Row) -> int | None:
        """The hunk that a row belongs to; None for what belongs to the file."""
        body = self.files[row.file].body
        if body is None or not body.hunks:
            return None
        if row.kind is RowKind.HUNK:
            return row.a
        if row.kind in (RowKind.LINE, RowKind.PAIR):
            return body.hunk_at(row.a if row.kind is RowKind.LINE or row.a >= 0 else row.b)
        return self._hunk_near(row) if row.kind is RowKind.GROWN else None

    # What changes.

    def changed(self, file: int) -> None:
        """Lay a file out again, since its shape or patch has changed."""
        one = self.files[file]
        one.shape.is_split = self.is_split
        self._layouts.pop(file, None)
        self.version += 1
        tall = 0 if one.is_hidden else height(one.body, one.shape)
        if tall != self._heights[file]:
            self._heights[file] = tall
            self._is_stale = True

    def put(self, file: int, body: Body, cards: tuple[str, ...] = (), *, has_tail: bool = False) -> None:
        """Take the patch of a file, which has arrived."""
        one = self.files[file]
        is_first = one.body is None
        one.body, one.cards, one.keys = body, cards, ()
        one.digits = max(3, body.digits)
        one.has_unseen = has_unseen(body.data)
        one.is_crlf = b"\r\n" in body.data and body.data.count(b"\r\n") * 2 > body.data.count(b"\n")
        one.may_go_on = has_tail and body.goes_on
        one.shape.cards, one.shape.has_tail = len(cards), one.may_go_on
        if body.additions + body.deletions > HUGE:
            one.quiet = one.quiet or "large"
        if is_first and one.quiet:
            one.shape.folded = True
        if is_first and self._extra_context > 0:
            one.shape.grown = self._surroundings(body)
        self.changed(file)

    def _surroundings(self, body: Body) -> dict[int, Growth]:
        extra = self._extra_context
        return {at: Growth(extra, extra) for at in range(len(body.hunks))} if extra > 0 else {}

    def surround(self, extra_context: int) -> None:
        """Show so many lines around all hunks beside those that their patches have, and no others."""
        self._extra_context = extra_context
        for file, one in enumerate(self.files):
            if one.body is not None:
                one.shape.grown = self._surroundings(one.body)
                one.shape.has_tail = one.may_go_on and (one.shape.total is None or rest_hidden(one.body, one.shape) > 0)
                self.changed(file)

    def end(self, file: int, total: int) -> None:
        """How many lines the new side of a file has: below its last hunk there are no more."""
        one = self.files[file]
        if one.body is not None and one.body.hunks and one.shape.total is None:
            one.shape.total = total
            one.shape.has_tail = one.may_go_on and rest_hidden(one.body, one.shape) > 0
            self.changed(file)

    def split(self, *, is_split: bool) -> None:
        """Lay all files out side by side, or unified."""
        self.is_split = is_split
        for at in range(len(self.files)):
            self.changed(at)

    def fold(self, file: int, *, folded: bool) -> None:
        """Show the head of a file alone, or all of it."""
        self.files[file].shape.folded = folded
        self.changed(file)

    def close(self, file: int, hunk: int, *, closed: bool) -> None:
        """Show the heading of a hunk alone, or all of it."""
        shape = self.files[file].shape
        (shape.closed.add if closed else shape.closed.discard)(hunk)
        self.changed(file)

    def view(self, file: int, viewed: frozenset[int]) -> None:
        """These hunks of a file are viewed: they fold, and the whole file does when all are; others open."""
        one = self.files[file]
        fresh, lost = viewed - one.viewed, one.viewed - viewed
        was_viewed, one.viewed = one.is_viewed, viewed
        one.shape.closed = (one.shape.closed | fresh) - lost
        if one.is_viewed != was_viewed:
            one.shape.folded = one.is_viewed
        self.changed(file)

    def grow(self, file: int, hunk: int, *, above: int = 0, below: int = 0) -> None:
        """Show so many more lines around a hunk."""
        one = self.files[file]
        if one.body is None:
            return
        shape = one.shape
        growth = shape.grown.setdefault(hunk, Growth())
        growth.above += min(above, still_hidden(one.body, shape, hunk))
        is_last = hunk == len(one.body.hunks) - 1
        growth.below += min(below, rest_hidden(one.body, shape) if is_last else still_hidden(one.body, shape, hunk + 1))
        if is_last and shape.total is not None:
            shape.has_tail = rest_hidden(one.body, shape) > 0
        self.changed(file)

    @property
    def progress(self) -> tuple[int, int]:
        """Viewed hunks, and all of them."""
        there = [file for file in self.files if not file.is_gone]
        return sum(len(file.viewed) for file in there), sum(file.hunks for file in there)


Span = tuple[int, int]
"""The first line of a hunk on the old side, and how many there are."""

ViewedSpans = Mapping[str, frozenset[Span]]
"""The hunks that were viewed, by path."""


def viewed_spans(files: Iterable[File], before: ViewedSpans) -> dict[str, frozenset[Span]]:
    """Where hunks of these files are viewed, and where they were in what was looked at before."""
    merged = dict(before)
    for file in files:
        if file.viewed and file.body is not None and file.body.hunks:
            spans = frozenset(_span(hunk) for at, hunk in enumerate(file.body.hunks) if at in file.viewed)
            merged[file.path] = merged.get(file.path, frozenset()) | spans
    return merged


def changed_hunks(body: Body, now: Collection[int], spans: Iterable[Span]) -> frozenset[int]:
    """The hunks that are not viewed now and stand where one was."""
    spans = tuple(spans)
    return frozenset(
        at for at, hunk in enumerate(body.hunks) if at not in now and any(_meet(_span(hunk), span) for span in spans)
    )


def _span(hunk: PatchHunk) -> Span:
    return hunk.old, hunk.old_count


def _meet(one: Span, other: Span) -> bool:
    if one == other:
        return True
    return one[0] < other[0] + other[1] and other[0] < one[0] + one[1]
