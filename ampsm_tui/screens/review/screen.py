"""The review of a session, and what every screen with a diff has. All keys of the review stand here.

What a key does is done by the parts that the screen owns, a module each beside this one.
"""

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.reactive import var

from ampsm_engine.last_places import LastPlace
from ampsm_engine.model import Board, Session
from ampsm_engine.review.annotations import LOOKED, WHOLE, Ends, Marks
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_holding_keys, run_while_open
from ampsm_tui.bindings import bind, is_allowed
from ampsm_tui.delayed_call import call_after
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.changes import ReviewChanges
from ampsm_tui.screens.review.comments import ReviewComments, ReviewPrompt
from ampsm_tui.screens.review.display import ReviewDisplay, ReviewFolding
from ampsm_tui.screens.review.external import ReviewExternal
from ampsm_tui.screens.review.marks import ReviewMarks
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.screens.review.places import ReviewPosition
from ampsm_tui.screens.review.ranges import Resolve, ReviewLoader, ReviewRanges
from ampsm_tui.screens.review.reading import DiffReading
from ampsm_tui.screens.review.search import FileFilter, ReviewSearch, folder_filter
from ampsm_tui.screens.review.updates import ReviewStoreFollower, ReviewUpdates
from ampsm_tui.widgets.diff.file_tree import FileTree
from ampsm_tui.widgets.diff.layout import GROWTH
from ampsm_tui.widgets.diff.overview import Overview
from ampsm_tui.widgets.diff.title import ReviewBox
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.notices import StaleNotice

if TYPE_CHECKING:
    from ampsm_tui.differ.arriving_diff import ArrivingDiff

FIRST_FRAME_PATIENCE = 0.1
"""Seconds after which the screen is painted without a diff: the user wants to see that the key was heard."""

DIFF_BINDINGS: list[BindingType] = [
    bind("review.next", "part('search.go_next', 1)"),
    bind("review.previous", "part('search.go_next', -1)"),
    bind("review.filter", "part('filter.open')"),
    bind("review.open", "open"),
    bind("review.whole", "part('folding.toggle_whole')"),
    bind("review.more", f"part('folding.grow', {GROWTH})"),
    bind("review.less", "part('folding.shrink')"),
    bind("review.split", "part('diff_display.toggle_split')"),
    bind("review.wrap", "part('diff_display.toggle_wrap')"),
    bind("review.whitespace", "part('loader.toggle_whitespace')"),
    bind("review.words", "part('diff_display.toggle_words')"),
    bind("review.fold", "part('folding.fold')"),
    bind("review.fold-all", "part('folding.fold_all')"),
    bind("review.zen", "part('diff_display.toggle_files')"),
    bind("review.files", "part('diff_display.toggle_files_focus')"),
    bind("review.jump", "jump"),
]
"""The keys of every screen with a diff, besides the search."""


