"""Where the cursor of a review is, in words that hold for another start; and going there when the diff arrives."""

from ampsm_engine.diff.deltas import Side
from ampsm_engine.last_places import LastPlace
from ampsm_tui.screens.review.loader import ReviewLoader
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.widgets.diff import navigation
from ampsm_tui.widgets.diff.layout import Row, RowKind


class ReviewPosition:
    """The cursor of a pane as a place; `wanted` is the place to begin at, left alone once somebody moves."""

    def __init__(self, pane: DiffPane, loader: ReviewLoader, wanted: LastPlace | None) -> None:
        self._pane = pane
        self._loader = loader
        self._wanted = wanted
        if wanted is not None and wanted.path:
            pane.listeners.append(self._go)

    def place(self, range_: str) -> LastPlace:
        """Where the cursor is; the file alone where it is on no line."""
        session_id, row, document = self._pane.session.id, self._pane.row, self._pane.view.document
        if self._wanted is not None and self._wanted.path:
            return self._wanted._replace(range=range_)
        if row is None:
            return LastPlace("review", session_id, range_)
        path = document.files[row.file].path
        found = navigation.remarked(document, self._pane.view.cursor)
        if found is None:
            return LastPlace("review", session_id, range_, path)
        return LastPlace("review", session_id, range_, path, found.first, found.side is Side.NEW)

    def _go(self) -> None:
        """Go to the wanted place as soon as its file is here."""
        wanted, reading, view = self._wanted, self._pane.reading, self._pane.view
        if wanted is None or reading is None:
            return
        if view.cursor:  # somebody has moved
            self._wanted = None
            return
        files = reading.document.files
        index = next((at for at, file in enumerate(files) if wanted.path in (file.path, file.old_path)), None)
        if index is not None and files[index].body is not None:
            self._wanted = None
            view.land(self._row(index, wanted))
        elif reading.is_complete and not self._loader.is_behind:
            self._wanted = None  # it is not changed any more

    def _row(self, index: int, wanted: LastPlace) -> int:
        document = self._pane.view.document
        file, head = document.files[index], document.tops[index]
        if not wanted.line or file.shape.folded or file.body is None:
            return head
        if wanted.is_new:
            return navigation.line(document, index, wanted.line) or head
        row = file.body.row_of(old=wanted.line)
        return head if row is None else document.find(Row(RowKind.LINE, index, row, file.body.hunk_at(row)))
