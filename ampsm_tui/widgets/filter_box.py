"""The box in which a filter is typed: the list follows each letter. Up and down still move in the list."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.widgets.inputs import PassingLine


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

    def __init__(self) -> None:
        super().__init__(
            placeholder="filter by name, repository, branch, state, prompt", compact=True, select_on_focus=False
        )

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
