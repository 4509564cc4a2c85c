"""The command palette: all actions of a screen and the themes by name; and the box that finds actions and files."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.command import CommandInput, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from ampsm_tui.app_context import app_of
from ampsm_tui.ask import run_while_open
from ampsm_tui.bindings import bind
from ampsm_tui.clean import fit, one_line
from ampsm_tui.screens.base import store_setting
from ampsm_tui.screens.help import KeyEntry, key_entries
from ampsm_tui.widgets.key_bar import KeyBar


class CommandBox(CommandPalette):
    """Textual's palette with keys below it and a still cursor: a blinking one writes to the terminal for ever."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("menu.take", "command_list('select')", "Choose", priority=True),
        bind("back", "escape", "Cancel"),
    ]

    def compose(self) -> ComposeResult:
        """The box, and its keys in place of those of the screen below."""
        yield from super().compose()
        yield KeyBar()

    def on_mount(self) -> None:
        """Turn the blinking of the cursor off."""
        self.query_one(CommandInput).cursor_blink = False


_LEFT_OUT = frozenset({"app.command_palette", "command_palette"})

_ALSO_CALLED = {
    "quit": "exit leave close",
    "settings": "config configuration preferences options keyboard layout vim emacs iso mouse theme colours",
    "redraw": "refresh repaint",
    "session.message": "iterate follow-up prompt reply",
    "session.review": "diff changes read",
    "session.merge": "squash rebase land",
    "session.stop": "cancel kill abort end",
    "session.retry": "rerun again",
    "session.script": "test check",
    "session.setup": "install prepare trust",
    "session.about": "rename name title notes edit archive unarchive tags labels base script mode",
    "session.trash": "delete remove rm",
    "session.undo": "restore revert",
    "session.new": "create start add",
    "session.shell": "terminal bash",
    "list.filter": "search find",
    "list.clean": "clean up merged squashed tidy prune",
    "list.upkeep": "adopt repair trash purge clean up worktrees",
    "upkeep.purge": "remove purge",
    "upkeep.repair": "fix mend",
    "list.runs": "batch plans jobs",
    "list.metrics": "numbers statistics tokens cost plots",
    "table.filter": "search find",
    "run.remove": "delete trash rm",
    "run.retry": "rerun again",
    "run.stop": "cancel abort",
    "run.end": "kill force",
    "run.resume": "continue",
    "compare.adopt": "keep choose",
    "review.reject": "discard revert drop",
    "review.stage": "add index",
    "review.filter": "unviewed only narrow hide find search",
    "review.send": "submit send comments",
    "review.mark": "viewed tick",
}
"""Other words by which people look for an action, by the id of its key."""


NAME_WIDTH = 26
"""Cells of a name: the longest has a theme's."""

NAME_SHARE = 0.5
"""The share of a narrow screen that the names have, so that the keys stand beside them."""


class PaletteEntry(NamedTuple):
    """A line of the command palette: an action or a theme."""

    name: str
    keys: str
    sentence: str
    also: str
    do: Callable[[], Awaitable[object] | object]


class ScreenActions(Provider):
    """What the keys of this screen do; chosen by name, it is done as by its key."""

    def _all(self) -> Iterator[PaletteEntry]:
        for entry in key_entries(self.screen):
            if entry.group != "Moving" and entry.action not in _LEFT_OUT:
                name = entry.id.rpartition(".")[2].replace("-", " ").capitalize()
                also = f"{_ALSO_CALLED.get(entry.id, '')} {entry.id}"
                yield PaletteEntry(name, " ".join(entry.keys), entry.text, also, partial(self._do, entry))
        kept = "for this app alone" if app_of(self.screen).read_only else "kept in the settings"
        for name in sorted(self.app.available_themes):
            if name != self.app.theme:
                also = "colours colors appearance"
                yield PaletteEntry(f"Theme: {name}", "", kept, also, partial(self._wear, name))

    @property
    def _name_width(self) -> int:
        return min(NAME_WIDTH, int(self.app.size.width * NAME_SHARE))

    async def _do(self, entry: KeyEntry) -> None:
        await self.app.run_action(entry.action, entry.node)

    def _wear(self, name: str) -> None:
        self.app.theme = name
        app = app_of(self.screen)
        if app.engine is not None and not app.read_only:
            run_while_open(self.screen, store_setting(self.screen, "ui.theme", name))

    async def search(self, query: str) -> Hits:
        """The actions that match the query by name, by another name or by their sentence, the likeliest first."""
        match = self.matcher(query).fuzzy_search.match
        for entry in self._all():
            # By single letters in the name alone: a sentence has those of nearly every word.
            by_letters, offsets = match(query, entry.name)
            if score := _worth(query, entry) or by_letters / (by_letters + 1):
                row = _row(entry, self._name_width, offsets)
                yield Hit(score, row, entry.do, text=entry.name, help=one_line(entry.sentence))

    async def discover(self) -> Hits:
        """Every action, shown while nothing is typed yet."""
        for entry in self._all():
            row = _row(entry, self._name_width)
            yield DiscoveryHit(row, entry.do, text=entry.name, help=one_line(entry.sentence))


def _worth(query: str, entry: PaletteEntry) -> int:
    """What it is worth that an entry has the query: as typed, in its name most, or its words anywhere; 0 without."""
    typed = query.strip().casefold()
    texts = [text.casefold() for text in (entry.name, entry.also, entry.sentence)]
    if texts[0].startswith(typed):
        return 5
    scattered = int(all(word in " ".join(texts) for word in typed.split()))
    return next((4 - at for at, text in enumerate(texts) if typed in text), scattered)


def _row(entry: PaletteEntry, width: int, matched: Sequence[int] = ()) -> Content:
    """The name with its matching letters underlined, and its keys in a column at the right, which begins at `width`.

    A name without keys has the whole line.
    """
    text = one_line(entry.name)
    name = Content(fit(text, width) if entry.keys else text).stylize("bold")
    for at in matched:
        name = name.stylize("underline", at, at + 1)
    return name.append(f"  {one_line(entry.keys)}")
