"""Opens the screens of sessions, merges, batch runs and numbers from any other; what is not seen is not imported.

Where a person is is kept as they move, with the offer to go back to where the last app was cut off.
"""

import contextlib
from typing import TYPE_CHECKING, Any

from textual.app import App

from ampsm_engine.errors import AmpsmError
from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.clean import one_line
from ampsm_tui.delayed_call import call_after
from ampsm_tui.screens.base import AppScreen

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen

    from ampsm_engine.home import Home
    from ampsm_engine.last_places import LastPlace, LeftPlace
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
        """A new screen of the session list."""
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


DELAY = 0.5
"""Seconds that a place waits for the next move before it is kept: a kill loses no more than that."""


_OF_RUNS = ("run", "runs")
"""Screens that are about no session."""


class PlaceKeeper:
    """Keeps the place of one app on disk, and knows the one that another app has left."""

    def __init__(self, app: App[Any], home: "Home") -> None:
        self._app = app
        self._home = home
        self._left: LeftPlace | None = None
        self._kept: LastPlace | None = None
        self._is_due = False

    def offer(self, board: "Board") -> str:
        """The sentence that offers the way back; empty where no app was cut off, or its session is gone."""
        if not (self._home.places.is_dir() and any(self._home.places.iterdir())):
            return ""  # nor is anything imported before the first frame
        from ampsm_engine import last_places
        from ampsm_engine.unsent_texts import kept_of

        self._left = last_places.left(self._home)
        if self._left is not None and self._left.place.screen in _OF_RUNS:
            name = self._left.place.name
            return f"You were in the batch run {one_line(name, 60)}" if name else "You were in the list of batch runs"
        session = self._session(board)
        if self._left is None or session is None:
            return ""
        place = self._left.place
        where = {"review": "the review", "merge": "the merge"}.get(place.screen, "the session")
        sentence = f"You were in {where} {one_line(session.name, 60)}"
        if place.screen in ("review", "merge"):
            sentence = f"You were in {where} of {one_line(session.name, 60)}"
        if place.path:
            sentence += f", at {one_line(place.path, 120)}{f':{place.line}' if place.line else ''}"
        texts = len(kept_of(self._home, session.id))
        return sentence + (f", with {plural(texts, 'text')} not sent" if texts else "")

    def go(self, board: "Board") -> None:
        """Open the screen and place of the last app."""
        session = self._session(board)
        if self._left is None:
            return
        place = self._left.place
        if place.screen in _OF_RUNS:
            app_of(self._app).offer = ""
            app_of(self._app).opener.open_runs()
            if place.screen == "run":
                app_of(self._app).opener.open_run(place.session_id)
            return
        if session is None:
            return
        app_of(self._app).offer = ""
        if place.screen == "review":
            app_of(self._app).opener.open_review(session, place.range, place)
        elif place.screen == "merge":
            app_of(self._app).opener.open_merge(session)
        else:
            app_of(self._app).opener.open_session(session.id)

    def save(self) -> None:
        """Store the current place soon, since it may have changed."""
        if not self._is_due:
            self._is_due = True
            call_after(self._app, DELAY, self._keep)

    def close(self, *, is_regular: bool) -> None:
        """Store the current place, or that there is none, as the app ends; leaving by `q` drops the offer."""
        if self._is_due:
            self._keep()
        if is_regular and self._kept is None:
            self.withdraw()

    def withdraw(self) -> None:
        """Drop the offer to go back, since it was seen and not taken."""
        if self._left is not None:
            from ampsm_engine import last_places

            last_places.forget(self._left)
            self._left = None

    def _keep(self) -> None:
        from ampsm_engine import last_places

        self._is_due = False
        places = (screen.place() for screen in reversed(self._app.screen_stack) if isinstance(screen, AppScreen))
        place = next((one for one in places if one is not None), None)
        if place == self._kept:
            return
        with contextlib.suppress(OSError):  # where nothing can be kept, nothing is offered
            last_places.keep(self._home, place)
            self._kept = place
            if place is not None:
                self.withdraw()
                app_of(self._app).offer = ""

    def _session(self, board: "Board") -> "Session | None":
        wanted = self._left.place.session_id if self._left is not None else ""
        return next((row.session for row in board.rows if row.session.id == wanted), None)
