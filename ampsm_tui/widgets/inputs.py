"""Input widgets as every screen has them: a line, a text, a menu, and what is wrong with what was typed.

Their cursor stands still: a blinking one writes to the terminal for ever.
"""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, OptionList, Static, TextArea

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.clean import many_lines

UNDO = Binding("ctrl+underscore", "undo", "Undo", show=False)
"""As readline and Emacs have it: ctrl+z belongs to the shell."""


class LineInput(Input):
    """A box of one line."""

    cursor_blink = reactive(False, init=False)


class PassingLine(LineInput):
    """A box of one line that is there only while it is used; Enter keeps what was typed, Escape drops it."""

    DEFAULT_CSS = """
    PassingLine, PassingLine:focus {
        display: none; height: 1; border: none; padding: 0 1; background: $panel; color: $foreground;
        &.-open { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep", key_display="enter"),
        Binding("escape", "leave", "Clear"),
    ]

    def show(self) -> None:
        """Be there, and take the keys."""
        self.add_class("-open")
        self.screen.set_focus(self)  # at once: the next keys may be here already


class TextInput(TextArea):
    """A box of many lines."""

    BINDINGS: ClassVar[list[BindingType]] = [UNDO]

    cursor_blink = reactive(False, init=False)


class Menu(OptionList):
    """A list to choose a line from, walked with j and k, too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
    ]


class TroubleText(Static):
    """What is wrong, and what helps; there only while something is."""

    DEFAULT_CSS = "TroubleText { display: none; color: $error; }"

    def __init__(self) -> None:
        super().__init__(classes="trouble")
        self._shown = ""

    def show(self, message: str = "", hint: str = "") -> None:
        """Show it; an empty message takes it away."""
        text = "\n".join(part for part in (message and f"✗ {message}", hint) if part)
        if text != self._shown:
            self._shown = text
            self.update(Content(many_lines(text, 1000)))
            self.display = bool(text)


class FilterBox(PassingLine):
    """One line; it is there only while it is used or holds something."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Down", show=False),
        Binding("up", "move(-1)", "Up", show=False),
    ]

    @dataclass
    class ListMoved(Message):
        """The list is to go down or up."""

        by: int

    class TypingEnded(Message):
        """Typing is over; the list has the keys again."""

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
        """Move in the list."""
        self.post_message(self.ListMoved(by))

    def on_blur(self, _event: events.Blur) -> None:
        """An empty box goes."""
        if not self.value:
            self.remove_class("-open")
