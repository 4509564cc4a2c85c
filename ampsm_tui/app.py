"""The app: it holds the board, the theme and the keys, and opens the screens. Only its feed assigns the board.

What a screen shows or asks for is not known here.
"""

import asyncio
import functools
import io
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import Console
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import Monochrome
from textual.messages import Update
from textual.notifications import Notify, SeverityLevel
from textual.reactive import var
from textual.signal import Signal

from ampsm_engine import keymap
from ampsm_engine.config import Settings
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Board
from ampsm_tui import theme
from ampsm_tui.app_context import DraggedSelection, KeyHold
from ampsm_tui.ask import UNFINISHED, run_while_open
from ampsm_tui.bindings import allow_action, bind, shown_key
from ampsm_tui.clean import one_line
from ampsm_tui.delayed_call import LastingNotification, call_after, resize_after_all
from ampsm_tui.driver.colour_depth import FewerColours
from ampsm_tui.driver.output import TerminalOutput
from ampsm_tui.driver.safe_output import SafeLines
from ampsm_tui.driver.terminal_driver import is_plain, terminal_driver
from ampsm_tui.hints import in_app, with_keys
from ampsm_tui.screen_opener import PlaceKeeper, ScreenOpener
from ampsm_tui.signals import EXIT_PATIENCE, exit_on_signals
from ampsm_tui.suspend import suspendable
from ampsm_tui.widgets import collector

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.driver import Driver
    from textual.filter import LineFilter

    from ampsm_engine.context import Engine
    from ampsm_tui.differ.client import Differ
    from ampsm_tui.notifier import Notifier

SOON = 0.1
"""Seconds after the start at which the board is read again."""

SETTLED = 0.3
"""Seconds after the start at which the first frame is out."""

LEAVING = "leaving"
"""The id of the question of ctrl+c."""

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


def _actions() -> "type[Provider]":
    from ampsm_tui.screens.palette import ScreenActions

    return ScreenActions


