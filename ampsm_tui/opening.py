"""What the app shows first, over its list: the review that `ampsm review` asks for."""

from typing import TYPE_CHECKING, cast

from ampsm_tui.readying import Readying, looks

if TYPE_CHECKING:
    from textual.screen import Screen

    from ampsm_engine.differ.client import Differ
    from ampsm_tui.app import AmpsmApp


class Opening(Readying):
    """A part of the app: its first screen but one."""

    _first_review: str = ""

    def begin_with(self, session_id: str, differ: "Differ | None" = None) -> None:
        """Open the review of a session first, with a diff process that runs already."""
        import ampsm_tui.screens.review.screen as loaded

        self._first_review = session_id
        self.hand_over(differ)
        app = cast("AmpsmApp", self)
        app.css_path = [*app.css_path, looks(loaded)]  # Textual loads none for a default screen

    def first_screen(self) -> "Screen[None]":
        """The review that was asked for, else the list: what is not seen is not made."""
        app = cast("AmpsmApp", self)
        rows = app.board.rows if self._first_review and app.board else ()
        session = next((one.session for one in rows if one.session.id == self._first_review), None)
        if session is None:
            return self._list()
        from ampsm_tui.screens.review.screen import ReviewScreen

        return ReviewScreen(session).data_bind(type(app).board)

    def _list(self) -> "Screen[None]":
        from ampsm_tui.screens.sessions import SessionsScreen  # not before a review that is asked for first

        return SessionsScreen().data_bind(type(cast("AmpsmApp", self)).board)

    def show_list(self) -> None:
        """The list in the place of the one screen that there is."""
        app = cast("AmpsmApp", self)
        # Textual takes an answer's receiver from the screen that goes, and gives the default screen none.
        app.screen._push_result_callback(app.screen, None)  # noqa: SLF001
        app.call_later(lambda: app.switch_screen(self._list()))
