"""Where the cursor and the view of a diff were when a search was opened, to bring both back."""

from ampsm_tui.screens.review.pane import DiffPane


class SearchStart:
    """The cursor, the top and the height of the view at one moment, and what a search has unfolded since."""

    def __init__(self, pane: DiffPane) -> None:
        view = pane.view
        self._pane = pane
        self._document = view.document
        self._held = view.hold()
        self._height = view.size.height
        top, line = view.viewport.top
        self._top = (view.document.row(top), line) if len(view.document) else None
        self._opened: list[tuple[int, int | None]] = []

    @property
    def row(self) -> int:
        """The row of the diff where the cursor was; 0 in a diff without rows."""
        return max(0, self._document.find(self._held[0])) if self._held is not None and len(self._document) else 0

    def note_unfolded(self, file: int, hunk: int | None = None) -> None:
        """Remember a hunk that the search has opened, or without one a whole file that it has unfolded."""
        self._opened.append((file, hunk))

    def restore(self, *, is_typing: bool) -> None:
        """Fold what the search has unfolded, and bring back cursor and view; nothing in another diff.

        While the pattern is typed the view is a line lower than before: the cursor is kept in it then.
        """
        view, document = self._pane.view, self._document
        if view.document is not document:
            return
        for file, hunk in self._opened:
            if hunk is None:
                document.fold(file, folded=True)
            else:
                document.close(file, hunk, closed=True)
            view.forget(file)
        self._opened.clear()
        if self._top is None or not len(document):
            return
        top = max(0, document.find(self._top[0])), self._top[1]
        view.viewport.top = top
        view.go(self.row)
        if not is_typing and view.size.height >= self._height - 1:
            view.viewport.top = top  # the line that the pattern was typed in is given back to the view
        view.refresh()
        self._pane.follow_view()
