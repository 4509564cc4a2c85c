"""Which changes of a session are shown: all, an iteration, those since it was last viewed; and comparing them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option
from textual.worker import Worker

from ampsm_engine import labels
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.review.annotations import LOOKED, WHOLE, Ends
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_holding_keys, run_while_open
from ampsm_tui.clean import fit, one_line
from ampsm_tui.differ.arriving_diff import ends_of, request_of
from ampsm_tui.hints import with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.dialog import Dialog
from ampsm_tui.screens.review.marks import ReviewMarks
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.widgets.inputs import Menu

if TYPE_CHECKING:
    from ampsm_engine.differ.protocol import DiffRequest
    from ampsm_engine.engine.reviews import Point, RangeChoice
    from ampsm_tui.differ.arriving_diff import ArrivingDiff
FIRST_PATCH_PATIENCE = 0.1
"""Seconds that the first patch of a review may take before the list of its files is shown without it."""

PATIENCE = 1.0
"""Seconds that a diff stays on the screen while the patches that take its place arrive."""

Resolve = Callable[[str], Awaitable[Ends]]
"""Finds what a range compares."""

Show = Callable[["ArrivingDiff", bool], None]
"""Shows a review; True: it is the same range as before, so the cursor stays on its line."""


class ReviewLoader:
    """Opens reviews for a pane; what was asked for last is shown."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane, resolve: Resolve, show: Show) -> None:
        self.wanted: DiffRequest | None = None
        """The comparison that the screen asks for; until it is there, what is committed is shown."""
        self._screen = screen
        self._pane = pane
        self._resolve = resolve
        self._show = show
        self._generation = 0
        self._is_renewing = False

    async def open(self, range_: str, *, is_same: bool = False) -> None:
        """Show a range; with `is_same` it is the one that is shown, so the cursor stays on its line."""
        generation = self._begin()
        ends = await self._resolve(range_)
        request = self._request(ends)
        review = await app_of(self._screen).differ.open(request)
        if is_same:
            await self._wait_for_visible(review)
        if self._accept(review, ends, generation):
            self.wanted = request
            self._show(review, is_same)

    async def open_committed(self, ends: Ends, branch: str) -> None:
        """Show the range as far as it is committed, which is there at once; `wanted` has the worktree besides."""
        generation = self._begin()
        review = await app_of(self._screen).differ.open(self._request(ends, branch))
        await _wait_for_first_patch(review)
        if self._accept(review, ends, generation):
            self._show(review, False)
            self.wanted = self._request(ends)

    def toggle_whitespace(self) -> None:
        """Leave out changes of white space alone, or show them."""
        self._pane.ignores_whitespace = not self._pane.ignores_whitespace
        self.reopen()

    def reopen(self) -> Worker[None]:
        """Read the same range anew."""
        return run_while_open(self._screen, self.open(self._pane.range or WHOLE, is_same=True))

    @property
    def is_behind(self) -> bool:
        """Whether what is shown is not yet what is wanted."""
        reading = self._pane.reading
        return self.wanted is not None and reading is not None and self.wanted != reading.review.request

    async def renew(self) -> None:
        """Show what the range has now, the cursor on its line; nothing happens while that is under way."""
        reading, wanted = self._pane.reading, self.wanted
        if reading is None or wanted is None or self._is_renewing:
            return
        if reading.review.failure is not None:
            await self.open(self._pane.range or WHOLE, is_same=True)
            return
        self._is_renewing = True
        generation = self._generation
        try:
            review = await reading.review.refresh(wanted)
            if review is not None:
                await self._wait_for_visible(review)
        finally:
            self._is_renewing = False
        if review is None:
            return
        if self._pane.reading is not reading or generation != self._generation or not self._screen.is_attached:
            review.close()
            return
        self._show(review, True)

    def _request(self, ends: Ends, new: str | None = None) -> "DiffRequest":
        order = app_of(self._screen).settings.text("review.order")
        return request_of(ends, new=new, ignores_whitespace=self._pane.ignores_whitespace, order=order)

    def _begin(self) -> int:
        self._generation += 1
        return self._generation

    def _accept(self, review: "ArrivingDiff", ends: Ends, generation: int) -> bool:
        """Whether a review that has come is still wanted; it is closed if not."""
        if generation != self._generation or not self._screen.is_attached:
            review.close()
            return False
        self._pane.range, self._pane.label = ends.range, ends.label
        return True

    async def _wait_for_visible(self, review: "ArrivingDiff") -> None:
        """Wait for the patches of the files on the screen, so that no line of them moves for a moment."""
        reading = self._pane.reading
        if reading is None:
            return
        shown = {reading.document.files[index].path for index in reading.on_screen()}
        for entry in review.files:
            if (entry.path in shown or entry.old_path in shown) and entry.merged_into < 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(review.patched(entry.index), PATIENCE)


