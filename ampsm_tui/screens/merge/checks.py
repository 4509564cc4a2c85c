"""The first step of a merge: preflight, and a run of the session's script where nothing is known of it.

The script is a process of its own: its output is shown as it comes, and it can be ended.
"""

from collections.abc import Coroutine
from typing import TYPE_CHECKING

from textual.content import Content

from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.clean import one_line
from ampsm_tui.hints import begin_sentence, in_app, key_name
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.merge.pane import MergePane
from ampsm_tui.screens.script import ending_of, follow_script
from ampsm_tui.widgets import merge_lines
from ampsm_tui.widgets.text_view import PieceLine, paragraph

if TYPE_CHECKING:
    from ampsm_engine.merging.results import Finding, Preflight

_CHECKOUT = "checkout"
"""Findings about where the target is checked out: they keep it from moving, and nothing else."""


class MergeChecks:
    """The findings of preflight, and the script that is run for them."""

    def __init__(self, screen: AppScreen[None], pane: MergePane) -> None:
        self._screen = screen
        self._pane = pane
        self._found: Preflight | None = None
        self._run = ""
        """The run of the script that is followed."""
        self._waiting = ""
        """What is under way, for the last line."""

    def check(self, *, fetch: bool = False) -> None:
        """Ask for all findings anew; with `fetch` after a fetch of the target's remote."""
        self._found = None
        self._waiting = "fetching …" if fetch else "looking …"
        self.show()
        self._begin(self._check(fetch=fetch))

    def show(self) -> None:
        """Go to this step, and show what was found so far, and whether one may go on."""
        self._pane.go_to("check")
        self._update()

    def _update(self) -> None:
        """Show what was found so far, unless another step is shown by now."""
        if self._pane.stage != "check":
            return
        waiting = self._waiting
        found = self._advised()
        verdict = self._verdict(found) if self._found and not waiting else ""

        def lines(width: int) -> list[PieceLine]:
            shown = merge_lines.findings(found, width, waiting=waiting)
            return [*shown, *([(), *paragraph(verdict, width, "title")] if verdict else [])]

        self._pane.text.show_lines(lines)

    def _advised(self) -> "tuple[Finding, ...]":
        """The findings so far, with keys in place of commands."""
        return tuple(
            replace(one, text=in_app(self._screen, one.text), hint=in_app(self._screen, one.hint))
            for one in (self._found.findings if self._found else ())
        )

    @property
    def grave_findings(self) -> "tuple[Finding, ...]":
        """What must not be overlooked on the plan either."""
        return tuple(one for one in self._advised() if one.is_grave)

    def allow_plan(self) -> bool:
        """Whether nothing is in the way of all that the plan offers; a toast says what is."""
        if self._found is None:
            return False
        stops = [finding for finding in self._found.findings if finding.level == "stop" and finding.kind != _CHECKOUT]
        if stops:
            show_error(self._screen, Refused(stops[0].text, stops[0].hint))
        return not stops

    def toggle_script(self) -> None:
        """End the script that runs, or run it."""
        if self._run:
            self.end_script()
        elif self._found is not None:
            self._begin(self._run_script(self._found.branch_tip))

    def end_script(self) -> None:
        """End the script that runs for this merge, if one does."""
        from ampsm_engine.engine import scripts

        if self._run:
            app = self._screen.app  # the screen may be left now
            run_while_open(app, ask(scripts.stop, app_of(app).engine, self._run))

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        run_while_open(self._screen, self._show_refusal_of(work), group="checks", exclusive=True)

    async def _show_refusal_of(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except AmpsmError as refusal:
            self._waiting = ""
            if self._pane.stage != "check":
                raise
            self._pane.text.show_error(refusal)

    async def _check(self, *, fetch: bool) -> None:
        found = await self._find(fetch=fetch)
        if found.ready and found.script == "not run":
            await self._run_script(found.branch_tip)

    async def _find(self, *, fetch: bool = False) -> "Preflight":
        from ampsm_engine.engine import merges

        pane = self._pane
        self._found = await ask(
            merges.preflight,
            app_of(self._screen).engine,
            pane.session.id,
            onto=pane.options.onto,
            fetch=fetch,
            run_script=False,
        )
        self._waiting = ""
        self._update()
        return self._found

    async def _run_script(self, tip: str) -> None:
        """Run it and show what it prints; its result is recorded for the very commit that it ran on."""
        from ampsm_engine.engine import scripts
        from ampsm_engine.merging import preflight

        engine, session, output = app_of(self._screen).engine, self._pane.session, self._pane.output
        output.clear()
        ends = key_name(self._screen, "merge.script")
        self._waiting = f"running {one_line(session.script_command or '', 200)}   ({ends} ends it)"
        self._screen.add_class("-scripting")
        self._update()
        try:
            self._run = await ask(scripts.start, engine, session.id)
            ended = await follow_script(self._screen, self._run, output)
        finally:
            self._run = ""
            self._waiting = ""
        if ended.exit_code is not None and not ended.stopped and not ended.timed_out:
            found = await self._find()
            if found.branch_tip == tip:
                await ask(preflight.script_result, engine, session.id, passed=ended.exit_code == 0)
                await self._find()
        if ended.exit_code == 0:
            self._screen.remove_class("-scripting")
        output.write(Content(ending_of(ended, stopped="ended by you")))
        self._update()

    def _verdict(self, found: "tuple[Finding, ...]") -> str:
        stops = sum(finding.level == "stop" for finding in found)
        warnings = sum(finding.level == "warn" for finding in found)
        look = key_name(self._screen, "merge.look")
        on = begin_sentence(f"{key_name(self._screen, 'merge.next')}:")
        if stops and all(finding.kind == _CHECKOUT for finding in found if finding.level == "stop"):
            target = one_line(self._pane.target, 80)
            return f"{target} cannot move as it is. {look} looks again; {on} the plan, for all that does not move it."
        if stops:
            return f"{'This is' if stops == 1 else f'{stops} things are'} in the way. {look} looks again."
        if warnings:
            return f"Nothing is in the way; {plural(warnings, 'thing')} to think about. {on} the plan."
        return f"All is well. {on} the plan."
