"""Amp resolves: it is given the conflict, one sees that it is at it, and its resolution is read before it counts."""

from ampsm_engine.model import Board
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, told
from ampsm_tui.screens.conflict_resolving import Resolving


class WithAmp(Resolving):
    """Keys about amp."""

    _standing_of_amp: object = None

    def action_give(self) -> None:
        """Have amp resolve what is open."""
        from ampsm_engine.engine import merges
        from ampsm_tui.screens.writing import TextScreen

        async def give(text: str) -> None:
            await ask(merges.give_to_amp, app_of(self).engine, self.session_id, words=text)

        def given(answer: bool | None) -> None:
            if answer:
                self.forget_choices()
                self.run_worker(told(self, self.load()), group="ask")

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
                self.run_worker(told(self, self._amp_moved()), group="ask")
        elif self.state is not None and self.state.at_work:
            self.show()

    async def _amp_moved(self) -> None:
        was_at_work = self.state is not None and self.state.at_work
        await self.load()
        if was_at_work and self.state is not None and self.state.needs_review:
            await self._review()

    def action_review(self) -> None:
        """Read what amp made of it."""
        self.run_worker(told(self, self._review()), group="ask")

    async def _review(self) -> None:
        from ampsm_tui.screens.review.resolution import ResolutionScreen

        state = self.state
        if state is None or not state.given_tree or isinstance(self.app.screen, ResolutionScreen):
            return

        screen = ResolutionScreen(self.session, state.given_tree)

        def left(_: None) -> None:
            self.run_worker(told(self, self._reviewed(screen.outcome)), group="ask")

        self.app.push_screen(screen, left)

    async def _reviewed(self, outcome: str) -> None:
        await self.load()
        if outcome == "taken":
            app_of(self).say("Taken. c continues")
        elif outcome == "rejected":
            app_of(self).say("Rejected: the conflict is as amp got it")
