"""Where a follow-up is written: Enter sends, ctrl+j is a new line, the arrows at the ends bring back earlier prompts.

No key that a terminal over SSH cannot send. Who sends it, and where drafts are kept, is decided by the screen.
"""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.bindings import bind
from ampsm_tui.widgets.inputs import typed
from ampsm_tui.widgets.text_input import TextInput


class PromptBox(TextInput):
    """The text of the next prompt."""

    DEFAULT_CSS = """
    PromptBox {
        height: auto; min-height: 1; max-height: 12; border: none; padding: 0 1 0 0; background: $panel;
        &:focus { border: none; background: $panel; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("text.send", "send", "Send", priority=True),
        bind("back", "leave", "Leave"),
    ]

    @dataclass
    class Sent(Message):
        """Somebody wants this text to be the next prompt."""

        text: str

    @dataclass
    class Left(Message):
        """Somebody left the box; the text stays in it."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(
            id=id,
            soft_wrap=True,
            show_line_numbers=False,
            compact=True,
            highlight_cursor_line=False,
            tab_behavior="focus",
        )
        self._history: tuple[str, ...] = ()
        self._place = -1
        self._draft = ""

    @property
    def unsent(self) -> str:
        """What a person wrote in here: not an earlier prompt that is only looked at."""
        recalled = self._place >= 0 and self.text == self._history[self._place]
        return self._draft if recalled else self.text

    def remember(self, prompts: Sequence[str]) -> None:
        """What was asked before, newest first."""
        self._history = tuple(dict.fromkeys(typed(prompt) for prompt in prompts))

    def fill(self, text: str) -> None:
        """Have this text in the box, the cursor behind it."""
        super().fill(text)
        self._place = -1

    def on_paste(self, event: events.Paste) -> None:
        """Take pasted text in, without what no prompt may hold."""
        event.stop().prevent_default()
        self.insert_typed(typed(event.text))

    def action_send(self) -> None:
        """Send; behind a backslash, a new line instead."""
        if not self.begin_line() and self.text.strip():
            self.post_message(self.Sent(self.text))

    def action_leave(self) -> None:
        """Leave; the text stays."""
        self.post_message(self.Left())

    def action_cursor_up(self, select: bool = False) -> None:
        """Move the cursor up; from the first line, take the prompt before."""
        if not select and self.navigator.is_first_wrapped_line(self.cursor_location) and self._recall(1):
            return
        super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Move the cursor down; from the last line, take the prompt after, and at last what was being written."""
        if not select and self.navigator.is_last_wrapped_line(self.cursor_location) and self._recall(-1):
            return
        super().action_cursor_down(select)

    def _recall(self, by: int) -> bool:
        place = self._place + by
        if not -1 <= place < len(self._history):
            return False
        if self._place == -1:
            self._draft = self.text
        self.load_text(self._draft if place == -1 else self._history[place])
        self.move_cursor(self.document.end if by < 0 else (0, 0))
        self._place = place
        return True
