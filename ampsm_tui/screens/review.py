"""The review of a session: its diff beside the list of its files. What one does with it is in its neighbours."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.reactive import var

from ampsm_engine.model import Board, Session
from ampsm_tui.ask import ask
from ampsm_tui.house import house
from ampsm_tui.screens.review_changes import ReviewChanges
from ampsm_tui.screens.review_comments import ReviewComments
from ampsm_tui.screens.review_looks import ReviewLooks
from ampsm_tui.screens.review_marks import ReviewMarks
from ampsm_tui.screens.review_ranges import ReviewRanges
from ampsm_tui.screens.review_search import ReviewSearch
from ampsm_tui.widgets.diff_overview import Overview
from ampsm_tui.widgets.diff_view import DiffView
from ampsm_tui.widgets.file_tree import FileTree
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.review_box import ReviewBox
from ampsm_tui.widgets.review_head import ReviewHead


class ReviewScreen(ReviewRanges, ReviewLooks, ReviewSearch, ReviewChanges, ReviewComments, ReviewMarks):
    """The screen of one review."""

    CSS_PATH = "review.tcss"
    TITLE = "review"
    PURPOSE = (
        "What a session changed, hunk by hunk; r chooses which of its changes.",
        "m marks a hunk as viewed: it folds, and opens again when amp changes it.",
        "c comments on a line; S sends all comments as amp's next prompt.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "files", "Files", id="review.files", show=False),
        Binding("escape", "back", "Back", id="back", show=False),
        Binding("q", "leave", "Leave", id="quit", show=False),
    ]

    board: var[Board | None] = var(None, init=False)

    def compose(self) -> ComposeResult:
        """Head, files, diff, the line to type in, keys."""
        yield ReviewHead()
        with Horizontal(id="review"):
            yield FileTree()
            yield DiffView()
            yield Overview()
        yield ReviewBox()
        yield KeyBar()

    def on_mount(self) -> None:
        """Ask for the diff; a screen that is made before it is wanted finds its places."""
        self.view.focus()
        if self.has_begun:
            self._start()
        else:
            self.call_later(self._refresh_layout, self.app.size)

    def show(self, session: Session, range_: str) -> None:
        """A screen that was made before it was wanted: show this on it, and push it."""
        self.session, self.range, self.has_begun = session, range_, True
        if self.view.size:
            self.choose_manner()
        self._start()

    def _start(self) -> None:
        self.begin()
        self.run_worker(self.watch_files(), group="watching")

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        if self.reading is not None:
            self.reading.close()

    def on_resize(self) -> None:
        """Other room."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        self.choose_manner()
        self.told()

    # The parts tell each other.

    def on_diff_view_moved(self) -> None:
        """The cursor is somewhere else."""
        reading, row = self.reading, self.row
        if reading is None or row is None:
            return
        reading.look()
        self.files.follow(row.file)
        self.show_overview()

    @on(FileTree.Chosen)
    def _choose(self, message: FileTree.Chosen) -> None:
        view = self.view
        if message.file < len(view.document.files):
            view.go(view.document.tops[message.file], above=0)
        if not message.to_stay:
            view.focus()

    @on(Overview.Pressed)
    def _press(self, message: Overview.Pressed) -> None:
        self.view.go(round(message.part * max(0, len(self.view.document) - 1)))

    def shown_anew(self, *, is_same: bool) -> None:
        """Another diff."""
        self.search_again()
        if not is_same and len(self.view.document) > 1:
            self.view.go(0)

    def toggle_files(self) -> None:
        """The diff has other room."""
        if not self.files.display:
            self.view.focus()
        self.call_after_refresh(self.choose_manner)

    def action_files(self) -> None:
        """Into the list of files, which comes out where there was none; from there back."""
        if self.files.has_focus:
            self.view.focus()
        else:
            self.add_class("-files-on")
            self.remove_class("-files-off")
            self.files.focus()

    # Leaving.

    def action_back(self) -> None:
        """Out of what is open, and at last out of the review."""
        view = self.view
        if view.selected_from is not None:
            view.selected_from = None
            view.refresh()
        elif self.is_searching:
            self._forget()
        elif self.files.has_focus:
            view.focus()
        elif self._filter:
            self._narrow("")
        else:
            self.leave()

    def action_leave(self) -> None:
        """Out of the review."""
        self.leave()

    def sent(self) -> None:
        """What was looked at so far is what the next changes are told from."""
        super().sent()
        self.remember()

    def dismiss(self, result: None = None) -> object:  # type: ignore[override]
        """Remember what was looked at, and go."""
        if self.has_viewed:
            self.remember()
        if len(self.app.screen_stack) == 1:
            house(self).show_list()
            return None
        return super().dismiss(result)

    def remember(self) -> None:
        """This is what one has looked at."""
        reading = self.reading
        if reading is not None and not house(self).read_only and self.range != "uncommitted":
            self.app.run_worker(self._keep_looked(reading.review.new_tree, reading.review.objects), group="ask")

    async def _keep_looked(self, tree: str, objects: str) -> None:
        from ampsm_engine.engine import reviews
        from ampsm_tui.ask import told

        await told(self.app, ask(reviews.looked, house(self.app).engine, self.session.id, tree, objects or None))
