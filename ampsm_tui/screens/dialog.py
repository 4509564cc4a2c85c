"""A box over the screen: a title, something to fill in or to read, the keys below. What is in it belongs to others."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from ampsm_tui.bindings import bind
from ampsm_tui.clean import many_lines, one_line
from ampsm_tui.hints import in_app
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
        self.query_one(TroubleText).show(message, in_app(self, hint))

    def action_cancel(self) -> None:
        """Close it; nothing happens."""
        self.dismiss(None)


class ConfirmScreen(Dialog[bool]):
    """Answers True for yes, False or None for no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("dialog.yes", "answer(True)", "Yes"),
        bind("dialog.no", "answer(False)", "No"),
        Binding("left,right,h,l", "app.focus_next", show=False),
    ]

    def __init__(self, title: str, sentence: str, *, yes: str = "Yes", id: str | None = None) -> None:  # noqa: A002
        super().__init__(title, id=id)
        self._sentence = sentence
        self._yes = yes

    def compose_body(self) -> ComposeResult:
        """The sentence, and the two answers for the mouse."""
        yield Static(Content(many_lines(self._sentence, 2000)), id="sentence")
        with Horizontal(classes="buttons"):
            yield Button(f"{self._yes}  y", id="yes", variant="primary", compact=True)
            yield Button("Cancel  n", id="no", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The same by mouse, or by Tab and Enter."""
        self.action_answer(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Close it with the answer."""
        self.dismiss(yes)


def confirm(node: DOMNode, title: str, sentence: str, *, yes: str, then: Callable[[], object]) -> None:
    """Ask in a box over the screen; `then` is called after a yes, and nothing after a no."""

    def answered(answer: bool | None) -> None:
        if answer:
            then()

    node.app.push_screen(ConfirmScreen(title, sentence, yes=yes), answered)
