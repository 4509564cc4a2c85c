"""Searching a diff while the pattern is typed, and narrowing the list of its files: two uses of one line to type in.

Matches are counted file by file, a few milliseconds at a time; the first one is shown first.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from itertools import islice

from ampsm_engine.lean_dataclass import replace
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import run_while_open
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.screens.review.search_start import SearchStart
from ampsm_tui.widgets.diff import navigation
from ampsm_tui.widgets.diff.document import Document, File
from ampsm_tui.widgets.diff.file_tree import wanted
from ampsm_tui.widgets.diff.layout import Row, RowKind, parts
from ampsm_tui.widgets.diff.patch import Body
from ampsm_tui.widgets.diff.search import SearchPattern
from ampsm_tui.widgets.diff.source import DiffSource, nowhere
from ampsm_tui.widgets.diff.title import ReviewBox

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


SLICE = 0.005
"""Seconds of counting between two chances for a key."""


class ReviewSearch:
    """Finds a pattern in the diff of a pane."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane, box: ReviewBox) -> None:
        self._screen = screen
        self._pane = pane
        self._view = pane.view
        self._box = box
        self._matches: MatchIndex | None = None
        self._counting: MatchIndex | None = None
        self._start: SearchStart | None = None
        """Where typing began."""
        self._marked: tuple[object, ...] = ()
        pane.listeners.append(self._update_status)

    @property
    def is_active(self) -> bool:
        """Whether there is a pattern to search for."""
        return self._matches is not None

    def open(self) -> None:
        """Open the line that a pattern is typed in."""
        self._start = SearchStart(self._pane)
        self._box.open("/", self._matches.needle.text if self._matches else "")

    def find(self, text: str) -> None:
        """Go to the first match from where typing began, and count the others; an empty text ends the search.

        Without a match, cursor and view are where typing began.
        """
        if not text:
            self.cancel()
            return
        matches = self._begin(SearchPattern(text))
        run_while_open(self._screen, self._seek(matches), group="search", exclusive=True)

    def keep(self) -> None:
        """End the typing and keep the search; without a match, cursor and view go back to where typing began."""
        if self._view.source.here is None:
            self._go_back()
            self._pane.update_counts()

    def cancel(self) -> None:
        """End typing and search, and bring cursor and view back to where typing began."""
        self._go_back()
        self.clear()

    def _go_back(self) -> None:
        if self._start is not None:
            self._start.restore(is_typing=self._box.has_class("-open"))

    def find_again(self) -> None:
        """Count the matches in another diff that is shown, and stay where the cursor is."""
        self._start = SearchStart(self._pane)
        if self._matches is None:
            return
        matches = self._begin(self._matches.needle)
        row = self._pane.row
        if row is not None:
            here = next((at for at in places_on(row) if matches.spans(row.file, at)), None)
            self._view.source.here = (row.file, here, 0) if here is not None else None
        self._pane.update_counts()

    def go_next(self, way: int) -> None:
        """Go to the next match, or with `way` -1 to the one before; without a search, to a hunk that is not viewed."""
        view, matches = self._view, self._matches
        if matches is None:
            found = navigation.next_unviewed(view.document, view.cursor, way) if len(view.document) else None
            if found is None:
                app_of(self._screen).show_toast("Everything is viewed")
            else:
                view.land(found)
            return
        here = view.source.here
        if here is not None:
            index, row, ordinal = here
            has_more = 0 <= ordinal + way < len(matches.spans(index, row))
            if has_more and view.cursor == matches.row(index, row):
                self._show_match(index, row, ordinal + way)
                return
        jump = self._jump(matches, view.cursor, way)
        run_while_open(self._screen, jump, group="jump", exclusive=True)

    def clear(self) -> None:
        """End the search: nothing is marked any more."""
        self._matches, self._marked = None, ()
        source = self._view.source
        source.matches, source.here = nowhere, None
        self._pane.search_status = ""
        self._pane.overview.mark(())
        self._view.repaint()
        self._pane.update_counts()

    def _begin(self, needle: SearchPattern) -> MatchIndex:
        view = self._view
        self._matches = matches = MatchIndex(needle, view.document, view.source)
        view.source.matches, view.source.here = needle.spans, None
        return matches

    async def _seek(self, matches: MatchIndex) -> None:
        """Go to the first match from where typing began, or back to there, then count the rest."""
        self._counting = matches
        try:
            at = self._start.row if self._start is not None else self._view.cursor
            found = await self._found(matches, at, 1, is_first=True)
            if self._matches is matches:
                self._go_back()  # what was found for fewer letters is folded again
                if found is not None:
                    self._show_match(*found, 0, self._start)
            self._view.repaint()  # not before: the place and its marks are one frame
            self._pane.schedule_update()
        finally:
            self._counting = None
        await self._count(matches)

    async def _count(self, matches: MatchIndex) -> None:
        """Count what is not counted yet, so long as it is searched for."""
        self._counting = matches
        until = time.perf_counter() + SLICE
        try:
            for index in matches.stale():
                matches.count(index)
                if time.perf_counter() > until:
                    self._pane.schedule_update()
                    await asyncio.sleep(0)
                    until = time.perf_counter() + SLICE
        finally:
            if self._counting is matches:
                self._counting = None
        if self._matches is matches and self._pane.reading is not None:
            run_while_open(self._screen, self._pane.reading.fetch_grown(), group="lines")
            self._pane.update_counts()

    async def _jump(self, matches: MatchIndex, at: int, way: int) -> None:
        """Go to the next match beyond a row, around the end too."""
        found = await self._found(matches, at, way, is_first=False)
        if found is not None:
            self._show_match(*found, 0 if way > 0 else -1)

    async def _found(self, matches: MatchIndex, at: int, way: int, *, is_first: bool) -> tuple[int, int] | None:
        """The file and the place of the next match from a row, around the end too; None where there is none."""
        document = self._view.document
        files = len(document.files)
        if not len(document) or not matches.is_of(document):
            return None
        start = document.file_at(at)
        until = time.perf_counter() + SLICE
        for turn in range(files + 1):
            index = (start + turn * way) % files
            found = matches.next_in(index, way, beyond=None if turn else at, is_first=is_first)
            if found is not None:
                return index, found
            if time.perf_counter() > until:
                await asyncio.sleep(0)
                until = time.perf_counter() + SLICE
        return None

    def _show_match(self, index: int, found: int, ordinal: int, start: SearchStart | None = None) -> None:
        """Unfold what hides it, and go there; `start` learns what was unfolded."""
        view, matches = self._view, self._matches
        document = view.document
        file = document.files[index]
        if file.body is None or matches is None:
            return
        if file.shape.folded:
            document.fold(index, folded=False)
            view.forget(index)
            if start is not None:
                start.note_unfolded(index)
        hunk = document.hunk_of(
            Row(RowKind.LINE, index, found) if found >= 0 else Row(RowKind.GROWN, index, 0, -1 - found)
        )
        if hunk in file.shape.closed:
            document.close(index, hunk, closed=False)
            view.forget(index)
            if start is not None:
                start.note_unfolded(index, hunk)
        ordinal %= max(1, len(matches.spans(index, found)))
        source = view.source
        before, source.here = source.here, (index, found, ordinal)
        for one in {index, before[0] if before else index}:
            view.forget(one)
        view.land(matches.row(index, found))
        view.refresh()
        if self._pane.reading is not None:
            self._pane.reading.send_focus()
        self._pane.update_counts()

    def _update_status(self) -> None:
        """Count the matches again after more patches, more context or another filter have come."""
        matches = self._matches
        if matches is None or not matches.is_of(self._view.document):
            return
        is_stale, source = bool(matches.stale()), self._view.source
        if source.here is not None and not matches.spans(*source.here[:2]):
            source.here = None  # the context that had grown is gone again
        self._pane.search_status = self._status(matches, is_counted=not is_stale)
        if not is_stale:
            self._mark_overview(matches)
        elif self._counting is not matches:
            self._counting = matches
            run_while_open(self._screen, self._count(matches), group="count", exclusive=True)

    def _status(self, matches: MatchIndex, *, is_counted: bool) -> str:
        here, text, reading = self._view.source.here, matches.needle.text, self._pane.reading
        if matches.needle.is_given_up:
            return f"/{text}  given up: this pattern takes too long"
        is_all = is_counted and reading is not None and reading.is_complete
        more = "" if is_all else "+"
        if here is not None:
            return f"/{text}  {matches.number(*here):,} of {matches.total:,}{more}"
        if matches.total:
            return f"/{text}  {matches.total:,}{more}"
        if not matches.needle.is_valid:
            return f"/{text}  not a valid expression"
        return f"/{text}  no match" if is_all else f"/{text}"

    def _mark_overview(self, matches: MatchIndex) -> None:
        overview = self._pane.overview
        marked = (matches, self._view.document.version, matches.total, overview.size)
        if marked != self._marked:
            self._marked = marked
            overview.mark(matches.rows(overview.size.height))


def folder_filter(folder: str) -> str:
    """The filter that leaves the files of a folder; empty for the whole repository."""
    return re.sub(r"[\s*?[]", "?", folder) + "/*" if folder else ""


class FileFilter:
    """Narrows the files of a pane to those that a text describes."""

    def __init__(self, pane: DiffPane, box: ReviewBox, text: str = "") -> None:
        self._pane = pane
        self._box = box
        self._text = text

    @property
    def is_active(self) -> bool:
        """Whether the filter leaves files out."""
        return bool(self._text)

    def open(self) -> None:
        """Open the box for the text that narrows the files."""
        self._box.open("&", self._text)

    def apply(self, text: str) -> None:
        """Show the files that fit a text; all with an empty one."""
        self._text = self._pane.filter_text = text
        document = self._pane.view.document

        def change() -> None:
            for index, file in enumerate(document.files):
                is_out = bool(text) and not wanted(file, text)
                if is_out != file.is_filtered:
                    file.is_filtered = is_out
                    document.changed(index)
            self._pane.view.repaint()  # the first one has no line above it

        self._pane.change_rows(change)
        self._pane.files.relist()

    def apply_again(self) -> None:
        """Leave out of another diff that is shown what does not fit."""
        if self._text:
            self.apply(self._text)
