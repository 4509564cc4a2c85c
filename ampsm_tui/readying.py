"""A review before it is asked for: its process, its screen and its looks made while nobody waits, its list begun.

Of one session at a time: the one that the cursor rests on. It is dropped as soon as the cursor goes, and at rest
nothing here runs. What was made ahead is looked at again when it is opened: the diff process compares no old branch.
"""

import asyncio
import contextlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from ampsm_engine.errors import AmpsmError
from ampsm_tui.diffing import Diffing
from ampsm_tui.looking_at import first_request

if TYPE_CHECKING:
    from ampsm_engine.model import BoardRow, Session
    from ampsm_tui.app import AmpsmApp
    from ampsm_tui.screens.review.screen import ReviewScreen

RESTS = 0.2
"""Seconds on one session after which its review may be wanted: holding a key down is no rest."""


def looks(loaded: ModuleType) -> Path:
    """The style sheet of the review screen."""
    return Path(str(loaded.__file__)).with_name(str(loaded.ReviewScreen.CSS_PATH))


class Readying(Diffing):
    """A part of the app: the review that may be wanted next."""

    _is_warm = False
    _resting: "Session | None" = None
    _state: object = None
    _timer: asyncio.TimerHandle | None = None
    _prepared: "ReviewScreen | None" = None

    def warm_review(self) -> None:
        """Load what a review needs before it is wanted: the process, the screen, its looks."""
        self.warm_differ()
        cast("AmpsmApp", self).run_worker(self._loaded, thread=True, group="watching")

    def _loaded(self) -> None:
        import ampsm_engine.engine.reviews  # noqa: F401 - loaded, for the questions that follow
        import ampsm_tui.screens.review.screen as loaded
        import ampsm_tui.screens.sessions  # noqa: F401 - where a review that was asked for first leads to

        app = cast("AmpsmApp", self)

        def dress() -> None:
            path = looks(loaded)
            if not app.stylesheet.has_source(str(path), ""):
                app.stylesheet.read(path)
                app.stylesheet.parse()
            self._is_warm = True
            self._begin_rest()

        with contextlib.suppress(RuntimeError):  # the app has ended meanwhile
            app.call_from_thread(dress)

    def rest_on(self, row: "BoardRow | None") -> None:
        """The cursor stands on a session, or on none: its review may be wanted next."""
        current = row and row.current
        state = row and (row.session.id, current and (current.id, current.state, current.commit_sha))
        if state == self._state:
            return
        before, self._state = self._resting, state
        self._resting = row.session if row else None
        if self._is_warm and (before is None or row is None or before.id != row.session.id):
            self.differ.foresee(None)
        self._begin_rest()

    def _begin_rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        app = cast("AmpsmApp", self)
        if self._is_warm and app.is_running:
            self._timer = asyncio.get_running_loop().call_later(RESTS, app.call_later, self._get_ready)

    def _get_ready(self) -> None:
        self._timer = None
        app = cast("AmpsmApp", self)
        session = self._resting
        if session is None or app.engine is None:
            return
        self._prepare()
        with contextlib.suppress(AmpsmError):  # who opens it is told then
            self.differ.foresee(first_request(app.engine.store, session))

    def _prepare(self) -> None:
        """Make a screen that shows no review yet, and keep it until one is opened."""
        if self._prepared is None:
            from ampsm_tui.screens.review.screen import ReviewScreen

            app = cast("AmpsmApp", self)
            self._prepared = ReviewScreen().data_bind(type(app).board)
            app._get_screen(self._prepared)  # noqa: SLF001 - Textual has no other way to make one before it is pushed

    def open_review(self, session: "Session", range_: str = "") -> None:
        """Read what a session changed."""
        cast("AmpsmApp", self).call_later(self._review, session, range_)

    def _review(self, session: "Session", range_: str) -> None:
        from ampsm_tui.screens.review.screen import ReviewScreen

        app = cast("AmpsmApp", self)
        screen, self._prepared, self._state = self._prepared, None, None
        if screen is None or not screen.is_attached:
            app.push_screen(ReviewScreen(session, range_).data_bind(type(app).board))
            return
        screen.show(session, range_)
        app.push_screen(screen)
