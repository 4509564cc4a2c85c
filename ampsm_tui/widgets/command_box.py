"""The box that actions and files are found in by typing: Textual's palette, with a line of keys of its own."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.command import CommandInput, CommandPalette

from ampsm_tui.bindings import bind
from ampsm_tui.widgets.key_bar import KeyBar


class CommandBox(CommandPalette):
    """Textual's palette with keys below it and a still cursor: a blinking one writes to the terminal for ever."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("menu.take", "command_list('select')", "Choose", priority=True),
        bind("back", "escape", "Cancel"),
    ]

    def compose(self) -> ComposeResult:
        """The box, and its keys in place of those of the screen below."""
        yield from super().compose()
        yield KeyBar()

    def on_mount(self) -> None:
        """Hold the cursor still."""
        self.query_one(CommandInput).cursor_blink = False
