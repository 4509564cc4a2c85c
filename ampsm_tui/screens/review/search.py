"""Looking for something in a diff while it is typed, and narrowing the files: two lines to type in, one at a time.

Counting goes file by file, a few milliseconds at a time; what is found first is shown first.
"""

import asyncio
import time
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from ampsm_tui.screens.review.matches import Finds, at_row
from ampsm_tui.screens.review.pane import ReviewBase
from ampsm_tui.widgets.diff import navigation
from ampsm_tui.widgets.diff.file_tree import wanted
from ampsm_tui.widgets.diff.layout import Row, Sort
from ampsm_tui.widgets.diff.overview import Overview
from ampsm_tui.widgets.diff.search import SearchPattern
from ampsm_tui.widgets.diff.source import nowhere
from ampsm_tui.widgets.diff.title import ReviewBox

SLICE = 0.005
"""Seconds of counting between two chances for a key."""


class ReviewSearch(ReviewBase):
    """Adds `/`, n, N and `&`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", id="review.search"),
        Binding("n", "next(1)", "Next", id="review.next", show=False),
        Binding("N", "next(-1)", "Before", id="review.previous", show=False),
        Binding("ampersand", "filter", "Filter", id="review.filter", show=False),
    ]

    _finds: Finds | None = None
    _counting: Finds | None = None
    _from = 0
    _marked: tuple[object, ...] = ()

    @property
    def box(self) -> ReviewBox:
        """Where one types."""
        return self.query_one(ReviewBox)

    # Typing.

    def action_search(self) -> None:
        """Type what to look for."""
        self._from = self.view.cursor
        self.box.open("/", self._finds.needle.text if self._finds else "")

    def action_filter(self) -> None:
        """Type which files to show."""
        self.box.open("&", self._filter)

    _filter = ""

    @on(ReviewBox.Typed)
    def _typed(self, message: ReviewBox.Typed) -> None:
        if message.what == "/":
            self._look_for(message.text, self._from)
        else:
            self._narrow(message.text)

    @on(ReviewBox.Done)
    def _done(self, message: ReviewBox.Done) -> None:
        if not message.is_kept and message.what == "/":
            self._forget()
        elif not message.is_kept:
            self._narrow("")
        self.view.focus()

    # Searching.

    def _look_for(self, text: str, origin: int) -> None:
        if not text:
            self.view.go(origin)
            self._forget()
            return
        finds = self._begin(SearchPattern(text))
        self.run_worker(self._seek(finds, origin), group="search", exclusive=True)

    def _begin(self, needle: SearchPattern) -> Finds:
        view = self.view
        self._finds = finds = Finds(needle, view.document, view.source)
        view.source.matches, view.source.here = needle.spans, None
        return finds

    async def _seek(self, finds: Finds, origin: int) -> None:
        """Go to the first match from a row on, then count the rest."""
        self._counting = finds
        try:
            await self._jump(finds, origin, 1, is_first=True)
            self.view.repaint()  # not before: the place and its marks are one frame
            self.told_soon()
        finally:
            self._counting = None
        await self._count(finds)

    async def _count(self, finds: Finds) -> None:
        """Count what is to be counted, so long as it is looked for."""
        self._counting = finds
        until = time.perf_counter() + SLICE
        try:
            for index in finds.stale():
                finds.count(index)
                if time.perf_counter() > until:
                    self.told_soon()
                    await asyncio.sleep(0)
                    until = time.perf_counter() + SLICE
        finally:
            if self._counting is finds:
                self._counting = None
        if self._finds is finds and self.reading is not None:
            self.run_worker(self.reading.fetch_grown(), group="lines")
            self.told()

    async def _jump(self, finds: Finds, at: int, way: int, *, is_first: bool) -> bool:
        """To the next match from a row, around the end too; whether there is one."""
        document = self.view.document
        files = len(document.files)
        if not len(document) or not finds.is_of(document):
            return False
        start = document.file_at(at)
        until = time.perf_counter() + SLICE
        for turn in range(files + 1):
            index = (start + turn * way) % files
            found = finds.next_in(index, way, beyond=None if turn else at, is_first=is_first)
            if found is not None:
                self._show_match(index, found, 0 if way > 0 else -1)
                return True
            if time.perf_counter() > until:
                await asyncio.sleep(0)
                until = time.perf_counter() + SLICE
        return False

    def _show_match(self, index: int, found: int, ordinal: int) -> None:
        """Unfold what hides it, and go there."""
        view, finds = self.view, self._finds
        document = view.document
        file = document.files[index]
        if file.body is None or finds is None:
            return
        if file.shape.folded:
            document.fold(index, folded=False)
            view.forget(index)
        hunk = document.hunk_of(Row(Sort.LINE, index, found) if found >= 0 else Row(Sort.GROWN, index, 0, -1 - found))
        if hunk in file.shape.closed:
            document.close(index, hunk, closed=False)
            view.forget(index)
        ordinal %= max(1, len(finds.spans(index, found)))
        source = view.source
        before, source.here = source.here, (index, found, ordinal)
        for one in {index, before[0] if before else index}:
            view.forget(one)
        view.land(finds.row(index, found))
        view.refresh()
        if self.reading is not None:
            self.reading.look()
        self.told()

    def action_next(self, way: int) -> None:
        """To the next match; without a search, to the next hunk that is not viewed."""
        view, finds = self.view, self._finds
        if finds is None:
            found = navigation.next_unviewed(view.document, view.cursor, way) if len(view.document) else None
            if found is None:
                self.say("Everything is viewed")
            else:
                view.land(found)
            return
        here = view.source.here
        if here is not None:
            index, row, ordinal = here
            more = 0 <= ordinal + way < len(finds.spans(index, row))
            if more and view.cursor == finds.row(index, row):
                self._show_match(index, row, ordinal + way)
                return
        self.run_worker(self._jump(finds, view.cursor, way, is_first=False), group="jump", exclusive=True)

    def told(self) -> None:
        """Counts may be others: more patches, more context, another filter."""
        finds = self._finds
        if finds is not None and finds.is_of(self.view.document):
            stale, source = bool(finds.stale()), self.view.source
            if source.here is not None and not finds.spans(*source.here[:2]):
                source.here = None  # the context that had grown is gone again
            self.search_told = self._said(finds, is_counted=not stale)
            if not stale:
                self._mark_matches(finds)
            elif self._counting is not finds:
                self._counting = finds
                self.run_worker(self._count(finds), group="count", exclusive=True)
        super().told()

    def _said(self, finds: Finds, *, is_counted: bool) -> str:
        here, text = self.view.source.here, finds.needle.text
        if finds.needle.is_given_up:
            return f"/{text}  given up: this pattern takes too long"
        is_all = is_counted and self.reading is not None and self.reading.is_complete
        more = "" if is_all else "+"
        if here is not None:
            return f"/{text}  {finds.number(*here):,} of {finds.total:,}{more}"
        if finds.total:
            return f"/{text}  {finds.total:,}{more}"
        return f"/{text}  no match" if is_all else f"/{text}"

    def _mark_matches(self, finds: Finds) -> None:
        document, overview = self.view.document, self.query_one(Overview)
        marked = (finds, document.version, finds.total, overview.size)
        if marked != self._marked:
            self._marked = marked
            overview.mark(finds.rows(overview.size.height))

    def _forget(self) -> None:
        self._finds, self._marked = None, ()
        source = self.view.source
        source.matches, source.here = nowhere, None
        self.search_told = ""
        self.query_one(Overview).mark(())
        self.view.repaint()
        self.told()

    @property
    def is_searching(self) -> bool:
        """Something is looked for."""
        return self._finds is not None

    def search_again(self) -> None:
        """Another diff is shown: count in it, and stay where one is."""
        if self._filter:
            self._narrow(self._filter)
        if self._finds is None:
            return
        finds = self._begin(self._finds.needle)
        row = self.row
        if row is not None:
            here = next((at for at in at_row(row) if finds.spans(row.file, at)), None)
            self.view.source.here = (row.file, here, 0) if here is not None else None
        self.told()

    # Narrowing.

    def _narrow(self, text: str) -> None:
        self._filter = text
        document = self.view.document

        def change() -> None:
            for index, file in enumerate(document.files):
                is_out = bool(text) and not wanted(file, text)
                if is_out != file.is_filtered:
                    file.is_filtered = is_out
                    document.changed(index)

        self.carry(change)
        self.files.relist()
        self.label_filter(text)

    def label_filter(self, text: str) -> None:
        """Say what the files are narrowed to."""