async def _wait_for_first_patch(review: "ArrivingDiff") -> None:
    """Wait a moment, and no longer, for the patch of the first file: it follows the list of files closely."""
    first = next((entry.index for entry in review.files if entry.merged_into < 0), None)
    if first is not None and review.patch(first) is None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(review.patched(first), FIRST_PATCH_PATIENCE)


TWO_POINTS = "points"


class RangeScreen(Dialog[str]):
    """Answers the range that was chosen; `points` for two points that are chosen next."""

    def __init__(self, title: str, choices: "list[tuple[str, str, str]]", current: str) -> None:
        super().__init__(title)
        self._choices = choices
        self._current = current

    def compose_body(self) -> ComposeResult:
        """A menu of the ranges; the one that is shown is marked."""
        wide = max((len(one_line(label, 40)) for _, label, _ in self._choices), default=0) + 2
        options = []
        for value, label, detail in self._choices:
            mark = "▸" if value == self._current else " "
            told = Content(f"{mark} {fit(one_line(label, 40), wide)}").stylize("bold")
            options.append(Option(told.append(one_line(detail, 200))))
        yield Menu(*options, compact=True)

    def on_mount(self) -> None:
        """Begin at what is shown."""
        values = [value for value, _, _ in self._choices]
        self.query_one(Menu).highlighted = values.index(self._current) if self._current in values else 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Choose a range by Enter or by mouse."""
        self.dismiss(self._choices[event.option_index][0])


class ReviewRanges:
    """Chooses the range of a review."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane, loader: ReviewLoader, marks: ReviewMarks) -> None:
        self._screen = screen
        self._pane = pane
        self._loader = loader
        self._marks = marks
        self._before = WHOLE
        """The range that was shown before the one since it was last viewed."""

    async def open_first(self, default: str) -> None:
        """Show the range that was asked for, else the default one.

        What the store knows and the diff process can name for itself is shown without asking the engine.
        """
        session = self._pane.session
        wanted = self._pane.range or default
        looked = self._marks.looked
        ends = ends_of(session, wanted, looked.tree if looked is not None else "")
        try:
            if ends is None:
                await self._loader.open(wanted)
            else:
                await self._loader.open_committed(ends, session.branch_name)
        except NotFound:
            await self._open_again(wanted if self._pane.range else WHOLE)

    async def _open_again(self, range_: str) -> None:
        """Ask the engine for what the diff process cannot name; what was looked at long ago may be gone altogether."""
        try:
            await self._loader.open(range_)
        except Refused:
            if range_ != LOOKED:
                raise
            await self._loader.open(WHOLE)

    async def choose(self) -> None:
        """Let the user choose what is shown."""
        from ampsm_engine.engine import reviews

        choices = await ask(reviews.choices, app_of(self._screen).engine, self._pane.session.id)
        looked = self._marks.looked
        shown = [(one.range, one.label, self._detail(one)) for one in choices if one.range != LOOKED or looked]
        shown.append((TWO_POINTS, "two points", "of the timeline, which are chosen next"))
        self._screen.app.push_screen(RangeScreen("What to look at", shown, self._pane.range), self._take)

    def toggle_looked(self) -> None:
        """Show what changed since the last look, or the range from before."""
        if self._marks.looked is None:
            sentence = "Nothing was viewed here yet: {review.mark} ticks a hunk off, and what comes after that is new"
            app_of(self._screen).show_toast(with_keys(self._screen, sentence))
            return
        self._switch(self._before if self._pane.range == LOOKED else LOOKED)

    def _detail(self, choice: "RangeChoice") -> str:
        looked = self._marks.looked
        if choice.range != LOOKED or looked is None:
            return choice.detail
        return labels.age(looked.looked_at, app_of(self._screen).clock()) + " ago"

    def _take(self, range_: str | None) -> None:
        if range_ == TWO_POINTS:
            run_holding_keys(self._screen, self._choose_points())
        elif range_ is not None:
            self._switch(range_)

    async def _choose_points(self) -> None:
        from ampsm_engine.engine import reviews

        app, clock = self._screen.app, app_of(self._screen).clock
        points: tuple[Point, ...] = await ask(reviews.points, app_of(self._screen).engine, self._pane.session.id)
        shown = [(one.rev, one.label, labels.age(one.time, clock()) if one.time else "") for one in points]

        def first(old: str | None) -> None:
            if old is None:
                return
            later = shown[next(at for at, one in enumerate(shown) if one[0] == old) + 1 :]

            def second(new: str | None) -> None:
                if new is not None:
                    self._switch(f"points:{old}..{new}")

            app.push_screen(RangeScreen("To", later[::-1], ""), second)

        app.push_screen(RangeScreen("From", shown[:-1], ""), first)

    def _switch(self, range_: str) -> None:
        if self._pane.range != LOOKED:
            self._before = self._pane.range
        run_while_open(self._screen, self._loader.open(range_, is_same=True))
