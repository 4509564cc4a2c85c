"""The ground of the review screen: what it looks at, the diff as it arrives, and what there is to say at the top.

What one does with it lives in the modules beside this one; each adds its keys to the screen.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.reactive import var

from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Board, Session
from ampsm_engine.review.values import WHOLE, Comment, Ends, Marks
from ampsm_tui.ask import ask, asking, tell
from ampsm_tui.differ.review import request_of
from ampsm_tui.house import house
from ampsm_tui.screens.review.held import Held
from ampsm_tui.screens.review.reading import Reading
from ampsm_tui.screens.review.view_state import look_of, take_look
from ampsm_tui.widgets.diff.document import File
from ampsm_tui.widgets.diff.file_tree import FileTree
from ampsm_tui.widgets.diff.layout import Row
from ampsm_tui.widgets.diff.overview import Overview
from ampsm_tui.widgets.diff.title import ReviewHead, ReviewStatus
from ampsm_tui.widgets.diff.view import DiffView

if TYPE_CHECKING:
    from ampsm_engine.differ.protocol import DiffRequest
    from ampsm_tui.differ.review import Review

SOON = 0.1
"""Seconds between two times that counts are told while a diff comes."""

PATIENCE = 1.0
"""Seconds that a diff that is there stays for the patches of the next."""


class ReviewBase(Held):
    """A screen with a diff of a session."""

    board: var[Board | None] = var(None, init=False)

    def __init__(self, session: Session, range_: str = "") -> None:
        super().__init__()
        self.session = session
        self.range = range_
        self.label = ""
        self.wanted: DiffRequest | None = None
        """What is compared; at first what is committed is shown in its place."""
        self.reading: Reading | None = None
        self.marks = Marks()
        self.comments: tuple[Comment, ...] = ()
        self.ignores_whitespace = False
        self.search_told = ""
        self.news = ""
        self._generation = 0
        self._is_telling = False

    # What is where.

    @property
    def view(self) -> DiffView:
        """The diff."""
        return self.query_one(DiffView)

    @property
    def files(self) -> FileTree:
        """The list of files."""
        return self.query_one(FileTree)

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.view.row

    @property
    def file(self) -> File | None:
        """The file under the cursor."""
        row = self.row
        return self.reading.document.files[row.file] if row is not None and self.reading is not None else None

    @property
    def hunk(self) -> int | None:
        """The hunk under the cursor."""
        row = self.row
        return self.reading.document.hunk_of(row) if row is not None and self.reading is not None else None

    # Opening.

    async def open_range(self, range_: str, *, is_same: bool = False) -> None:
        """Show a range; `is_same`: it is the one that is shown, so the cursor stays on its line."""
        from ampsm_engine.engine import reviews

        self._generation += 1
        generation = self._generation
        ends = await ask(reviews.resolve, house(self).engine, self.session.id, range_)
        await self.open_ends(ends, generation, is_same=is_same)

    async def open_ends(self, ends: Ends, generation: int, *, is_same: bool) -> None:
        """Compare these two and show it; what was asked for later wins."""
        request = request_of(ends, ignores_whitespace=self.ignores_whitespace)
        review = await house(self).differ.open(request)
        if is_same:
            await self.come(review)
        if generation != self._generation or not self.is_attached:
            review.close()
            return
        self.range, self.label, self.wanted = ends.range, ends.label, request
        self.show_reading(Reading(self.view, review, self.marks, self.told_soon), is_same=is_same)

    async def come(self, review: "Review") -> None:
        """Wait for the patches of what is on the screen, so that no line of it moves for a moment."""
        reading = self.reading
        if reading is None:
            return
        shown = {reading.document.files[index].path for index in reading.on_screen()}
        for entry in review.files:
            if (entry.path in shown or entry.old_path in shown) and entry.merged_into < 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(review.patched(entry.index), PATIENCE)

    def show_reading(self, reading: Reading, *, is_same: bool) -> None:
        """Show another reading in the place of this one."""
        before, self.reading = self.reading, reading
        view = self.view
        look = look_of(before, view) if before is not None and is_same else None
        reading.fill()
        view.take(reading.document, reading.source)
        view.beside = self.follow_view
        if before is not None:
            before.close()
        if look is not None:
            take_look(reading, view, look)
        self.files.take(reading.document)
        self.run_worker(reading.follow(), group="reading", exclusive=True)
        self.place_comments()
        self.told()
        reading.look()
        self.shown_anew(is_same=is_same)
        self.follow_view()

    def shown_anew(self, *, is_same: bool) -> None:
        """Another diff is shown; an heir may look for something in it again."""

    @asking
    async def reopen(self) -> None:
        """Read the same range anew."""
        await self.open_range(self.range or WHOLE, is_same=True)

    # What the neighbours know how to do.

    def place_comments(self) -> None:
        """Put the comments where their lines are."""

    def ask_marks(self) -> object:
        """What was viewed, with what became of files that were renamed."""

    def ask_comments(self) -> object:
        """The comments, where their lines are now."""

    def settled(self) -> None:
        """An iteration has ended."""

    def open_note(self, row: Row) -> None:
        """Enter on a comment."""

    def leave(self) -> object:
        """Out of the screen."""
        return self.dismiss(None)

    def carry(self, action: Callable[[], None]) -> None:
        """Change rows, and let the cursor stay on its line."""
        held = self.view.hold()
        action()
        self.view.stand_on(held)
        self.told()

    # What there is to say.

    def told_soon(self) -> None:
        """Counts change many times a second while a diff comes; a person reads them less often."""
        if not self._is_telling:
            self._is_telling = True
            self.set_timer(SOON, self._tell_now)

    def _tell_now(self) -> None:
        self._is_telling = False
        self.told()

    def told(self) -> None:
        """Counts may be others."""
        reading = self.reading
        if reading is None:
            return
        viewed, hunks = reading.document.progress
        shown = [file for file in reading.document.files if not file.is_gone]
        manner = self.view.painter.manner
        self.query_one(ReviewHead).show(
            ReviewStatus(
                self.session.name,
                self.label,
                len(shown),
                sum(file.additions for file in shown),
                sum(file.deletions for file in shown),
                viewed,
                hunks,
                reading.is_complete,
                self.unsent,
                self.search_told,
                "  ".join(
                    word
                    for word, holds in (("wrap", manner.wrap), ("whitespace ignored", self.ignores_whitespace))
                    if holds
                ),
                self.news,
            )
        )
        self.files.counted()
        self.show_overview()

    @property
    def unsent(self) -> int:
        """Comments that amp was not told yet."""
        return sum(one.state.value == "open" for one in self.comments)

    def follow_view(self) -> None:
        """The list of files and the overview, where the view is."""
        row = self.row
        if row is not None:
            self.files.follow(row.file)
            self.show_overview()

    def show_overview(self) -> None:
        """Where in the diff one is."""
        view = self.view
        document = view.document
        total = len(document)
        notes = [
            document.tops[at] + document.layout(at).note(number)
            for at in view.source.notes
            if not document.files[at].is_hidden
            for number in range(len(document.files[at].shape.notes))
        ]
        self.query_one(Overview).show(view.top[0], view.size.height, total, notes)

    def refuse(self, reason: AmpsmError) -> None:
        """Say why not."""
        tell(self, reason)

    def say(self, text: str) -> None:
        """A toast."""
        house(self).say(text)
