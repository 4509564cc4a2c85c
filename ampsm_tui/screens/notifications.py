"""What is told, and where: each kind switched on or off and tried out here, before it matters."""

import asyncio
import os
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ampsm_engine import config, desktop_notification, notices, terminals, tmux
from ampsm_engine.config import SETTINGS, Settings
from ampsm_engine.notices import WORDS, NoticeKind
from ampsm_tui import terminal
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, asking, see_through
from ampsm_tui.bindings import bind
from ampsm_tui.clean import many_lines, one_line
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets.key_bar import KeyBar

MEANINGS = {
    "notify.finished": "a session has come to rest",
    "notify.needs-input": "a session waits for you",
    "notify.tests-failed": "a session's script has failed",
    "notify.conflict": "a merge waits for you",
    "notify.error": "amp has failed",
    "notify.desktop": "where this machine has one",
    "notify.terminal": "where it has none",
}
"""In as few words as a narrow screen takes."""

WITH_MEANING = 52
"""Columns from which on there is room for them."""

ORDER = (NoticeKind.FINISHED, NoticeKind.NEEDS_INPUT, NoticeKind.TESTS_FAILED, NoticeKind.CONFLICT, NoticeKind.ERROR)
PLACES = ("notify.desktop", "notify.terminal")

WAYS = {
    terminals.Way.OSC9: "by OSC 9",
    terminals.Way.OSC99: "by OSC 99",
    terminals.Way.OSC777: "by OSC 777",
    terminals.Way.BELL: "by its bell",
}


@dataclass(frozen=True, slots=True)
class Here:
    """Where a notice goes from this terminal."""

    terminal: terminals.Terminal
    tmux: terminals.Tmux | None
    desktop: bool

    @property
    def sentences(self) -> str:
        """For the person who reads the screen."""
        if self.desktop:
            return "This machine has a desktop: it is told, app or no app."
        name = one_line(self.terminal.name, 40)
        through = f" through {self.terminal.inside}" if self.terminal.inside else ""
        told = f"No desktop here: {name} is told {WAYS[self.terminal.way]}{through}, while ampsm is open in it."
        if self.tmux and not self.tmux.passes and self.terminal.way is not terminals.Way.BELL:
            return f"{told}\ntmux holds that back and rings instead; ampsm doctor says what to set."
        return told


class NotificationsScreen(AppScreen[None]):
    """One line a kind, and one for each place."""

    CSS_PATH = "notifications.tcss"
    TITLE = "notifications"
    HELP = (  # type: ignore[assignment]  # help.py takes lines
        "You are told when a session has come to rest, not after each of several queued messages.",
        "Errors are told at once. Several at about one time are told in one.",
        "Nothing is told of the session that is before you.",
        "In tmux, #{@ampsm_status} shows the counts in the status bar while ampsm is open;",
        "#(ampsm status --tmux) does so always.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("back", "leave", "Back"),
        bind("notifications.change", "change(1)", "Set"),
        bind("notifications.next", "change(1)"),
        bind("notifications.previous", "change(-1)"),
        bind("notifications.try", "try", "Try"),
        bind("notifications.down", "move(1)"),
        bind("notifications.up", "move(-1)"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._names = (*(f"notify.{kind.value}" for kind in ORDER), *PLACES)

    def compose(self) -> ComposeResult:
        """The lines, what this terminal can do, the keys."""
        yield Static("Notifications", id="heading")
        yield Static("", id="here")
        options = OptionList(markup=False, compact=True)
        options.add_options([Option(self._line(name), id=name) for name in self._names[: len(ORDER)]])
        options.add_option(None)
        options.add_options([Option(self._line(name), id=name) for name in self._names[len(ORDER) :]])
        yield options
        yield Static("", id="said")
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin at the first line, and look where we are."""
        self._options.highlighted = 0
        self.run_worker(self._look(), group="ask")

    async def _look(self) -> None:
        where = await asyncio.to_thread(here, app_of(self).settings)
        self.query_one("#here", Static).update(Content(many_lines(where.sentences, 400)))

    @property
    def _options(self) -> OptionList:
        return self.query_one(OptionList)

    @property
    def _chosen(self) -> str:
        """The setting under the cursor."""
        at = self._options.highlighted
        return self._names[0] if at is None else str(self._options.get_option_at_index(at).id)

    def _line(self, name: str) -> Content:
        value = app_of(self).settings[name]
        mark = str(value) if not isinstance(value, bool) else "✓ on" if value else "· off"
        word = WORDS[NoticeKind(name.removeprefix("notify."))] if name not in PLACES else name.removeprefix("notify.")
        meaning = MEANINGS[name] if self.app.size.width >= WITH_MEANING else ""
        quiet = "$foreground 60%"
        parts = (f" {mark:<7} ", "" if value else quiet), f"{word:<14}", (meaning, quiet)
        return Content.assemble(*parts)

    def on_resize(self) -> None:
        """What the lines mean comes and goes with the room for it."""
        for name in self._names:
            self._options.replace_option_prompt(name, self._line(name))

    @asking
    async def action_change(self, step: int) -> None:
        """On or off; of few words the next."""
        name = self._chosen
        setting, value = SETTINGS[name], app_of(self).settings[name]
        if isinstance(value, bool):
            text = "off" if value else "on"
        else:
            text = setting.choices[(setting.choices.index(str(value)) + step) % len(setting.choices)]
        changed = config.checked(name, text)
        await see_through(ask(config.store, app_of(self).engine.config, name, text))
        app_of(self).settings = Settings({**app_of(self).settings.values, name: changed})
        self._options.replace_option_prompt(name, self._line(name))
        if name == "notify.terminal":
            await self._look()

    @asking
    async def action_try(self) -> None:
        """Tell now what the line under the cursor is about, as it would be told."""
        name = self._chosen
        kind = NoticeKind(name.removeprefix("notify.")) if name not in PLACES else NoticeKind.FINISHED
        notice = notices.example(kind)
        where = await asyncio.to_thread(here, app_of(self).settings)
        if name == "notify.desktop" or (where.desktop and name != "notify.terminal"):
            taken = await ask(desktop_notification.send, notice.title, notice.body)
            self._say("The desktop has taken it." if taken else "There is no desktop here that takes it.")
            return
        app_of(self).write_ours(terminal.telling(where.terminal, notice.title, notice.body))
        told = f"{one_line(where.terminal.name, 40)} {WAYS[where.terminal.way]}"
        self._say(f"Told {told}. Saw nothing? ampsm doctor says why.")

    def _say(self, text: str) -> None:
        self.query_one("#said", Static).update(Content(text))

    def action_move(self, step: int) -> None:
        """The line below, or above."""
        if step > 0:
            self._options.action_cursor_down()
        else:
            self._options.action_cursor_up()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """The same by Enter in the list, and by mouse."""
        event.stop()
        self.action_change(1)

    def action_leave(self) -> None:
        """Close the screen, back to the one before."""
        self.dismiss(None)


def here(settings: Settings) -> Here:
    """Where this terminal is; asks tmux, so not in the screens' own thread."""
    around = tmux.around(os.environ)
    known = terminals.known(os.environ, around, chosen=settings.text("notify.terminal"))
    return Here(known, around, terminals.has_desktop(os.environ) and settings.switch("notify.desktop"))
