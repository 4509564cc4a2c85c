"""The end of a conflict: what is resolved is committed and the merge goes on, or all of it is taken back."""

import asyncio
from typing import TYPE_CHECKING

from textual.content import Content

from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import MergeState
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.hints import begin_sentence, with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.conflict.choices import ConflictChoices
from ampsm_tui.screens.conflict.pane import ConflictPane
from ampsm_tui.screens.dialog import confirm

if TYPE_CHECKING:
    from ampsm_engine.merging.questions import Unanswered

TICK = 1.0
"""Seconds between two questions whether a merge that was called off has come to its end."""


class ConflictCompletion:
    """Goes on with the merge, aborts it, or calls off what goes on; the screen is closed with what came of it."""

    def __init__(self, screen: AppScreen[object], pane: ConflictPane, choices: ConflictChoices) -> None:
        self.is_under_way = False
        self._screen = screen
        self._pane = pane
        self._choices = choices

    def continue_(self, answers: tuple[str, ...] = ()) -> None:
        """Commit what is resolved, and go on; `answers` are what a person said yes to."""
        if not self.is_under_way:
            self.is_under_way = True
            calls_off = begin_sentence(with_keys(self._screen, "{back} calls it off"))
            self._pane.status.update(Content(f"going on …  {calls_off}"))
            run_while_open(self._screen, self._continue(answers), group="doing", exclusive=True)

    async def _continue(self, answers: tuple[str, ...]) -> None:
        from ampsm_engine.merging import operations
        from ampsm_engine.merging.questions import Unanswered
        from ampsm_engine.merging.steps import ConflictsWait

        pane = self._pane
        try:
            async with pane.changing:  # what is resolved ahead of it comes first
                try:
                    result = await ask(operations.continue_, app_of(self._screen).engine, pane.session.id, answers)
                finally:
                    self.is_under_way = False
        except Unanswered as asked:
            await pane.load()
            self._confirm(asked, answers)
        except ConflictsWait as waits:
            app_of(self._screen).show_toast(waits.message, title="The next conflict")
            self._choices.forget()
            await pane.load()
        except AmpsmError as error:
            show_error(self._screen, error)
            await pane.load()
        else:
            self._screen.dismiss(result)

    def _confirm(self, asked: "Unanswered", before: tuple[str, ...]) -> None:
        """Ask about what the resolution would bring, and go on after yes."""
        confirm(
            self._screen,
            "Go on all the same?",
            asked.sentences,
            yes="Go on",
            then=lambda: self.continue_((*before, *asked.answers)),
        )

    def abort(self) -> None:
        """Take everything back, after one question."""
        pane = self._pane
        confirm(
            self._screen,
            f"Abort the {pane.state.merge.kind if pane.state else 'merge'} of {pane.session.name}?",
            "Branch and worktree will be as they were. What is resolved so far is kept under a backup ref.",
            yes="Abort",
            then=lambda: run_while_open(self._screen, self._abort()),
        )

    async def _abort(self) -> None:
        from ampsm_engine.merging import operations

        async with self._pane.changing:
            await ask(operations.abort, app_of(self._screen).engine, self._pane.session.id)
        app_of(self._screen).show_toast(f"Aborted: {self._pane.session.name} is as before")
        self._screen.dismiss("aborted")

    def call_off(self) -> None:
        """End the process that goes on; its journal says what is to become of it."""
        self.is_under_way = False
        self._screen.workers.cancel_group(self._screen, "doing")
        run_while_open(self._screen, self._settle())

    async def _settle(self) -> None:
        from ampsm_engine.engine import merges

        engine, session_id = app_of(self._screen).engine, self._pane.session.id
        last = await ask(merges.call_off, engine, session_id)
        while last is not None and last.state is MergeState.WORKING:  # what it began has yet to end
            await asyncio.sleep(TICK)
            last = await ask(merges.call_off, engine, session_id)
        if last is not None and last.state is MergeState.CONFLICTED:
            await self._pane.load()
        else:
            self._screen.dismiss("settled")
