"""The places of a search in a diff, file by file: how many there are, which is the next, what number one has.

A place is a file and a line of it: the row of its patch, or below zero grown context (`-1 - number`).
"""

from collections.abc import Iterator
from itertools import islice

from ampsm_engine.lean_dataclass import replace
from ampsm_tui.widgets.diff.document import Document, File
from ampsm_tui.widgets.diff.layout import Row, RowKind, parts
from ampsm_tui.widgets.diff.patch import Body
from ampsm_tui.widgets.diff.search import SearchPattern
from ampsm_tui.widgets.diff.source import DiffSource

MANY = 400
"""Places of a file that the overview marks one by one."""

Stamp = tuple[object, ...]


class MatchIndex:
    """The places of one needle in one diff. A file is counted again when it has changed."""

    def __init__(self, needle: SearchPattern, document: Document, source: DiffSource) -> None:
        self.needle = needle
        self._document = document
        self._source = source
        self._stamps: dict[int, Stamp] = {}
        self._counts: dict[int, int] = {}
        self._grown: dict[int, list[tuple[int, int]]] = {}
        self.total = 0

    def is_of(self, document: Document) -> bool:
        """Whether this is the diff that is searched."""
        return self._document is document

    def stale(self) -> list[int]:
        """The indexes of the files that are to be counted."""
        return [
            index
            for index, file in enumerate(self._document.files)
            if self._stamps.get(index) != self._stamp(index, file)
        ]

    def count(self, index: int) -> int:
        """How many places a file has."""
        file = self._document.files[index]
        stamp = self._stamp(index, file)
        if self._stamps.get(index) != stamp:
            self._stamps[index] = stamp
            self.total -= self._counts.get(index, 0)
            self._counts[index] = self._counted(index, file)
            self.total += self._counts[index]
        return self._counts[index]

    def _stamp(self, index: int, file: File) -> Stamp:
        if file.is_hidden or file.body is None:
            return (None,)
        grown = file.shape.grown
        if not grown:
            return (file.body,)
        return (
            file.body,
            len(self._source.grown_of(index)),
            *((at, one.above, one.below) for at, one in grown.items()),
        )

    def _counted(self, index: int, file: File) -> int:
        self._grown.pop(index, None)
        if file.is_hidden or file.body is None:
            return 0
        if not file.shape.grown:
            return self.needle.count(file.body)
        self._grown[index] = list(self._through(index, file))
        return sum(count for _, count in self._grown[index])

    def _through(self, index: int, file: File) -> Iterator[tuple[int, int]]:
        """The places of a file with grown context, from its head down, and how often each has it."""
        body = file.body
        if body is None:
            return
        lines = self._source.grown_of(index)
        for part in parts(body, replace(file.shape, folded=False, closed=set(), notes=(), is_split=False)):
            if part.kind is RowKind.LINE:
                for row in self._rows_from(body, part.first - 1):
                    if row >= part.first + part.rows:
                        break
                    yield row, len(self.needle.spans(body.line(row).text, body.encoding))
            elif part.kind is RowKind.GROWN:
                for number in range(part.first, part.first + part.rows):
                    if found := self.needle.spans(lines.get(number, b""), body.encoding):
                        yield -1 - number, len(found)

    def _rows_from(self, body: Body, row: int) -> Iterator[int]:
        """The rows of a patch behind one that have a match."""
        found = self.needle.next_row(body, row, 1)
        while found is not None:
            yield found
            found = self.needle.next_row(body, found, 1)

    # One place.

    def spans(self, index: int, at: int) -> list[tuple[int, int]]:
        """The matches in a line, as ranges; none in context that is not shown any more."""
        file = self._document.files[index]
        if file.is_hidden or (at < 0 and self._document.layout(index).grown(-1 - at) is None):
            return []
        body = file.body
        if at < 0:
            return self.needle.spans(self._source.grown_of(index).get(-1 - at, b""), file.line_encoding)
        known = body is not None and at < len(body.kinds)
        return self.needle.spans(body.line(at).text, body.encoding) if body is not None and known else []

    def row(self, index: int, at: int) -> int:
        """The row of the diff that a place has now."""
        body = self._document.files[index].body
        if at < 0:
            return self._document.find(Row(RowKind.GROWN, index, 0, -1 - at))
        return self._document.find(Row(RowKind.LINE, index, at, body.hunk_at(at) if body is not None else 0))

    def number(self, index: int, at: int, ordinal: int) -> int:
        """The number of a match among all, from 1; `ordinal` counts those of its line from 0."""
        before = sum(count for file, count in self._counts.items() if file < index)
        body = self._document.files[index].body
        if index in self._grown:
            codes = [code for code, _ in self._grown[index]]
            here = codes.index(at) if at in codes else 0
            before += sum(count for _, count in self._grown[index][:here])
        elif body is not None and at >= 0:
            before += self.needle.before(body, at)
        return before + ordinal + 1

    def next_in(self, index: int, way: int, *, beyond: int | None, is_first: bool = False) -> int | None:
        """The next place in a file: from its edge, or beyond a row of the diff (with `is_first` that row, too)."""
        body = self._document.files[index].body
        if body is None or not self.count(index):
            return None
        if index in self._grown:
            codes = [code for code, _ in self._grown[index]][::way]
            if beyond is None:
                return codes[0]
            edge = beyond - way if is_first else beyond
            return next((code for code in codes if (self.row(index, code) - edge) * way > 0), None)
        if beyond is None:
            return self.needle.next_row(body, -1 if way > 0 else len(body.kinds), way)
        row = _patch_row(self._document, beyond)
        return self.needle.next_row(body, row - way if is_first else row, way)

    # All of them.

    def rows(self, height: int) -> list[int]:
        """Rows of the diff with a match, as exact as a column of so many cells is."""
        document = self._document
        cell = max(1, len(document) // max(1, height))
        found: list[int] = []
        for index, count in self._counts.items():
            file, top = document.files[index], document.tops[index]
            if not count or file.is_hidden:
                continue
            if file.shape.folded or document.tops[index + 1] - top <= cell:
                found.append(top)
            else:
                found += self._rows_of(index, file)
        return found

    def _rows_of(self, index: int, file: File) -> Iterator[int]:
        """About where the places of a long file stand: side by side, a hunk has fewer rows than lines."""
        document, body = self._document, file.body
        if body is None:
            return
        tops = document.layout(index).hunks()
        ends = [*tops[1:], document.tops[index + 1] - document.tops[index]]
        for at in islice(self._rows_from(body, -1), MANY):
            hunk = body.hunk_at(at)
            inside = 0 if hunk in file.shape.closed else at - body.hunks[hunk].first
            yield document.tops[index] + min(tops[hunk] + inside, ends[hunk] - 1)
        yield from (self.row(index, code) for code, _ in self._grown.get(index, [])[:MANY] if code < 0)


def places_on(row: Row) -> list[int]:
    """The places that may be on a row of the diff."""
    if row.kind is RowKind.GROWN:
        return [-1 - row.b]
    if row.kind is RowKind.PAIR:
        return [one for one in (row.a, row.b) if one >= 0]
    return [row.a] if row.kind is RowKind.LINE else []


def _patch_row(document: Document, at: int) -> int:
    """The row of the patch that a row stands on or after."""
    row = document.row(at)
    body = document.files[row.file].body
    if body is None:
        return -1
    if row.kind in (RowKind.LINE, RowKind.PAIR):
        return row.a if row.kind is RowKind.LINE or row.a >= 0 else row.b
    hunk = document.hunk_of(row)
    return body.hunks[hunk].first if hunk is not None else (-1 if row.kind is RowKind.HEAD else len(body.kinds))
