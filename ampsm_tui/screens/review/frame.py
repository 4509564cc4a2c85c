"""What every screen with a diff has: the diff beside the list of its files, and how the parts follow each other."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from ampsm_tui.screens.review.display import ReviewLooks
from ampsm_tui.screens.review.search import ReviewSearch
from ampsm_tui.widgets.diff.file_tree import FileTree
from ampsm_tui.widgets.diff.overview import Overview
from ampsm_tui.widgets.diff.title import ReviewBox, ReviewHead
from ampsm_tui.widgets.diff.view import DiffView
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.stale_notice import StaleNotice


class ReviewFrame(ReviewLooks, ReviewSearch):
    """The parts, and the way out of each."""

    CSS_PATH = "review.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "files", "Files", id="review.files", show=False),
    ]

    def compose(self) -> ComposeResult:
        """Head, files, diff, the line to type in, keys."""
        yield ReviewHead()
        yield StaleNotice()
        with Horizontal(id="review"):
            yield FileTree()
            yield DiffView()
            yield Overview()
        yield ReviewBox()
        yield KeyBar()

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
