"""Opens the screens of sessions, merges, batch runs and numbers from any other; what is not seen is not imported."""

import contextlib
from typing import TYPE_CHECKING

from ampsm_engine.errors import AmpsmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App
    from textual.screen import Screen

    from ampsm_engine.last_places import LastPlace
    from ampsm_engine.model import Board, Session
    from ampsm_tui.differ.client import Differ


class ScreenOpener:
    """Opens screens of an app. `bound` binds one to its board; `differ` starts its diff process, or is Failed."""

    def __init__(
        self,
        app: "App[int]",
        differ: "Callable[[], Differ]",
        bound: "Callable[[Screen[None]], Screen[None]]",
    ) -> None:
        self._app = app
        self._differ = differ
        self._bound = bound

    def _follow(self, make: "Callable[[], Screen[None]]") -> None:
        """Open a screen that follows the board, in the app's own time: only there it can be bound."""
        self._app.call_later(lambda: self._app.push_screen(self._bound(make())))

    def make_first(self, review: str | None, board: "Board | None") -> "Screen[None]":
        """The review that was asked for, by the id of its session, else the list: what is not seen is not made."""
        rows = board.rows if review and board else ()
        session = next((row.session for row in rows if row.session.id == review), None)
        return self.make_list() if session is None else self._review(session)

    def make_list(self) -> "Screen[None]":
        """A list of the sessions."""
        from ampsm_tui.screens.sessions import SessionsScreen

        return self._bound(SessionsScreen())

    def show_list(self) -> None:
        """The list in the place of the one screen that there is."""

        def switch() -> None:
            self._app.switch_mode("list")
            self._app.remove_mode("first")

        self._app.call_later(switch)

    def open_first_run(self) -> None:
        """What ampsm is, and what is missing here."""
        from ampsm_tui.screens.first_run import FirstRunScreen

        self._app.push_screen(self._bound(FirstRunScreen()))

    def open_session(self, session_id: str) -> None:
        """Show what happened in a session, and what amp says in it."""
        from ampsm_tui.screens.session.screen import SessionScreen

        self._follow(lambda: SessionScreen(session_id))

    def open_review(self, session: "Session", range_: str = "", place: "LastPlace | None" = None) -> None:
        """Show what a session changed; without a range, what the review chooses. `place`: where the cursor begins."""
        self._app.push_screen(self._review(session, range_, place))

    def _review(self, session: "Session", range_: str = "", place: "LastPlace | None" = None) -> "Screen[None]":
        with contextlib.suppress(AmpsmError):  # the screen asks for it as well, and reports why there is none
            self._differ()  # it starts while the screen is imported
        from ampsm_tui.screens.review.screen import ReviewScreen

        return self._bound(ReviewScreen(session, range_, place))

    def open_merge(self, session: "Session") -> None:
        """The merge of a session, step by step."""
        from ampsm_tui.screens.merge.screen import MergeScreen

        self._app.push_screen(MergeScreen(session))

    def open_radar(self) -> None:
        """Show which sessions overlap, and whether all that is ready works together."""
        from ampsm_tui.screens.radar import RadarScreen

        self._follow(RadarScreen)

    def open_runs(self) -> None:
        """The list of the batch runs."""
        from ampsm_tui.screens.batch.screen import RunsScreen

        self._follow(RunsScreen)

    def open_run(self, batch_id: str) -> None:
        """The screen of a batch run."""
        from ampsm_tui.screens.batch.screen import RunScreen

        self._follow(lambda: RunScreen(batch_id))

    def open_variants(self, batch_id: str, variant_of: str) -> None:
        """The variants of a prompt of a batch run side by side."""
        from ampsm_tui.screens.batch.variants import VariantsScreen

        self._follow(lambda: VariantsScreen(batch_id, variant_of))

    def open_upkeep(self) -> None:
        """The worktrees to adopt, what is to be repaired, and the trash."""
        from ampsm_tui.screens.upkeep import UpkeepScreen

        self._follow(UpkeepScreen)

    def open_metrics(self, batch_id: str = "") -> None:
        """The numbers of a batch run, or of all that ran."""
        from ampsm_tui.screens.metrics import MetricsScreen

        self._follow(lambda: MetricsScreen(batch_id))
