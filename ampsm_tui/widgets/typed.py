"""What is typed into: a line and a text. Their cursor stands still: a blinking one writes to the terminal for ever."""

from textual.reactive import reactive
from textual.widgets import Input, TextArea


class Line(Input):
    """One line."""

    cursor_blink = reactive(False, init=False)


class Text(TextArea):
    """Many lines."""

    cursor_blink = reactive(False, init=False)
