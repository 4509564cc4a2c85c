"""Input widgets as every screen has them: a line, a menu, and what is wrong with what was typed.

Their cursor stands still: a blinking one writes to the terminal for ever.
"""

import re
from functools import cached_property
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.input import Selection

from ampsm_engine.errors import AmpsmError
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.plain_text import UNTYPED
from ampsm_tui import suspend
from ampsm_tui.ask import show_error
from ampsm_tui.bindings import bind
from ampsm_tui.clean import many_lines


class EditorPrefix:
    """Ctrl+x ctrl+e, by which readline opens the editor; ctrl+x alone cuts what is selected."""

    def __init__(self) -> None:
        self._is_begun = False

    def takes(self, event: events.Key, *, is_selected: bool) -> bool:
        """Whether a key ends the two; the first of them is kept from the box."""
        begun, self._is_begun = self._is_begun, False
        if begun and event.key in ("ctrl+e", "e"):
            event.stop().prevent_default()
            return True
        if event.key == "ctrl+x" and not is_selected:
            event.stop().prevent_default()
            self._is_begun = True
        return False


class LineInput(Input):
    """A box of one line."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("text.editor", "edit_elsewhere")]

    cursor_blink = reactive(False, init=False)

    @cached_property
    def _prefix(self) -> EditorPrefix:
        return EditorPrefix()

    def on_key(self, event: events.Key) -> None:
        """The two keys of readline that open the editor."""
        if self._prefix.takes(event, is_selected=bool(self.selected_text)):
            self.action_edit_elsewhere()

    def action_edit_elsewhere(self) -> None:
        """Write it in the editor; of several lines that come back one is made."""
        if (text := edited(self, self.value)) is not None:
            self.value = " ".join(text.split("\n"))
            self.cursor_position = len(self.value)


class PassingLine(LineInput):
    """A box of one line that is there only while it is used; Enter keeps what was typed, Escape drops it."""

    DEFAULT_CSS = """
    PassingLine, PassingLine:focus {
        display: none; height: 1; border: none; padding: 0 1; background: $panel; color: $foreground;
        &.-open { display: block; }
    }
    """
    # Not looked at when it is mounted: from Python 3.12 on no screen is on the stack then where this is the first one,
    # and Textual asks for it.
    selection = reactive(Selection.cursor(0), init=False)

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep", key_display="enter"),
        bind("back", "leave", "Clear"),
    ]

    def show(self) -> None:
        """Show the box, and give it the keys."""
        self.add_class("-open")
        self.screen.set_focus(self)  # at once: the next keys may be here already


def typed(text: str) -> str:
    """A text as it could have been typed: lines end with LF, nothing unseen is in it."""
    return re.sub(UNTYPED, "", text.replace("\r\n", "\n").replace("\r", "\n"))


def edited(box: Widget, text: str) -> str | None:
    """A text as it was saved in $VISUAL or $EDITOR; None where that did not work, which is shown."""
    try:
        written = suspend.edited_text(box.app, text.encode("utf-8", "replace"), "prompt.md")
        return typed(written.decode("utf-8", "replace")).rstrip("\n")
    except AmpsmError as refusal:
        show_error(box, refusal)
        return None


class Menu(OptionList):
    """A list to choose a line from, walked with the keys of every list, too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("menu.take", "select", "Choose"),
        bind("move.down", "cursor_down"),
        bind("move.up", "cursor_up"),
    ]


class TroubleText(Static):
    """What is wrong, and what helps; there only while something is."""

    DEFAULT_CSS = "TroubleText { display: none; color: $error; }"

    def __init__(self) -> None:
        super().__init__(classes="trouble")
        self._shown = ""

    def show(self, message: str = "", hint: str = "") -> None:
        """Show an error message; an empty one hides the widget."""
        text = "\n".join(part for part in (message and f"✗ {message}", hint) if part)
        if text != self._shown:
            self._shown = text
            self.update(Content(many_lines(text, 1000)))
            self.display = bool(text)


class FilterBox(PassingLine):
    """A line to type a filter in, shown while it is used or not empty."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Down", show=False),
        Binding("up", "move(-1)", "Up", show=False),
    ]

    @dataclass
    class ListMoved(Message):
        """Posted when the cursor of the list below is to move."""

        by: int

    class TypingEnded(Message):
        """Posted when typing has ended and the list is to have the keys."""

    def __init__(self, by: str = "name, repository, branch, state, prompt") -> None:
        super().__init__(placeholder=f"filter by {by}", compact=True, select_on_focus=False)

    def action_leave(self) -> None:
        """Drop the filter and close the box."""
        self.value = ""
        self.remove_class("-open")
        self.post_message(self.TypingEnded())

    async def action_submit(self) -> None:
        """Keep the filter, without the box where it is empty, and go back to the list."""
        self.set_class(bool(self.value), "-open")
        self.post_message(self.TypingEnded())

    def action_move(self, by: int) -> None:
        """Have the cursor of the list below move."""
        self.post_message(self.ListMoved(by))

    def on_blur(self, _event: events.Blur) -> None:
        """Hide the box where it is empty."""
        if not self.value:
            self.remove_class("-open")
