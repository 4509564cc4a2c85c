"""How a diff is drawn: side by side or not, wrapped, with changed words, beside the list of its files or without."""

from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.pane import DiffPane

SPLIT_FROM = 150
"""Columns of the diff from which on both sides stand side by side, unless the user wants otherwise."""


class ReviewDisplay:
    """Changes how a pane draws its diff, and nothing of what it shows."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane) -> None:
        self._screen = screen
        self._pane = pane
        self._view = pane.view
        self._wants_split: bool | None = None
        """None: side by side where there is room."""

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
        self._screen.toggle_class("-files-off" if files.display else "-files-on")
        if files.display:
            self._screen.remove_class("-files-on")
        if not files.display:
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
