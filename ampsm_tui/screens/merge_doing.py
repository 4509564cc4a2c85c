"""The third and fourth step of the merge wizard: it is done, and one sees how far; then the result and what is left.

A merge that is called off has its process ended; the journal then brings it to its end or takes it back.
"""

import asyncio
from abc import abstractmethod
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.model import Merge, MergeState
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, ask_until_answered, ignore, in_background, run_while_open, show_error
from ampsm_tui.screens.merge_choosing import Choosing
from ampsm_tui.widgets import merge_lines
from ampsm_tui.widgets.text_view import PieceLine

if TYPE_CHECKING:
    from ampsm_engine.merging.questions import Unanswered
    from ampsm_engine.merging.values import MergeResult

EVERY = 0.3
"""Seconds between two looks at the journal."""

_TOLD = {
    "begun": "Making the commits. Nothing has moved yet.",
    "lay-out": "Laying the conflict out.",
    "resume": "Making the commits from what was resolved.",
    "next-conflict": "Laying the next conflict out.",
    "target": "Moving the target.",
    "branch": "Moving the session's branch.",
    "abort": "Taking it back.",
    "undo-target": "Taking it back.",
    "undo-branch": "Taking it back.",
}
_BEHIND = {"branch": "merge", "end": "merge", "target": "rebase"}
"""By the journal's step: the last step of the plan that is behind."""