class DiffScreen(AppScreen[None]):
    """A screen with a diff beside the list of its files: searched, folded and drawn as the user wants it.

    `resolve` finds what a range compares.
    """

    CSS_PATH = "review.tcss"

    def __init__(self, session: Session, range_: str, resolve: Resolve) -> None:
        super().__init__()
        self.pane = DiffPane(self, session, range_)
        self.view = self.pane.view
        self.loader = ReviewLoader(self, self.pane, resolve, self.show_review)
        self.diff_display = ReviewDisplay(self, self.pane)
        self.folding = ReviewFolding(self, self.pane)
        self._box = ReviewBox()
        self.search = ReviewSearch(self, self.pane, self._box)
        self.filter = FileFilter(self.pane, self._box, folder_filter(session.folder))

    def compose(self) -> ComposeResult:
        """Head, files, diff, the line to type in, keys."""
        yield self.pane.head
        yield StaleNotice()
        with Horizontal(id="review"):
            yield self.pane.files
            yield self.view
            yield self.pane.overview
        yield self._box
        yield KeyBar()

    def on_mount(self) -> None:
        """Draw as the settings want it."""
        self.diff_display.apply(app_of(self).settings)

    def on_screen_resume(self) -> None:
        """What was in front has been closed: the settings may be others now."""
        if self.diff_display.apply(app_of(self).settings):
            self.loader.reopen()

    def show_review(self, review: "ArrivingDiff", is_same: bool) -> None:
        """Show a review; with `is_same` it is the same range as before, so the cursor stays on its line."""
        reading = DiffReading(self.view, review, Marks(), self.pane.schedule_update)
        reading.fill()
        self.show_reading(reading, is_same=is_same)

    def show_reading(self, reading: DiffReading, *, is_same: bool) -> None:
        """Show a reading that took what was there; search and filter hold for it as well."""
        self.pane.show(reading, is_same=is_same)
        self.pane.update_counts()
        reading.send_focus()
        self.filter.apply_again()
        self.search.find_again()
        if not is_same and len(self.view.document) > 1:
            self.view.go(0)
        self.pane.follow_view()

    def on_unmount(self) -> None:
        """Let go of the review."""
        self.pane.close()

    def on_resize(self) -> None:
        """Draw the diff for its new width."""
        self.call_after_refresh(self._fit)

    @on(events.DescendantFocus)
    def _show_what_has_the_keys(self) -> None:
        self.diff_display.uncover()

    def _fit(self) -> None:
        self.diff_display.uncover()
        self.diff_display.fit()
        self.pane.update_counts()

    def on_diff_view_moved(self) -> None:
        """Tell the diff process what is looked at."""
        if self.pane.reading is not None and self.pane.row is not None:
            self.pane.reading.send_focus()
            self.pane.follow_view()

    @on(FileTree.Chosen)
    def _go_to_file(self, message: FileTree.Chosen) -> None:
        if message.file < len(self.view.document.files):
            self.view.go(self.view.document.tops[message.file], above=0)
        if not message.to_stay:
            self.view.focus()

    @on(Overview.Pressed)
    def _go_to_part(self, message: Overview.Pressed) -> None:
        self.view.go(round(message.part * max(0, len(self.view.document) - 1)))

    @on(ReviewBox.Typed)
    def _take_typed(self, message: ReviewBox.Typed) -> None:
        if message.what == "/":
            self.search.find(message.text)
        else:
            self.filter.apply(message.text)

    @on(ReviewBox.Done)
    def _end_typing(self, message: ReviewBox.Done) -> None:
        if message.what == "/":
            (self.search.keep if message.is_kept else self.search.cancel)()
        elif not message.is_kept:
            self.filter.apply("")
        self.view.focus()

    def action_part(self, name: str, *arguments: object) -> None:
        """Have a part of the screen do what a key stands for: `name` is the part and its method, as `search.open`."""
        part, method = name.split(".")
        work = getattr(getattr(self, part), method)(*arguments)
        if asyncio.iscoroutine(work):
            run_holding_keys(self, work)

    def action_jump(self) -> None:
        """Go to a file by typing some of its name."""
        from ampsm_tui.screens.review.places import FileJump

        self.app.push_screen(FileJump())

    def action_open(self) -> None:
        """Fold or open what is under the cursor, or show more lines at a gap."""
        self.folding.open_row()

    def action_back(self) -> None:
        """Leave what is open, and at last the screen."""
        view = self.view
        if view.selected_from is not None:
            view.selected_from = None
            view.refresh()
        elif self.search.is_active:
            self.search.clear()
        elif self.pane.files.has_focus:
            view.focus()
        elif self.filter.is_active:
            self.filter.apply("")
        else:
            self.action_leave()

    def action_leave(self) -> object:
        """Leave the screen of the diff."""
        return self.dismiss(None)


_WITHOUT_DIFF = frozenset({"review.since", "review.range", "review.refresh", "review.send", "review.comments"})
"""The ids of the keys that live where nothing has changed."""


