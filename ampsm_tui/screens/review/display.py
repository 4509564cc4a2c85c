"""How a diff is looked at: side by side, wrapped, folded, with more context, without the list of files."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from ampsm_tui.ask import asking
from ampsm_tui.screens.review.pane import ReviewBase
from ampsm_tui.widgets.diff.document import Document
from ampsm_tui.widgets.diff.layout import GROWTH, Sort, still_hidden

SPLIT_FROM = 150
"""Columns of the diff from which on both sides stand side by side, unless one wants otherwise."""

ALL = 1 << 20
"""More lines than a file has."""


class ReviewLooks(ReviewBase):
    """Adds what changes the picture and nothing else."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="review.open", show=False),
        Binding("equals_sign", "whole", "Whole file", id="review.whole", show=False),
        Binding("plus", f"more({GROWTH})", "More context", id="review.more", show=False),
        Binding("minus", "less", "Less context", id="review.less", show=False),
        Binding("vertical_line", "split", "Side by side", id="review.split", show=False),
        Binding("w", "wrap", "Wrap", id="review.wrap", show=False),
        Binding("W", "whitespace", "Whitespace", id="review.whitespace", show=False),
        Binding("I", "words", "Words", id="review.words", show=False),
        Binding("z", "fold", "Fold", id="review.fold", show=False),
        Binding("Z", "fold_all", "Fold all", id="review.fold-all", show=False),
        Binding("backslash", "zen", "Files", id="review.zen", show=False),
    ]

    _split: bool | None = None
    """What one wants; None: what the width suggests."""

    def choose_manner(self) -> None:
        """Side by side where there is room, or what one wants."""
        wanted = self._split if self._split is not None else self.view.size.width >= SPLIT_FROM
        view = self.view
        manner = view.painter.manner
        if manner.is_split != wanted or view.document.is_split != wanted:
            manner.is_split = wanted
            self.carry(lambda: view.document.split(is_split=wanted))
            view.repaint()

    def action_split(self) -> None:
        """Side by side, or one below the other."""
        self._split = not self.view.painter.manner.is_split
        self.choose_manner()

    def action_wrap(self) -> None:
        """Long lines in several, or cut."""
        manner = self.view.painter.manner
        manner.wrap, manner.left = not manner.wrap, 0
        self.carry(self.view.repaint)

    def action_whitespace(self) -> None:
        """Changes of white space alone are left out, or shown."""
        self.ignores_whitespace = not self.ignores_whitespace
        self.reopen()

    def action_words(self) -> None:
        """Mark the changed words of a line, or not."""
        source = self.view.source
        source.with_words = not source.with_words
        self.view.repaint()

    def action_zen(self) -> None:
        """The list of files goes, or comes back."""
        self.toggle_class("-files-off" if self.files.display else "-files-on")
        if self.files.display:
            self.remove_class("-files-on")
        self.toggle_files()

    def toggle_files(self) -> None:
        """After the list of files has come or gone."""

    # Folding.

    def action_fold(self) -> None:
        """Fold the hunk or the file under the cursor, or open it again."""
        row, view = self.row, self.view
        if row is None:
            return
        document = view.document
        file, hunk = document.files[row.file], document.hunk_of(row)
        if row.sort is Sort.HEAD or hunk is None or file.shape.folded:
            opens = file.shape.folded
            self._change(row.file, lambda: document.fold(row.file, folded=not opens))
        else:
            opens = hunk in file.shape.closed
            self._change(row.file, lambda: document.close(row.file, hunk, closed=not opens))
        if opens:
            view.land(view.cursor)  # what was opened is below it, and is to be seen

    def _change(self, file: int, action: Callable[[], None]) -> None:
        def change() -> None:
            action()
            self.view.forget(file)

        self.carry(change)
        if self.reading is not None:
            self.reading.look()

    def action_fold_all(self) -> None:
        """Fold all files, or open them again."""
        document = self.view.document
        folded = not all(file.shape.folded for file in document.files if not file.is_hidden)

        def change() -> None:
            for index in range(len(document.files)):
                document.fold(index, folded=folded)
            self.view.repaint()

        self.carry(change)

    # Context.

    def action_open(self) -> None:
        """What Enter means on this row: fold or open a file, a hunk that is folded; more lines at a gap."""
        row = self.row
        if row is None:
            return
        file = self.view.document.files[row.file]
        is_gap = row.sort is Sort.TAIL or (row.sort is Sort.HUNK and row.a not in file.shape.closed)
        if row.sort is Sort.NOTE:
            self.open_note(row)
        elif is_gap:
            self.action_more(GROWTH)
        elif row.sort in (Sort.HEAD, Sort.HUNK):
            self.action_fold()

    def action_more(self, count: int) -> None:
        """More lines of the file around the hunk under the cursor, or at the gap."""
        row, document = self.row, self.view.document
        if row is None or document.files[row.file].body is None:
            return
        if row.sort is Sort.TAIL:
            self._grow(row.file, len(document.files[row.file].body.hunks) - 1, 0, count)  # type: ignore[union-attr]
        elif row.sort is Sort.HUNK:
            self._grow(row.file, row.a, count, 0)
        elif (hunk := document.hunk_of(row)) is not None:
            self._grow(row.file, hunk, count, count)

    def action_less(self) -> None:
        """The hunk under the cursor without what came to it."""
        row, document = self.row, self.view.document
        if row is None:
            return
        hunk = document.hunk_of(row)
        grown = document.files[row.file].shape.grown
        if hunk is not None and hunk in grown:
            del grown[hunk]
            self._change(row.file, lambda: document.changed(row.file))

    def action_whole(self) -> None:
        """The whole file, or its changes alone again."""
        row, document = self.row, self.view.document
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

    @asking
    async def _grow(self, index: int, hunk: int, above: int, below: int) -> None:
        """Make room for lines that the patch does not have; they come when they are on the screen."""
        reading = self.reading
        file = reading.document.files[index] if reading is not None else None
        if reading is None or file is None or (body := file.body) is None:
            return
        is_last = hunk == len(body.hunks) - 1
        if below and is_last and file.shape.total is None:
            total = await reading.total(index)
            if self.reading is not reading or file.body is not body:
                return
            file.shape.total = total

        def change() -> None:
            reading.document.grow(index, hunk, above=above, below=below)
            self.view.forget(index)

        self.carry(change)
        reading.look()


def _is_whole(document: Document, index: int) -> bool:
    file = document.files[index]
    body = file.body
    return (
        body is not None
        and not file.shape.has_tail
        and bool(file.shape.grown)
        and not any(still_hidden(body, file.shape, hunk) for hunk in range(len(body.hunks)))
    )
