"""Where a follow-up is written: Enter sends, ctrl+j is a new line, the arrows at the ends bring back earlier prompts.

No key that a terminal over SSH cannot send. Who sends it, and where drafts are kept, is decided by the screen.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import TextArea

from ampsm_engine.errors import AmpsmError
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.plain_text import UNTYPED
from ampsm_tui import suspend
from ampsm_tui.ask import show_error
from ampsm_tui.bindings import bind
from ampsm_tui.widgets.inputs import UNDO


def typed(text: str) -> str:
    """A text as somebody could have typed it: lines end with LF, nothing unseen is in it."""
    return UNTYPED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


class PromptBox(TextArea):
    """The text of the next prompt."""

    DEFAULT_CSS = """
    PromptBox {
        height: auto; min-height: 1; max-height: 12; border: none; padding: 0 1 0 0; background: $panel;
        &:focus { border: none; background: $panel; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("prompt.send", "send", "Send"),
        bind("prompt.newline", "newline", "New line"),
        bind("back", "leave", "Leave"),
        UNDO,
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
        self.cursor_blink = False
        self._history: tuple[str, ...] = ()
        self._place = -1
        self._draft = ""
        self._is_prefixed = False

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
        self.load_text(typed(text))
        self.move_cursor(self.document.end)
        self._place = -1

    def on_key(self, event: events.Key) -> None:
        """Take the keys that mean something else here than in a text area."""
        prefixed, self._is_prefixed = self._is_prefixed, False
        if prefixed and event.key in ("ctrl+e", "e"):
            event.stop().prevent_default()
            self.edit_elsewhere()
        elif event.key == "ctrl+x":
            event.stop().prevent_default()
            self._is_prefixed = True
        elif event.key == "enter" and self._sends(event.key):  # before the text area takes it for a new line
            event.stop().prevent_default()
            self.action_send()
        elif event.key == "shift+enter":
            event.stop().prevent_default()
            self.action_newline()

    def _sends(self, key: str) -> bool:
        """Whether this key sends, as it does unless the configuration says otherwise."""
        active = self.screen.active_bindings.get(key)
        return active is not None and active.binding.id == "prompt.send"

    def on_paste(self, event: events.Paste) -> None:
        """Take pasted text in, without what no prompt may hold."""
        event.stop().prevent_default()
        self._insert(typed(event.text))

    def action_send(self) -> None:
        """Send; behind a backslash, a new line instead."""
        row, column = self.cursor_location
        if column and self.document.get_line(row)[:column].endswith("\\"):
            self.replace("\n", (row, column - 1), (row, column))
        elif self.text.strip():
            self.post_message(self.Sent(self.text))

    def action_newline(self) -> None:
        """Put a new line where the cursor is."""
        self._insert("\n")

    def _insert(self, text: str) -> None:
        if not self.read_only:
            result = self.replace(text, *self.selection, maintain_selection_offset=False)
            self.move_cursor(result.end_location)

    def action_leave(self) -> None:
        """Leave; the text stays."""
        self.post_message(self.Left())

    def action_cursor_up(self, select: bool = False) -> None:
        """Up; from the first line, to the prompt before."""
        if not select and self.navigator.is_first_wrapped_line(self.cursor_location) and self._recall(1):
            return
        super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Down; from the last line, to the prompt after, and at last to what was being written."""
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

    def edit_elsewhere(self) -> None:
        """Write it in $VISUAL or $EDITOR, in a private file that is gone afterwards."""
        try:
            command = suspend.command_of(os.environ, ("VISUAL", "EDITOR"), "vim")
            with tempfile.TemporaryDirectory(prefix="ampsm-") as folder:
                path = Path(folder) / "prompt.md"
                path.write_text(self.text, encoding="utf-8")
                suspend.run_in_terminal(self.app, [*command, str(path)], Path(folder))
                self.fill(path.read_text(encoding="utf-8", errors="replace").rstrip("\n"))
        except AmpsmError as refusal:
            show_error(self, refusal)
