"""Lines that are there only while they hold: what is shown may be old, no worker starts, where one may go back to."""

from textual.content import Content
from textual.widgets import Static

from ampsm_engine.model import Board
from ampsm_tui.bindings import shown_key
from ampsm_tui.clean import one_line


class StaleNotice(Static):
    """A line that says that what is shown may be old, on every screen that follows the board."""

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


class ReturnNotice(Static):
    """A line that offers to return to the last place, on the list, which is where one begins."""

    DEFAULT_CSS = """
    ReturnNotice { display: none; height: auto; max-height: 3; padding: 0 1; background: $surface; color: $accent; }
    """

    def on_mount(self) -> None:
        """Follow the offer of the app."""
        self.watch(self.app, "offer", self._follow)

    def _follow(self, offer: str) -> None:
        if offer:
            self.update(Content(f"{offer}. {shown_key(self.screen, 'return') or 'The palette'} goes back there."))
        self.display = bool(offer)
