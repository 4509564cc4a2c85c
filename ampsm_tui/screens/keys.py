"""All keys by where they hold, each with what it does; another one is given in a box, and holds at once.

One widget for all of them: there are far too many for a field each.
"""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ampsm_engine.key_layouts import in_layout
from ampsm_engine.keymap import KEYS, Key
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import in_background
from ampsm_tui.bindings import bind
from ampsm_tui.clean import fit, wrapped
from ampsm_tui.hints import with_keys
from ampsm_tui.screens.base import AppScreen, store_setting
from ampsm_tui.screens.text_dialogs import LineScreen
from ampsm_tui.widgets.key_bar import KeyBar

KEYS_ROOM = 18
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
    """One line a key."""

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
        shown = ""
        for key in KEYS.values():
            if (place := ", ".join(key.screens)) != shown:
                title = Content(("" if not options else "\n") + f" {place}").stylize("$primary bold")
                options.append(Option(title, disabled=True))
                shown = place
            options.append(Option(self._line(key), id=key.id))
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
        room = KEYS_ROOM if width >= WITH_ROOM else 8
        line = Content(f" {dot} ").stylize("$accent").append(Content(fit(names, room)).stylize("bold"))
        if width < WITH_IDS:
            return line.append("  " + f"\n{' ' * (room + 5)}".join(wrapped(key.meaning, max(10, width - room - 7))))
        line = line.append("  " + fit(key.meaning, MEANING_ROOM))
        return line.append(f"  {key.id}")  # not dim: in the terminal's own colours that is not read under the cursor

    @property
    def _chosen(self) -> Key | None:
        at = self._listed.highlighted
        name = None if at is None else self._listed.get_option_at_index(at).id
        return KEYS.get(name or "")

    def action_change(self) -> None:
        """Ask for other keys."""
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
