"""How a diff is drawn, and how much of each file it shows.

Drawn: side by side or not, wrapped, with changed words, beside the list of its files or without. Shown: folded files
and hunks, and more lines around a hunk than its patch has.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ampsm_tui.ask import run_while_open
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.widgets.diff.document import Document
from ampsm_tui.widgets.diff.layout import GROWTH, RowKind, still_hidden
from ampsm_tui.widgets.diff.patch import CONTEXT

if TYPE_CHECKING:
    from ampsm_engine.config import Settings

SPLIT_FROM = 150
"""Columns of the diff from which on both sides stand side by side, unless the user wants otherwise."""
DRAWN_BY = ("review.tab-width", "review.wrap", "review.split", "review.context", "review.order")
"""The settings of how a diff is drawn."""
ALL = 1 << 20
"""More lines than a file has."""


class ReviewDisplay:
    """Changes how a pane draws its diff, and nothing of what it shows."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane) -> None:
        self._screen = screen
        self._pane = pane
        self._view = pane.view
        self._wants_split: bool | None = None
        """Whether a person wants both sides beside each other; None: where there is room."""
        self._settings: dict[str, object] = {}
        """The settings that the diff is drawn by."""

    def apply(self, settings: "Settings") -> bool:
        """Draw as the settings want it, until a key says otherwise; whether its files are wanted in another order now.

        What a key has said holds on where the setting is as it was.
        """
        before, self._settings = self._settings, {name: settings[name] for name in DRAWN_BY}
        changed = {name for name in DRAWN_BY if name not in before or before[name] != settings[name]}
        manner = self._view.painter.manner
        manner.tab = int(settings.number("review.tab-width"))
        if "review.wrap" in changed:
            manner.wrap, manner.left = settings.switch("review.wrap"), 0
        if "review.split" in changed:
            self._wants_split = {"always": True, "never": False}.get(settings.text("review.split"))
        manner.extra_context = int(settings.number("review.context")) - CONTEXT
        self._pane.files.is_flat = settings.text("review.order") == "size"
        if before and changed:
            self._redraw(manner.extra_context if "review.context" in changed else None)
        return bool(before) and "review.order" in changed

    def _redraw(self, extra_context: int | None) -> None:
        view = self._view

        def change() -> None:
            if extra_context is not None:
                view.document.surround(extra_context)
            view.repaint()

        self._pane.change_rows(change)
        self.fit()
        if self._pane.reading is not None:
            self._pane.reading.send_focus()

    def fit(self) -> None:
        """Draw both sides side by side where there is room, or as the user wants it."""
        wants_split = self._wants_split if self._wants_split is not None else self._view.size.width >= SPLIT_FROM
        view = self._view
        manner = view.painter.manner
        if manner.is_split != wants_split or view.document.is_split != wants_split:
            manner.is_split = wants_split
            self._pane.change_rows(lambda: view.document.split(is_split=wants_split))
            view.repaint()

    def toggle_split(self) -> None:
        """Draw the sides side by side, or one below the other."""
        self._wants_split = not self._view.painter.manner.is_split
        self.fit()

    def toggle_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        manner = self._view.painter.manner
        manner.wrap, manner.left = not manner.wrap, 0
        self._pane.change_rows(self._view.repaint)

    def toggle_words(self) -> None:
        """Mark the changed words of a line, or not."""
        source = self._view.source
        source.with_words = not source.with_words
        self._view.repaint()

    def toggle_files(self) -> None:
        """Hide the list of files, or show it."""
        files = self._pane.files
        if not files.display and self._is_narrow:
            self.toggle_files_focus()
            return
        self._screen.toggle_class("-files-off" if files.display else "-files-on")
        if files.display:
            self._screen.remove_class("-files-on")
            self._view.focus()
        self._screen.call_after_refresh(self.fit)

    def toggle_files_focus(self) -> None:
        """Move the keys into the list of files, which is shown where it was hidden; from there back to the diff."""
        if self._pane.files.has_focus:
            self._view.focus()
        else:
            self._screen.add_class("-files-on")
            self._screen.remove_class("-files-off")
            self._pane.files.focus()

    def uncover(self) -> None:
        """Take the list of files away where it lies above the diff and the keys are in the diff."""
        if self._is_narrow and self._view.has_focus:
            self._screen.remove_class("-files-on")

    @property
    def _is_narrow(self) -> bool:
        """The list of files lies above the diff instead of beside it (`review.tcss`)."""
        return self._screen.has_class("-narrow") or self._screen.has_class("-slim")


