"""What is typed into: a line and a text. Their cursor stands still: a blinking one writes to the terminal for ever."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.widgets import Input, TextArea

UNDO = Binding("ctrl+underscore", "undo", "Undo", show=False)
"""As readline and Emacs have it: ctrl+z belongs to the shell."""


class LineInput(Input):
    """A box of one line."""

    cursor_blink = reactive(False, init=False)


class TextInput(TextArea):
    """A box of many lines."""

    BINDINGS: ClassVar[list[BindingType]] = [UNDO]

    cursor_blink = reactive(False, init=False)
