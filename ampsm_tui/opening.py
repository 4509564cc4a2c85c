"""What the app shows first, over its list: the review that `ampsm review` asks for."""

from typing import TYPE_CHECKING, cast

from ampsm_tui.diffing import Diffing

if TYPE_CHECKING:
    from ampsm_engine.differ.client import Differ
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
                from ampsm_tui.screens.review import ReviewScreen

                app.push_screen(ReviewScreen(row.session))
