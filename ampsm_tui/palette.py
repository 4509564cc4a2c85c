"""All actions of a screen by name, and the themes: what the command palette lists."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from textual.command import CommandInput, CommandPalette, DiscoveryHit, Hit, Hits, Provider

from ampsm_tui.clean import one_line
from ampsm_tui.screens.help import KeyEntry, key_entries

_LEFT_OUT = frozenset({"app.command_palette", "command_palette"})


class Palette(CommandPalette):
    """Textual's palette with a cursor that stands still: a blinking one writes to the terminal for ever."""

    def on_mount(self) -> None:
        """Hold the cursor still."""
        self.query_one(CommandInput).cursor_blink = False


class ScreenActions(Provider):
    """What the keys of this screen do; chosen by name, it is done as by its key."""

    def _all(self) -> Iterator[tuple[str, str, Callable[[], Awaitable[object] | object]]]:
        for entry in key_entries(self.screen):
            if entry.group != "Moving" and entry.action not in _LEFT_OUT:
                yield entry.text, "  ".join(entry.keys), partial(self._do, entry)
        for name in sorted(self.app.available_themes):
            if name != self.app.theme:
                yield f"Theme: {name}", "kept in the settings", partial(self._wear, name)

    async def _do(self, entry: KeyEntry) -> None:
        await self.app.run_action(entry.action, entry.node)

    def _wear(self, name: str) -> None:
        self.app.theme = name

    async def search(self, query: str) -> Hits:
        """The actions whose names match the query, each with its score."""
        matcher = self.matcher(query)
        for text, help_text, do in self._all():
            if (score := matcher.match(text)) > 0:
                yield Hit(score, matcher.highlight(text), do, text=text, help=one_line(help_text))

    async def discover(self) -> Hits:
        """Every action, shown while nothing is typed yet."""
        for text, help_text, do in self._all():
            yield DiscoveryHit(one_line(text), do, help=one_line(help_text))
