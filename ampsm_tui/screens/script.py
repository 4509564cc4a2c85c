"""A session's script or setup command at work: what it prints, live, and how it ended. Esc asks it to end."""

import asyncio
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.dom import DOMNode
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
    """Begins the command on opening; Esc stops it, and closes when it has ended."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("dialog.stop", "cancel", "Stop"),
        bind("dialog.close", "close", "Close"),
    ]

    def __init__(self, session: Session, *, setup: bool = False) -> None:
        """`setup`: it is the setup command that runs, in place of the script."""
        super().__init__(f"{session.name}: {'setup' if setup else session.script_command or 'no script'}")
        self._session = session
        self._is_setup = setup
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
        from ampsm_engine.engine import scripts, setup

        engine = app_of(self).engine
        try:
            self._run = await ask.ask(setup.start if self._is_setup else scripts.start, engine, self._session.id)
        except AmpsmError as refusal:
            self._show_state("did not start")
            self.show_trouble(refusal.message, refusal.hint)
            self._end()
            return
        self._show_state("running; it goes on when this is closed")
        ended = await follow_script(self, self._run, self.query_one(RichLog))
        self._end()
        if ended.trouble:
            self._show_state("✗ ended")
            self.show_trouble(ended.trouble)
        else:
            self._show_state(ending_of(ended, stopped="stopped"))

    def offers(self, key_id: str) -> bool:
        """What has ended cannot be stopped."""
        return key_id != "dialog.stop" or not self._ended

    def _end(self) -> None:
        self._ended = True
        self.refresh_bindings()

    def _show_state(self, text: str) -> None:
        self.query_one("#ending", Static).update(text)

    def action_cancel(self) -> None:
        """Ask the command to end; close the box when it has ended."""
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


async def follow_script(node: DOMNode, run: str, log: RichLog) -> ScriptOutput:
    """Write what a run of a script prints into a log until it ends; the answer says how it ended."""
    from ampsm_engine.engine import scripts

    engine, trouble, offset = app_of(node).engine, partial(ask.show_error, node), 0
    while True:
        printed = await ask.ask_until_answered(scripts.read_output, trouble, engine, run, offset)
        offset = printed.offset
        for line in printed.text.splitlines():
            log.write(Content(one_line(line)))
        if not printed.running:
            return printed
        await asyncio.sleep(EVERY)


def ending_of(ended: ScriptOutput, *, stopped: str) -> str:
    """How a run of a script ended, in a line; `stopped` is the word for one that a person ended."""
    took = f" after {labels.duration(int(ended.seconds * 1000))}" if ended.seconds is not None else ""
    if ended.trouble:
        return f"✗ {one_line(ended.trouble, 500)}"
    if ended.stopped:
        return f"{stopped}{took}; nothing was recorded"
    if ended.timed_out:
        return f"✗ its time was over{took}"
    return f"✓ passed{took}" if ended.exit_code == 0 else f"✗ failed{took}: exit code {ended.exit_code}"
