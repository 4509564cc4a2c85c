"""A conflict that amp resolves: it is given to amp, followed meanwhile, and the resolution is read before it counts."""

from ampsm_engine.model import Board
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open
from ampsm_tui.hints import with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.conflict.choices import ConflictChoices
from ampsm_tui.screens.conflict.pane import ConflictPane


class ConflictForAmp:
    """Gives the conflict to amp, and follows what becomes of it."""

    def __init__(self, screen: AppScreen[object], pane: ConflictPane, choices: ConflictChoices) -> None:
        self._screen = screen
        self._pane = pane
        self._choices = choices
        self._seen: object = None
        """The session's iterations, as they were on the last board."""

    @property
    def needs_review(self) -> bool:
        """Whether a resolution of amp's waits to be read."""
        return self._pane.state is not None and self._pane.state.needs_review

    def give(self) -> None:
        """Ask what amp should know, and have it resolve what is open."""
        from ampsm_engine.engine import merges
        from ampsm_tui.screens.text_dialogs import TextScreen

        session_id = self._pane.session.id

        async def give(text: str) -> None:
            await ask(merges.give_to_amp, app_of(self._screen).engine, session_id, words=text)

        def given(answer: bool | None) -> None:
            if answer:
                self._choices.forget()
                run_while_open(self._screen, self._pane.load())

        screen = TextScreen(
            "Give the conflict to amp; anything it should know?",
            give,
            owner=session_id,
            purpose="words about the conflict",
            note="amp is told what conflicts and with what. Its resolution is shown to you before it counts.",
            may_be_empty=True,
        )
        self._screen.app.push_screen(screen, given)

    def take_board(self, board: Board | None) -> None:
        """Load the conflict anew where amp has begun or ended; while it works, show what it does."""
        row = self._pane.row if board else None
        if row is None:
            return
        current = row.current
        seen = (row.queued, row.iterations, current and (current.id, current.state))
        if seen != self._seen:
            is_first, self._seen = self._seen is None, seen
            if not is_first:
                run_while_open(self._screen, self._load())
        elif self._pane.is_amp_at_work:
            self._pane.show()

    async def _load(self) -> None:
        was_at_work = self._pane.is_amp_at_work
        await self._pane.load()
        if was_at_work:
            self.review()

    def review(self) -> None:
        """Read what amp made of the conflict, where that waits for it."""
        from ampsm_tui.screens.review.resolution import ResolutionScreen

        state, app = self._pane.state, self._screen.app
        if state is None or not state.needs_review or not state.given_tree or isinstance(app.screen, ResolutionScreen):
            return
        screen = ResolutionScreen(self._pane.session, state.given_tree)

        def left(_: None) -> None:
            run_while_open(self._screen, self._take_review(screen.outcome))

        app.push_screen(screen, left)

    async def _take_review(self, outcome: str) -> None:
        await self._pane.load()
        if outcome == "taken":
            app_of(self._screen).show_toast(with_keys(self._screen, "Taken. {conflict.continue} continues"))
        elif outcome == "rejected":
            app_of(self._screen).show_toast("Rejected: the conflict is as amp got it")
