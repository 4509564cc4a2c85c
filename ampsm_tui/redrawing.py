"""Painting all of the screen anew, for a terminal on which another program wrote.

Frames leave out what stands there already, so nothing else would mend it.
"""

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

if TYPE_CHECKING:
    from textual.driver import Driver


class Redrawing(App[int]):
    """An app that can paint anew."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "redraw", "Redraw", id="redraw", show=False, priority=True)
    ]

    def action_redraw(self) -> None:
        """Write every cell."""
        self.screen.refresh(layout=True)


def redrawn(driver: "type[Driver]") -> "type[Driver]":
    """The driver after which all is painted anew when the app comes back: from ctrl+z, a SIGSTOP, or a program."""

    class Redrawn(driver):  # type: ignore[misc, valid-type]
        """Knows whether it was suspended: a SIGCONT without that must not begin a second time what still runs."""

        _is_suspended = False

        def suspend_application_mode(self) -> None:
            self._is_suspended = True
            super().suspend_application_mode()

        def resume_application_mode(self) -> None:
            if not self._is_suspended:
                super().suspend_application_mode()
            self._is_suspended = False
            super().resume_application_mode()
            self._redraw()

        def _redraw(self) -> None:
            app: Any = self._app
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(app.action_redraw)

    return Redrawn
