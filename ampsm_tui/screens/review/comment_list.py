"""The list of a session's comments: where each is, what became of it, what can be done with it."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ampsm_engine.review.values import Comment
from ampsm_tui.clean import one_line
from ampsm_tui.screens.dialog import Dialog


class CommentsScreen(Dialog[tuple[str, str]]):
    """Answers what to do with which comment: `go`, `resolve`, `reopen` or `delete`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "answer('go')", "Go there", id="comments.go", key_display="enter"),
        Binding("x", "answer('resolve')", "Resolve", id="comments.resolve"),
        Binding("o", "answer('reopen')", "Send again", id="comments.reopen"),
        Binding("D", "answer('delete')", "Delete", id="comments.delete"),
        Binding("j", "move('cursor_down')", show=False),
        Binding("k", "move('cursor_up')", show=False),
    ]

    def __init__(self, comments: Iterable[Comment]) -> None:
        self._comments = tuple(comments)
        super().__init__("Comments")

    def compose_body(self) -> ComposeResult:
        """The list."""
        if not self._comments:
            yield Static("There are none yet. c comments on a line.", classes="note")
            return
        options = []
        for one in self._comments:
            fate = one.outcome.value if one.outcome is not None else one.state.value
            if one.state.value == "resolved":
                fate = "resolved"
            told = Content(f"{one_line(one.place, 60)}  ").append(Content(fate).stylize("$accent"))
            options.append(Option(told.append(f"\n  {one_line(one.text, 200)}")))
        yield OptionList(*options, compact=True)

    def action_answer(self, what: str) -> None:
        """Close it with what is to be done."""
        found = self.query(OptionList)
        at = found.first().highlighted if found else None
        if at is not None:
            self.dismiss((what, self._comments[at].id))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a click."""
        event.stop()
        self.action_answer("go")

    def action_move(self, how: str) -> None:
        """j and k, as everywhere."""
        for found in self.query(OptionList):
            getattr(found, f"action_{how}")()
