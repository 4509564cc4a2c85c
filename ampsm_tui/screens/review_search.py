"""Looking for something in a diff while it is typed, and narrowing the files: two lines to type in, one at a time.

Counting goes file by file, a few milliseconds at a time; what is found first is shown first.
"""

import asyncio
import time
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from ampsm_engine.review import ways
from ampsm_engine.review.parts import Row, Sort
from ampsm_engine.review.search import Needle
from ampsm_tui.screens.review_base import ReviewBase
from ampsm_tui.widgets.diff_source import nowhere
from ampsm_tui.widgets.file_lines import wanted
from ampsm_tui.widgets.review_box import ReviewBox

if TYPE_CHECKING:
    from ampsm_engine.review.document import Document

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

    _needle = Needle("")
    _counts: dict[int, int]
    _total = 0
    _is_counted = False
    _from = 0

    @property
    def box(self) -> ReviewBox:
        """Where one types."""
        return self.query_one(ReviewBox)

    # Typing.

    def action_search(self) -> None:
        """Type what to look for."""
        self._from = self.view.cursor
        self.box.open("/", self._needle.text)

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
        self._needle = Needle(text)
        self._counts, self._total, self._is_counted = {}, 0, False
        source = self.view.source
        source.matches = self._needle.spans if text else nowhere
        source.here = None
        self.view.repaint()
        if not text:
            self.view.go(origin)
            self._forget()
            return
        self.run_worker(self._seek(self._needle, origin), group="search", exclusive=True)

    async def _seek(self, needle: Needle, origin: int) -> None:
        """Go to the first match from a row on, then count the rest."""
        document = self.view.document
        is_there = await self._jump(needle, document, origin, 1, is_first=True)
        if not is_there:
            self._tell_search()
        until = time.perf_counter() + SLICE
        for index in range(len(document.files)):
            self._count(needle, document, index)
            if time.perf_counter() > until:
                self._tell_search()
                await asyncio.sleep(0)
                until = time.perf_counter() + SLICE
        self._is_counted = True
        self._tell_search()

    def _count(self, needle: Needle, document: "Document", index: int) -> int:
        known = self._counts.get(index)
        if known is None:
            file = document.files[index]
            known = needle.count(file.body) if file.body is not None and not file.is_hidden else 0
            self._counts[index] = known
            self._total += known
        return known

    async def _jump(self, needle: Needle, document: "Document", at: int, way: int, *, is_first: bool) -> bool:
        """To the next match from a row, around the end too; whether there is one."""
        start = document.file_at(at) if len(document) else 0
        files = len(document.files)
        row = _patch_row(document, at) if len(document) else -1
        until = time.perf_counter() + SLICE
        for turn in range(files + 1):
            index = (start + turn * way) % files
            body = document.files[index].body
            if body is not None and self._count(needle, document, index):
                edge = -1 if way > 0 else len(body.kinds)
                origin = edge if turn else (row - way if is_first else row)
                found = needle.next_row(body, origin, way)
                if found is not None:
                    self._show_match(index, found, 0 if way > 0 else -1)
                    return True
            if time.perf_counter() > until:
                await asyncio.sleep(0)
                until = time.perf_counter() + SLICE
        return False

    def _show_match(self, index: int, found: int, ordinal: int) -> None:
        """Unfold what hides it, and go there."""
        view, document = self.view, self.view.document
        file = document.files[index]
        if file.body is None:
            return
        hunk = file.body.hunk_at(found)
        if file.shape.folded:
            document.fold(index, folded=False)
            view.forget(index)
        if hunk in file.shape.closed:
            document.close(index, hunk, closed=False)
            view.forget(index)
        spans = self._needle.spans(file.body.line(found).text)
        ordinal %= max(1, len(spans))
        source = view.source
        before, source.here = source.here, (index, found, ordinal)
        for one in {index, before[0] if before else index}:
            view.forget(one)
        view.land(document.find(Row(Sort.LINE, index, found, hunk)))
        view.refresh()
        if self.reading is not None:
            self.reading.look()
        self._tell_search()

    def action_next(self, way: int) -> None:
        """To the next match; without a search, to the next hunk that is not viewed."""
        view = self.view
        if not self._needle:
            found = ways.next_unviewed(view.document, view.cursor, way) if len(view.document) else None
            if found is None:
                self.say("Everything is viewed")
            else:
                view.land(found)
            return
        here = view.source.here
        if here is not None:
            index, row, ordinal = here
            body = view.document.files[index].body
            spans = self._needle.spans(body.line(row).text) if body is not None else []
            if 0 <= ordinal + way < len(spans) and view.cursor == view.document.find(Row(Sort.LINE, index, row)):
                self._show_match(index, row, ordinal + way)
                return
        self.run_worker(
            self._jump(self._needle, view.document, view.cursor, way, is_first=False), group="jump", exclusive=True
        )

    def _tell_search(self) -> None:
        here = self.view.source.here
        more = "" if self._is_counted else "+"
        if not self._needle:
            told = ""
        elif here is None:
            told = f"/{self._needle.text}  no match" if self._is_counted else f"/{self._needle.text}"
        else:
            told = f"/{self._needle.text}  {self._number(here):,} of {self._total:,}{more}"
        if told != self.search_told:
            self.search_told = told
            self.told()

    def _number(self, here: tuple[int, int, int]) -> int:
        index, row, ordinal = here
        document = self.view.document
        body = document.files[index].body
        before = sum(count for file, count in self._counts.items() if file < index)
        return before + (self._needle.before(body, row) if body is not None else 0) + ordinal + 1

    def _forget(self) -> None:
        self._needle = Needle("")
        source = self.view.source
        source.matches, source.here = nowhere, None
        self.search_told = ""
        self.view.repaint()
        self.told()

    @property
    def is_searching(self) -> bool:
        """Something is looked for."""
        return bool(self._needle)

    def search_again(self) -> None:
        """Another diff is shown: count in it, and stay where one is."""
        if self._needle:
            self._counts, self._total, self._is_counted = {}, 0, False
            self.view.source.matches = self._needle.spans

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


def _patch_row(document: "Document", at: int) -> int:
    """The row of the patch that a row stands on or after."""
    row = document.row(at)
    body = document.files[row.file].body
    if body is None:
        return -1
    if row.sort in (Sort.LINE, Sort.PAIR):
        return row.a if row.sort is Sort.LINE or row.a >= 0 else row.b
    hunk = document.hunk_of(row)
    return body.hunks[hunk].first if hunk is not None else (-1 if row.sort is Sort.HEAD else len(body.kinds))
