"""Amp resolves: it is given the conflict, one sees that it is at it, and its resolution is read before it counts."""

from ampsm_engine.model import Board
from ampsm_tui.ask import ask, told
from ampsm_tui.house import house
from ampsm_tui.screens.conflict_resolving import Resolving
from ampsm_tui.widgets import conflict_lines, merge_lines
from ampsm_tui.widgets.told import Painted


class WithAmp(Resolving):
    """Keys about amp."""

    _standing_of_amp: object = None

    def action_give(self) -> None:
        """Have amp resolve what is open."""
        from ampsm_engine.engine import merges
        from ampsm_tui.screens.writing import TextScreen

        async def give(text: str) -> None:
            await ask(merges.give_to_amp, house(self).engine, self.session_id, words=text)

        def given(answer: bool | None) -> None:
            if answer:
                self.forget_choices()
                self.run_worker(told(self, self.load()), group="ask")

        note = "amp is told what conflicts and with what. Its resolution is shown to you before it counts."
        self.app.push_screen(
            TextScreen("Give the conflict to amp; anything it should know?", give, note=note, may_be_empty=True), given
        )

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
        from ampsm_engine.engine import merges

        self.reviewed = reviewed = await ask(merges.resolution, house(self).engine, self.session_id)
        self.mode = "review"
        self.show()
        count = len(reviewed.files)
        title = f"{count} file{'s' * (count != 1)} differ from the conflict as amp got it"

        def lines(width: int) -> list[Painted]:
            return [*merge_lines.heading(title)[1:], (), *conflict_lines.patch(reviewed.patch, width)]

        self.told.tell(lines, top=True)
        self.told.focus()

    def action_accept(self) -> None:
        """Take amp's resolution, exactly as it was read."""
        self.run_worker(told(self, self._accept()), group="ask")

    async def _accept(self) -> None:
        from ampsm_engine.engine import merges

        reviewed = self.reviewed
        if reviewed is None:
            return
        async with self.changing:
            state = await ask(merges.accept, house(self).engine, self.session_id, reviewed.tree)
            self.mode, self.reviewed = "files", None
            await self.take(state)
        house(self).say("Taken. c continues")

    def leave_review(self) -> None:
        """Back to the files."""
        self.mode, self.reviewed = "files", None
        self.show()
