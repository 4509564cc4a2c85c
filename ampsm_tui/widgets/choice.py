"""Inputs with a list that opens below them: `PickOne`, one of a few words; `Choice`, a line that offers what would fit.

The list is walked with the arrows; `Choice` forces nothing.
"""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Blur, DescendantBlur
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.widgets.inputs import LineInput


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
        """Posted when another word was chosen."""

    @dataclass
    class Previewed(Message):
        """A word is under the cursor of the list, or the list was closed and the chosen word is back."""

        value: str

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
        """Whether the list of words is open."""
        return bool(self._list.display)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key works: those of the list do only while it is open."""
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
        """Close the list when the input loses the keys."""
        if self.is_open:
            self.action_close()


MOST = 50
"""Lines of the list; typing on narrows it."""


class Choice(Vertical):
    """A line to type in, with a list of what would fit."""

    DEFAULT_CSS = """
    Choice { height: 1; }
    Choice > OptionList {
        overlay: screen;
        constrain: inside inflect;
        display: none;
        height: auto;
        max-height: 8;
        border: none;
        padding: 0 1;
        background: $panel;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "walk(1)", "Choices", show=False),
        Binding("up", "walk(-1)", show=False),
        bind("back", "close"),
        Binding("enter", "take", show=False, priority=True),
        Binding("tab", "take_and_go", show=False, priority=True),
    ]

    @dataclass
    class Changed(Message):
        """Posted when the text has changed."""

        choice: "Choice"
        value: str

        @property
        def control(self) -> "Choice":
            """The `Choice` that sent this, for Textual's `@on`."""
            return self.choice

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._first = value
        self._placeholder = placeholder
        self._offered: tuple[str, ...] = ()
        self._fit: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        """The line and its list."""
        yield LineInput(self._first, placeholder=self._placeholder, compact=True, select_on_focus=False)
        options = OptionList(compact=True, markup=False)
        options.can_focus = False
        yield options

    @property
    def input(self) -> Input:
        """The line that is typed into."""
        return self.query_one(Input)

    @property
    def value(self) -> str:
        """The text in the line."""
        return self.input.value

    @value.setter
    def value(self, text: str) -> None:
        self.input.value = text
        self.input.cursor_position = len(text)
        self.action_close()

    @property
    def is_open(self) -> bool:
        """Whether the list of words is open."""
        return bool(self.query_one(OptionList).display)

    def offer(self, values: Sequence[str], *, show: bool = False) -> None:
        """What may be chosen from now on; with `show` the list opens where something fits."""
        self._offered = tuple(dict.fromkeys(values))
        if self.is_open or show:
            self._open()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key works: those of the list do only while it is open."""
        if action in {"close", "take", "take_and_go"}:
            return self.is_open and (action == "close" or self.query_one(OptionList).highlighted is not None)
        return super().check_action(action, parameters)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.input.has_focus:
            self._open()
        self.post_message(self.Changed(self, event.value))

    def _open(self) -> None:
        """List what fits to what is typed, what begins so first."""
        typed = self.value.casefold()
        begins = [value for value in self._offered if value.casefold().startswith(typed)]
        holds = [value for value in self._offered if typed in value.casefold() and value not in begins]
        self._list((*begins, *holds))

    def _list(self, values: Sequence[str]) -> None:
        fit = tuple(value for value in values if value != self.value)[:MOST]
        options = self.query_one(OptionList)
        if fit != self._fit or not options.display:
            self._fit = fit
            options.clear_options()
            options.add_options([Option(Content(one_line(value, 400))) for value in fit])
        options.display = bool(fit)

    def action_walk(self, step: int) -> None:
        """Highlight the next or the previous line of the list; open it with what fits, else with everything."""
        options = self.query_one(OptionList)
        if not options.display:
            self._open()
        if not options.display:
            self._list(self._offered)
        if options.display:
            at = options.highlighted
            if at is None:
                at = -1 if step > 0 else 0
            options.highlighted = (at + step) % options.option_count

    def action_close(self) -> None:
        """Hide the list of what is offered."""
        self.query_one(OptionList).display = False

    def action_take(self) -> None:
        """Take the highlighted line of the list as the text."""
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self.value = self._fit[at]

    def action_take_and_go(self) -> None:
        """Take the highlighted line of the list as the text, and go to the next field."""
        self.action_take()
        self.screen.focus_next()

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.value = self._fit[event.option_index]
        self.input.focus()

    def on_descendant_blur(self, event: DescendantBlur) -> None:
        """Close the list when the input loses the keys."""
        if event.widget is self.input:
            self.action_close()
