"""All settings in their groups, changed in place and written to the file at once; its comments stay."""

from collections.abc import Callable
from itertools import groupby
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ampsm_engine.config import SETTINGS, Setting
from ampsm_engine.errors import AmpsmError
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import run_while_open
from ampsm_tui.bindings import bind
from ampsm_tui.clean import many_lines, one_line
from ampsm_tui.hints import in_app
from ampsm_tui.screens.base import AppScreen, store_setting
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.pick_one import PickOne
from ampsm_tui.widgets.setting_row import KeysRow, SettingRow

GROUPS = {
    "slots": "How much at once",
    "amp": "amp",
    "cost": "Cost",
    "session": "A whole session",
    "iteration": "One iteration",
    "silence": "When amp says nothing",
    "stop": "Stopping amp",
    "script": "The script",
    "setup": "New worktrees",
    "worktree": "Where worktrees are",
    "branch": "Branches",
    "commit": "Commits",
    "notify": "Notifications",
    "ui": "Screens",
    "review": "Review",
    "keys": "Keys",
}
"""The first word of a setting's name, and what its group is called."""


class SettingsScreen(AppScreen[None]):
    """One line a setting; below, what the one under the cursor means."""

    CSS_PATH = "settings.tcss"
    TITLE = "settings"
    AUTO_FOCUS = "SettingRow Input"
    PURPOSE = (
        "Each setting is written to the configuration file as soon as it is given.",
        "A dot marks what is not as ampsm comes. Running iterations keep what they began with.",
        "Comments in the file stay; another editor may change it meanwhile.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("back", "leave", "Back"),
        bind("settings.next", "app.focus_next", "Next"),
        bind("settings.previous", "app.focus_previous"),
        bind("settings.default", "default", "As ampsm comes"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._row: SettingRow | None = None
        self._under_way = 0
        self._leaving = False
        self._then: Callable[[], object] = lambda: None

    def compose(self) -> ComposeResult:
        """The file, the groups, what the current one means."""
        engine = app_of(self).engine
        yield Static("Settings", id="heading")
        yield Static(Content(one_line(str(engine.config) if engine else "")), id="path")
        with VerticalScroll(id="rows", can_focus=False):
            for word, held in groupby(_every(), key=lambda setting: setting.name.partition(".")[0]):
                yield Static(GROUPS.get(word, word), classes="group")
                for setting in held:
                    yield SettingRow(setting, app_of(self).settings[setting.name])
            yield KeysRow()
        yield Static("", id="meaning")
        yield KeyBar()

    def on_unmount(self) -> None:
        """Back to the colours that are kept, where others were only looked at."""
        self.app.theme = app_of(self).settings.text("ui.theme")

    def on_setting_row_entered(self, event: SettingRow.Entered) -> None:
        """Say what it means."""
        self._row, self._leaving = event.row, False
        self._explain(event.row)

    def _explain(self, row: SettingRow, trouble: str = "", hint: str = "") -> None:
        setting = row.setting
        is_switch = isinstance(setting.default, bool)
        default = ("on" if setting.default else "off") if is_switch else setting.written(setting.default) or "not set"
        value = setting.written(row.value)
        reads_on = value.isalnum() and isinstance(row.value, int | float) and not is_switch
        text = f"{value if reads_on else ''} {setting.meaning}".lstrip() + f"\nas ampsm comes: {default}"
        if trouble:
            text = f"✗ {trouble}\n{hint or f'as ampsm comes: {default}'}"
        meaning = self.query_one("#meaning", Static)
        meaning.update(Content(many_lines(text, 1000)))
        meaning.set_class(bool(trouble), "-trouble")

    def on_setting_row_given(self, event: SettingRow.Given) -> None:
        """Check it, and write it."""
        self._begin(event.row, event.text)

    def _begin(self, row: SettingRow, text: str) -> None:
        self._under_way += 1
        run_while_open(self, self._given(row, text))

    async def _given(self, row: SettingRow, text: str) -> None:
        is_written = await self._write(row, text)
        self._under_way -= 1
        if is_written:
            self._close_if_written()

    async def _write(self, row: SettingRow, text: str) -> bool:
        """Write it where that is allowed; whether it was."""
        name = row.setting.name
        try:
            value = await store_setting(self, name, text)
        except AmpsmError as refusal:
            # To type a value as it comes is what a person does here: no command and no key is needed for it.
            is_example = refusal.hint.startswith(f"ampsm config set {name} ")
            self._explain(row, refusal.message, "" if is_example else in_app(self, refusal.hint))
            return False
        row.accept(value)
        if self._row is row:
            self._explain(row)
        if name == "ui.theme":
            self.app.theme = str(row.value)
        return True

    def on_pick_one_previewed(self, event: PickOne.Previewed) -> None:
        """Show all in the colours that the cursor is on, until another is chosen."""
        if self._row is not None and self._row.setting.name == "ui.theme":
            self.app.theme = event.value

    def on_keys_row_entered(self) -> None:
        """Say what it opens."""
        self._row = None
        meaning = self.query_one("#meaning", Static)
        meaning.update("every key of every screen, and what it does\nEnter lists them all")
        meaning.remove_class("-trouble")

    def on_keys_row_list_wanted(self) -> None:
        """The list of the keys."""
        from ampsm_tui.screens.keys import KeysScreen

        self.app.push_screen(KeysScreen())

    def action_default(self) -> None:
        """The current one as ampsm comes."""
        if self._row is not None:
            run_while_open(self, self._reset(self._row))

    async def _reset(self, row: SettingRow) -> None:
        await self._write(row, row.setting.written(row.setting.default))
        await self.recompose()

    def action_leave(self) -> None:
        """Back, when what was typed last is written; what is refused holds the screen, but only once."""
        if not self.holds_back(lambda: self.dismiss(None)):
            self.dismiss(None)

    def holds_back(self, then: Callable[[], object]) -> bool:
        """Whether what was typed last is not written yet: it is now, and `then` follows unless it is refused."""
        is_typed = self._row is not None and self._row.is_typed
        if self._leaving or not (is_typed or self._under_way):
            return False
        self._leaving, self._then = True, then
        if is_typed and self._row is not None and not self._under_way:
            self._begin(self._row, self._row.text)
        return True

    def _close_if_written(self) -> None:
        if self._leaving and not self._under_way and self.is_current:
            self._then()  # not awaited: a screen that waits for its own end waits for ever


def _every() -> list[Setting]:
    order = list(GROUPS)
    first = {name: order.index(word) if (word := name.partition(".")[0]) in order else len(order) for name in SETTINGS}
    return sorted(SETTINGS.values(), key=lambda setting: first[setting.name])
