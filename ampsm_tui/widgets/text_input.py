"""A box of many lines, as every screen has it. Its cursor stands still: a blinking one writes to the terminal for ever.

Apart from `inputs`: Textual's text area takes a tenth of what a screen without one loads.
"""

from functools import cached_property
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.widgets import TextArea

from ampsm_tui.bindings import bind
from ampsm_tui.widgets.inputs import EditorPrefix, edited, typed

UNDO = Binding("ctrl+underscore", "undo", "Undo", show=False)
"""The key that takes back an edit, as readline and Emacs have it: ctrl+z belongs to the shell."""


class TextInput(TextArea):
    """A box of many lines. A screen that sends it by Enter calls `begin_line` first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("text.newline", "newline", "New line"),
        bind("text.editor", "edit_elsewhere", "Editor"),
        UNDO,
    ]

    cursor_blink = reactive(False, init=False)

    @cached_property
    def _prefix(self) -> EditorPrefix:
        return EditorPrefix()

    def on_key(self, event: events.Key) -> None:
        """Take the keys that mean something else here than in a text area."""
        if self._prefix.takes(event, is_selected=bool(self.selected_text)):
            self.action_edit_elsewhere()
        elif event.key == "shift+enter":
            event.stop().prevent_default()
            self.action_newline()

    def fill(self, text: str) -> None:
        """Have this text in the box, the cursor behind it."""
        self.load_text(typed(text))
        self.move_cursor(self.document.end)

    def begin_line(self) -> bool:
        """Put a new line in the place of a backslash before the cursor; False where there is none."""
        row, column = self.cursor_location
        if not column or not self.document.get_line(row)[:column].endswith("\\"):
            return False
        self.replace("\n", (row, column - 1), (row, column))
        return True

    def action_newline(self) -> None:
        """Put a new line where the cursor is."""
        self.insert_typed("\n")

    def insert_typed(self, text: str) -> None:
        """Put a text in the place of what is selected, the cursor behind it."""
        if not self.read_only:
            result = self.replace(text, *self.selection, maintain_selection_offset=False)
            self.move_cursor(result.end_location)

    def action_edit_elsewhere(self) -> None:
        """Write it in the editor; undo brings back what was there, also where the editor left nothing."""
        if (text := edited(self, self.text)) is not None:
            self.replace(text, (0, 0), self.document.end)
            self.move_cursor(self.document.end)
