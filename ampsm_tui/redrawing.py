"""Painting all of the screen anew, for a terminal on which another program wrote.

The driver leaves out what stands there already, so nothing else would mend it.
"""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import BindingType

from ampsm_tui.bindings import bind

if TYPE_CHECKING:
    from textual.driver import Driver

    from ampsm_tui.driver.output import TerminalOutput


class Redrawing(App[int]):
    """An app that can paint anew."""

    output: "TerminalOutput | None"

    BINDINGS: ClassVar[list[BindingType]] = [bind("redraw", "redraw", priority=True)]

    def action_redraw(self) -> None:
        """Write every cell of the screen anew."""
        if self.output is not None:
            self.output.repaint()
        self.screen.refresh(layout=True)


def redrawn(driver: "type[Driver]") -> "type[Driver]":
    """The driver after which all is painted anew when the app comes back: from ctrl+z, a SIGSTOP, or a program."""

    class Redrawn(driver):  # type: ignore[misc, valid-type]
        """Knows whether it was suspended: a SIGCONT without that must not begin a second time what still runs."""

        _is_suspended = False

        def _sigtstp_application(self, *_: object) -> None:
            self._between_steps(super()._sigtstp_application)

        def _sigcont_application(self, *_: object) -> None:
            self._between_steps(super()._sigcont_application)

        def _between_steps(self, handler: Callable[[], None]) -> None:
            # A handler comes between any two lines of the app, also where that holds the lock of what it writes to.
            if self._auto_restart:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    self._loop.call_soon_threadsafe(handler)
            else:  # another program has the terminal, and the loop waits for it
                handler()

        def suspend_application_mode(self) -> None:
            self._is_suspended = True
            super().suspend_application_mode()

        def resume_application_mode(self) -> None:
            if not self._is_suspended:
                # Textual would throw away what was typed since; while this is set, it takes the input for let go.
                self.exit_event.set()
                if self._key_thread is not None:
                    self._key_thread.join()
                super().suspend_application_mode()
                self.exit_event.clear()
            self._is_suspended = False
            super().resume_application_mode()
            self._between_steps(self._app.action_redraw)

    return Redrawn
