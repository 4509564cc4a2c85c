"""The notice that what a screen shows may be old, and why: there only while the store does not answer."""

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
        reason = board.stale if board else ""
        if reason:
            self.update(Content(f"! What is shown may be old, and is kept up again by itself: {one_line(reason, 500)}"))
        self.display = bool(reason)
