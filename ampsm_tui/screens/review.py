"""The review of a session: its diff to read, file by file. What is done with it lives in its neighbours."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.reactive import var
from textual.screen import Screen

from ampsm_engine.differ.protocol import Request
from ampsm_engine.model import Board, Session
from ampsm_engine.review.values import Marks
from ampsm_tui.ask import asking
from ampsm_tui.house import house
from ampsm_tui.screens.reading import Reading
from ampsm_tui.widgets.diff_view import DiffView
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.review_head import ReviewHead, Standing


class ReviewScreen(Screen[None]):
    """The screen of one review."""

    CSS_PATH = "review.tcss"
    TITLE = "review"
    PURPOSE = (
        "What a session changed, to be read hunk by hunk.",
        "m marks a hunk as viewed: it folds, and opens again when amp changes it.",
        "c comments on a line; S sends all comments as amp's next prompt.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="back"),
    ]

    board: var[Board | None] = var(None, init=False)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.reading: Reading | None = None

    def compose(self) -> ComposeResult:
        """Head, diff, keys."""
        yield ReviewHead()
        with Horizontal(id="review"):
            yield DiffView()
        yield KeyBar()

    @property
    def view(self) -> DiffView:
        """The diff."""
        return self.query_one(DiffView)

    def on_mount(self) -> None:
        """Ask for the diff."""
        self.view.focus()
        self._open()

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        if self.reading is not None:
            self.reading.close()

    @asking
    async def _open(self) -> None:
        session = self.session
        request = Request(session.worktree_path, session.repo_root, session.base_commit or session.base_branch, None)
        review = await house(self).differ.open(request)
        self.reading = Reading(self.view, review, Marks(), self._say)
        self.view.take(self.reading.document, self.reading.source)
        self.run_worker(self.reading.follow(), group="reading", exclusive=True)
        self._say()
        self.reading.look()

    def on_diff_view_moved(self) -> None:
        """Somewhere else."""
        if self.reading is not None:
            self.reading.look()

    def _say(self) -> None:
        reading = self.reading
        if reading is None:
            return
        viewed, hunks = reading.document.progress
        files = [file for file in reading.document.files if not file.is_gone]
        self.query_one(ReviewHead).show(
            Standing(
                self.session.name,
                "whole session",
                len(files),
                sum(file.additions for file in files),
                sum(file.deletions for file in files),
                viewed,
                hunks,
                reading.is_complete,
            )
        )

    def action_back(self) -> None:
        """Out of it."""
        self.dismiss(None)
