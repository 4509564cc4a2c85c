"""A box over the screen: a title, something to fill in or to read, the keys below. What is in it belongs to others."""

from pathlib import Path
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets.inputs import TroubleText
from ampsm_tui.widgets.key_bar import KeyBar

Answer = TypeVar("Answer")


class Dialog(AppScreen[Answer | None], ModalScreen[Answer | None]):
    """A box with a title; Esc closes it and answers nothing."""

    CSS_PATH = Path(__file__).with_name("dialog.tcss")  # a subclass in another folder would look for it there
    BINDINGS: ClassVar[list[BindingType]] = [bind("dialog.cancel", "cancel", "Cancel")]

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's
        super().__init__(id=id)
        self._heading = title

    def compose(self) -> ComposeResult:
        """The box and, at the bottom, the keys."""
        with Vertical(id="box"):
            yield Static(Content(one_line(self._heading, 200)), id="heading")
            yield from self.compose_body()
            yield TroubleText()
        yield KeyBar()

    def compose_body(self) -> ComposeResult:
        """What is in the box."""
        yield from ()

    def show_trouble(self, message: str, hint: str = "") -> None:
        """Say in the box what is wrong; an empty message takes it away."""
        self.query_one(TroubleText).show(message, hint)

    def action_cancel(self) -> None:
        """Close it; nothing happens."""
        self.dismiss(None)
