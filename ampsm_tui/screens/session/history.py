"""What happened in a session: asked for again when its row of the board has changed, or somebody commits by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine.model import Board, BoardRow, Iteration, State
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open
from ampsm_tui.screens.base import AppScreen

if TYPE_CHECKING:
    from ampsm_engine.engine.history import History


class SessionHistory:
    """The board's row of one session, and its history; `show` is called when there is a new history."""

    def __init__(self, screen: AppScreen[None], session_id: str, show: Callable[[], None]) -> None:
        self.row: BoardRow | None = None
        self.answer: History | None = None
        self._screen = screen
        self.session_id = session_id
        self._show = show
        self._seen: object = None
        self._reflog: tuple[str, float] = ("", 0.0)

    @property
    def current(self) -> Iteration | None:
        """The iteration that the board calls current."""
        return self.row.current if self.row else None

    @property
    def iterations(self) -> tuple[Iteration, ...]:
        """All iterations that are known, the current one as the board has it."""
        known = self.answer.iterations if self.answer else ()
        current = self.current
        return tuple(current if current and one.id == current.id else one for one in known)

    @property
    def is_busy(self) -> bool:
        """Whether something runs or waits."""
        is_queued = self.row is not None and bool(self.row.queued)
        return is_queued or (self.current is not None and self.current.state is not State.SETTLED)

    def take_board(self, board: Board) -> bool:
        """Take the session's row, and ask for the history where that may be another; False without a row."""
        row = next((one for one in board.rows if one.session.id == self.session_id), None)
        if row is None:
            return False
        self.row = row
        current = row.current
        facts = [fact.number for fact in board.facts if fact.session_id == self.session_id]
        seen = (row.session, row.iterations, row.queued, current and (current.id, current.state), facts[-1:])
        if seen != self._seen:
            self._seen = seen
            run_while_open(self._screen, self._ask())
        return True

    async def _ask(self) -> None:
        """The newest answer counts."""
        from ampsm_engine.engine import history

        seen = self._seen
        answer = await ask(history.timeline, app_of(self._screen).engine, self.session_id)
        if seen == self._seen and answer is not None:
            self.answer = answer
            self._reflog = (answer.reflog, _modified_at(answer.reflog))
            self._show()

    def check_reflog(self) -> None:
        """Ask for the history when the branch has moved without the board's knowing."""
        path, before = self._reflog
        if path and (now := _modified_at(path)) != before:
            self._reflog = (path, now)
            run_while_open(self._screen, self._ask())


def _modified_at(path: str) -> float:
    try:
        return Path(path).stat().st_mtime if path else 0.0
    except OSError:
        return 0.0