class ReviewScreen(DiffScreen):
    """The screen of one review. Without a range it shows what is new since the last look, or everything."""

    TITLE = "review"
    PURPOSE = (
        "What a session changed, hunk by hunk; {review.range} chooses which of its changes.",
        "{review.mark} ticks a hunk off as viewed: it folds, and opens again when amp changes it.",
        "{review.comment} comments on a line; {review.send} sends all comments as amp's next prompt.",
        "{session.merge} merges.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("review.read-on", "part('marks.read_on')", "Read on"),
        bind("review.mark", "part('marks.mark_hunk')", "Viewed"),
        bind("review.mark-file", "part('marks.mark_file')"),
        bind("review.comment", "part('comments.write')", "Comment"),
        bind("review.select", "select"),
        bind("review.send", "part('prompt.send')", "Send"),
        bind("review.stage", "part('changes.toggle_staged')", "Stage"),
        bind("review.since", "part('ranges.toggle_looked')", "Since"),
        bind("session.merge", "merge", "Merge"),
        bind("review.comments", "part('comments.list_all')"),
        bind("review.note", "part('comments.go_next', 1)"),
        bind("review.note-before", "part('comments.go_next', -1)"),
        bind("review.reject", "part('changes.reject')", "Reject"),
        bind("review.undo", "part('changes.undo_reject')"),
        bind("review.edit-hunk", "part('changes.edit_hunk')"),
        bind("review.commit", "part('changes.commit')"),
        bind("review.editor", "part('external.open_editor')"),
        bind("review.copy", "part('external.copy')"),
        bind("review.copy-place", "part('external.copy_place')"),
        bind("review.search", "part('search.open')", "Search"),
        *DIFF_BINDINGS,
        bind("review.range", "part('ranges.choose')", "Range"),
        bind("review.refresh", "part('updates.refresh')"),
        bind("back", "back"),
        bind("quit", "leave", "Leave"),
    ]

    board: var[Board | None] = var(None, init=False)

    def offers(self, key_id: str) -> bool:
        """What acts on a diff lives where there is one."""
        return key_id in _WITHOUT_DIFF or not key_id.startswith("review.") or not self.view.note

    def __init__(self, session: Session, range_: str = "", place: LastPlace | None = None) -> None:
        super().__init__(session, range_, self._resolve)
        self.marks = ReviewMarks(self, self.pane)
        self.ranges = ReviewRanges(self, self.pane, self.loader, self.marks)
        self.updates = ReviewUpdates(self, self.pane, self.loader)
        self.comments = ReviewComments(self, self.pane)
        self.changes = ReviewChanges(self, self.pane, self.loader.reopen)
        self._stored = ReviewStoreFollower(self, self.pane, self.marks, self.comments, self.changes)
        self.prompt = ReviewPrompt(self, self.pane, self._remember_sent)
        self.external = ReviewExternal(self, self.pane, self.loader.reopen)
        self._position = ReviewPosition(self.pane, self.loader, place)
        reviews = app_of(self).engine.store.reviews
        # Read while the screen is built: what is compared depends on it.
        self._stored_review = asyncio.get_running_loop().run_in_executor(
            None,
            lambda: (reviews.viewed(session.id), reviews.comments(session.id), reviews.looked_tree(session.id)),
        )

    def on_mount(self) -> None:
        """Show the diff, and follow what changes it."""
        self.view.focus()
        run_holding_keys(self, self._begin())
        app_of(self).store_changed.subscribe(self, lambda _: self._stored.look())
        run_while_open(self, self.updates.watch_worktree(), group="watching")

    async def _begin(self) -> None:
        is_asked_for = bool(self.pane.range)
        self.pane.is_opening = True
        frames = ExitStack()
        frames.enter_context(self.app.batch_update())  # the diff is on its way: it is to be in the first frame

        def paint() -> None:
            frames.close()
            self.refresh()

        timer = call_after(self, FIRST_FRAME_PATIENCE, paint)
        try:
            await self._open_stored()
            if self.loader.is_behind and not len(self.view.document):
                await self.loader.renew()  # nothing is committed yet: all that there is to read is in the worktree
            if self.pane.range == LOOKED and not (is_asked_for or len(self.view.document)):
                await self.loader.open(WHOLE)  # nothing is new: what was not viewed is still to be read
        finally:
            self.pane.is_opening = False
            self.pane.update_counts()
            timer.cancel()
            paint()
        # By way of the app: until that has begun there is no frame to come after.
        self.app.call_later(self.call_after_refresh, self._complete)

    async def _open_stored(self) -> None:
        """Show what is new since the last look, once something was viewed, with the marks and comments in the store."""
        viewed, comments, looked = await self._stored_review
        self.marks.begin(Marks(viewed), looked)
        self.comments.take(comments)
        await self.ranges.open_first(LOOKED if looked is not None and viewed else WHOLE)

    def _complete(self) -> None:
        """Ask what the first frame need not wait for: what became of marks and comments, what is not committed."""
        self.marks.fetch()
        self.comments.fetch()
        self.comments.report_unfinished()
        self._stored.look()
        if self.loader.is_behind:
            self.updates.refresh()

    async def _resolve(self, range_: str) -> Ends:
        from ampsm_engine.engine import reviews

        looked = self.marks.looked.tree if self.marks.looked is not None else ""
        return await ask(reviews.resolve, app_of(self).engine, self.pane.session.id, range_, looked=looked)

    def show_review(self, review: "ArrivingDiff", is_same: bool) -> None:
        """Show a review with what is viewed, staged and commented on."""
        reading = DiffReading(self.view, review, self.marks.marks, self.pane.schedule_update)
        self.changes.mark_staged(reading)
        self.marks.compare(reading, is_same=is_same)
        reading.fill()
        self.comments.place(reading)
        self.show_reading(reading, is_same=is_same)

    def place(self) -> LastPlace:
        """This review, where its cursor is."""
        return self._position.place(self.marks.range)

    def watch_board(self, board: Board | None) -> None:
        """Show what amp did; when an iteration has ended, what became of the commented lines."""
        if self.updates.take_board(board):
            self.comments.fetch()

    @on(FileTree.Marked)
    def _mark_listed(self, message: FileTree.Marked) -> None:
        self.marks.mark_files(message.files)

    def _remember_sent(self) -> None:
        self.marks.begin_anew()
        self.comments.fetch()

    def dismiss(self, result: None = None) -> object:  # type: ignore[override]
        """Go; the list follows where nothing is below."""
        self.marks.close()
        if len(self.app.screen_stack) == 1:
            app_of(self).opener.show_list()
            return None
        return super().dismiss(result)

    def action_merge(self) -> None:
        """Open the merge of the session into its base, step by step."""
        app_of(self).opener.open_merge(self.pane.session)

    def action_select(self) -> None:
        """Begin to select lines, or end it."""
        self.view.selected_from = self.view.cursor if self.view.selected_from is None else None
        self.view.refresh()

    def action_open(self) -> None:
        """Edit the comment under the cursor; on all else as on every diff."""
        if not (is_allowed(self, "review.comment") and self.comments.edit()):
            super().action_open()

    def copy_selection(self) -> bool:
        """Copy the selected lines, as its key does; False where none are."""
        return self.external.copy_selected()

    def action_leave(self) -> None:
        """Leave the review; comments that were not sent are asked about."""
        run_holding_keys(self, self.prompt.leave(lambda: self.dismiss(None)))
