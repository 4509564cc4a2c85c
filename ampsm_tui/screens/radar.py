"""The radar: which sessions overlap, and whether all that is ready works together, which a key finds out.

The check runs detached: closing the screen does not end it, and opening it again shows how far it is.
"""

import asyncio
import os
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import var
from textual.widgets import Static

from ampsm_engine.engine.check_run import CheckProgress
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.model import Board
from ampsm_tui import clipboard
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, ask_until_answered, ignore, in_background, run_while_open, show_error
from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.radar_lines import radar_lines
from ampsm_tui.widgets.text_view import TextView

if TYPE_CHECKING:
    from ampsm_engine.merging.compatibility import Compatibility
    from ampsm_engine.merging.radar import Radar

BUDGET = 0.5
"""Seconds of new answers in one question."""

QUIET = 1.0
"""Seconds after the last change of a session before anything is asked."""

EVERY = 0.4
"""Seconds between two looks at how far a check is."""


class RadarScreen(AppScreen[None]):
    """A matrix of all sessions with work of their own, and below it where each two overlap."""

    CSS_PATH = "radar.tcss"
    TITLE = "radar"
    PURPOSE = (
        "In how many places the changes of each two sessions would conflict; the first column is the base.",
        "A number counts hunks that overlap: the same file, changed elsewhere, does not count.",
        "The check puts all that is ready onto its base and runs the script on the whole. Nothing is merged.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("back", "dismiss", "Back"),
        bind("radar.check", "check", "Check all together"),
        bind("radar.copy", "copy", "Copy the merge"),
    ]

    board: var[Board | None] = var(None, init=False)

    def __init__(self) -> None:
        super().__init__()
        self._radar: Radar | None = None
        self._answers: tuple[Compatibility, ...] = ()
        self._check = CheckProgress(is_running=False)
        self._seen: object = None

    def compose(self) -> ComposeResult:
        """What goes on, the text, the keys."""
        yield Static("", id="check", markup=False)
        yield TextView()
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to compare the sessions' changes."""
        self._text.focus()
        self._text.show_text("Looking at the sessions …")
        if self.board is None:
            self.watch_board(None)
        run_while_open(self, self._follow_check(), group="check")

    @property
    def _text(self) -> TextView:
        return self.query_one(TextView)

    def watch_board(self, board: Board | None) -> None:
        """Look again when something moved commits."""
        rows = board.rows if board else ()
        seen = tuple((row.session, row.current and row.current.commit_sha) for row in rows)
        if seen != self._seen or self._radar is None:
            self._seen = seen
            run_while_open(self, self._update_radar(), group="look", exclusive=True)

    async def _update_radar(self) -> None:
        from ampsm_engine.merging import compatibility, radar

        engine = app_of(self).engine
        if self._radar is not None:
            await asyncio.sleep(QUIET)
        while True:
            self._radar = await ask_until_answered(radar.radar, ignore, engine, budget=BUDGET)
            self._show()
            if not self._radar.pending:
                break
        self._answers = await ask_until_answered(compatibility.look, ignore, engine)
        self._show()

    async def _follow_check(self) -> None:
        """Show how far a check is, for as long as one runs; what it found is looked up then."""
        from ampsm_engine.engine import check_run
        from ampsm_engine.merging import compatibility

        engine = app_of(self).engine
        was_running = False
        while True:
            self._check = await ask_until_answered(check_run.read, ignore, engine)
            if not self._check.is_running:
                break
            was_running = True
            self._show_check(f"◌ {one_line(self._check.text, 300)}")
            await asyncio.sleep(EVERY)
        self._show_check("")
        if was_running:
            self._answers = await ask_until_answered(compatibility.look, ignore, engine)
            self._show()
            if self._check.trouble:
                show_error(self, Failed(self._check.trouble, self._check.hint))

    def _show_check(self, text: str) -> None:
        line = self.query_one("#check", Static)
        line.display = bool(text)
        line.update(text)

    def _show(self) -> None:
        found, answers = self._radar, self._answers
        if found is not None:
            self._text.show_lines(lambda width: radar_lines(found, answers, width))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A watcher starts no script."""
        if action == "check" and app_of(self).read_only:
            return False
        return super().check_action(action, parameters)

    @in_background
    async def action_check(self) -> None:
        """Find out whether all that is ready works together; stop that while it goes on."""
        from ampsm_engine.engine import check_run

        engine = app_of(self).engine
        if self._check.is_running:
            await ask(check_run.stop, engine)
            return
        await ask(check_run.start, engine)
        run_while_open(self, self._follow_check(), group="check", exclusive=True)

    def action_copy(self) -> None:
        """Copy the command that merges, in this order, what passes together."""
        orders = [one.order for one in self._answers if one.order]
        if not orders:
            app_of(self).show_toast("There is nothing to merge as far as it is known")
            return
        commands = [f"ampsm merge {' '.join(order)}{' --train' if len(order) > 1 else ''}" for order in orders]
        try:
            clipboard.copy(self.app, "\n".join(commands), os.environ)
        except AmpsmError as reason:
            show_error(self, reason)
            return
        app_of(self).show_toast(f"Copied: {commands[0]}")
