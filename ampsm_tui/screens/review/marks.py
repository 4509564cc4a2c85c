"""What is viewed: marks on hunks and files, shown at once and kept by a verb; and reading on with the space bar."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from ampsm_tui.ask import ask, asking
from ampsm_tui.house import house
from ampsm_tui.screens.review.pane import ReviewBase
from ampsm_tui.screens.review.reading import Reading
from ampsm_tui.widgets.diff import navigation
from ampsm_tui.widgets.diff.document import viewed_spans
from ampsm_tui.widgets.diff.file_tree import FileTree
from ampsm_tui.widgets.diff.layout import Sort

Pair = tuple[str, str]


class ReviewMarks(ReviewBase):
    """Adds m, M and the space bar."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "read_on", "Read on", id="review.read-on"),
        Binding("m", "mark", "Viewed", id="review.mark"),
        Binding("M", "mark_file", "File viewed", id="review.mark-file", show=False),
    ]

    has_viewed = False
    """Something was viewed here: leaving remembers what one has looked at."""

    _shown: tuple[object, ...] = ()

    def show_reading(self, reading: Reading, *, is_same: bool) -> None:
        """A hunk that was viewed and is another now says so."""
        before = self.reading
        shown, self._shown = self._shown, (self.range, self.ignores_whitespace, reading.review.old_tree)
        if is_same and before is not None and shown == self._shown:
            reading.earlier = viewed_spans(before.document.files, before.earlier)
        super().show_reading(reading, is_same=is_same)

    def action_mark(self) -> None:
        """The hunk under the cursor is viewed: on to the next that is not. One that was viewed is not any more."""
        row, reading = self.row, self.reading
        if row is None or reading is None:
            return
        hunk = reading.document.hunk_of(row)
        file = reading.document.files[row.file]
        if row.sort is Sort.HEAD or hunk is None:
            self.action_mark_file()
            return
        is_viewed = hunk not in file.viewed
        self._mark(row.file, [hunk], is_viewed=is_viewed)

    def action_mark_file(self) -> None:
        """All hunks of the file are viewed, or none."""
        row, reading = self.row, self.reading
        if row is not None and reading is not None:
            file = reading.document.files[row.file]
            if file.body is not None:
                self._mark(row.file, range(file.hunks), is_viewed=not file.is_viewed)

    @on(FileTree.Marked)
    def _mark_listed(self, message: FileTree.Marked) -> None:
        if self.reading is not None and (file := self.reading.document.files[message.file]).body is not None:
            self._mark(message.file, range(file.hunks), is_viewed=not file.is_viewed, on=False)

    def _mark(self, index: int, hunks: Iterable[int], *, is_viewed: bool, on: bool = True) -> None:
        reading = self.reading
        if reading is None:
            return
        file, keys = reading.document.files[index], reading.keys(index)
        pairs = [(file.path, keys[hunk]) for hunk in hunks]
        self.marks = self.marks.marked(pairs, viewed=is_viewed)
        self.has_viewed = self.has_viewed or is_viewed
        view = self.view
        y = view.y_of(view.cursor) or 0
        at = view.cursor
        target = None
        held = view.hold()
        reading.remark(self.marks, [index])
        if is_viewed and on and held is not None:
            view.cursor = reading.document.find(held[0])
            target = navigation.next_unviewed(reading.document, view.cursor)
        if target is not None:
            view.refresh()
            view.stand_at(view.cursor, min(y, max(0, y - (at - view.cursor))))
            view.land(target)
        else:
            view.stand_on(held)
            view.refresh()
        self.told()
        reading.look()
        self._keep(pairs, is_viewed=is_viewed)

    @asking
    async def _keep(self, pairs: list[Pair], *, is_viewed: bool) -> None:
        from ampsm_engine.engine import reviews

        await ask(reviews.mark, house(self).engine, self.session.id, pairs, is_viewed)

    @asking
    async def ask_marks(self) -> None:
        """What was viewed before."""
        from ampsm_engine.engine import reviews

        self.marks = await ask(reviews.marks, house(self).engine, self.session.id) or self.marks
        self.take_marks()

    def take_marks(self) -> None:
        """Fold what is viewed, open what is not any more."""
        reading = self.reading
        if reading is None:
            return

        def change() -> None:
            reading.remark(self.marks, range(len(reading.document.files)))
            self.view.repaint()

        self.carry(change)

    def action_read_on(self) -> None:
        """A screen down; at the end of a file that is viewed then, and the next one is read."""
        view, reading = self.view, self.reading
        row = view.row
        if row is None or reading is None:
            return
        document = reading.document
        end = document.tops[row.file + 1]
        last = max((at for at, _ in view.places()), default=0)
        file = document.files[row.file]
        if last < end - 1 or file.body is None:
            view.action_page(1)
            return
        if not file.is_viewed and not house(self).read_only:
            self._mark(row.file, range(file.hunks), is_viewed=True)
            self._land_at_top()
        elif (found := navigation.next_unviewed(document, view.cursor)) is not None:
            view.go(found, above=0 if document.row(found).sort is Sort.HEAD else 1)
        else:
            view.action_page(1)

    def _land_at_top(self) -> None:
        """What is read next begins at the top."""
        view = self.view
        document = view.document
        file = document.file_at(view.cursor)
        top = document.tops[file]
        first = next(
            (at for at, hunk in enumerate(document.layout(file).hunks()) if at not in document.files[file].viewed), 0
        )
        if first == 0:
            view.go(top, above=0)
            view.go(min(top + 1, len(document) - 1))
