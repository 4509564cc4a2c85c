"""What the app shows first, over its list: the review that `ampsm review` asks for."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ampsm_tui.diffing import Diffing

if TYPE_CHECKING:
    from ampsm_engine.differ.client import Differ
    from ampsm_engine.model import Session
    from ampsm_tui.app import AmpsmApp


class Opening(Diffing):
    """A part of the app: its first screen but one."""

    _first_review: str = ""

    def begin_with(self, session_id: str, differ: "Differ | None" = None) -> None:
        """Open the review of a session first, with a diff process that runs already."""
        self._first_review = session_id
        self.hand_over(differ)

    def on_mount(self) -> None:
        """Open what was asked for; Textual calls this beside the app's own."""
        app = cast("AmpsmApp", self)
        for row in app.board.rows if self._first_review and app.board else ():
            if row.session.id == self._first_review:
                self._review(row.session, "")

    def warm_review(self) -> None:
        """Load what a review needs before it is wanted: the process, the screen, its looks."""
        self.warm_differ()
        cast("AmpsmApp", self).run_worker(self._loaded, thread=True, group="watching")

    def _loaded(self) -> None:
        import ampsm_tui.screens.review as loaded

        app = cast("AmpsmApp", self)

        def dress() -> None:
            path = Path(loaded.__file__).with_name(str(loaded.ReviewScreen.CSS_PATH))
            if not app.stylesheet.has_source(str(path), ""):
                app.stylesheet.read(path)
                app.stylesheet.parse()

        with contextlib.suppress(RuntimeError):  # the app has ended meanwhile
            app.call_from_thread(dress)

    def open_review(self, session: "Session", range_: str = "") -> None:
        """Read what a session changed."""
        cast("AmpsmApp", self).call_later(self._review, session, range_)

    def _review(self, session: "Session", range_: str) -> None:
        from ampsm_tui.screens.review import ReviewScreen

        app = cast("AmpsmApp", self)
        app.push_screen(ReviewScreen(session, range_).data_bind(type(app).board))
