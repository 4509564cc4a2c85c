"""The diff beside the list of its files: what is shown now, and how the head, the list and the overview follow it."""

from collections.abc import Callable

from ampsm_engine.diff import hunks
from ampsm_engine.model import Session
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import run_while_open
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.reading import DiffReading
from ampsm_tui.screens.review.view_state import restore_view, view_state
from ampsm_tui.widgets.diff.document import File
from ampsm_tui.widgets.diff.file_tree import FileTree
from ampsm_tui.widgets.diff.layout import Row
from ampsm_tui.widgets.diff.overview import Overview
from ampsm_tui.widgets.diff.title import ReviewHead, ReviewStatus
from ampsm_tui.widgets.diff.view import DiffView

UPDATE_INTERVAL = 0.1
"""Seconds between two updates of the counts while a diff arrives."""


class DiffPane:
    """The widgets of a diff and the one reading that they show; the parts of the screen work on it."""

    def __init__(self, screen: AppScreen[None], session: Session, range_: str) -> None:
        self.session = session
        self.range = range_
        self.label = ""
        """What the head calls the range."""
        self.reading: DiffReading | None = None
        self.view = DiffView()
        self.files = FileTree()
        self.head = ReviewHead()
        self.overview = Overview()
        self.ignores_whitespace = False
        self.unsent = 0
        """Comments that were not sent to amp."""
        self.search_status = ""
        self.staging_status = ""
        self.listeners: list[Callable[[], None]] = []
        """Called whenever counts may have changed, before the head shows them."""
        self._screen = screen
        self._is_update_due = False

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.view.row

    def show(self, reading: DiffReading, *, is_same: bool) -> None:
        """Show another reading; with `is_same` the cursor and what was folded or grown stay as they are."""
        before, self.reading = self.reading, reading
        state = view_state(before, self.view) if before is not None and is_same else None
        self.view.take(reading.document, reading.source)
        self.view.beside = self.follow_view
        if before is not None:
            before.close()
        if state is not None:
            restore_view(reading, self.view, state)
        self.files.take(reading.document)
        run_while_open(self._screen, reading.follow(), group="reading", exclusive=True)

    def close(self) -> None:
        """Let go of the review that is shown."""
        if self.reading is not None:
            self.reading.close()

    def change_rows(self, change: Callable[[], None]) -> None:
        """Run `change`, which adds or takes away rows; the cursor stays on its line."""
        held = self.view.hold()
        change()
        self.view.stand_on(held)
        self.update_counts()

    def exact_hunk(self, file: File, hunk: int) -> bytes | None:
        """A hunk as git has it; None, with a toast that says why, where it is shown otherwise."""
        if file.body is None:
            return None
        patch = file.body.slice(hunk)
        if self.ignores_whitespace:
            reason = "While white space is ignored, hunks are not what git has; W shows them as they are"
        elif not hunks.is_whole(patch):
            reason = "This hunk is too long to be shown whole; on the head of the file, keys act on all of it"
        else:
            return patch
        app_of(self._screen).show_toast(reason)
        return None

    def schedule_update(self) -> None:
        """Update the counts soon: they change many times a second while a diff arrives."""
        if not self._is_update_due:
            self._is_update_due = True
            self._screen.set_timer(UPDATE_INTERVAL, self._update_when_due)

    def _update_when_due(self) -> None:
        self._is_update_due = False
        self.update_counts()

    def update_counts(self) -> None:
        """Show in the head, the list of files and the overview what may have changed."""
        for listener in self.listeners:
            listener()
        reading = self.reading
        if reading is None:
            return
        viewed, hunk_count = reading.document.progress
        shown = [file for file in reading.document.files if not file.is_gone]
        manner = self.view.painter.manner
        switches = (("wrap", manner.wrap), ("whitespace ignored", self.ignores_whitespace))
        self.head.show(
            ReviewStatus(
                self.session.name,
                self.label,
                len(shown),
                sum(file.additions for file in shown),
                sum(file.deletions for file in shown),
                viewed,
                hunk_count,
                reading.is_complete,
                self.unsent,
                self.search_status,
                "  ".join(word for word, is_on in switches if is_on),
                self.staging_status,
            )
        )
        self.files.counted()
        self._update_overview()

    def follow_view(self) -> None:
        """Mark in the list of files and in the overview where the view is."""
        row = self.row
        if row is not None:
            self.files.follow(row.file)
            self._update_overview()

    def _update_overview(self) -> None:
        view = self.view
        document = view.document
        notes = [
            document.tops[at] + document.layout(at).note(number)
            for at in view.source.notes
            if not document.files[at].is_hidden
            for number in range(len(document.files[at].shape.notes))
        ]
        self.overview.show(view.viewport.top[0], view.size.height, len(document), notes)
