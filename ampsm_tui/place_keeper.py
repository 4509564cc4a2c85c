"""Where the person of an app is, kept as they move; and the offer to go back to where the last app was cut off."""

import contextlib
from typing import TYPE_CHECKING, Any

from textual.app import App

from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.clean import one_line
from ampsm_tui.delayed_call import call_after
from ampsm_tui.screens.base import AppScreen

if TYPE_CHECKING:
    from ampsm_engine.home import Home
    from ampsm_engine.last_places import LastPlace, LeftPlace
    from ampsm_engine.model import Board, Session

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
        """What is offered, in a sentence; empty where no app was cut off, or its session is not there any more."""
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
        """Go to where the last app was."""
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

    def note(self) -> None:
        """Somebody may be somewhere else now: it is kept soon."""
        if not self._is_due:
            self._is_due = True
            call_after(self._app, DELAY, self._keep)

    def close(self, *, is_regular: bool) -> None:
        """The app is about to end: keep where it is now, also nowhere. Who leaves by `q` has seen the offer."""
        if self._is_due:
            self._keep()
        if is_regular and self._kept is None:
            self.withdraw()

    def withdraw(self) -> None:
        """Offer nothing any more: it was seen, and nobody wanted it."""
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
