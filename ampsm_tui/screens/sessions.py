"""The session list: the first screen. It is given the board, and says what was chosen."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import var

from ampsm_engine.model import Board, Session
from ampsm_tui.screens.actions import NEW_KEYS, SessionActions
from ampsm_tui.widgets.session_table import SessionTable


class SessionsScreen(SessionActions):
    """One row a session; beside it, where there is room, a preview."""

    BINDINGS: ClassVar[list[BindingType]] = [*NEW_KEYS]

    board: var[Board | None] = var(None, init=False)

    def __init__(self, *, read_only: bool = False) -> None:
        super().__init__()
        self.read_only = read_only

    def compose(self) -> ComposeResult:
        """The list."""
        yield SessionTable().data_bind(SessionsScreen.board)

    def selected_sessions(self) -> list[Session]:
        """The marked sessions, else the one under the cursor, else none."""
        return self.query_one(SessionTable).selected_sessions()
