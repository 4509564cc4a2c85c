"""Places in a diff: a file found by some of its name, and where the cursor is in words that hold for another start."""

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from ampsm_engine.diff.hunks import Side
from ampsm_engine.last_places import LastPlace
from ampsm_tui.clean import cut_start, fit, one_line
from ampsm_tui.screens.palette import CommandBox
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.screens.review.ranges import ReviewLoader
from ampsm_tui.widgets.diff import navigation
from ampsm_tui.widgets.diff.document import File
from ampsm_tui.widgets.diff.file_tree import closeness
from ampsm_tui.widgets.diff.layout import Row, RowKind
from ampsm_tui.widgets.diff.view import DiffView

MOST = 60
"""Files that are listed: who wants another one types more of its name."""

NAME_WIDTH = 52
"""Cells of a path."""


class FileJump(CommandBox):
    """The files of a diff, the likeliest first; the chosen one is gone to."""

    def __init__(self) -> None:
        super().__init__(providers=[_Files], placeholder="some of a file's name")


class _Files(Provider):
    """The files that the diff of the screen below shows."""

    @property
    def _view(self) -> DiffView:
        return self.screen.query_one(DiffView)

    def _shown(self) -> Iterator[tuple[int, File]]:
        return ((index, file) for index, file in enumerate(self._view.document.files) if not file.is_hidden)

    async def search(self, query: str) -> Hits:
        """The files whose path has the query, or its letters in order; the best are those whose name begins with it."""
        found = [(closeness(query, file.path), index, file) for index, file in self._shown()]
        # Of several that are as close the shortest path is meant the most often.
        found.sort(key=lambda one: (-one[0], len(one[2].path), one[1]))
        for rank, (score, index, file) in enumerate(found[:MOST]):
            if score:
                # The palette sorts again, by score alone.
                yield Hit(score + 1 - rank / MOST, _row(file), partial(self._go, index), text=file.path)

    async def discover(self) -> Hits:
        """The first files, while nothing is typed yet."""
        for index, file in list(self._shown())[:MOST]:
            yield DiscoveryHit(_row(file), partial(self._go, index), text=file.path)

    def _go(self, index: int) -> None:
        view = self._view
        if index < len(view.document.files):
            view.go(view.document.tops[index], above=0)
            view.focus()


def _row(file: File) -> Content:
    path = fit(cut_start(one_line(file.path, 1000), NAME_WIDTH), NAME_WIDTH)
    folder, slash, name = path.rpartition("/")
    counts = f"  {file.status} +{file.additions} -{file.deletions}{' ✓' if file.is_viewed else ''}"
    return Content(f"{folder}{slash}").append(Content(name).stylize("bold")).append(Content(counts).stylize("dim"))


class ReviewPosition:
    """The cursor of a pane as a place; `wanted` is the place to begin at, dropped once the cursor was moved."""

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
        if view.cursor:  # the cursor was moved
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
