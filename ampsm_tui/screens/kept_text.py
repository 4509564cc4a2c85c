"""What is typed into a box and not sent: kept on disk with every key, so that neither Esc nor a hangup loses it."""

from collections.abc import Callable
from typing import Any

from textual.screen import Screen

from ampsm_engine.errors import Failed
from ampsm_engine.unsent_texts import TypedText, UnsentText
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import show_error

MESSAGE = "message"
"""The purpose of a follow-up that is not sent yet, whichever screen it is written on."""


class KeptText:
    """The text of one box of a screen; `owner` and `purpose` say whose it is and what for."""

    def __init__(self, screen: Screen[Any], owner: str, purpose: str) -> None:
        self._screen = screen
        self._place = UnsentText(app_of(screen).engine.home, owner, purpose)
        self._has_failed = False

    def read(self) -> TypedText | None:
        """The text as it was left; None when there is none."""
        return self._place.read()

    def keep(self, text: str, base: str = "") -> None:
        """Keep what stands in the box, unless it is what the box began with; a toast where that does not work."""
        if text == base:
            self._place.drop()
            return
        try:
            self._place.write(text, base)
        except OSError as reason:
            if not self._has_failed:
                show_error(
                    self._screen, Failed(f"What you write cannot be kept: {reason.strerror}.", "Send it, or copy it.")
                )
            self._has_failed = True
        else:
            self._has_failed = False

    def drop(self) -> None:
        """Forget the kept text, because it was sent."""
        self._place.drop()

    def close(self, text: str, base: str, dismiss: Callable[[], object]) -> None:
        """Close the box: what was typed is kept, and a toast says so; where it could not be kept, ask first."""
        self.keep(text, base)
        if text == base:
            dismiss()
        elif self._has_failed:
            self._ask(dismiss)
        else:
            app_of(self._screen).show_toast("What you wrote is kept: it stands here again next time")
            dismiss()

    def _ask(self, dismiss: Callable[[], object]) -> None:
        from ampsm_tui.screens.dialog import confirm

        sentence = "It could not be kept on disk, so it would be lost."
        confirm(self._screen, "Throw away what you wrote?", sentence, yes="Throw away", then=dismiss)
