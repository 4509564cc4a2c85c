"""Which notifications there are, and where: each kind switched on or off and tried out here, before it matters."""

import asyncio
import os
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ampsm_engine import desktop_notification, known_terminals, notifications, tmux
from ampsm_engine.config import SETTINGS, Settings
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.notifications import WORDS, NotificationKind
from ampsm_tui import terminal
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, in_background, run_while_open
from ampsm_tui.bindings import bind
from ampsm_tui.clean import many_lines, one_line
from ampsm_tui.screens.base import AppScreen, store_setting
from ampsm_tui.widgets.key_bar import KeyBar

MEANINGS = {
    "notify.finished": "a session is idle again",
    "notify.needs-input": "a session waits for you",
    "notify.tests-failed": "a session's script has failed",
    "notify.conflict": "a merge waits for you",
    "notify.error": "amp has failed",
    "notify.desktop": "where this machine has one",
    "notify.terminal": "where it has none",
}
"""What each setting means, in as few words as a narrow screen takes."""

WITH_MEANING = 52
"""Columns from which on there is room for them."""

ORDER = (
    NotificationKind.FINISHED,
    NotificationKind.NEEDS_INPUT,
    NotificationKind.TESTS_FAILED,
    NotificationKind.CONFLICT,
    NotificationKind.ERROR,
)
PLACES = ("notify.desktop", "notify.terminal")

WAYS = {
    known_terminals.NotificationProtocol.OSC9: "by OSC 9",
    known_terminals.NotificationProtocol.OSC99: "by OSC 99",
    known_terminals.NotificationProtocol.OSC777: "by OSC 777",
    known_terminals.NotificationProtocol.BELL: "by its bell",
}


@dataclass(frozen=True, slots=True)
class Here:
    """Where a notification goes from this terminal."""

    terminal: known_terminals.Terminal
    tmux: known_terminals.Tmux | None
    desktop: bool

    @property
    def sentences(self) -> str:
        """Where notifications appear, in sentences for the person who reads the screen."""
        if self.desktop:
            return "This machine has a desktop: it shows notifications, app or no app."
        name = one_line(self.terminal.name, 40)
        through = f" through {self.terminal.inside}" if self.terminal.inside else ""
        way = f"{WAYS[self.terminal.protocol]}{through}"
        sentence = f"No desktop here: {name} is notified {way}, while ampsm is open in it."
        if (
            self.tmux
            and not self.tmux.passes_notifications
            and self.terminal.protocol is not known_terminals.NotificationProtocol.BELL
        ):
            return f"{sentence}\ntmux holds that back and rings instead; ampsm doctor says what to set."
        return sentence


class NoticeList(OptionList):
    """A line for each kind of notification, and one for each place that shows them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("move.down", "cursor_down"),
        bind("move.up", "cursor_up"),
    ]


class NotificationsScreen(AppScreen[None]):
    """Which notifications are sent and where: a line for each kind and each place."""

    CSS_PATH = "notifications.tcss"
    TITLE = "notifications"
    PURPOSE = (
        "You are notified when a session is idle again, not after each of several queued messages.",
        "Errors are notified at once. Several at about one time become one notification.",
        "The session that you look at never notifies you.",
        "In tmux, #{@ampsm_status} shows the counts in the status bar while ampsm is open;",
        "#(ampsm status --tmux) does so always.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("back", "dismiss", "Back"),
        bind("notifications.change", "change(1)", "Set"),
        bind("notifications.next", "change(1)"),
        bind("notifications.previous", "change(-1)"),
        bind("notifications.try", "try", "Try"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._names = (*(f"notify.{kind.value}" for kind in ORDER), *PLACES)

    def compose(self) -> ComposeResult:
        """The lines, what this terminal can do, the keys."""
        yield Static("Notifications", id="heading")
        yield Static("", id="here")
        options = NoticeList(markup=False, compact=True)
        options.add_options([Option(self._line(name), id=name) for name in self._names[: len(ORDER)]])
        options.add_option(None)
        options.add_options([Option(self._line(name), id=name) for name in self._names[len(ORDER) :]])
        yield options
        yield Static("", id="result")
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin at the first line, and look where we are."""
        self._options.highlighted = 0
        run_while_open(self, self._show_terminal())

    async def _show_terminal(self) -> None:
        where = await asyncio.to_thread(here, app_of(self).settings)
        self.query_one("#here", Static).update(Content(many_lines(where.sentences, 400)))

    @property
    def _options(self) -> NoticeList:
        return self.query_one(NoticeList)

    @property
    def _chosen(self) -> str:
        """The setting under the cursor."""
        at = self._options.highlighted
        return self._names[0] if at is None else str(self._options.get_option_at_index(at).id)

    def _line(self, name: str) -> Content:
        value = app_of(self).settings[name]
        mark = str(value) if not isinstance(value, bool) else "✓ on" if value else "· off"
        word = (
            WORDS[NotificationKind(name.removeprefix("notify."))]
            if name not in PLACES
            else name.removeprefix("notify.")
        )
        meaning = MEANINGS[name] if self.app.size.width >= WITH_MEANING else ""
        # Bold, not dim beside plain: in the terminal's own colours what is dim cannot be read under the cursor.
        return Content.assemble(f" {mark:<7} ", (f"{word:<14}", "bold"), meaning)

    def on_resize(self) -> None:
        """What the lines mean comes and goes with the room for it."""
        for name in self._names:
            self._options.replace_option_prompt(name, self._line(name))

    @in_background
    async def action_change(self, step: int) -> None:
        """Turn the setting under the cursor on or off; of one with few words, take the next or the previous."""
        name = self._chosen
        setting, value = SETTINGS[name], app_of(self).settings[name]
        if isinstance(value, bool):
            text = "off" if value else "on"
        else:
            text = setting.choices[(setting.choices.index(str(value)) + step) % len(setting.choices)]
        await store_setting(self, name, text)
        self._options.replace_option_prompt(name, self._line(name))
        if name == "notify.terminal":
            await self._show_terminal()

    @in_background
    async def action_try(self) -> None:
        """Send the notification of the line under the cursor now, as it would be sent."""
        name = self._chosen
        kind = NotificationKind(name.removeprefix("notify.")) if name not in PLACES else NotificationKind.FINISHED
        notification = notifications.example(kind)
        where = await asyncio.to_thread(here, app_of(self).settings)
        if name == "notify.desktop" or (where.desktop and name != "notify.terminal"):
            taken = await ask(desktop_notification.send, notification.title, notification.body)
            self._show_result("The desktop has taken it." if taken else "There is no desktop here that takes it.")
            return
        app_of(self).write_ours(terminal.notification_sequence(where.terminal, notification.title, notification.body))
        name = one_line(where.terminal.name, 40)
        self._show_result(f"Sent to {name} {WAYS[where.terminal.protocol]}. Saw nothing? ampsm doctor says why.")

    def _show_result(self, text: str) -> None:
        self.query_one("#result", Static).update(Content(text))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Change the setting under the cursor, by Enter in the list or by mouse."""
        event.stop()
        self.action_change(1)


def here(settings: Settings) -> Here:
    """Where this terminal is; asks tmux, so not in the screens' own thread."""
    around = tmux.query(os.environ)
    known = known_terminals.identify(os.environ, around, chosen=settings.text("notify.terminal"))
    return Here(known, around, known_terminals.has_desktop(os.environ) and settings.switch("notify.desktop"))