class AmpsmApp(theme.ThemedApp):
    """The app over one home. `read_only`: nothing can be changed from here, as a side pane."""

    TITLE = "ampsm"
    CSS = """
    Screen { background: $background; }
    CommandPalette SearchIcon { display: none; }
    Toast { max-width: 72; width: auto; min-width: 24; }
    .-narrow Toast, .-slim Toast { width: 100%; }
    TextArea, CommandPalette OptionList { scrollbar-size-vertical: 1; }
    Choice > OptionList > .option-list--option-highlighted, PickOne > OptionList > .option-list--option-highlighted {
        background: $block-cursor-background; color: $block-cursor-foreground;
    }
    Input:ansi > .input--cursor { background: ansi_default; color: ansi_default; text-style: reverse; }
    Input > .input--placeholder, TextArea .text-area--placeholder { color: $foreground-muted; }
    CommandPalette > .command-palette--help-text { color: $foreground-muted; text-style: not bold; }
    """
    DEFAULT_MODE = "first"
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS: ClassVar[set[Any]] = {_actions}
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-narrow"),
        (45, "-slim"),
        (70, "-normal"),
        (100, "-wide"),
        (160, "-broad"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("quit", "leave", "Quit"),
        bind("back", "back"),
        bind("help", "help", "Help"),
        bind("palette", "command_palette"),
        bind("settings", "settings"),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True, system=True),
        Binding("ctrl+c", "interrupt", "Copy, or leave", show=False, priority=True, system=True),
        bind("notifications", "notifications"),
        bind("return", "return"),
        bind("redraw", "redraw", priority=True),
    ]

    board: var[Board | None] = var(None, init=False)
    """All that may be shown at this moment; None until the first one has come."""

    offer: var[str] = var("", init=False)
    """Where one may go back to, in a sentence; empty where the last app was not cut off."""

    def __init__(
        self,
        engine: "Engine | None",
        feed: AsyncIterator[Board],
        *,
        read_only: bool = False,
        first_review: str | None = None,
        settings: Settings | None = None,
        clock: Clock = _now,
        board: Board | None = None,
        recovered: Sequence[str] = (),
        colours: int = 1 << 24,
        italics: bool = True,
        differ: "Differ | None" = None,
    ) -> None:
        self._safe_lines = SafeLines()
        self._fewer_colours = FewerColours(colours, italics=italics)
        self.output: TerminalOutput | None = None
        """The terminal; None where there is none, as in tests."""
        self.driver: Driver | None = None
        """The terminal's, once the app runs in one."""
        self.leaving: asyncio.Future[Any] | None = None
        """The task that waits for unfinished work before the app exits; None while no exit was asked for."""
        self.settings = settings or Settings()
        super().__init__(self.settings.text("ui.theme"))
        # Textual would print what local variables hold: the front door reports a fault as any other command's.
        self._fault = io.StringIO()
        self.error_console = Console(markup=False, highlight=False, file=self._fault, width=120)
        self.store_changed: Signal[None] = Signal(self, "store changed")
        self.opener = ScreenOpener(self, lambda: self.differ, lambda screen: screen.data_bind(AmpsmApp.board))
        self.add_mode("first", lambda: self.opener.make_first(first_review, self.board))
        self.add_mode("list", self.opener.make_list)
        self.engine = engine
        self.key_hold = KeyHold()
        self.drag: DraggedSelection | None = None
        self.read_only = read_only
        self.clock = clock
        self._first_review = first_review
        self._recovered = recovered
        """What became of merges whose process had died, a sentence each."""
        self._differ = differ
        self._feed = feed
        self.set_reactive(AmpsmApp.board, board)
        self._notifier: Notifier | None = None
        self._places = PlaceKeeper(self, engine.home) if engine is not None and not read_only else None
        self.animation_level = "none"
        self.set_keymap(self.settings.keys)

    def on_resize(self, event: events.Resize) -> None:
        """Have all painted anew, for the terminal has cut what it showed, and see to it that the screen hears of it."""
        if self.output is not None:
            self.output.resized()
        # What Textual paints before the app has begun it drops: the first picture would lack that, and wait for it.
        self.screen.refresh()
        self.screen.post_message(Update(self.screen))
        resize_after_all(self, event)

    def get_driver_class(self) -> "type[Driver]":
        """The terminal's driver: few bytes, one key at a time, and no harm when the line is lost."""

        def make_output(_: App[Any]) -> TerminalOutput:
            self.output = TerminalOutput(
                plain=is_plain(self.settings.text("ui.renderer"), os.environ),
                lost=self.exit,
                repaint_all=lambda: self.call_later(lambda: self.screen.refresh(layout=True)),
                size=lambda: (self.size.width, self.size.height),
            )
            return self.output

        return terminal_driver(suspendable(super().get_driver_class()), make_output)

    def get_line_filters(self) -> "Sequence[LineFilter]":
        """What makes lines safe first, then Textual's but for its greys, and at last the colours that there are."""
        theirs = [one for one in super().get_line_filters() if not isinstance(one, Monochrome)]
        return [self._safe_lines, *theirs, self._fewer_colours]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours of code for themes that have none."""
        return theme.defaults(self.current_theme, self._fewer_colours.colours)

    @property
    def differ(self) -> "Differ":
        """The diff process: started for the first review, and kept for the next. Failed when it cannot be started."""
        if self._differ is None or self._differ.is_closed:
            from ampsm_tui.differ.client import Differ

            self._differ = Differ.start()
        return self._differ

    def close(self) -> None:
        """Remove the app's entry from tmux's status bar, and end the diff process."""
        if self._notifier is not None:
            self._notifier.close()
        if self._differ is not None:
            self._differ.close()
            self._differ = None

    def on_mount(self) -> None:
        """Open the list, and begin to follow."""
        if not self.is_headless:
            exit_on_signals(self, lambda: self.driver)
        self.screen_change_signal.subscribe(self, lambda _: self.on_diff_view_moved())
        if self.board is not None:
            self.watch_board(None, self.board)
        # Reading the board again would hold up the first frame.
        delay = SOON if self.board is not None else 0
        run_while_open(self, self._follow(delay), group="feed")
        call_after(self, SETTLED, self._settle_in)
        for sentence in self._recovered:
            self.notify(one_line(sentence, 500), title="A merge was cut off", timeout=20, markup=False)
        for clash in keymap.clashes(self.settings.keys):
            hint = with_keys(self, "Only one of them works there; {settings} (settings) gives the other another key.")
            self.notify(f"{clash}. {hint}", title="Keys clash", severity="warning", markup=False)
        for problem in self.settings.problems[:3]:
            text = one_line(in_app(self, f"{problem.message} {problem.hint}"))
            self.notify(text, title="Settings", severity="warning", markup=False)

    def _settle_in(self) -> None:
        """Start the collector of garbage and the notifier, for which the first frame need not wait."""
        if self.is_headless:
            return
        collector.turn_on()
        sys.setswitchinterval(0.001)  # a key need not wait for a thread that reads the board
        from ampsm_tui.notifier import Notifier

        home = self.engine.home if self.engine else None
        status = self.output.status if self.output is not None else None
        self._notifier = notifier = Notifier(
            self, os.environ, home, settings=lambda: self.settings, write=self.write_ours, status=status
        )
        self.screen_change_signal.subscribe(self, lambda _: notifier.update_viewed())
        if self.board is not None:
            self._notifier.take_board(None, self.board)
        self.watch_app_focus()

    async def _follow(self, delay: float) -> None:
        await asyncio.sleep(delay)
        async for board in self._feed:
            if self.engine is not None and self.engine.home.failed_starts.exists():
                from ampsm_engine import failed_starts

                board = replace(board, trouble=failed_starts.trouble(self.engine.home))  # noqa: PLW2901
            self.board = board
            self.store_changed.publish(None)

    def on_diff_view_moved(self) -> None:
        """Keep the screen and its place, for the next start."""
        if self._places is not None:
            self._places.save()

    def watch_app_focus(self) -> None:
        """Let the notifier know whether this terminal has the focus: without it, notifications are sent."""
        if self._notifier is not None:
            self._notifier.take_focus()

    def watch_board(self, before: Board | None, after: Board | None) -> None:
        """Notify of what happened to sessions that are not viewed; open the introduction where there is none."""
        if after is None:
            return
        if self._notifier is not None:
            self._notifier.take_board(before, after)
        if before is None and self._places is not None:
            self.offer = self._places.offer(after)
            if self.offer and self._first_review is not None:
                self.show_toast(f"{self.offer}; {shown_key(self.screen, 'return')} goes back there")
        if before is None and not after.rows and not after.stale and not self.read_only:
            self.opener.open_first_run()

    def action_return(self) -> None:
        """Open the screen that was open when the last app was cut off."""
        if self._places is not None and self.board is not None:
            self._places.go(self.board)

    def get_key_display(self, binding: Binding) -> str:
        """A key by its name: the picture of Enter is missing from many fonts."""
        return super().get_key_display(binding).replace("⏎", "enter")

    def action_command_palette(self) -> None:
        """Open the command palette: all actions by name."""
        from ampsm_tui.screens.palette import CommandBox

        if not any(isinstance(screen, CommandBox) for screen in self.screen_stack):
            self.push_screen(CommandBox(id="--command-palette"))

    def action_help(self) -> None:
        """Open the help: what the screen is for, and its keys."""
        from ampsm_tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))

    def action_settings(self) -> None:
        """Open the screen of the settings."""
        from ampsm_tui.screens.settings import SettingsScreen

        self.push_screen(SettingsScreen())

    def action_notifications(self) -> None:
        """Open the screen of the notifications."""
        from ampsm_tui.screens.notifications import NotificationsScreen

        self.push_screen(NotificationsScreen())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key of all screens does anything: the way back does where there is a place to go back to."""
        if not allow_action(self, action, parameters):
            return False
        if action == "return":
            return bool(self.offer)
        return super().check_action(action, parameters)

    def action_redraw(self) -> None:
        """Write every cell of the screen anew, for a terminal on which another program wrote."""
        if self.output is not None:
            self.output.repaint()
        self.screen.refresh(layout=True)

    async def action_quit(self) -> None:
        """Leave; a screen that holds what is not written yet sees to that first."""
        holds_back = getattr(self.screen, "holds_back", None)
        if holds_back is None or not holds_back(self.exit):
            self.exit()

    def action_interrupt(self) -> None:
        """Ctrl+c: copy what is selected; else ask whether to leave, and the second time leave."""
        from ampsm_tui.screens.dialog import ConfirmScreen
        from ampsm_tui.widgets.line_widgets import copy_selection

        if copy_selection(self):
            return
        if isinstance(self.screen, ConfirmScreen) and self.screen.id == LEAVING:
            self.screen.action_answer(True)
        else:
            sentence = "What runs goes on, and what you wrote is kept."

            def answered(answer: bool | None) -> None:
                if answer:
                    self.call_later(self.action_quit)

            self.push_screen(ConfirmScreen("Leave ampsm?", sentence, yes="Leave", id=LEAVING), answered)

    def action_leave(self) -> None:
        """Close the screen in front; where it is the last one, leave the app."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            self.exit()

    async def action_back(self) -> None:
        """Close the screen in front, unless it is the last one."""
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def exit(self, result: int | None = None, return_code: int = 0, message: Any = None) -> None:
        """Exit, once nothing is half done; the first one to ask names the code.

        A worktree that is half made when its maker is cut off would be left for `ampsm repair`.
        """
        if self._places is not None:
            self._places.close(is_regular=not return_code)
        if not UNFINISHED:
            super().exit(result, return_code, message)
        elif self.leaving is None:
            self.notify("What is begun comes to its end first.", title="Leaving", timeout=EXIT_PATIENCE)
            leave = functools.partial(super().exit, result, return_code, message)
            waiting = asyncio.ensure_future(asyncio.wait(UNFINISHED, timeout=EXIT_PATIENCE))
            waiting.add_done_callback(lambda _: leave())
            self.leaving = waiting

    @property
    def fault(self) -> str:
        """The traceback of what ended the app unforeseen, with what local variables held; empty where nothing did."""
        return self._fault.getvalue().strip()

    def write_ours(self, sequence: str) -> None:
        """Write a terminal sequence that the program itself has made; nothing foreign may be in it raw."""
        if self.output is not None:
            self.output.write_own(sequence)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Show a notification; as Textual does, but for one that has expired before it is on the screen."""
        seconds = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        self.post_message(Notify(LastingNotification(message, title, severity, seconds, markup=markup)))

    def show_toast(self, text: str, *, title: str = "") -> None:
        """Show a toast; `text` and `title` are made safe for the terminal here."""
        self.notify(one_line(text), title=one_line(title), markup=False)
