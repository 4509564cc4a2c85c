"""The offer to go back to where one was when the last app was cut off: there until somebody goes anywhere."""

from textual.content import Content
from textual.widgets import Static

from ampsm_tui.bindings import shown_key


class ReturnNotice(Static):
    """On the list, which is where one begins."""

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