class Doing(Choosing):
    """Does what the plan says."""

    _merge: Merge | None = None
    _came: "MergeResult | None" = None
    _lost = ""
    """The sentence about what the trash would take."""

    def action_begin(self) -> None:
        """Carry out the plan; a commit that needs a message and has none is refused."""
        if self.plan is None:
            return
        if self.needs_message and not self.message.text.strip():
            self.message.focus()
            show_error(self, Refused("The commit needs a message.", "Write one into the box."))
            return
        self.options = replace(self.options, message=self.message.text.strip() if self.needs_message else "")
        self.options = replace(self.options, answered=())
        self._begin_doing()

    def _ask_about(self, asked: "Unanswered") -> None:
        """Say yes to what must not happen without a word about it, and do it then; else the plan is there again."""
        from ampsm_tui.screens.confirm import ConfirmScreen

        def answered(answer: bool | None) -> None:
            if answer:
                self.options = replace(self.options, answered=(*self.options.answered, *asked.answers))
                self._begin_doing()

        self.show_plan_again(asked)
        title = f"{self.options.kind.capitalize()} all the same?"
        self.app.push_screen(ConfirmScreen(title, asked.sentences, yes=self.options.kind.capitalize()), answered)

    def _begin_doing(self) -> None:
        self.go_to("doing")
        self.told.focus()
        self._tell_progress(0, "Beginning.")
        run_while_open(self, self._do(), group="doing", exclusive=True)

    async def _do(self) -> None:
        from ampsm_engine.merging import operations
        from ampsm_engine.merging.questions import Unanswered
        from ampsm_engine.merging.steps import ConflictsWait

        watcher = run_while_open(self, self._follow_journal(), group="watching", exclusive=True)
        try:
            came = await ask(operations.merge, app_of(self).engine, self.session_id, self.options)
        except ConflictsWait:
            self.open_conflicts()
        except Unanswered as asked:
            self._ask_about(asked)
        except AmpsmError as refusal:
            self.show_plan_again(refusal)
        else:
            self.show_result(came.merge, came)
        finally:
            watcher.cancel()

    async def _follow_journal(self) -> None:
        """Say which step it is at, until cancelled."""
        from ampsm_engine.engine import merges

        seen = False
        while True:
            await asyncio.sleep(EVERY)
            engine = app_of(self).engine
            merge = (await ask_until_answered(merges.open_merges, ignore, engine) or {}).get(self.session_id)
            if self.stage != "doing":
                return
            if merge is not None:
                seen = True
                self._tell_progress(self._behind(merge.step), _TOLD.get(merge.step, "Finishing."))
            elif seen:
                self._tell_progress(self._behind("end"), "Publishing what was asked for; Esc breaks that off.")

    def _behind(self, step: str) -> int:
        names = [one.name for one in self.plan.steps] if self.plan else []
        last = _BEHIND.get(step)
        return names.index(last) + 1 if last in names else 0

    def _tell_progress(self, behind: int, text: str) -> None:
        plan = self.plan

        def lines(width: int) -> list[PieceLine]:
            return merge_lines.doing(plan, behind, text, width) if plan else [(), *merge_lines.paragraph(text, width)]

        self.told.show_lines(lines)

    def look_on(self, merge: Merge) -> None:
        """Another ampsm is at it: look on until it has come to its end."""
        self.options = replace(self.options, kind=merge.kind)  # type: ignore[arg-type]
        self.go_to("doing")
        self._tell_progress(0, "Another ampsm is at it.")
        run_while_open(self, self._wait_for_other(), group="watching", exclusive=True)

    async def _wait_for_other(self) -> None:
        from ampsm_engine.engine import merges

        engine, trouble = app_of(self).engine, partial(show_error, self)
        while True:
            merge = (await ask_until_answered(merges.open_merges, trouble, engine) or {}).get(self.session_id)
            if merge is None or merge.state is not MergeState.WORKING:
                break
            self._tell_progress(0, f"Another ampsm is at it: {_TOLD.get(merge.step, 'finishing.')}")
            await asyncio.sleep(2 * EVERY)
        self.begin_again()

    @abstractmethod
    def begin_again(self) -> None:
        """From where the session stands now."""

    # Calling it off.

    def cancel(self) -> None:
        """End the process that is at it; its journal says what is to become of it."""
        if not any(worker.group == "doing" and worker.is_running for worker in self.workers):
            self.dismiss(None)  # somebody else's: it goes on
            return
        self.workers.cancel_group(self, "doing")
        self.workers.cancel_group(self, "watching")
        self._tell_progress(0, "Called off: looking what became of it.")
        self._settle()

    @in_background
    async def _settle(self) -> None:
        from ampsm_engine.engine import merges

        engine = app_of(self).engine
        started = self._merge.id if self._merge else ""
        while True:
            last = await ask(merges.call_off, engine, self.session_id)
            if last is None or last.state is not MergeState.WORKING:
                break
            self._tell_progress(0, "Called off: a git or a hook that it began has yet to end.")
            await asyncio.sleep(2 * EVERY)
        if last is None or last.id == started or last.state in (MergeState.ROLLED_BACK, MergeState.ABORTED):
            app_of(self).show_toast("Called off: everything is as it was before")
            self.show_findings()
            self.look()
        elif last.state is MergeState.CONFLICTED:
            self.open_conflicts()
        else:
            app_of(self).show_toast("It was too late to call it off: it was done already")
            self.show_result(last, None)

    # What came of it.

    def show_result(self, merge: Merge, came: "MergeResult | None") -> None:
        """Say what came of it, and ask the last question."""
        self._merge, self._came, self._lost = merge, came, ""
        self.forget_message()
        self.options = replace(self.options, kind=merge.kind)  # type: ignore[arg-type]
        self.go_to("done")
        self.told.focus()
        self._show_end()
        self._ask_last()

    @in_background
    async def _ask_last(self) -> None:
        from ampsm_engine.engine import removal

        if self._is_merged():
            self._lost = await ask(removal.describe_loss, app_of(self).engine, self.session_id) or ""
            self._show_end()

    def _is_merged(self) -> bool:
        return self._merge is not None and self._merge.kind == "merge" and bool(self._merge.target)

    def _show_end(self) -> None:
        merge, came, name = self._merge, self._came, self.session.name
        lost = self._lost.replace("ampsm trash restore", "u in the list") if self._is_merged() else ""
        if merge is None:
            return
        where = merge.target or "its branch"
        undo = f"u takes it back, as long as {where} has not moved on."
        if came and any(one.ok and one.kind != "patch" for one in came.published):
            undo += " What is pushed stays pushed."

        def lines(width: int) -> list[PieceLine]:
            told = [(), *merge_lines.result(merge, came, name, width), (), *merge_lines.paragraph(undo, width)]
            if lost:
                told += [*merge_lines.heading("Clean up?"), *merge_lines.paragraph(f"d: {lost}", width, "text")]
                told += merge_lines.paragraph("Enter keeps session and worktree.", width)
            return told

        self.told.show_lines(lines)

    def action_undo_merge(self) -> None:
        """Take it back, after one question."""
        from ampsm_tui.screens.confirm import ConfirmScreen

        merge = self._merge
        if merge is None:
            return
        where = f"{merge.target} and " if merge.target else ""
        sentence = (
            f"{where}{self.session.branch_name} will be as before. Nothing is lost: the commits are kept as backups."
        )
        title = f"Undo the {merge.kind} of {self.session.name}?"

        def answered(answer: bool | None) -> None:
            if answer:
                self._undo()

        self.app.push_screen(ConfirmScreen(title, sentence, yes="Undo"), answered)

    @in_background
    async def _undo(self) -> None:
        from ampsm_engine.merging import operations

        merge = await ask(operations.undo, app_of(self).engine, self.session_id)
        where = f"{merge.target} is" if merge and merge.target else "its branch is"
        app_of(self).show_toast(f"Undone: {where} as before")
        self._merge = self._came = None
        self.look()

    def action_trash(self) -> None:
        """Ask whether the merged session is to go into the trash."""
        from ampsm_tui.screens.confirm import ConfirmScreen

        text = self._lost.replace("ampsm trash restore", "u in the list")

        def answered(answer: bool | None) -> None:
            if answer:
                self._remove()

        title = f"Move {self.session.name} to the trash?"
        self.app.push_screen(
            ConfirmScreen(title, text or "u in the list brings it back.", yes="To the trash"), answered
        )

    @in_background
    async def _remove(self) -> None:
        from ampsm_engine.engine import removal

        await ask(removal.remove, app_of(self).engine, self.session_id)
        app_of(self).show_toast(f"In the trash: {self.session.name}; u in the list brings it back")
        self.dismiss(None)

    def open_conflicts(self) -> None:
        """To the screen of conflicts; what comes of it comes back here."""
        from ampsm_engine.merging.values import MergeResult
        from ampsm_tui.screens.conflict import ConflictScreen

        def left(outcome: object) -> None:
            if isinstance(outcome, MergeResult):
                self.show_result(outcome.merge, outcome)
            elif outcome is None:
                self.dismiss(None)
            else:
                self.begin_again()

        self.app.push_screen(ConflictScreen(self.session), left)
