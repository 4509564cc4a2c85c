"""One of a few words, changed where it stands: the next one with an arrow, or any from a list of all."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Blur
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line


class PickOne(Vertical, can_focus=True):
    """The chosen word, and a list of all while it is open; what the cursor of the list is on is only shown."""

    DEFAULT_CSS = """
    PickOne { height: 1; }
    PickOne > Static { width: auto; max-width: 100%; text-wrap: nowrap; text-overflow: ellipsis; }
    PickOne:focus > Static { text-style: bold reverse; }
    PickOne > OptionList {
        overlay: screen;
        constrain: inside inflect;
        display: none;
        width: 24;
        height: auto;
        max-height: 12;
        border: none;
        padding: 0 1;
        background: $panel;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("choice.list", "list", "List"),
        Binding("right", "walk(1)", "Other"),
        Binding("left", "walk(-1)", show=False),
        bind("move.down", "move(1)", priority=True),
        bind("move.up", "move(-1)", priority=True),
        Binding("enter,space", "take", show=False, priority=True),
        bind("back", "close", priority=True),
    ]

    class Picked(Message):
        """Another word is chosen."""

    class Previewed(Message):
        """A word is under the cursor of the list, or the list was closed and the chosen word is back."""

        def __init__(self, value: str) -> None:
            super().__init__()
            self.value = value

    def __init__(self, value: str, values: Sequence[str]) -> None:
        super().__init__()
        self.value = value
        self._values = tuple(values)

    def compose(self) -> ComposeResult:
        """The word, and the list that opens below it."""
        yield Static(self._word())
        options = OptionList(*(Option(Content(one_line(each, 60))) for each in self._values), compact=True)
        options.can_focus = False
        yield options

    def _word(self) -> Content:
        return Content(f"{one_line(self.value, 60)} ▾")

    @property
    def _list(self) -> OptionList:
        return self.query_one(OptionList)

    @property
    def is_open(self) -> bool:
        """Whether the list is there."""
        return bool(self._list.display)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of the list only while it is there."""
        if action in {"move", "take", "close"}:
            return self.is_open
        return super().check_action(action, parameters)

    def action_list(self) -> None:
        """Open the list, at the chosen word."""
        self._list.display = True
        self._list.highlighted = self._values.index(self.value) if self.value in self._values else 0

    def action_walk(self, step: int) -> None:
        """Choose the next word, or the one before."""
        if self.is_open:
            self.action_move(step)
            return
        at = self._values.index(self.value) if self.value in self._values else -1
        self._choose(self._values[(at + step) % len(self._values)])

    def action_move(self, step: int) -> None:
        """The cursor of the list on by one."""
        self._list.highlighted = ((self._list.highlighted or 0) + step) % len(self._values)

    def action_take(self) -> None:
        """Choose the word under the cursor of the list."""
        at = self._list.highlighted
        self._list.display = False
        if at is not None:
            self._choose(self._values[at])

    def action_close(self) -> None:
        """The list goes, and the chosen word stays."""
        self._list.display = False
        self.post_message(self.Previewed(self.value))

    def _choose(self, value: str) -> None:
        self.value = value
        self.query_one(Static).update(self._word())
        self.post_message(self.Picked())

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.Previewed(self._values[event.option_index]))

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_take()

    def on_click(self) -> None:
        """Open the list by mouse as by its key."""
        if not self.is_open:
            self.action_list()

    def on_blur(self, event: Blur) -> None:  # noqa: ARG002 - Textual's
        """Left: the list goes."""
        if self.is_open:
            self.action_close()
