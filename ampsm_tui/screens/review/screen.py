"""The review of a session: its diff beside the list of its files. What one does with it is in its neighbours."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.reactive import var

from ampsm_engine.model import Board
from ampsm_tui.ask import ask
from ampsm_tui.house import house
from ampsm_tui.screens.review.changes import ReviewChanges
from ampsm_tui.screens.review.comments import ReviewComments
from ampsm_tui.screens.review.frame import ReviewFrame
from ampsm_tui.screens.review.marks import ReviewMarks
from ampsm_tui.screens.review.ranges import ReviewRanges


class ReviewScreen(ReviewRanges, ReviewFrame, ReviewChanges, ReviewComments, ReviewMarks):
    """The screen of one review."""

    CSS_PATH = "review.tcss"
    TITLE = "review"
    PURPOSE = (
        "What a session changed, hunk by hunk; r chooses which of its changes.",
        "m marks a hunk as viewed: it folds, and opens again when amp changes it.",
        "c comments on a line; S sends all comments as amp's next prompt.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="back", show=False),
        Binding("q", "leave", "Leave", id="quit", show=False),
    ]

    board: var[Board | None] = var(None, init=False)

    def on_mount(self) -> None:
        """Ask for the diff."""
        self.view.focus()
        self.begin()
        self.run_worker(self.watch_files(), group="watching")

    # Leaving.

    def action_leave(self) -> None:
        """Out of the review."""
        self.leave()

    def sent(self) -> None:
        """What was looked at so far is what the next changes are told from."""
        super().sent()
        self.remember()

    def dismiss(self, result: None = None) -> object:  # type: ignore[override]
        """Remember what was looked at, and go."""
        if self.has_viewed:
            self.remember()
        if len(self.app.screen_stack) == 1:
            house(self).show_list()
            return None
        return super().dismiss(result)

    def remember(self) -> None:
        """This is what one has looked at."""
        reading = self.reading
        if reading is not None and not house(self).read_only and self.range != "uncommitted":
            self.app.run_worker(self._keep_looked(reading.review.new_tree, reading.review.objects), group="ask")

    async def _keep_looked(self, tree: str, objects: str) -> None:
        from ampsm_engine.engine import reviews
        from ampsm_tui.ask import told

        await told(self.app, ask(reviews.looked, house(self.app).engine, self.session.id, tree, objects or None))
