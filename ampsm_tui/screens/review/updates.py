"""Following a session while it is reviewed: its board row, its marks and comments, the files of its worktree."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from ampsm_engine.engine import session_list
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Board, State
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask_until_answered, ignore, run_while_open
from ampsm_tui.delayed_call import call_after
from ampsm_tui.folder_watch import watch_folders
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.changes import ReviewChanges
from ampsm_tui.screens.review.comments import ReviewComments
from ampsm_tui.screens.review.marks import ReviewMarks
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.screens.review.ranges import ReviewLoader

WATCH_DELAY = 1.0
"""Seconds before the folders of the worktree are watched."""

FOLLOW_PAUSE = 0.2
"""Seconds between two looks at marks and comments: the store changes many times a second while amp works."""

BATCH_DELAY = 0.4
"""Seconds that a changed file waits for others before the diff is renewed."""


class ReviewStoreFollower:
    """Shows marks, comments and rejections as others set them: in another terminal, by a command, or by a worker."""

    def __init__(
        self,
        screen: AppScreen[None],
        pane: DiffPane,
        marks: ReviewMarks,
        comments: ReviewComments,
        changes: ReviewChanges,
    ) -> None:
        self._changes = changes
        self._screen = screen
        self._pane = pane
        self._marks = marks
        self._comments = comments
        self._is_due = False
        self._is_looking = False

    def look(self) -> None:
        """Look whether the store has others than are shown; while one look is under way, once more after it."""
        self._is_due = True
        if not self._is_looking:
            run_while_open(self._screen, self._update(), group="following")

    async def _update(self) -> None:
        self._is_looking = True
        try:
            while self._is_due:
                self._is_due = False
                await self._update_once()
                await asyncio.sleep(FOLLOW_PAUSE)
        finally:
            self._is_looking = False

    async def _update_once(self) -> None:
        reviews, session_id = app_of(self._screen).engine.store.reviews, self._pane.session.id
        version = self._marks.version
        with contextlib.suppress(AmpsmError):  # the notice that the board is stale says so
            viewed, comments, rejections = await asyncio.to_thread(
                lambda: (reviews.viewed(session_id), reviews.comments(session_id), reviews.rejections(session_id))
            )
            self._marks.follow(viewed, version)
            self._comments.follow(comments)
            self._changes.take(rejections)


class ReviewUpdates:
    """Renews the diff when amp, a person or another program changes what it compares."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane, loader: ReviewLoader) -> None:
        self._screen = screen
        self._pane = pane
        self._loader = loader
        self._is_due = False
        self._state: object = None

    def refresh(self) -> None:
        """Renew the diff now; a refusal becomes a toast."""
        run_while_open(self._screen, self._loader.renew(), group="renewing")

    def take_board(self, board: Board | None) -> bool:
        """Renew the diff when the session's row is another; whether an iteration has just ended."""
        rows = board.rows if board else ()
        row = next((one for one in rows if one.session.id == self._pane.session.id), None)
        if row is None:
            return False
        is_renamed = row.session.name != self._pane.session.name
        self._pane.session = row.session
        if is_renamed:
            self._pane.update_counts()
        current = row.current
        state = current and (current.id, current.state, current.tally.tools, current.commit_sha)
        before, self._state = self._state, state
        if state == before or before is None:
            return False
        self._refresh_quietly()
        return current is not None and current.state is State.SETTLED

    async def watch_worktree(self) -> None:
        """Renew the diff when the worktree is written to; ends when there is none to watch."""
        await asyncio.sleep(WATCH_DELAY)
        with contextlib.suppress(AmpsmError):
            await watch_folders([self._pane.session.id], self._list_folders, self._schedule, self._schedule)

    async def _list_folders(self, session_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return await ask_until_answered(session_list.folders, ignore, app_of(self._screen).engine, session_ids)

    def _schedule(self, _ids: set[str]) -> None:
        wanted = self._loader.wanted
        if self._screen.is_attached and wanted is not None and wanted.new is None and not self._is_due:
            self._is_due = True
            call_after(self._screen, BATCH_DELAY, self._refresh_when_due)

    def _refresh_when_due(self) -> None:
        self._is_due = False
        self._refresh_quietly()

    def _refresh_quietly(self) -> None:
        """Renew the diff; a failure is shown only when a key asks for it."""

        async def renew() -> None:
            with contextlib.suppress(AmpsmError):
                await self._loader.renew()

        run_while_open(self._screen, renew(), group="renewing")
