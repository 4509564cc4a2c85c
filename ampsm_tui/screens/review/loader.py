"""The reviews that a screen shows: which two trees the diff process compares, and comparing them again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from textual.worker import Worker

from ampsm_engine.review.annotations import WHOLE, Ends
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import run_while_open
from ampsm_tui.differ.review import request_of
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.pane import DiffPane

if TYPE_CHECKING:
    from ampsm_engine.differ.protocol import DiffRequest
    from ampsm_tui.differ.review import Review

FIRST_PATCH_PATIENCE = 0.1
"""Seconds that the first patch of a review may take before the list of its files is shown without it."""

PATIENCE = 1.0
"""Seconds that a diff stays on the screen while the patches that take its place arrive."""

Resolve = Callable[[str], Awaitable[Ends]]
"""Finds what a range compares."""

Show = Callable[["Review", bool], None]
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

    def _accept(self, review: "Review", ends: Ends, generation: int) -> bool:
        """Whether a review that has come is still wanted; it is closed if not."""
        if generation != self._generation or not self._screen.is_attached:
            review.close()
            return False
        self._pane.range, self._pane.label = ends.range, ends.label
        return True

    async def _wait_for_visible(self, review: "Review") -> None:
        """Wait for the patches of the files on the screen, so that no line of them moves for a moment."""
        reading = self._pane.reading
        if reading is None:
            return
        shown = {reading.document.files[index].path for index in reading.on_screen()}
        for entry in review.files:
            if (entry.path in shown or entry.old_path in shown) and entry.merged_into < 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(review.patched(entry.index), PATIENCE)


async def _wait_for_first_patch(review: "Review") -> None:
    """What is read first follows the list closely: it is worth a moment, and no more."""
    first = next((entry.index for entry in review.files if entry.merged_into < 0), None)
    if first is not None and review.patch(first) is None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(review.patched(first), FIRST_PATCH_PATIENCE)
