"""The session's script at work: what it prints, live, and how it ended. Closing the box asks it to end."""

import asyncio
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import RichLog, Static

from ampsm_engine import labels
from ampsm_engine.engine.scripts import ScriptOutput
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Session
from ampsm_tui import ask
from ampsm_tui.app_context import app_of
from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.screens.dialog import Dialog

EVERY = 0.15
"""Seconds between two looks at what it printed."""

MOST_LINES = 5_000


class ScriptScreen(Dialog[None]):
    """Begins the script on opening; Esc stops it, and closes when it has ended."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("dialog.stop", "cancel", "Stop it, then close"),
        bind("dialog.close", "close", "Close; it goes on"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__(f"{session.name}: {session.script_command or 'no script'}")
        self._session = session
        self._run = ""
        self._ended = False
        self._lines = ""

    def compose_body(self) -> ComposeResult:
        """The output and one line about how it goes."""
        log = RichLog(id="output", max_lines=MOST_LINES, wrap=True, min_width=10, auto_scroll=True)
        yield log
        yield Static("starting", id="ending", markup=False)

    def on_mount(self) -> None:
        """Begin to watch the script."""
        ask.run_while_open(self, self._watch(), group="watching")

    async def _watch(self) -> None:
        from ampsm_engine.engine import scripts

        engine = app_of(self).engine
        try:
            self._run = await ask.ask(scripts.start, engine, self._session.id)
        except AmpsmError as refusal:
            self._show_state("did not start")
            self.show_trouble(refusal.message, refusal.hint)
            self._ended = True
            return
        self._show_state("running")
        offset = 0
        while not self._ended:
            look = await ask.ask_until_answered(
                scripts.read_output, partial(ask.show_error, self), engine, self._run, offset
            )
            self._show(look)
            offset = look.offset
            if look.running:
                await asyncio.sleep(EVERY)
            self._ended = not look.running

    def _show(self, look: ScriptOutput) -> None:
        log = self.query_one(RichLog)
        for line in look.text.splitlines():
            log.write(Content(one_line(line)))
        if look.running:
            return
        took = f" after {labels.duration(int(look.seconds * 1000))}" if look.seconds is not None else ""
        if look.trouble:
            self._show_state("✗ ended")
            self.show_trouble(look.trouble)
        elif look.stopped:
            self._show_state(f"stopped{took}; nothing was recorded")
        elif look.timed_out:
            self._show_state(f"✗ its time was over{took}")
        else:
            self._show_state(
                f"✓ passed{took}" if look.exit_code == 0 else f"✗ failed{took}: exit code {look.exit_code}"
            )

    def _show_state(self, text: str) -> None:
        self.query_one("#ending", Static).update(text)

    def action_cancel(self) -> None:
        """Ask it to end; close when it has."""
        if self._ended or not self._run:
            self.dismiss(None)
        else:
            self._show_state("asked to end")
            self._stop()

    @ask.in_background
    async def _stop(self) -> None:
        from ampsm_engine.engine import scripts

        await ask.ask(scripts.stop, app_of(self).engine, self._run)

    def action_close(self) -> None:
        """Close the box; the script goes on and its result is recorded."""
        self.dismiss(None)
