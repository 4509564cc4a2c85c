"""How far a long row of verbs has come: a box that appears only when they take long, and can stop them."""

from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.delayed_call import call_after
from ampsm_tui.screens.dialog import Dialog

if TYPE_CHECKING:
    import asyncio

PATIENCE = 0.4
"""Seconds before there is a box."""


class ProgressScreen(Dialog[None]):
    """Which one of how many; Esc stops after it."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("progress.stop", "cancel", "Stop after this one")]

    def __init__(self, progress: "Progress") -> None:
        super().__init__("One moment")
        self._progress = progress

    def compose_body(self) -> ComposeResult:
        """One line with how far it is."""
        yield Static(self._progress.line, id="at", markup=False)

    def show(self) -> None:
        """The line as it is now; written only when it changes."""
        self.query_one("#at", Static).update(self._progress.line)

    def action_cancel(self) -> None:
        """What is begun comes to its end; nothing after it begins."""
        self._progress.unwanted = True
        self.show()


class Progress:
    """Used in a `with` around the verbs; `unwanted`: no further one is to begin."""

    def __init__(self, screen: Screen[None], many: int) -> None:
        self.unwanted = False
        self._screen = screen
        self._many = many
        self._number = 0
        self._name = ""
        self._box: ProgressScreen | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def line(self) -> str:
        """`2 of 5 · fix login`."""
        stopping = "; then it stops" if self.unwanted else ""
        return f"{self._number} of {self._many} · {one_line(self._name, 200)}{stopping}"

    def at(self, name: str) -> None:
        """The next one begins."""
        self._number += 1
        self._name = name
        if self._box is not None and self._box.is_mounted:
            self._box.show()

    def _open(self) -> None:
        self._box = ProgressScreen(self)
        self._screen.app.push_screen(self._box)

    def __enter__(self) -> Self:
        self._timer = call_after(self._screen, PATIENCE, self._open)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._box is not None and self._box.is_attached:
            self._box.dismiss(None)
