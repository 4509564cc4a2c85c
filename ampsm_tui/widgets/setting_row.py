"""One setting in a list of them: its name and its value, changed where it stands."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import DescendantBlur, DescendantFocus
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from ampsm_engine.config import Setting, Value
from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.bindings import bind
from ampsm_tui.widgets.choice import PickOne
from ampsm_tui.widgets.inputs import LineInput


class OnOff(Static, can_focus=True):
    """A switch with its state in words; Space or Enter turns it."""

    DEFAULT_CSS = """
    OnOff { width: auto; height: 1; padding: 0 0; }
    OnOff:focus { text-style: bold reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [bind("settings.turn", "turn", "On or off")]

    class Turned(Message):
        """A person has turned the switch, whose `on` has the new state."""

    def __init__(self, *, on: bool) -> None:
        super().__init__(self._word(on))
        self.on = on

    @staticmethod
    def _word(on: bool) -> str:
        return "● on " if on else "○ off"

    def action_turn(self) -> None:
        """Turn the switch over, and post that."""
        self.on = not self.on
        self.update(self._word(self.on))
        self.post_message(self.Turned())

    def on_click(self) -> None:
        """Turn the setting by mouse as by its key."""
        self.action_turn()


class KeysRow(Static, can_focus=True):
    """Stands for the keys, of which there are too many to stand here; Enter opens their list."""

    DEFAULT_CSS = """
    KeysRow { width: 1fr; height: 1; padding: 0 2; }
    KeysRow:focus { text-style: bold reverse; width: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [bind("settings.keys", "open", "Open")]

    class Entered(Message):
        """Posted when the row has got the keys."""

    class ListWanted(Message):
        """Posted when the list of the keys is to be opened."""

    def __init__(self) -> None:
        super().__init__("each of them may be another …")

    def on_focus(self) -> None:
        """Tell the screen that a person is in this row."""
        self.post_message(self.Entered())

    def action_open(self) -> None:
        """Post that the list of the keys is to be opened."""
        self.post_message(self.ListWanted())

    def on_click(self) -> None:
        """Open the setting by mouse as by its key."""
        self.action_open()


class SettingRow(Horizontal):
    """Name and value; posts when it is entered and when another value was given."""

    DEFAULT_CSS = """
    SettingRow {
        height: 1;
        Label { width: 28; color: $foreground; text-wrap: nowrap; text-overflow: ellipsis; }
        Label.-here { text-style: bold; color: $accent; }
        Input { width: 18; height: 1; border: none; background: $panel; }
        OnOff, PickOne { width: 18; }
        .changed { width: 2; color: $accent; }
        .meaning {
            width: 1fr; height: 1; margin-left: 1; color: $foreground-muted; text-wrap: nowrap; text-overflow: ellipsis;
        }
    }
    """

    @dataclass
    class Entered(Message):
        """Posted when the row has got the keys."""

        row: "SettingRow"

    @dataclass
    class Given(Message):
        """A person gave it another value: Enter, or on to the next one."""

        row: "SettingRow"
        text: str

    def __init__(self, setting: Setting, value: Value) -> None:
        super().__init__()
        self.setting = setting
        self.value = value

    def compose(self) -> ComposeResult:
        """A dot when it is not the default, the name, the value with its unit, what it means."""
        yield Static("", classes="changed")
        yield Label(self.setting.name, markup=False)
        yield self._control()
        yield Static(Content(self.setting.meaning), classes="meaning")

    def _control(self) -> Widget:
        shown = self.setting.written(self.value)
        if isinstance(self.setting.default, bool):
            return OnOff(on=bool(self.value))
        if self.setting.choices:
            return PickOne(shown, self.setting.choices)
        return LineInput(shown, compact=True, select_on_focus=False, placeholder="not set")

    def on_mount(self) -> None:
        """Mark what is not the default."""
        self._mark()

    def _mark(self) -> None:
        self.query_one(".changed", Static).update("•" if self.value != self.setting.default else "")

    @property
    def text(self) -> str:
        """The value in the control, as text."""
        for switch in self.query(OnOff):
            return self.setting.written(switch.on)
        for choice in self.query(PickOne):
            return choice.value
        return self.query_one(Input).value

    @property
    def is_typed(self) -> bool:
        """Whether what stands there is not its value yet."""
        return self.text != self.setting.written(self.value)

    def accept(self, value: Value) -> None:
        """Take a value that was written to the file, and show it as it reads."""
        self.value = value
        for line in self.query(Input):
            line.value = self.setting.written(value)
        self._mark()

    def on_descendant_focus(self, event: DescendantFocus) -> None:  # noqa: ARG002 - Textual's
        """Let the name stand out, and post that a user is in this row."""
        self.query_one(Label).add_class("-here")
        self.post_message(self.Entered(self))

    def on_descendant_blur(self, event: DescendantBlur) -> None:  # noqa: ARG002 - Textual's
        """Post the value when the row is left with another than it had."""
        self.query_one(Label).remove_class("-here")
        self._give()

    @on(Input.Submitted)
    @on(OnOff.Turned)
    @on(PickOne.Picked)
    def _give(self) -> None:
        if self.is_typed:
            self.post_message(self.Given(self, self.text))
