"""The first step of the merge wizard: everything is looked at, and the script runs where nothing is known of it.

The script is a process of its own: its output is shown as it comes, and it can be ended. What all steps share
lives here as well: the session, the stage the wizard is at, and the place where things are said.
"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Literal

from textual.content import Content
from textual.widgets import RichLog

from ampsm_engine import labels
from ampsm_engine.errors import AmpsmError
from ampsm_engine.merging.values import Options
from ampsm_engine.model import Session
from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, ask_until_answered, run_while_open, show_error
from ampsm_tui.clean import one_line
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets import merge_lines
from ampsm_tui.widgets.merge_head import MergeHead, MergeSteps
from ampsm_tui.widgets.text_view import PieceLine, TextView

if TYPE_CHECKING:
    from ampsm_engine.engine.scripts import ScriptOutput
    from ampsm_engine.merging.values import Finding, Preflight

EVERY = 0.15
"""Seconds between two looks at what the script printed."""

_CHECKOUT = "checkout"
"""Findings about where the target is checked out: they keep it from moving, and nothing else."""

Stage = Literal["check", "plan", "doing", "done"]

_STEP: dict[Stage, int] = {"check": 0, "plan": 1, "doing": 2, "done": 3}
_WORDS = {"merge": "Merge", "squash": "Squash", "rebase": "Rebase"}


class Looking(AppScreen[None]):
    """Goes from stage to stage; asks for the findings and shows them."""

    found: "Preflight | None" = None
    _run = ""
    """The run of the script that is watched."""
    _waiting = ""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.session_id = session.id
        self.stage: Stage = "check"
        self.options = Options()

    @property
    def told(self) -> TextView:
        """Where things are said."""
        return self.query_one("#told", TextView)

    @property
    def target(self) -> str:
        """The branch that the work comes to."""
        return self.options.onto or self.session.base_branch

    def go_to(self, stage: Stage) -> None:
        """Be at a stage: its keys, its parts."""
        self.stage = stage
        for one in _STEP:
            self.set_class(one == stage, f"-{one}")
        self.show_head()
        self.refresh_bindings()

    def show_head(self) -> None:
        """What goes where, and how far it is."""
        target = self.target if self.options.kind != "squash" else ""
        session = self.session
        self.query_one(MergeHead).show(_WORDS[self.options.kind], session.name, target, session.branch_name)
        self.query_one(MergeSteps).at(_STEP[self.stage])

    def say(self, text: str) -> None:
        """One sentence, and nothing else."""

        def lines(width: int) -> list[PieceLine]:
            return [(), *merge_lines.paragraph(text, width)]

        self.told.show_lines(lines, top=True)

    def say_trouble(self, message: str, hint: str) -> None:
        """An error with its hint, and nothing else."""

        def lines(width: int) -> list[PieceLine]:
            return [(), *merge_lines.trouble(message, hint, width)]

        self.told.show_lines(lines, top=True)

    def look(self, *, fetch: bool = False) -> None:
        """Look at everything anew."""
        self.found = None
        self._waiting = "fetching …" if fetch else "looking …"
        self.show_findings()
        run_while_open(self, self._look(fetch=fetch), group="looking", exclusive=True)

    async def _look(self, *, fetch: bool) -> None:
        try:
            await self._ask_findings(fetch=fetch)
            if self.found is not None and is_unknown(self.found):
                await self._run_script(self.found.branch_tip)
        except AmpsmError as refusal:
            self._waiting = ""
            self.say_trouble(refusal.message, refusal.hint)

    async def _ask_findings(self, *, fetch: bool = False) -> None:
        from ampsm_engine.engine import merges

        engine, onto = app_of(self).engine, self.options.onto
        found = await ask(merges.preflight, engine, self.session_id, onto=onto, fetch=fetch, run_script=False)
        self.found, self._waiting = found, ""
        self.show_findings()

    async def _run_script(self, tip: str) -> None:
        """Run it and show what it prints; its result is recorded for the very commit that it ran on."""
        from ampsm_engine.engine import scripts
        from ampsm_engine.merging import preflight

        engine = app_of(self).engine
        self.query_one(RichLog).clear()
        self._waiting = f"running {one_line(self.session.script_command or '', 200)}   (t ends it)"
        self.add_class("-scripting")
        self.show_findings()
        try:
            self._run = await ask(scripts.start, engine, self.session_id)
            look = await self._follow_script()
        finally:
            self._run = ""
            self._waiting = ""
        came = script_said(look)
        if look.exit_code is not None and not look.stopped and not look.timed_out:
            await self._ask_findings()
            if self.found is not None and self.found.branch_tip == tip:
                await ask(preflight.script_result, engine, self.session_id, passed=look.exit_code == 0)
                await self._ask_findings()
        if look.exit_code == 0:
            self.remove_class("-scripting")
        self.query_one(RichLog).write(Content(came))
        self.show_findings()

    async def _follow_script(self) -> "ScriptOutput":
        from ampsm_engine.engine import scripts

        engine, trouble, offset = app_of(self).engine, partial(show_error, self), 0
        while True:
            look = await ask_until_answered(scripts.read_output, trouble, engine, self._run, offset)
            offset = look.offset
            for line in look.text.splitlines():
                self.query_one(RichLog).write(Content(one_line(line)))
            if not look.running:
                return look
            await asyncio.sleep(EVERY)

    def leave_script(self) -> None:
        """Nobody looks at it any more, so it need not go on."""
        if self._run:
            self._stop_script(self._run)

    def _stop_script(self, run: str) -> None:
        from ampsm_engine.engine import scripts

        run_while_open(self.app, ask(scripts.stop, app_of(self).engine, run))  # also when this screen has gone

    def action_script(self) -> None:
        """End the script that runs, or run it."""
        if self._run:
            self._stop_script(self._run)
        elif self.found is not None:
            run_while_open(self, self._again(self.found.branch_tip), group="looking", exclusive=True)

    async def _again(self, tip: str) -> None:
        try:
            await self._run_script(tip)
        except AmpsmError as refusal:
            self.say_trouble(refusal.message, refusal.hint)

    def action_look_again(self) -> None:
        """Ask for all findings anew, without a fetch."""
        self.look()

    def action_fetch(self) -> None:
        """Fetch, and everything anew."""
        self.look(fetch=True)

    def may_go_on(self) -> bool:
        """Whether there is nothing in the way of all that the plan offers; a toast says what is."""
        if self.found is None:
            return False
        stops = [finding for finding in self.found.findings if finding.level == "stop" and finding.kind != _CHECKOUT]
        if stops:
            self.app.notify(
                one_line(stops[0].hint, 500), title=one_line(stops[0].text, 500), severity="error", markup=False
            )
        return not stops

    def show_findings(self) -> None:
        """What is known so far."""
        self.go_to("check")
        found, waiting = self.found.findings if self.found else (), self._waiting
        ready = self._verdict(found) if self.found and not waiting else ""

        def lines(width: int) -> list[PieceLine]:
            told = merge_lines.findings(found, width, waiting=waiting)
            return [*told, *([(), *merge_lines.paragraph(ready, width, "title")] if ready else [])]

        self.told.show_lines(lines)

    def _verdict(self, found: "tuple[Finding, ...]") -> str:
        stops = sum(finding.level == "stop" for finding in found)
        warnings = sum(finding.level == "warn" for finding in found)
        if stops and all(finding.kind == _CHECKOUT for finding in found if finding.level == "stop"):
            target = one_line(self.target, 80)
            return f"{target} cannot move as it is. r looks again; Enter: the plan, for all that does not move it."
        if stops:
            return f"{'This is' if stops == 1 else f'{stops} things are'} in the way. r looks again."
        if warnings:
            return f"Nothing is in the way; {plural(warnings, 'thing')} to think about. Enter: the plan."
        return "All is well. Enter: the plan."


def is_unknown(found: "Preflight") -> bool:
    """Whether the script could say something about this commit, and has not yet."""
    return found.ready and found.script == "not run"


def script_said(look: "ScriptOutput") -> str:
    """How the script ended, in a line."""
    took = f" after {labels.duration(int(look.seconds * 1000))}" if look.seconds is not None else ""
    if look.trouble:
        return f"✗ {one_line(look.trouble, 500)}"
    if look.stopped:
        return f"ended by you{took}; nothing was recorded"
    if look.timed_out:
        return f"✗ its time was over{took}"
    return f"✓ passed{took}" if look.exit_code == 0 else f"✗ failed{took}: exit code {look.exit_code}"
