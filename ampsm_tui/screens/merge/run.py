"""The last two steps of a merge: it is carried out, by us or by another ampsm; and its result, which can be undone.

A merge that is called off has its process ended; the journal then brings it to its end or takes it back.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Merge, MergeState, Session, Status
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, ask_until_answered, ignore, run_while_open, show_error
from ampsm_tui.hints import begin_sentence, in_app, key_name, with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.dialog import confirm
from ampsm_tui.screens.merge.checks import MergeChecks
from ampsm_tui.screens.merge.choices import MergeChoices
from ampsm_tui.screens.merge.pane import MergePane
from ampsm_tui.widgets import merge_lines
from ampsm_tui.widgets.text_view import PieceLine, paragraph

if TYPE_CHECKING:
    from ampsm_engine.merging.questions import Unanswered
    from ampsm_engine.merging.results import MergeResult


class MergeOutcome:
    """The result of a merge, as its last step shows it, with undo and trash."""

    def __init__(self, screen: AppScreen[None], pane: MergePane, checks: MergeChecks, choices: MergeChoices) -> None:
        self._screen = screen
        self._pane = pane
        self._checks = checks
        self._choices = choices
        self._merge: Merge | None = None
        self._result: MergeResult | None = None
        self._lost = ""
        """What the trash would take, in sentences."""

    @property
    def merge_id(self) -> str:
        """The id of the merge that is shown; empty for none."""
        return self._merge.id if self._merge else ""

    def show(self, merge: Merge, result: "MergeResult | None" = None) -> None:
        """Show a merge that was carried out, with its result where that is known, and ask the last question."""
        self._merge, self._result, self._lost = merge, result, ""
        self._choices.forget_message()
        self._pane.options = replace(self._pane.options, kind=merge.kind)  # type: ignore[arg-type]
        self._pane.go_to("done")
        self._pane.text.focus()
        self._show()
        if merge.kind == "merge" and merge.target:
            run_while_open(self._screen, self._ask_about_loss())

    async def _ask_about_loss(self) -> None:
        from ampsm_engine.engine import session_trash

        lost = await ask(session_trash.describe_loss, app_of(self._screen).engine, self._pane.session.id) or ""
        self._lost = in_app(self._screen, lost)
        self._show()

    def _show(self) -> None:
        merge, result, lost, name = self._merge, self._result, self._lost, self._pane.session.name
        if merge is None:
            return
        undo, trash, go_on = (key_name(self._screen, f"merge.{name}") for name in ("undo", "trash", "next"))
        undo += f" takes it back, as long as {merge.target or 'its branch'} has not moved on."
        if result and any(one.ok and one.kind != "patch" for one in result.published):
            undo += " What is pushed stays pushed."

        def lines(width: int) -> list[PieceLine]:
            shown = [(), *merge_lines.result(merge, result, name, width), (), *paragraph(undo, width)]
            if lost:
                shown += [*merge_lines.heading("Clean up?"), *paragraph(f"{trash}: {lost}", width, "text")]
                shown += paragraph(begin_sentence(f"{go_on} keeps session and worktree."), width)
            return shown

        self._pane.text.show_lines(lines)

    def undo(self) -> None:
        """Take the merge back, after one question."""
        if self._merge is not None:
            confirm_undo(self._screen, self._pane.session, self._merge, self._show_undone)

    def _show_undone(self, merge: Merge) -> None:
        app_of(self._screen).show_toast(f"Undone: {merge.target or 'its branch'} is as before")
        self._merge = self._result = None
        self._checks.check()

    def remove(self) -> None:
        """Move the session to the trash, after one question."""
        confirm(
            self._screen,
            f"Move {self._pane.session.name} to the trash?",
            self._lost or with_keys(self._screen, "{session.undo} in the list brings it back."),
            yes="To the trash",
            then=lambda: run_while_open(self._screen, self._remove()),
        )

    async def _remove(self) -> None:
        from ampsm_engine.engine import session_trash

        session = self._pane.session
        gone = await ask(session_trash.remove, app_of(self._screen).engine, session.id)
        if gone is not None and gone.not_archived:
            app_of(self._screen).show_toast(gone.not_archived)
        app_of(self._screen).show_toast(
            f"In the trash: {session.name}; {key_name(self._screen, 'session.undo')} in the list brings it back"
        )
        self._screen.dismiss(None)


def confirm_undo(screen: Screen[Any], session: Session, merge: Merge, undone: Callable[[Merge], None]) -> None:
    """Ask whether a merge is to be undone; `undone` gets it after that."""

    async def undo() -> None:
        from ampsm_engine.merging import operations

        undone(await ask(operations.undo, app_of(screen).engine, session.id))

    where = f"{merge.target} and {session.branch_name}" if merge.target else session.branch_name
    confirm(
        screen,
        f"Undo the {merge.kind} of {session.name}?",
        f"{where} will be as before. Nothing is lost: the commits are kept as backups.",
        yes="Undo",
        then=lambda: run_while_open(screen, undo()),
    )


EVERY = 0.3
"""Seconds between two looks at the journal."""

_STEPS = {
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
"""What goes on at each step of the journal."""

_FINISHED = {"branch": "merge", "end": "merge", "target": "rebase"}
"""The last step of the plan that is finished at a step of the journal."""


class MergeRun:
    """Carries out a plan, and shows how far it is."""

    def __init__(
        self,
        screen: AppScreen[None],
        pane: MergePane,
        checks: MergeChecks,
        choices: MergeChoices,
        outcome: MergeOutcome,
    ) -> None:
        self._screen = screen
        self._pane = pane
        self._checks = checks
        self._choices = choices
        self._outcome = outcome

    def resume(self) -> None:
        """Begin where the session stands now: at its checks, its open merge, its conflicts or its result."""
        run_while_open(self._screen, self._resume())

    async def _resume(self) -> None:
        from ampsm_engine.engine import session_list
        from ampsm_engine.merging import operations

        engine, session = app_of(self._screen).engine, self._pane.session
        self._pane.text.show_text("Looking at the session …")
        merge = (await ask(session_list.open_merges, engine) or {}).get(session.id)
        if merge is not None and merge.state is MergeState.CONFLICTED:
            self._open_conflicts()
            return
        if merge is not None:
            self._follow_other(merge)
            return
        if session.status is Status.DONE:
            last = await ask(operations.last_undoable, engine, session.id)
            if last is not None and last.kind == "merge":
                self._outcome.show(last)
                return
        self._checks.check()

    async def _open_merge(self, trouble: Callable[[AmpsmError], None]) -> Merge | None:
        """The session's merge that is open now; `trouble` hears why there is no answer yet."""
        from ampsm_engine.engine import session_list

        found = await ask_until_answered(session_list.open_merges, trouble, app_of(self._screen).engine)
        return (found or {}).get(self._pane.session.id)

    def begin(self) -> None:
        """Carry out the plan; a commit that needs a message and has none is refused."""
        pane, choices = self._pane, self._choices
        if choices.plan is None:
            return
        message = pane.message.text.strip() if choices.needs_message else ""
        if choices.needs_message and not message:
            pane.message.focus()
            show_error(self._screen, Refused("The commit needs a message.", "Write one into the box."))
            return
        pane.options = replace(pane.options, message=message, answered=())
        self._carry_out()

    def _confirm(self, asked: "Unanswered") -> None:
        """Ask about what must not happen unasked, and carry the plan out after yes; else the plan is there again."""

        def answered() -> None:
            self._pane.options = replace(self._pane.options, answered=(*self._pane.options.answered, *asked.answers))
            self._carry_out()

        self._choices.show_again(Refused(asked.message, with_keys(self._screen, "{merge.begin} asks once more.")))
        kind = self._pane.options.kind.capitalize()
        confirm(self._screen, f"{kind} all the same?", asked.sentences, yes=kind, then=answered)

    def _carry_out(self) -> None:
        self._pane.go_to("doing")
        self._pane.text.focus()
        self._show_progress(0, "Beginning.")
        run_while_open(self._screen, self._merge(), group="doing", exclusive=True)

    async def _merge(self) -> None:
        from ampsm_engine.merging import operations
        from ampsm_engine.merging.questions import Unanswered
        from ampsm_engine.merging.steps import ConflictsWait

        watcher = run_while_open(self._screen, self._follow_journal(), group="watching", exclusive=True)
        try:
            result = await ask(operations.merge, app_of(self._screen).engine, self._pane.session.id, self._pane.options)
        except ConflictsWait:
            self._open_conflicts()
        except Unanswered as asked:
            self._confirm(asked)
        except AmpsmError as refusal:
            self._choices.show_again(refusal)
        else:
            self._outcome.show(result.merge, result)
        finally:
            watcher.cancel()

    async def _follow_journal(self) -> None:
        """Show which step it is at, until cancelled."""
        has_begun = False
        while True:
            await asyncio.sleep(EVERY)
            merge = await self._open_merge(ignore)
            if self._pane.stage != "doing":
                return
            if merge is not None:
                has_begun = True
                self._show_progress(self._finished(merge.step), _STEPS.get(merge.step, "Finishing."))
            elif has_begun:
                publishing = with_keys(self._screen, "Publishing what was asked for; {back} breaks that off.")
                self._show_progress(self._finished("end"), publishing)

    def _finished(self, step: str) -> int:
        """How many steps of the plan are finished, at this step of the journal."""
        names = [one.name for one in self._choices.plan.steps] if self._choices.plan else []
        last = _FINISHED.get(step)
        return names.index(last) + 1 if last in names else 0

    def _show_progress(self, finished: int, text: str) -> None:
        plan = self._choices.plan

        def lines(width: int) -> list[PieceLine]:
            return merge_lines.progress(plan, finished, text, width) if plan else [(), *paragraph(text, width)]

        self._pane.text.show_lines(lines)

    def _follow_other(self, merge: Merge) -> None:
        """Follow a merge that another ampsm carries out, until it has come to its end."""
        self._pane.options = replace(self._pane.options, kind=merge.kind)  # type: ignore[arg-type]
        self._pane.go_to("doing")
        self._show_progress(0, "Another ampsm is at it.")
        run_while_open(self._screen, self._wait_for_other(), group="watching", exclusive=True)

    async def _wait_for_other(self) -> None:
        while True:
            merge = await self._open_merge(partial(show_error, self._screen))
            if merge is None or merge.state is not MergeState.WORKING:
                break
            self._show_progress(0, f"Another ampsm is at it: {_STEPS.get(merge.step, 'finishing.')}")
            await asyncio.sleep(2 * EVERY)
        self.resume()

    def call_off(self) -> None:
        """End the process that carries the plan out, and show what its journal made of it; another's goes on."""
        workers = self._screen.workers
        if not any(worker.group == "doing" and worker.is_running for worker in workers):
            self._screen.dismiss(None)
            return
        workers.cancel_group(self._screen, "doing")
        workers.cancel_group(self._screen, "watching")
        self._show_progress(0, "Called off: looking what became of it.")
        run_while_open(self._screen, self._settle())

    async def _settle(self) -> None:
        from ampsm_engine.engine import merges

        app = app_of(self._screen)
        while True:
            last = await ask(merges.call_off, app.engine, self._pane.session.id)
            if last is None or last.state is not MergeState.WORKING:
                break
            self._show_progress(0, "Called off: a git or a hook that it began has yet to end.")
            await asyncio.sleep(2 * EVERY)
        is_earlier = last is not None and last.id == self._outcome.merge_id
        if last is None or is_earlier or last.state in (MergeState.ROLLED_BACK, MergeState.ABORTED):
            app.show_toast("Called off: everything is as it was before")
            self._checks.check()
        elif last.state is MergeState.CONFLICTED:
            self._open_conflicts()
        else:
            app.show_toast("It was too late to call it off: it was done already")
            self._outcome.show(last)

    def _open_conflicts(self) -> None:
        """Open the screen of conflicts; what comes of it comes back here."""
        from ampsm_engine.merging.results import MergeResult
        from ampsm_tui.screens.conflict.screen import ConflictScreen

        def left(outcome: object) -> None:
            if isinstance(outcome, MergeResult):
                self._outcome.show(outcome.merge, outcome)
            elif outcome is None:
                self._screen.dismiss(None)
            else:
                self.resume()

        self._screen.app.push_screen(ConflictScreen(self._pane.session), left)
