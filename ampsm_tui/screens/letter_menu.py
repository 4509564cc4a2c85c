"""A menu over the screen: a letter, a word and what it stands for in each line; a letter or Enter chooses."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ampsm_tui.bindings import bind
from ampsm_tui.clean import cells, fit, one_line
from ampsm_tui.screens.dialog import Dialog
from ampsm_tui.widgets.inputs import Menu


class MenuLine(NamedTuple):
    """One line of a menu."""

    letter: str
    word: str
    value: str
    """What it is now, on one line; empty where there is nothing."""


class LetterMenu(Dialog[str]):
    """Answers the word that was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("menu.take", "take", "Choose", priority=True)]

    def __init__(self, title: str, lines: Sequence[MenuLine]) -> None:
        super().__init__(title)
        self._lines = tuple(lines)

    def compose_body(self) -> ComposeResult:
        """The lines of the menu, a letter before each."""
        wide = max(cells(line.word) for line in self._lines)
        options = []
        for line in self._lines:
            value = Content(one_line(line.value, 300) or "-").stylize("dim")
            options.append(Option(Content(f" {line.letter}  {fit(line.word, wide)}  ").append(value)))
        yield Menu(*options, compact=True)

    def on_key(self, event: events.Key) -> None:
        """A letter chooses its line."""
        for line in self._lines:
            if event.character == line.letter:
                event.stop().prevent_default()
                self.action_pick(line.word)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter on a line, or the mouse."""
        self.action_pick(self._lines[event.option_index].word)

    def action_take(self) -> None:
        """Choose the line under the cursor."""
        self.query_one(Menu).action_select()

    def action_pick(self, word: str) -> None:
        """Close it with the choice."""
        self.dismiss(word)
