"""All settings in their groups, and all keys: changed in place and written to the file at once; its comments stay."""

from collections.abc import Callable
from itertools import groupby
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ampsm_engine.config import SETTINGS, Setting
from ampsm_engine.errors import AmpsmError
from ampsm_engine.key_layouts import in_layout
from ampsm_engine.keymap import KEYS, Key
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import in_background, run_while_open
from ampsm_tui.bindings import bind
from ampsm_tui.clean import fit, many_lines, one_line, wrapped
from ampsm_tui.hints import begin_sentence, in_app, with_keys
from ampsm_tui.screens.base import AppScreen, store_setting
from ampsm_tui.screens.text_dialogs import LineScreen
from ampsm_tui.widgets.choice import PickOne
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.setting_row import KeysRow, SettingRow

KEYS_ROOM = 18
KEY_ROOM = 6
"""Cells for one key, where there is no room for several that do one thing."""

MEANING_ROOM = 52
WITH_ROOM = 60
"""Columns from which on several keys for one thing have room."""

WITH_IDS = 96
"""Columns from which on there is room for the names that the configuration has for the keys."""


class KeyList(OptionList):
    """A line for each key, below those of the screens that they hold on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("move.down", "cursor_down"),
        bind("move.up", "cursor_up"),
        bind("move.first", "first"),
        bind("move.last", "last"),
        bind("move.page-down", "page_down"),
        bind("move.page-up", "page_up"),
    ]


class KeysScreen(AppScreen[None]):
    """The list of all keys, a line each, to give them other keys."""

    CSS_PATH = "notifications.tcss"
    TITLE = "keys"
    PURPOSE = (
        "Every key of every screen; {keys.change} gives it another one, several are joined by commas.",
        "A dot marks what is not as ampsm comes. No key may be ctrl+c, ctrl+q or ctrl+z.",
        "What is given here stands in the table [keys] of the configuration.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("back", "dismiss", "Back"),
        bind("keys.change", "change", "Change", priority=True),
        bind("keys.default", "default", "As ampsm comes"),
    ]

    def compose(self) -> ComposeResult:
        """A heading, the list, the keys."""
        yield Static("Keys", id="heading")
        yield Static(Content(with_keys(self, "{keys.change} gives another key; it holds at once.")), id="here")
        yield KeyList(markup=False, compact=True)
        yield KeyBar()

    def on_mount(self) -> None:
        """Fill the list, group by group."""
        options: list[Option] = []
        places: dict[str, list[Key]] = {}
        for key in KEYS.values():
            places.setdefault(", ".join(key.screens), []).append(key)
        for place, held in places.items():
            title = Content(("" if not options else "\n") + f" {place}").stylize("$primary bold")
            options += [Option(title, disabled=True), *(Option(self._line(key), id=key.id) for key in held)]
        listed = self._listed
        listed.add_options(options)
        listed.highlighted = 1
        listed.focus()

    def on_resize(self) -> None:
        """Fill the lines with what there is room for."""
        for key in KEYS.values() if self._listed.option_count else ():
            self._listed.replace_option_prompt(key.id, self._line(key))

    @property
    def _listed(self) -> KeyList:
        return self.query_one(KeyList)

    def _keys(self, key: Key) -> str:
        return app_of(self).settings.keys.get(key.id, key.keys)

    def _default(self, key: Key) -> str:
        return in_layout(app_of(self).settings.text("keys.layout")).get(key.id, key.keys)

    def _line(self, key: Key) -> Content:
        given = self._keys(key)
        names = " ".join(self.app.get_key_display(Binding(one, "")) for one in given.split(","))
        dot = "•" if given != self._default(key) else " "
        width = self.app.size.width
        room = KEYS_ROOM if width >= WITH_ROOM else KEY_ROOM
        line = Content(f" {dot} ").stylize("$accent").append(Content(fit(names, room)).stylize("bold"))
        has_id = width >= WITH_IDS
        first, *others = wrapped(key.meaning, MEANING_ROOM if has_id else max(10, width - room - 7))
        # The name is not dim: in the terminal's own colours that is not read under the cursor.
        line = line.append(f"  {fit(first, MEANING_ROOM)}  {key.id}" if has_id else f"  {first}")
        return line.append("".join(f"\n{' ' * (room + 5)}{other}" for other in others))

    @property
    def _chosen(self) -> Key | None:
        at = self._listed.highlighted
        name = None if at is None else self._listed.get_option_at_index(at).id
        return KEYS.get(name or "")

    def action_change(self) -> None:
        """Ask for other keys for the action under the cursor."""
        key = self._chosen
        if key is None:
            return

        async def give(text: str) -> None:
            await self._give(key, text)

        note = f"As ampsm comes: {self._default(key)}. Several are joined by commas, such as n, N, ctrl+n."
        title = f"{key.meaning}: {key.id}"
        screen = LineScreen(
            title, give, owner="keys", purpose=key.id, text=self._keys(key), note=note, may_be_empty=False
        )
        self.app.push_screen(screen)

    @in_background
    async def action_default(self) -> None:
        """The key under the cursor as ampsm comes."""
        if (key := self._chosen) is not None:
            await self._give(key, self._default(key))

    async def _give(self, key: Key, text: str) -> None:
        await store_setting(self, f"keys.{key.id}", text)
        self._listed.replace_option_prompt(key.id, self._line(key))


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
    IS_FORM = True
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
        """Show below the list what the setting means."""
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
        """Check the value that was given, and write it to the file."""
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
        """Write a value to the file; False where it was refused."""
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
        """Show what the row of the keys opens."""
        self._row = None
        meaning = self.query_one("#meaning", Static)
        lists = begin_sentence(with_keys(self, "{settings.keys} lists them all"))
        meaning.update(Content(f"every key of every screen, and what it does\n{lists}"))
        meaning.remove_class("-trouble")

    def on_keys_row_list_wanted(self) -> None:
        """Open the list of the keys."""
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
