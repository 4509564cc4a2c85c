"""The table of sessions, drawn line by line."""

from rich.segment import Segment
from textual.geometry import Size
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ampsm_engine.model import Board, Session
from ampsm_tui.clean import one_line


class SessionTable(ScrollView, can_focus=True):
    """One line a session."""

    board: var[Board | None] = var(None, init=False)

    def watch_board(self) -> None:
        """Take the new board."""
        self.virtual_size = Size(self.size.width, len(self.board.rows) if self.board else 0)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One session."""
        row = y + self.scroll_offset.y
        if self.board is None or row >= len(self.board.rows):
            return Strip.blank(self.size.width)
        text = one_line(self.board.rows[row].session.name)
        return Strip([Segment(text)]).adjust_cell_length(self.size.width)

    def selected_sessions(self) -> list[Session]:
        """The marked ones, else the one under the cursor."""
        return [self.board.rows[0].session] if self.board and self.board.rows else []
