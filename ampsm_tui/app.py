"""The app: it holds the board, the theme and the keys, and opens the screens. Nobody but its feed assigns the board.

What a screen shows or asks for is not known here.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.reactive import var

from ampsm_engine import keymap
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Board
from ampsm_tui import theme
from ampsm_tui.ask import tell
from ampsm_tui.clean import one_line
from ampsm_tui.screens.sessions import SessionsScreen
from ampsm_tui.telling import Teller
from ampsm_tui.wall import Wall, guarded

if TYPE_CHECKING:
    from textual.driver import Driver
    from textual.filter import LineFilter

    from ampsm_engine.engine.desk import Engine

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class AmpsmApp(App[int]):
    """The app over one home. `read_only`: nothing can be changed from here, as a side pane."""

    TITLE = "ampsm"
    CSS = """
    Screen { background: $background; }
    Toast { max-width: 72; width: auto; min-width: 24; }
    """
    COMMAND_PALETTE_BINDING = "colon"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-narrow"),
        (45, "-slim"),
        (70, "-normal"),
        (100, "-wide"),
        (160, "-broad"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Quit", id="quit", show=False),
        Binding("escape", "back", "Back", id="back", show=False),
    ]

    board: var[Board | None] = var(None, init=False)
    """All that may be shown at this moment; None until the first one has come."""

    def __init__(
        self,
        engine: "Engine | None",
        feed: AsyncIterator[Board],
        *,
        read_only: bool = False,
        first_session: str | None = None,
        settings: Settings | None = None,
        clock: Clock = _now,
    ) -> None:
        self._wall = Wall()
        super().__init__()
        self.engine = engine
        self.read_only = read_only
        self.settings = settings or Settings()
        self.clock = clock
        self.first_session = first_session
        self._feed = feed
        self.teller = Teller(self, os.environ, settings=lambda: self.settings, write=self.write_ours)
        self.animation_level = "none"
        for ours in (theme.DARK, theme.LIGHT):
            self.register_theme(ours)
        wanted = self.settings.text("ui.theme")
        self.theme = wanted if wanted in self.available_themes else theme.DARK.name
        self.set_keymap(self.settings.keys)

    def get_driver_class(self) -> "type[Driver]":
        """The terminal's driver with the wall before it."""
        return guarded(super().get_driver_class())

    def get_line_filters(self) -> "Sequence[LineFilter]":
        """The wall first, then Textual's."""
        return [self._wall, *super().get_line_filters()]

    def on_mount(self) -> None:
        """Open the list, and begin to follow."""
        self._leave_on_signals()
        self.push_screen(SessionsScreen(read_only=self.read_only).data_bind(AmpsmApp.board))
        self.follow()
        for clash in keymap.clashes(self.settings.keys):
            self.notify(f"{clash}; the first has it.", title="Keys clash", severity="warning", markup=False)

    @work(group="feed")
    async def follow(self) -> None:
        """Take each board as it comes."""
        try:
            async for board in self._feed:
                self.board = board
        except AmpsmError as refusal:
            tell(self, refusal)

    @property
    def looked_at(self) -> str | None:
        """The id of the session that the person at this terminal has before them."""
        shown: object = getattr(self.screen, "session_id", None)
        return shown if self.app_focus and isinstance(shown, str) else None

    def watch_board(self, before: Board | None, after: Board | None) -> None:
        """What has happened is told where nobody looks."""
        if after is not None and not self.is_headless:
            self.teller.saw(before, after, looked_at=self.looked_at)

    def _leave_on_signals(self) -> None:
        """End in order when asked to, so that the terminal is given back as it was."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit, None, 128 + number)

    def action_leave(self) -> None:
        """One screen back; from the last one, leave."""
        if len(self.screen_stack) > 2:
            self.pop_screen()
        else:
            self.exit()

    async def action_back(self) -> None:
        """One screen back; the last one stays."""
        if len(self.screen_stack) > 2:
            self.pop_screen()

    def write_ours(self, sequence: str) -> None:
        """Write a terminal sequence that the program itself has made; nothing foreign may be in it raw."""
        write = getattr(self._driver, "write_ours", None)
        if write is not None:
            write(sequence)

    def say(self, text: str, *, title: str = "") -> None:
        """A toast."""
        self.notify(one_line(text), title=one_line(title), markup=False)


def run(*, read_only: bool = False) -> int:
    """Open the app on the home that the environment names; answers its exit code."""
    from ampsm_engine.engine.desk import engine_at
    from ampsm_engine.store import follow

    engine = engine_at()
    settings = engine.settings
    if read_only:
        engine.home.ensure()
        engine.store.open()
    else:
        engine.ready()
    app = AmpsmApp(engine, follow(engine.store), read_only=read_only, settings=settings)
    try:
        app.run()
    finally:
        app.teller.leave()
    return app.return_code or 0
