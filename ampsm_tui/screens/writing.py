"""Small boxes to write in: a message of many lines, notes, a name. What was written is handed to a verb from here.

A refusal is shown in the box, so that nothing that was typed is lost by it.
"""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static, TextArea

from ampsm_engine.errors import AmpsmError
from ampsm_tui.screens.dialog import SEND, Dialog
from ampsm_tui.widgets.typed import Line, Text

Deliver = Callable[[str], Awaitable[None]]
"""Does with the text what the box is for; raises the refusal that the box shows."""


class _Writing(Dialog[bool]):
    """Hands what was written to `deliver` and closes when that went well; answers whether it did."""

    WORD: ClassVar = "save"
    """What handing it over is called."""

    def __init__(self, title: str, deliver: Deliver, *, text: str = "", note: str = "", may_be_empty: bool) -> None:
        super().__init__(title)
        self._deliver = deliver
        self._text = text
        self._note = note
        self._may_be_empty = may_be_empty

    def compose_note(self) -> ComposeResult:
        """The line that says what happens with it."""
        if self._note:
            yield Static(self._note, classes="note", markup=False)

    @abstractmethod
    def written(self) -> str:
        """What stands in the box."""

    def action_send(self) -> None:
        """Hand it over."""
        if not self.written().strip() and not self._may_be_empty:
            self.show_trouble(f"There is nothing to {self.WORD} yet.")
            return
        self.show_trouble("")
        self.run_worker(self._hand_over(self.written()), group="ask", exclusive=True)

    async def _hand_over(self, text: str) -> None:
        try:
            await self._deliver(text)
        except AmpsmError as refusal:
            self.show_trouble(refusal.message, refusal.hint)
        else:
            self.dismiss(True)


class _ManyLines(_Writing):
    """Many lines; Enter is a new line."""

    def compose_body(self) -> ComposeResult:
        """The text."""
        yield Text(self._text, show_line_numbers=False, soft_wrap=True, compact=True)
        yield from self.compose_note()

    def on_mount(self) -> None:
        """The cursor behind what is there; a text that is to be read first begins at its beginning."""
        area = self.query_one(TextArea)
        if not self.has_class("-tall"):
            area.move_cursor(area.document.end)

    def written(self) -> str:
        """The text."""
        return self.query_one(TextArea).text


class TextScreen(_ManyLines):
    """A text that goes to amp."""

    WORD = "send"
    BINDINGS: ClassVar[list[BindingType]] = [Binding(SEND, "send", "Send", id="dialog.send", priority=True)]


class KeptTextScreen(_ManyLines):
    """A text that is kept here: a comment, notes, the message of a commit."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding(SEND, "send", "Save", id="dialog.send", priority=True)]


class LineScreen(_Writing):
    """One line; Enter hands it over."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Save", id="dialog.save", priority=True),
        Binding(SEND, "send", "Save", show=False, priority=True),
    ]

    def compose_body(self) -> ComposeResult:
        """The line."""
        yield Line(self._text, compact=True, select_on_focus=False)
        yield from self.compose_note()

    def written(self) -> str:
        """The line."""
        return self.query_one(Input).value
