"""The notice that what a screen shows may be old, or that no worker can start, and why: there only while that is so."""

from textual.content import Content
from textual.widgets import Static

from ampsm_engine.model import Board
from ampsm_tui.clean import one_line


class StaleNotice(Static):
    """On every screen that follows the board."""

    DEFAULT_CSS = """
    StaleNotice { display: none; height: auto; max-height: 4; padding: 0 1; background: $surface; color: $warning; }
    """

    def on_mount(self) -> None:
        """Follow the board of the app."""
        self.watch(self.app, "board", self._follow)

    def _follow(self, board: Board | None) -> None:
        text = ""
        if board and board.stale:
            text = f"What is shown may be old, and is kept up again by itself: {board.stale}"
        elif board and board.trouble:
            text = board.trouble
        if text:
            self.update(Content(f"! {one_line(text, 500)}"))
        self.display = bool(text)
