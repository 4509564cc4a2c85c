"""Which changes of a session are shown: all, an iteration, between two points, since one looked; and following them.

The range is switched in place. While amp works the diff follows, and the line under the cursor stays where it is.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ampsm_engine import wording
from ampsm_engine.errors import AmpsmError, NotFound
from ampsm_engine.model import Board, State
from ampsm_engine.review.values import LOOKED, WHOLE, Ends, Marks
from ampsm_tui.ask import ask, ask_until_answered, asking, ignore, told
from ampsm_tui.clean import fit, one_line
from ampsm_tui.differ.review import default_range, ends_of, request_of
from ampsm_tui.house import house
from ampsm_tui.screens.dialog import Dialog
from ampsm_tui.screens.review.held import MOMENT
from ampsm_tui.screens.review.pane import ReviewBase
from ampsm_tui.screens.review.reading import Reading
from ampsm_tui.watching import watch

if TYPE_CHECKING:
    from ampsm_engine.engine.ranges import Choice, Point
    from ampsm_tui.differ.review import Review

TWO_POINTS = "points"
RESTING = 1.0
"""Seconds before the folders of the worktree are watched."""

APART = 0.4
"""Seconds that a change waits for others."""


class RangeScreen(Dialog[str]):
    """Answers the range that was chosen; `points` for two points that are chosen next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move('cursor_down')", show=False),
        Binding("k", "move('cursor_up')", show=False),
    ]

    def __init__(self, title: str, choices: "list[tuple[str, str, str]]", current: str) -> None:
        super().__init__(title)
        self._choices = choices
        self._current = current

    def compose_body(self) -> ComposeResult:
        """The menu."""
        wide = max((len(one_line(label, 40)) for _, label, _ in self._choices), default=0) + 2
        options = []
        for value, label, detail in self._choices:
            mark = "▸" if value == self._current else " "
            told = Content(f"{mark} {fit(one_line(label, 40), wide)}")
            options.append(Option(told.append(Content(one_line(detail, 200)).stylize("dim"))))
        yield OptionList(*options, compact=True)

    def on_mount(self) -> None:
        """Begin at what is shown."""
        values = [value for value, _, _ in self._choices]
        self.query_one(OptionList).highlighted = values.index(self._current) if self._current in values else 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter on a line."""
        self.dismiss(self._choices[event.option_index][0])

    def action_move(self, how: str) -> None:
        """j and k, as everywhere."""
        getattr(self.query_one(OptionList), f"action_{how}")()


class ReviewRanges(ReviewBase):
    """Adds r, i and R."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "range", "Range", id="review.range"),
        Binding("i", "since", "Since I looked", id="review.since", show=False),
        Binding("R", "refresh", "Look again", id="review.refresh", show=False),
    ]

    _before = WHOLE
    _is_renewing = False
    _is_due = False
    _state: object = None

    @asking
    async def begin(self) -> None:
        """The range that was asked for; else what changed since one looked, once something was viewed; else all.

        What the store knows and the diff process can name for itself is shown without asking anybody else.
        """
        self.hold_back()
        engine, session = house(self).engine, self.session
        self.marks = Marks(engine.store.reviews.viewed(session.id))
        self.comments = engine.store.reviews.comments(session.id)
        wanted = self.range or default_range(engine.store, session)
        ends = ends_of(session, wanted)
        try:
            if ends is None:
                await self.open_range(wanted)
            else:
                await self._open_quickly(ends)
        except NotFound:
            await self.open_range(self.range or WHOLE)
        finally:
            self.let_go()
        self.call_after_refresh(self._ask_the_rest)

    def _ask_the_rest(self) -> None:
        """What the first frame need not wait for: what became of marks and comments, what is not committed."""
        self.ask_marks()
        self.ask_comments()
        if self.wanted is not None and self.reading is not None and self.wanted != self.reading.review.request:
            self.action_refresh()

    async def _open_quickly(self, ends: Ends) -> None:
        """Show what is committed, which is there at once; then what the worktree has besides."""
        self._generation += 1
        generation = self._generation
        review = await house(self).differ.open(
            request_of(ends, new=self.session.branch_name, ignores_whitespace=self.ignores_whitespace)
        )
        await self._first_patch(review)
        if generation != self._generation or not self.is_attached:
            review.close()
            return
        self.range, self.label = ends.range, ends.label
        self.show_reading(Reading(self.view, review, self.marks, self.told_soon), is_same=False)
        self.wanted = request_of(ends, ignores_whitespace=self.ignores_whitespace)

    async def _first_patch(self, review: "Review") -> None:
        """What one reads first follows the list closely: it is worth a moment, and no more."""
        first = next((entry.index for entry in review.files if entry.merged_into < 0), None)
        if first is not None and review.patch(first) is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(review.patched(first), MOMENT)

    @asking
    async def action_range(self) -> None:
        """Choose what is shown."""
        from ampsm_engine.engine import reviews

        choices = await ask(reviews.ranges, house(self).engine, self.session.id)
        shown = [(one.range, one.label, self._detail(one)) for one in choices]
        shown.append((TWO_POINTS, "two points", "of the timeline, which are chosen next"))
        self.app.push_screen(RangeScreen("What to look at", shown, self.range), self._chosen)

    def _detail(self, choice: "Choice") -> str:
        return wording.age(choice.detail, house(self).clock()) + " ago" if choice.range == LOOKED else choice.detail

    def _chosen(self, range_: str | None) -> None:
        if range_ == TWO_POINTS:
            self._ask_points()
        elif range_ is not None:
            self._switch(range_)

    @asking
    async def _ask_points(self) -> None:
        from ampsm_engine.engine import reviews

        points: tuple[Point, ...] = await ask(reviews.points, house(self).engine, self.session.id)
        shown = [(one.rev, one.label, wording.age(one.time, house(self).clock()) if one.time else "") for one in points]

        def first(old: str | None) -> None:
            if old is None:
                return
            later = shown[next(at for at, one in enumerate(shown) if one[0] == old) + 1 :]

            def second(new: str | None) -> None:
                if new is not None:
                    self._switch(f"points:{old}..{new}")

            self.app.push_screen(RangeScreen("To", later[::-1], ""), second)

        self.app.push_screen(RangeScreen("From", shown[:-1], ""), first)

    @asking
    async def _switch(self, range_: str) -> None:
        if self.range != LOOKED:
            self._before = self.range
        await self.open_range(range_, is_same=True)

    def action_since(self) -> None:
        """What changed since one looked, and back."""
        self._switch(self._before if self.range == LOOKED else LOOKED)

    # Following.

    def action_refresh(self) -> None:
        """Look again now."""
        self.run_worker(told(self, self._renew()), group="renewing")

    def look_again(self) -> None:
        """Look whether something changed; what is in the way is told to who asks for it by a key."""

        async def quietly() -> None:
            with contextlib.suppress(AmpsmError):
                await self._renew()

        self.run_worker(quietly(), group="renewing")

    def watch_board(self, board: Board | None) -> None:
        """amp did something: look again."""
        rows = board.rows if board else ()
        row = next((one for one in rows if one.session.id == self.session.id), None)
        if row is None:
            return
        self.session = row.session
        current = row.current
        mark = current and (current.id, current.state, current.tally.tools, current.commit_sha)
        if mark != self._state:
            is_first, self._state = self._state is None, mark
            if not is_first:
                self.look_again()
            if not is_first and current is not None and current.state is State.SETTLED:
                self.settled()

    async def watch_files(self) -> None:
        """Look again when somebody writes into the worktree, at most so often."""
        from ampsm_engine.engine import diff_stat

        engine, again = house(self).engine, True
        while again:
            await asyncio.sleep(RESTING)
            try:
                folders = await ask_until_answered(diff_stat.folders, ignore, engine, [self.session.id])
            except AmpsmError:
                return
            self._touched(set())
            again = bool(folders) and await watch(folders, self._touched)

    def _touched(self, _ids: set[str]) -> None:
        if self.is_attached and self.wanted is not None and self.wanted.new is None and not self._is_due:
            self._is_due = True
            self.set_timer(APART, self._look_when_due)

    def _look_when_due(self) -> None:
        self._is_due = False
        self.look_again()

    async def _renew(self) -> None:
        """Show what is there now, the cursor on its line."""
        reading, wanted = self.reading, self.wanted
        if reading is None or wanted is None or self._is_renewing:
            return
        self._is_renewing = True
        generation = self._generation
        try:
            review = await reading.review.refresh(wanted)
            if review is not None:
                await self.come(review)
        finally:
            self._is_renewing = False
        if review is None:
            return
        if self.reading is not reading or generation != self._generation or not self.is_attached:
            review.close()
            return
        self.show_reading(Reading(self.view, review, self.marks, self.told_soon), is_same=True)
