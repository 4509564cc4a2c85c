"""One sentence that says what will happen, and yes or no."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.dom import DOMNode
from textual.widgets import Button, Static

from ampsm_tui.bindings import bind
from ampsm_tui.clean import many_lines
from ampsm_tui.screens.dialog import Dialog


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
