"""What of a diff is viewed: marks on hunks and files, shown at once and kept by a verb; reading on screen by screen."""

from collections.abc import Iterable, Mapping

from ampsm_engine import timestamps
from ampsm_engine.review.annotations import LOOKED, Looked, Marks
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open
from ampsm_tui.bindings import is_allowed
from ampsm_tui.delayed_call import call_after
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.screens.review.reading import DiffReading
from ampsm_tui.widgets.diff import navigation
from ampsm_tui.widgets.diff.document import viewed_spans
from ampsm_tui.widgets.diff.layout import RowKind

UNCOMMITTED = "uncommitted"
"""The range of what is not committed."""

LOOK_DELAY = 0.3
"""Seconds that a look waits for the next mark before it is kept: a kill loses no more than that."""


class ReviewMarks:
    """Marks hunks of a pane as viewed."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane) -> None:
        self.marks = Marks()
        self.looked: Looked | None = None
        """The look before this review: what is new is told from it, for looks count from the first mark on."""
        self.version = 0
        """How often marks were set on this screen."""
        self._screen = screen
        self._pane = pane
        self._shown: tuple[object, ...] = ()
        self._has_viewed = False
        self._kept_tree = ""
        """The tree that counts as looked at."""
        self._is_due = False
        self._writing = 0
        """Marks that are on their way to the store."""

    def begin(self, marks: Marks, looked: Looked | None) -> None:
        """Take what the store knows; who comes back to a review goes on from the look that it was told from."""
        kind, _, tree = self._pane.range.partition(":")
        if kind == LOOKED and tree:
            self._pane.range = LOOKED
            looked = Looked(self._pane.session.id, tree, looked.looked_at if looked is not None else timestamps.now())
        self.marks, self.looked = marks, looked

    @property
    def range(self) -> str:
        """The range that is shown, so that it is the same after further looks."""
        if self._pane.range == LOOKED and self.looked is not None:
            return f"{LOOKED}:{self.looked.tree}"
        return self._pane.range

    def fetch(self) -> None:
        """Ask what is viewed, with what became of files that were renamed, and fold or open the hunks accordingly."""
        run_while_open(self._screen, self._fetch())

    def compare(self, reading: DiffReading, *, is_same: bool) -> None:
        """Let a reading that is about to be shown tell which hunks are others than those that were viewed."""
        before, pane = self._pane.reading, self._pane
        shown, self._shown = self._shown, (pane.range, pane.ignores_whitespace, reading.review.old_tree)
        if is_same and before is not None and shown == self._shown:
            reading.earlier = viewed_spans(before.document.files, before.earlier)

    def mark_hunk(self) -> None:
        """Mark the hunk under the cursor and go to the next that is not viewed; a viewed one is not viewed any more."""
        row, reading = self._pane.row, self._pane.reading
        if row is None or reading is None:
            return
        hunk = reading.document.hunk_of(row)
        if row.kind is RowKind.HEAD or hunk is None:
            self.mark_file(row.file)
        else:
            self._mark({row.file: [hunk]}, is_viewed=hunk not in reading.document.files[row.file].viewed)

    def mark_file(self, index: int | None = None) -> None:
        """Mark all hunks of a file, or none; of the one under the cursor if none is named."""
        row, reading = self._pane.row, self._pane.reading
        if index is None:
            index = row.file if row is not None else None
        if index is None or reading is None:
            return
        file = reading.document.files[index]
        if file.body is not None:
            self._mark({index: range(file.hunks)}, is_viewed=not file.is_viewed)

    def mark_files(self, indices: Iterable[int]) -> None:
        """Mark all hunks of several files; none of them where all were viewed. What is not here yet stays as it is."""
        reading = self._pane.reading
        files = reading.document.files if reading is not None else ()
        there = [index for index in indices if index < len(files) and files[index].body is not None]
        if there:
            is_viewed = not all(files[index].is_viewed for index in there)
            self._mark({index: range(files[index].hunks) for index in there}, is_viewed=is_viewed, goes_on=False)

    def read_on(self) -> None:
        """Go a screen down; at the end of a file mark it as viewed, and go to the next one."""
        view, reading = self._pane.view, self._pane.reading
        row = view.row
        if row is None or reading is None:
            return
        document = reading.document
        end = document.tops[row.file + 1]
        last = max((at for at, _ in view.viewport.places()), default=0)
        file = document.files[row.file]
        if last < end - 1 or file.body is None:
            view.action_page(1)
            return
        if not file.is_viewed and is_allowed(self._screen, "review.mark"):
            self._mark({row.file: range(file.hunks)}, is_viewed=True)
            self._land_at_top()
        elif (found := navigation.next_unviewed(document, view.cursor)) is not None:
            view.go(found, above=0 if document.row(found).kind is RowKind.HEAD else 1)
        else:
            view.action_page(1)

    def begin_anew(self) -> None:
        """What is shown now is the look that the next changes are told from, in this review, too."""
        tree = self._shown_tree()
        if tree is not None:
            now = app_of(self._screen).clock()
            self.looked = Looked(self._pane.session.id, tree, timestamps.stamp(now))
            self._keep_looked_tree(tree)

    def note_looked_tree(self) -> None:
        """What is shown has been looked at, if something of this review was viewed: kept soon, and once."""
        if self._has_viewed and not self._is_due and self._shown_tree() not in (None, self._kept_tree):
            self._is_due = True
            call_after(self._screen, LOOK_DELAY, self._keep_noted)

    def close(self) -> None:
        """The review is left: what is shown has been looked at, if something was viewed."""
        tree = self._shown_tree()
        if self._has_viewed and tree is not None and tree != self._kept_tree:
            self._keep_looked_tree(tree)

    def _keep_noted(self) -> None:
        self._is_due = False
        self.close()

    def _shown_tree(self) -> str | None:
        """The tree that is shown; None where looking at it means nothing."""
        reading = self._pane.reading
        if reading is None or app_of(self._screen).read_only or self._pane.range == UNCOMMITTED:
            return None
        return reading.review.new_tree

    def _keep_looked_tree(self, tree: str) -> None:
        from ampsm_engine.engine import reviews

        app, reading = self._screen.app, self._pane.reading
        self._kept_tree = tree
        objects = reading.review.objects or None if reading is not None else None
        run_while_open(app, ask(reviews.keep_looked_tree, app_of(app).engine, self._pane.session.id, tree, objects))

    def follow(self, stored: frozenset[tuple[str, str]], version: int) -> None:
        """Show the marks that the store has, as others set them, unless ours are on their way to it.

        `version` is this object's at the moment when the store was asked.
        """
        if not self._writing and version == self.version and stored != self.marks.keys:
            self.fetch()

    def _mark(self, hunks: Mapping[int, Iterable[int]], *, is_viewed: bool, goes_on: bool = True) -> None:
        """Set or take away the marks of hunks, by their files, and store that."""
        reading = self._pane.reading
        if reading is None:
            return
        files = reading.document.files
        pairs = [(files[index].path, reading.keys(index)[hunk]) for index, some in hunks.items() for hunk in some]
        self.marks = self.marks.marked(pairs, viewed=is_viewed)
        self.version += 1
        self._writing += 1
        self._has_viewed = self._has_viewed or is_viewed
        view = self._pane.view
        y = view.viewport.y_of(view.cursor) or 0
        at = view.cursor
        target = None
        held = view.hold()
        reading.set_marks(self.marks, hunks)
        if is_viewed and goes_on and held is not None:
            view.cursor = reading.document.find(held[0])
            target = navigation.next_unviewed(reading.document, view.cursor)
        if target is not None:
            view.refresh()
            view.stand_at(view.cursor, min(y, max(0, y - (at - view.cursor))))
            view.land(target)
        else:
            view.stand_on(held)
            view.refresh()
        self._pane.update_counts()
        reading.send_focus()
        run_while_open(self._screen, self._keep(pairs, is_viewed=is_viewed))
        self.note_looked_tree()

    async def _fetch(self) -> None:
        from ampsm_engine.engine import reviews

        version = self.version
        marks = await ask(reviews.viewed_marks, app_of(self._screen).engine, self._pane.session.id)
        if marks is None or version != self.version:  # marks were set here meanwhile
            return
        self.marks = marks
        reading = self._pane.reading
        if reading is None:
            return

        def change() -> None:
            reading.set_marks(self.marks, range(len(reading.document.files)))
            self._pane.view.repaint()

        self._pane.change_rows(change)

    async def _keep(self, pairs: list[tuple[str, str]], *, is_viewed: bool) -> None:
        from ampsm_engine.engine import reviews

        try:
            await ask(reviews.mark_viewed, app_of(self._screen).engine, self._pane.session.id, pairs, is_viewed)
        finally:
            self._writing -= 1

    def _land_at_top(self) -> None:
        """What is read next begins at the top."""
        view = self._pane.view
        document = view.document
        file = document.file_at(view.cursor)
        top = document.tops[file]
        viewed = document.files[file].viewed
        first = next((at for at, hunk in enumerate(document.layout(file).hunks()) if at not in viewed), 0)
        if first == 0:
            view.go(top, above=0)
            view.go(min(top + 1, len(document) - 1))
