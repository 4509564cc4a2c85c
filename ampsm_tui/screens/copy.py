"""What of a session may be copied: id, branch, path, prompt or thread, into the clipboard of the terminal."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ampsm_engine.labels import thread_address
from ampsm_engine.model import Session
from ampsm_tui.app_context import app_of
from ampsm_tui.bindings import bind
from ampsm_tui.clean import fit, one_line
from ampsm_tui.screens.dialog import Dialog
from ampsm_tui.widgets.inputs import Menu

_WHAT = (
    ("i", "id", "id"),
    ("b", "branch", "branch_name"),
    ("p", "path", "worktree_path"),
    ("t", "prompt", "amp_prompt"),
    ("u", "thread", "thread_id"),
)
"""The letter, the word, the field; a thread is copied as its address."""


class CopyScreen(Dialog[tuple[str, str]]):
    """Answers what is to be copied: its word and the text; several sessions give a line each."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(letter, f"pick({field!r})", f"Copy the {word}", show=False) for letter, word, field in _WHAT),
        bind("copy.take", "take", "Copy", priority=True),
    ]

    def __init__(self, sessions: Iterable[Session]) -> None:
        self._sessions = tuple(sessions)
        several = f"of {len(self._sessions)} sessions" if len(self._sessions) != 1 else f"of {self._sessions[0].name}"
        super().__init__(f"Copy {several}")

    def compose_body(self) -> ComposeResult:
        """A menu of what can be copied, each with its value."""
        options = []
        for letter, word, field in _WHAT:
            shown = one_line(self._text(field), 300)
            options.append(Option(Content(f" {letter}  {fit(word, 8)}").append(Content(shown or "-").stylize("dim"))))
        yield Menu(*options, compact=True)

    def _text(self, field: str) -> str:
        values = [getattr(session, field) for session in self._sessions]
        if field == "thread_id":
            values = [thread_address(thread) for thread in values if thread]
        return "\n".join(values)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter on a line."""
        self.action_pick(_WHAT[event.option_index][2])

    def action_take(self) -> None:
        """The line under the cursor."""
        self.query_one(Menu).action_select()

    def action_pick(self, field: str) -> None:
        """Close it with the choice."""
        word = next(word for _, word, name in _WHAT if name == field)
        if text := self._text(field):
            self.dismiss((word, text))
        else:
            app_of(self).show_toast(f"There is no {word} to copy yet")
