"""The list of sessions, one line each, drawn line by line: a moved cursor repaints two lines, a changed session one.

It is given the board and the counts, and keeps only what a person does with it: cursor, marks, arrangement.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip

from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.model import Board, BoardRow, Session
from ampsm_engine.state_styles import STATES
from ampsm_tui.app_context import app_of
from ampsm_tui.bindings import bind, shown_key
from ampsm_tui.clean import cells, fit
from ampsm_tui.hints import key_name
from ampsm_tui.theme import state_rules
from ampsm_tui.widgets import session_columns
from ampsm_tui.widgets.session_columns import Column, Subject
from ampsm_tui.widgets.session_order import Arrangement, Detail, Heading, SessionLines, arranged, needs_me
from ampsm_tui.widgets.table_lines import GAP, GUTTER, Cells, RowState, TableView, note, nothing_found, paint_row

if TYPE_CHECKING:
    from ampsm_engine.list_memory import ChangeCounts
    from ampsm_tui.widgets.forecast import Forecasts

STYLES = frozenset({
    "-titles", "-heading", "-cursor", "-quiet", "-name", "-needs-me", "-pointer", "-marked", "-added", "-deleted",
    *(f"-{word}" for word in STATES),
})  # fmt: skip
"""The component classes that a painter asks for."""


class RowPainter:
    """Paints lines with the columns that it was given; `style` answers component classes laid over each other."""

    def __init__(
        self,
        style: Callable[..., Style],
        clock: Callable[[], datetime],
        forecasts: "Callable[[], Forecasts]" = dict,
        merge_key: Callable[[], str] = str,
    ) -> None:
        self.style = style
        self.clock = clock
        self.forecasts = forecasts
        self.merge_key = merge_key
        self.columns: tuple[tuple[Column, int], ...] = ()
        self.counts: Mapping[str, ChangeCounts] = {}
        self._painted: dict[str, tuple[RowState, Cells, Strip]] = {}

    @property
    def has_doing(self) -> bool:
        """Whether there is room beside the name for what a session does."""
        return session_columns.DOING in dict(self.columns)

    def lay_out(self, width: int, *, repositories: int, longest: int) -> bool:
        """Choose the columns for so many cells; whether they are others than before. `longest`: that of the names."""
        columns = session_columns.layout(width - GUTTER - 1, repositories=repositories, longest=longest)
        if columns == self.columns:
            return False
        self.columns = columns
        self.forget()
        return True

    def forget(self) -> None:
        """Drop what was painted, so that every row is painted anew."""
        self._painted.clear()

    def is_stale(self, row: BoardRow) -> bool:
        """Whether the row shows other values than when it was painted."""
        painted = self._painted.get(row.session.id)
        return painted is None or painted[1] != self._values(row)

    def titles(self, width: int) -> Strip:
        """The titles of the columns."""
        parts = [fit(column.title, room, right=column.right) for column, room in self.columns]
        text = " " * GUTTER + (" " * GAP).join(parts)
        return Strip([Segment(fit(text, width), self.style("-titles"))], width)

    def heading(self, heading: Heading, width: int) -> Strip:
        """The line above a group."""
        text = " " * GUTTER + fit(heading.title, max(0, min(cells(heading.title), width - GUTTER - 6)))
        head = Segment(text, self.style("-heading"))
        rest = Segment(fit(f"  {heading.members}", width - cells(text)), self.style("-quiet"))
        return Strip([head, rest], width)

    def detail(self, row: BoardRow, state: RowState) -> Strip:
        """The second line of a session: what it does, below its name."""
        pieces = session_columns.DOING.value(self._subject(row))
        column = session_columns.DOING
        indent = 3
        return paint_row(((column, state.width - GUTTER - indent - 1),), (pieces,), state, self.style, indent=indent)

    def row(self, row: BoardRow, state: RowState) -> Strip:
        """The line of a session."""
        values = self._values(row)
        painted = self._painted.get(row.session.id)
        if painted is not None and painted[:2] == (state, values):
            return painted[2]
        name = "needs-me" if needs_me(row) else "name"
        strip = paint_row(self.columns, values[: len(self.columns)], state, self.style, name)
        self._painted[row.session.id] = (state, values, strip)
        return strip

    def _subject(self, row: BoardRow) -> Subject:
        session_id = row.session.id
        return Subject(row, self.counts.get(session_id), self.clock(), self.forecasts().get(session_id), self.merge_key)

    def _values(self, row: BoardRow) -> Cells:
        subject = self._subject(row)
        values = tuple(column.value(subject) for column, _ in self.columns)
        return values if self.has_doing else (*values, session_columns.DOING.value(subject))


class SessionTable(TableView):
    """One line a session, a heading above each group."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(STYLES)
    DEFAULT_CSS = state_rules("SessionTable")
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("list.open", "choose", "Open"),
        bind("list.mark", "mark"),
        bind("list.next-match", "match(1)", "Next match"),
        bind("list.match-before", "match(-1)"),
    ]

    board: var[Board | None] = var(None, init=False)
    counts: var[Mapping[str, "ChangeCounts"]] = var(dict, init=False)
    arrangement: var[Arrangement] = var(Arrangement(), init=False)
    forecasts: var["Forecasts"] = var(dict, init=False)

    @dataclass
    class RowsShown(Message):
        """Posted with the ids of the sessions that are on the screen."""

        session_ids: tuple[str, ...]

    def __init__(self) -> None:
        super().__init__()
        self._lines = SessionLines()
        self._painter = RowPainter(
            self.blended.style,
            lambda: app_of(self).clock(),
            lambda: self.forecasts,
            lambda: key_name(self, "session.merge"),
        )
        self._repositories = self._longest_name = 0
        self._showing: tuple[str, ...] = ()
        self._expected: str | None = None

    @property
    def rows(self) -> list[BoardRow]:
        """The sessions of the list, in its order."""
        return self._lines.rows

    def selected_sessions(self) -> list[Session]:
        """The marked sessions in the order of the list, else the one under the cursor, else none."""
        ids = self.marked
        marked = [row.session for row in self.rows if row.session.id in ids] if ids else []
        row = self._lines.row(self.cursor)
        return marked or ([row.session] if row else [])

    def expect(self, session_id: str) -> None:
        """The cursor goes to this session as soon as the list has it."""
        self._expected = session_id
        self._hold_cursor(self._lines.place(self.cursor))

    def watch_board(self) -> None:
        """Patch what is different on this board."""
        rows = self.board.rows if self.board is not None else ()
        if self.board is not None:
            self.marked &= {row.session.id for row in rows}
        self._repositories = len({row.session.repo_root for row in rows})
        self._longest_name = max(map(session_columns.name_cells, rows), default=0)
        self.lay_out()
        self.order_rows()

    def watch_counts(self) -> None:
        """Repaint the lines whose counts are different."""
        self._painter.counts = self.counts
        self.refresh_changed()

    def watch_forecasts(self) -> None:
        """Repaint the lines that have another forecast now."""
        self.refresh_changed()

    def watch_arrangement(self) -> None:
        """Show what is wanted now, and the keys that go with it."""
        self.order_rows()
        self.refresh_bindings()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Post what is on screen now."""
        super().watch_scroll_y(old_value, new_value)
        self._post_shown()

    def forget(self) -> None:
        """Drop the strips of rows that were painted."""
        self._painter.forget()

    def lay_out(self) -> None:
        """Choose the columns for the width as it is now."""
        longest = self._longest_name
        if self._painter.lay_out(self.size.width, repositories=self._repositories, longest=longest):
            self.refresh()
        self.viewport.titles = 1 if self.size.height >= 10 and self._painter.has_doing else 0

    def order_rows(self, *, repaint: bool = False) -> None:
        """Bring the sessions into their order, and paint what differs; with `repaint` all of them."""
        how, old, at = self.arrangement, self._lines, self._lines.place(self.cursor)
        if not self._painter.has_doing:
            how = replace(how, in_two_lines=True)
        self._lines = SessionLines(arranged(self.board.rows, how) if self.board else ())
        if repaint or not self._lines.rows or self._lines.keys != old.keys:
            self.virtual_size = Size(self.size.width, len(self._lines) + self.viewport.titles)
            self.refresh()
        else:
            self.refresh_changed()
        self._hold_cursor(at)
        self._post_shown()

    def _hold_cursor(self, at: int | None) -> None:
        """The cursor stays on its session; when that is gone, on the one that took its place."""
        if self._lines.row(self._expected) is not None:
            self.cursor, self._expected = self._expected, None
        elif self._lines.row(self.cursor) is None:
            self.cursor = self._lines.below(at)
        self._scroll_to_cursor()

    def refresh_changed(self) -> None:
        """Repaint the lines on screen whose values differ from those that were painted."""
        for index in self.viewport.indexes(len(self._lines)):
            row = self._lines.session_on(index)
            if row is not None and self._painter.is_stale(row):
                self.viewport.refresh(index)

    def _post_shown(self) -> None:
        lines = [self._lines[index] for index in self.viewport.indexes(len(self._lines))]
        showing = tuple(line.session.id for line in lines if isinstance(line, BoardRow))
        if showing != self._showing:
            self._showing = showing
            self.post_message(self.RowsShown(showing))

    def refresh_rows(self, *session_ids: str | None) -> None:
        """Repaint the lines of these sessions, one or two each."""
        for session_id in session_ids:
            if (at := self._lines.place(session_id)) is not None:
                for index in range(at, self._lines.last_of(at) + 1):
                    self.viewport.refresh(index)

    def _scroll_to_cursor(self) -> None:
        at = self._lines.place(self.cursor)
        if at is not None and self.viewport.height:
            self.viewport.scroll_to(self._lines.last_of(at), self._lines.top_of(at))

    def paint_titles(self, width: int) -> Strip:
        """The titles of the columns."""
        return self._painter.titles(width)

    def paint_line(self, index: int) -> Strip:
        """A session, the second line of one, a heading or, below the last, nothing."""
        width = self.size.width
        if index >= len(self._lines):
            if index and not self._lines.rows and self.board is not None:
                return note(_empty_note(self), index - 1, width, self.blended.style("-quiet"))
            return Strip.blank(width, self.blended.style())
        line = self._lines[index]
        if isinstance(line, Heading):
            return self._painter.heading(line, width)
        row = line.row if isinstance(line, Detail) else line
        session_id = row.session.id
        state = RowState(width, session_id == self.cursor, session_id in self.marked, has_focus=self.has_focus)
        return self._painter.detail(row, state) if isinstance(line, Detail) else self._painter.row(row, state)

    def row_key(self, index: int) -> str | None:
        """The id of the session that a line shows."""
        row = self._lines.session_on(index)
        return row.session.id if row is not None else None

    def action_move(self, by: int) -> None:
        """Move the cursor down or up by so many sessions."""
        self.cursor = self._lines.neighbour(self.cursor, by)
        self._scroll_to_cursor()

    def action_match(self, by: int) -> None:
        """Go to the next session that the filter found, or the one before; after the last comes the first."""
        self.cursor = self._lines.neighbour(self.cursor, by, around=True)
        self._scroll_to_cursor()

    def next_that_needs_me(self) -> bool:
        """Move to the next session, cyclic, that waits for a person; whether there is one."""
        found = self._lines.next_needing(self.cursor)
        self.cursor = found or self.cursor
        self._scroll_to_cursor()
        return found is not None


def _empty_note(table: SessionTable) -> str:
    """What stands in a list without lines."""
    if table.board is not None and table.board.rows:
        return nothing_found(table)
    key = shown_key(table.screen, "session.new")
    return f"No sessions yet; {key} begins one" if key else "No sessions yet"
