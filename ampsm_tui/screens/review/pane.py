"""The diff beside the list of its files: what is shown now, and how the head, the list and the overview follow it.

When one diff takes the place of another, the line under the cursor stays, and what was folded or grown.
"""

from collections.abc import Callable
from typing import NamedTuple

from ampsm_engine.diff import hunks
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import Session
from ampsm_engine.review.annotations import LOOKED
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import run_while_open
from ampsm_tui.delayed_call import call_after
from ampsm_tui.hints import with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.reading import DiffReading
from ampsm_tui.widgets.diff.document import Document, File
from ampsm_tui.widgets.diff.file_tree import FileTree
from ampsm_tui.widgets.diff.layout import Row, RowKind, Shape
from ampsm_tui.widgets.diff.overview import Overview
from ampsm_tui.widgets.diff.patch import Body
from ampsm_tui.widgets.diff.title import ReviewHead, ReviewStatus
from ampsm_tui.widgets.diff.view import DiffView

UPDATE_INTERVAL = 0.1
"""Seconds between two updates of the counts while a diff arrives."""

NEAREST = 500
"""Lines with the same text among which the nearest is looked for."""


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
        self.is_opening = False
        """Whether it is not decided yet what is shown first: that there is nothing is not said before."""
        self.ignores_whitespace = False
        self.unsent = 0
        """Comments that were not sent to amp."""
        self.search_status = ""
        self.filter_text = ""
        """The filter that leaves files out; empty without one."""
        self.staging_status = ""
        self.waiting_status = ""
        """What waits for the end of amp's turn."""
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
        if file.is_converted:
            reason = "git takes a file in UTF-16 as a whole; on its head, keys act on all of it"
        elif self.ignores_whitespace:
            reason = "White space is ignored, so these are not git's hunks; {review.whitespace} shows them"
        elif not hunks.is_whole(patch):
            reason = "This hunk is too long to be shown whole; on the head of the file, keys act on all of it"
        else:
            return patch
        app_of(self._screen).show_toast(with_keys(self._screen, reason))
        return None

    def schedule_update(self) -> None:
        """Update the counts soon: they change many times a second while a diff arrives."""
        if not self._is_update_due:
            self._is_update_due = True
            call_after(self._screen, UPDATE_INTERVAL, self._update_when_due)

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
        self._note_nothing(reading)
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
                self.filter_text,
                "  ".join(word for word in (self.waiting_status, self.staging_status) if word),
            )
        )
        self.files.counted()
        self._update_overview()

    def _note_nothing(self, reading: DiffReading) -> None:
        """Say in the place of the diff that there is none, and let the line of keys know it."""
        text = ""
        if reading.is_complete and not (reading.document.files or self.is_opening):
            since = "Nothing has changed since you looked; {review.since} shows what was before."
            text = with_keys(self._screen, since) if self.range == LOOKED else "Nothing has changed."
        if text != self.view.note:
            self.view.note = text
            self.view.refresh()
            self._screen.refresh_bindings()

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


class FileView(NamedTuple):
    """How a file was shown: what was folded, and what was added around hunks."""

    shape: Shape
    is_filtered: bool
    is_viewed: bool
    data: bytes
    grown: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class ViewState:
    """Where the cursor was: a file by its path, a line by its text and numbers, and its place on the screen."""

    path: str
    row: Row
    y: int
    body: Body | None
    files: dict[str, FileView]


def view_state(reading: DiffReading, view: DiffView) -> ViewState | None:
    """What is shown of a reading; None of one without any row."""
    held = view.hold()
    if held is None:
        return None
    row, y = held
    files = reading.document.files
    known = {
        file.path: FileView(
            file.shape, file.is_filtered, file.is_viewed, file.body.data, reading.source.grown_of(index)
        )
        for index, file in enumerate(files)
        if file.body is not None
    }
    return ViewState(files[row.file].path, row, y, files[row.file].body, known)


def restore_view(reading: DiffReading, view: DiffView, state: ViewState) -> None:
    """Bring a view of a new reading to the state that was kept of the reading before."""
    document = reading.document
    for index, file in enumerate(document.files):
        known = state.files.get(file.path)
        if known is None:
            continue
        file.is_filtered = known.is_filtered
        if file.body is not None:
            file.shape.folded = file.is_viewed or (known.shape.folded and not known.is_viewed)
            if file.body.data == known.data:
                _grow(file.shape, known.shape)
                reading.source.keep_all(index, known.grown)
        document.changed(index)
    at = _find_row(state, document)
    if at is not None:
        view.cursor = at
        view.stand_at(at, state.y)


def _grow(shape: Shape, known: Shape) -> None:
    shape.grown, shape.total, shape.has_tail = known.grown, known.total, known.has_tail
    shape.closed |= known.closed


def _find_row(state: ViewState, document: Document) -> int | None:
    """Where the row under the cursor is now; the nearest one when it is gone."""
    index = next((at for at, file in enumerate(document.files) if state.path in (file.path, file.old_path)), None)
    if index is None:
        after = [at for at, file in enumerate(document.files) if file.path > state.path and not file.is_hidden]
        return document.tops[after[0]] if after else (len(document) - 1 if len(document) else None)
    row = _same_row(state, document.files[index].body)
    return document.find(row._replace(file=index))


def _same_row(state: ViewState, body: Body | None) -> Row:
    row = state.row
    if row.kind not in (RowKind.LINE, RowKind.PAIR) or state.body is None or body is None or not body.hunks:
        if row.kind is RowKind.HUNK and body is not None and body.hunks and state.body is not None:
            hunk = state.body.hunks[row.a]
            near = min(range(len(body.hunks)), key=lambda at: abs(body.hunks[at].new - hunk.new))
            return row._replace(a=near)
        return row
    wanted = row.a if row.kind is RowKind.LINE or row.a >= 0 else row.b
    line = state.body.line(wanted)
    text = bytes((line.kind,)) + line.text
    found = _same_line(body, text, line.new)
    if found is None:
        found = body.row_of(new=line.new)
    if found is None:
        near = min(range(len(body.hunks)), key=lambda at: abs(body.hunks[at].new - line.new))
        found = body.hunks[near].first + 1
    return Row(RowKind.LINE, row.file, found, body.hunk_at(found))


def _same_line(body: Body, text: bytes, new: int) -> int | None:
    """The row with this sign and text that is nearest to a number."""
    found: list[int] = []
    at = body.data.find(b"\n" + text + b"\n")
    while at >= 0 and len(found) < NEAREST:
        found.append(body.row_at(at + 1))
        at = body.data.find(b"\n" + text + b"\n", at + 1)
    return min(found, key=lambda row: abs(body.line(row).new - new), default=None)
