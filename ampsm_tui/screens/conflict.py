"""The conflict screen: file by file, hunk by hunk, until nothing is open; go on or take everything back at any time.

What is shown lives in `conflict_state`, resolving in `conflict_resolving`. Amp resolves, too: it is given the conflict,
one sees that it is at it, and its resolution is read before it counts.
"""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Board, MergeState, Session
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.bindings import bind
from ampsm_tui.screens.conflict_resolving import Resolving
from ampsm_tui.screens.conflict_state import TICK
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.merge_head import MergeHead
from ampsm_tui.widgets.stale_notice import StaleNotice
from ampsm_tui.widgets.text_view import TextView

if TYPE_CHECKING:
    from ampsm_engine.merging.questions import Unanswered

_RESOLVING = frozenset({"take", "whole", "edit", "undo_choice", "next", "hunk", "file", "give"})


class ConflictScreen(Resolving):
    """Answers the result of the merge, a word when it came to another end, None when it was left as it is."""

    CSS_PATH = "conflict.tcss"
    TITLE = "conflicts"
    PURPOSE = (
        "Two sides changed the same lines. Ours is the base, theirs is this session's work.",
        "The conflict lies in the session's worktree as git lays it out: any editor and git add work, too.",
        "c goes on when nothing is open; X takes it all back. The base is untouched till then.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("conflict.ours", "take('ours')", "Ours"),
        bind("conflict.theirs", "take('theirs')", "Theirs"),
        bind("conflict.both", "take('both')", "Both"),
        bind("conflict.edit", "edit", "Edit"),
        bind("conflict.next", "next", "Next"),
        bind("conflict.continue", "continue", "Continue"),
        bind("conflict.amp", "give", "Give to amp"),
        bind("conflict.undo", "undo_choice", "Undo"),
        bind("conflict.abort", "abort", "Abort"),
        bind("conflict.review", "review", "Review amp's"),
        bind("conflict.as-is", "take('edited')"),
        bind("conflict.all-ours", "whole('ours')"),
        bind("conflict.all-theirs", "whole('theirs')"),
        bind("conflict.next-hunk", "hunk(1)"),
        bind("conflict.hunk-before", "hunk(-1)"),
        bind("conflict.next-file", "file(1)"),
        bind("conflict.file-before", "file(-1)"),
        bind("back", "back", "Back"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._going_on = False
        self._standing_of_amp: object = None

    def compose(self) -> ComposeResult:
        """Head, how it stands, files beside the conflict, keys."""
        yield MergeHead()
        yield StaleNotice()
        yield Static("", id="standing")
        with Horizontal(id="middle"):
            files = TextView(id="files")
            files.can_focus = False
            yield files
            yield TextView(id="told")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the conflict, and look at the board and the files from now on."""
        session = self.session
        self.query_one(MergeHead).show("Conflicts", session.name, session.base_branch, session.branch_name)
        self.told.focus()
        self.watch(self.app, "board", self.board_came)
        run_while_open(self, self._begin())
        self.set_interval(TICK, self.look_at_files)

    async def _begin(self) -> None:
        await self.load()
        state = self.state
        if state is not None:
            session, target = self.session, self.sides.ours
            self.query_one(MergeHead).show("Conflicts", session.name, target, session.branch_name)
            if state.needs_review:
                await self._review()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What means something now."""
        state = self.state
        if action in _RESOLVING:
            return self.mode == "files" and state is not None
        if action == "review":
            return self.mode == "files" and state is not None and state.needs_review
        if action in ("continue", "abort"):
            return self.mode != "amp"
        return super().check_action(action, parameters)

    def action_continue(self) -> None:
        """Commit what is resolved, and go on."""
        state = self.state
        if self._going_on:
            return
        if state is not None and state.needs_review:
            app_of(self).show_toast("First read what amp made of it; y takes it, X rejects it")
            self.action_review()
            return
        self._going_on = True
        self.query_one("#standing", Static).update("going on …  Esc calls it off")
        run_while_open(self, self._continue(), group="doing", exclusive=True)

    async def _continue(self, answers: tuple[str, ...] = ()) -> None:
        from ampsm_engine.merging import operations
        from ampsm_engine.merging.questions import Unanswered
        from ampsm_engine.merging.steps import ConflictsWait

        try:
            async with self.changing:  # what is resolved ahead of it comes first
                try:
                    came = await ask(operations.continue_, app_of(self).engine, self.session_id, answers)
                finally:
                    self._going_on = False
        except Unanswered as asked:
            await self.load()
            self._ask_about(asked, answers)
        except ConflictsWait as waits:
            app_of(self).show_toast(waits.message, title="The next conflict")
            self.forget_choices()
            await self.load()
        except AmpsmError as refusal:
            show_error(self, refusal)
            await self.load()
        else:
            self.dismiss(came)

    def _ask_about(self, asked: "Unanswered", before: tuple[str, ...]) -> None:
        """Say yes to what the resolution would bring, and go on then."""
        from ampsm_tui.screens.confirm import ConfirmScreen

        def answered(answer: bool | None) -> None:
            if answer:
                self._going_on = True
                run_while_open(self, self._continue((*before, *asked.answers)), group="doing", exclusive=True)

        self.app.push_screen(ConfirmScreen("Go on all the same?", asked.sentences, yes="Go on"), answered)

    def action_abort(self) -> None:
        """Take everything back, after one question."""
        from ampsm_tui.screens.confirm import ConfirmScreen

        def answered(answer: bool | None) -> None:
            if answer:
                run_while_open(self, self._abort())

        kind = self.state.merge.kind if self.state else "merge"
        sentence = "Branch and worktree will be as they were. What is resolved so far is kept under a backup ref."
        self.app.push_screen(
            ConfirmScreen(f"Abort the {kind} of {self.session.name}?", sentence, yes="Abort"), answered
        )

    async def _abort(self) -> None:
        from ampsm_engine.merging import operations

        async with self.changing:
            await ask(operations.abort, app_of(self).engine, self.session_id)
        app_of(self).show_toast(f"Aborted: {self.session.name} is as before")
        self.dismiss("aborted")

    async def _call_off(self) -> None:
        """End the process that goes on; its journal says what is to become of it."""
        from ampsm_engine.engine import merges

        engine = app_of(self).engine
        last = await ask(merges.call_off, engine, self.session_id)
        while last is not None and last.state is MergeState.WORKING:  # what it began has yet to end
            await asyncio.sleep(TICK)
            last = await ask(merges.call_off, engine, self.session_id)
        if last is not None and last.state is MergeState.CONFLICTED:
            await self.load()
        else:
            self.dismiss("settled")

    # Amp resolves.

    def action_give(self) -> None:
        """Have amp resolve what is open."""
        from ampsm_engine.engine import merges
        from ampsm_tui.screens.writing import TextScreen

        async def give(text: str) -> None:
            await ask(merges.give_to_amp, app_of(self).engine, self.session_id, words=text)

        def given(answer: bool | None) -> None:
            if answer:
                self.forget_choices()
                run_while_open(self, self.load())

        note = "amp is told what conflicts and with what. Its resolution is shown to you before it counts."
        screen = TextScreen(
            "Give the conflict to amp; anything it should know?",
            give,
            owner=self.session_id,
            purpose="words about the conflict",
            note=note,
            may_be_empty=True,
        )
        self.app.push_screen(screen, given)

    def board_came(self, board: Board | None) -> None:
        """Amp may have begun or ended; while it works, what it does is said."""
        row = next((row for row in board.rows if row.session.id == self.session_id), None) if board else None
        if row is None:
            return
        current = row.current
        standing = (row.queued, row.iterations, current and (current.id, current.state))
        if standing != self._standing_of_amp:
            first, self._standing_of_amp = self._standing_of_amp is None, standing
            if not first:
                run_while_open(self, self._amp_moved())
        elif self.state is not None and self.state.at_work:
            self.show()

    async def _amp_moved(self) -> None:
        was_at_work = self.state is not None and self.state.at_work
        await self.load()
        if was_at_work and self.state is not None and self.state.needs_review:
            await self._review()

    def action_review(self) -> None:
        """Read what amp made of it."""
        run_while_open(self, self._review())

    async def _review(self) -> None:
        from ampsm_tui.screens.review.resolution import ResolutionScreen

        state = self.state
        if state is None or not state.given_tree or isinstance(self.app.screen, ResolutionScreen):
            return

        screen = ResolutionScreen(self.session, state.given_tree)

        def left(_: None) -> None:
            run_while_open(self, self._reviewed(screen.outcome))

        self.app.push_screen(screen, left)

    async def _reviewed(self, outcome: str) -> None:
        await self.load()
        if outcome == "taken":
            app_of(self).show_toast("Taken. c continues")
        elif outcome == "rejected":
            app_of(self).show_toast("Rejected: the conflict is as amp got it")

    # Out of here.

    def action_back(self) -> None:
        """Out of what is read, and at last out of here; the conflict waits."""
        if self._going_on:
            self._going_on = False
            self.workers.cancel_group(self, "doing")
            run_while_open(self, self._call_off())
        else:
            self.dismiss(None)