class ReviewFolding:
    """Folds and unfolds, grows and shrinks what is under the cursor of a pane."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane) -> None:
        self._screen = screen
        self._pane = pane
        self._view = pane.view

    def fold(self) -> None:
        """Fold the hunk or the file under the cursor, or open it again."""
        row, view = self._pane.row, self._view
        if row is None:
            return
        document = view.document
        file, hunk = document.files[row.file], document.hunk_of(row)
        if row.kind is RowKind.HEAD or hunk is None or file.shape.folded:
            opens = file.shape.folded
            self._change(row.file, lambda: document.fold(row.file, folded=not opens))
        else:
            opens = hunk in file.shape.closed
            self._change(row.file, lambda: document.close(row.file, hunk, closed=not opens))
        if opens:
            view.land(view.cursor)  # what was opened is below it, and is to be seen

    def fold_all(self) -> None:
        """Fold all files, or open them again."""
        document = self._view.document
        folded = not all(file.shape.folded for file in document.files if not file.is_hidden)

        def change() -> None:
            for index in range(len(document.files)):
                document.fold(index, folded=folded)
            self._view.repaint()

        self._pane.change_rows(change)

    def open_row(self) -> None:
        """Do what Enter means on this row: fold or open a file or a folded hunk; more lines at a gap."""
        row = self._pane.row
        if row is None:
            return
        file = self._view.document.files[row.file]
        is_gap = row.kind is RowKind.TAIL or (row.kind is RowKind.HUNK and row.a not in file.shape.closed)
        if is_gap:
            self.grow(GROWTH)
        elif row.kind in (RowKind.HEAD, RowKind.HUNK):
            self.fold()

    def grow(self, count: int) -> None:
        """Show `count` more lines of the file around the hunk under the cursor, or at the gap."""
        row, document = self._pane.row, self._view.document
        if row is None or (body := document.files[row.file].body) is None:
            return
        if row.kind is RowKind.TAIL:
            self._grow(row.file, len(body.hunks) - 1, 0, count)
        elif row.kind is RowKind.HUNK:
            self._grow(row.file, row.a, count, 0)
        elif (hunk := document.hunk_of(row)) is not None:
            self._grow(row.file, hunk, count, count)

    def shrink(self) -> None:
        """Show the hunk under the cursor without the lines that were added around it."""
        row, document = self._pane.row, self._view.document
        if row is None:
            return
        hunk = document.hunk_of(row)
        grown = document.files[row.file].shape.grown
        if hunk is not None and hunk in grown:
            del grown[hunk]
            self._change(row.file, lambda: document.changed(row.file))

    def toggle_whole(self) -> None:
        """Show the whole file, or its changes alone again."""
        row, document = self._pane.row, self._view.document
        if row is None:
            return
        file = document.files[row.file]
        if file.body is None or not file.body.hunks:
            return
        if _is_whole(document, row.file):
            file.shape.grown.clear()
            self._change(row.file, lambda: document.changed(row.file))
            return
        for hunk in range(len(file.body.hunks)):
            self._grow(row.file, hunk, ALL, ALL if hunk == len(file.body.hunks) - 1 else 0)

    def _change(self, file: int, action: Callable[[], None]) -> None:
        def change() -> None:
            action()
            self._view.forget(file)

        self._pane.change_rows(change)
        if self._pane.reading is not None:
            self._pane.reading.send_focus()

    def _grow(self, index: int, hunk: int, above: int, below: int) -> None:
        run_while_open(self._screen, self._make_room(index, hunk, above, below))

    async def _make_room(self, index: int, hunk: int, above: int, below: int) -> None:
        """Make room for lines that the patch does not have; they come when they are on the screen."""
        reading = self._pane.reading
        file = reading.document.files[index] if reading is not None else None
        if reading is None or file is None or (body := file.body) is None:
            return
        is_last = hunk == len(body.hunks) - 1
        if below and is_last and file.shape.total is None:
            total = await reading.total(index)
            if self._pane.reading is not reading or file.body is not body:
                return
            file.shape.total = total

        def change() -> None:
            reading.document.grow(index, hunk, above=above, below=below)
            self._view.forget(index)

        self._pane.change_rows(change)
        reading.send_focus()


def _is_whole(document: Document, index: int) -> bool:
    file = document.files[index]
    body = file.body
    return (
        body is not None
        and not file.shape.has_tail
        and bool(file.shape.grown)
        and not any(still_hidden(body, file.shape, hunk) for hunk in range(len(body.hunks)))
    )
