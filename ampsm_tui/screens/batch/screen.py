"""The list of batch runs, and the screen of one with its items, live. What is done to a run is in `actions`."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.last_places import LastPlace
from ampsm_engine.model import BatchItem, BatchState, BoardRow, ItemState
from ampsm_engine.state_styles import SHOWN
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask_until_answered, ignore, show_error
from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.screens.batch.actions import RunActions, RunActionsScreen
from ampsm_tui.screens.table import LiveAnswer
from ampsm_tui.widgets import run_columns, run_head
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.notices import StaleNotice
from ampsm_tui.widgets.record_table import RecordTable
from ampsm_tui.widgets.run_head import RunHead, RunText

if TYPE_CHECKING:
    from ampsm_engine.batch.overview import ItemLine, RunLine, RunView


class RunsScreen(RunActionsScreen):
    """The list of batch runs, a row each, the newest first."""

    TITLE = "batch runs"
    PURPOSE = (
        "A line a run: one plan, many items, each of them a session.",
        "They run without this screen, and without a terminal; {table.open} shows the items of one.",
    )

    def __init__(self) -> None:
        super().__init__()
        self.table: RecordTable[RunLine] = RecordTable(
            run_columns.runs_kind("No runs yet; ampsm batch start PLAN begins one"), marks=False
        )
        self._head = RunText()
        self.live = LiveAnswer(self, self._ask, self._show)
        self.actions = RunActions(self, self._selected, self.live.renew)

    def place(self) -> LastPlace:
        """The place of the screen: the list of the runs."""
        return LastPlace("runs", "")

    def compose(self) -> ComposeResult:
        """The summary, the table of runs and the line of keys."""
        yield self._head
        yield StaleNotice()
        yield self.table
        yield KeyBar()

    async def _ask(self) -> "tuple[RunLine, ...]":
        from ampsm_engine.batch import overview

        return await ask_until_answered(overview.run_lines, ignore, app_of(self).engine)

    def _show(self, lines: "tuple[RunLine, ...]") -> bool:
        self.table.show(lines or ())
        self.show_arrangement()
        return any(line.batch.state in (BatchState.RUNNING, BatchState.STOPPING) for line in lines or ())

    def show_arrangement(self) -> None:
        """How many runs there are, and what the table was narrowed to."""
        lines = self.table.records or ()
        at_work = sum(line.batch.state in (BatchState.RUNNING, BatchState.STOPPING) for line in lines)
        text = run_head.summary(len(lines), at_work) if self.table.records is not None else "batch runs"
        self._head.set_pieces([Piece(text, "name")], self.chosen())

    def _selected(self) -> "RunLine | None":
        return self.table.current

    def on_table_view_row_chosen(self, event: RecordTable.RowChosen) -> None:
        """Open the screen of a run."""
        event.stop()
        app_of(self).opener.open_run(event.key)

    def action_metrics(self) -> None:
        """Open the numbers of everything that ran."""
        app_of(self).opener.open_metrics()


class RunScreen(RunActionsScreen):
    """The items of a run below how far it is."""

    TITLE = "batch run"
    PURPOSE = (
        "The items of a run, each a session of its own; {table.open} opens it.",
        "The time that is left is told once some items have ended, by how long they took.",
        "{run.compare} puts the variants of one prompt side by side.",
    )
    FILTER_BY = "name, repository, mode, state, prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("run.compare", "compare", "Compare"),
        bind("run.retry", "retry", "Try again"),
        bind("run.review", "review"),
    ]

    def __init__(self, batch_id: str) -> None:
        super().__init__()
        self.batch_id = batch_id
        self._view: RunView | None = None
        self._rows: dict[str, BoardRow] = {}
        self._left_out: frozenset[str] = frozenset()
        self.table: RecordTable[ItemLine] = RecordTable(run_columns.items_kind(self._row))
        self._head = RunHead()
        self._detail = Static("", id="detail", markup=False)
        self.live = LiveAnswer(self, self._ask, self._show, self._leave)
        self.actions = RunActions(self, self._selected, self.live.renew)

    def place(self) -> LastPlace:
        """The place of the screen: its run, by name once that is known."""
        name = self._view.batch.name if self._view is not None else self.batch_id
        return LastPlace("run", self.batch_id, name=name)

    def compose(self) -> ComposeResult:
        """The head of the run, the table of its items and the line of keys."""
        yield self._head
        yield StaleNotice()
        yield self.table
        yield self._detail
        yield KeyBar()

    def on_mount(self) -> None:
        """Take what the board says of the run's sessions."""
        self._take_rows()

    def watch_board(self) -> None:
        """What amp does now is seen at once; the rest is asked for."""
        if self.is_mounted:
            self._take_rows()
            self.table.refresh_changed()
            super().watch_board()

    def _take_rows(self) -> None:
        self._rows = {row.session.id: row for row in self.board.rows} if self.board else {}

    def _row(self, session_id: str | None) -> BoardRow | None:
        return self._rows.get(session_id or "")

    async def _ask(self) -> "RunView":
        from ampsm_engine.batch import overview

        return await ask_until_answered(overview.run_view, ignore, app_of(self).engine, self.batch_id)

    def _show(self, view: "RunView") -> bool:
        self._view = view
        left_out = run_columns.dull_columns(view.items)
        if left_out != self._left_out:
            self._left_out = left_out
            self.table.set_kind(run_columns.items_kind(self._row, left_out))
        self.table.show(view.items)
        self.table.refresh_changed()
        self.show_arrangement()
        return view.batch.state in (BatchState.RUNNING, BatchState.STOPPING)

    def _leave(self, reason: AmpsmError) -> None:
        """Leave a run that is gone or cannot be read; the reason is shown, unless the run was removed from here."""
        if not self.actions.has_removed:
            show_error(self, reason)
        self.dismiss(None)

    def show_arrangement(self) -> None:
        """How the run stands, and what its table was narrowed to."""
        if self._view is not None:
            self._head.show(self._view, app_of(self).clock(), self.chosen())
            self._show_detail()

    def on_table_view_row_highlighted(self) -> None:
        """Say all about the item under the cursor that its line has no room for."""
        self._show_detail()

    def _show_detail(self) -> None:
        line = self.table.current
        text = ""
        if line is not None:
            item = line.item
            said = run_columns.doing(item, self._row(item.session_id), app_of(self).clock())
            where = run_columns.hosts(line)
            text = f"{SHOWN[item.state].glyph} {f'{where}: ' if where else ''}{said or one_line(item.prompt, 500)}"
        self._detail.update(Content(text))
        self._detail.display = bool(text)

    def offers(self, key_id: str) -> bool:
        """What ended badly is tried again, and what has variants is compared."""
        current = self.table.current
        if key_id == "run.retry":
            items = [line.item for line in self.table.selected()]
            return any(item.state.is_final and item.state is not ItemState.SUCCESS for item in items)
        if key_id == "run.compare":
            return current is not None and current.item.variant_of is not None
        return super().offers(key_id)

    def _selected(self) -> "RunView | None":
        return self._view

    def _item(self) -> BatchItem | None:
        line = self.table.current
        if line is None:
            app_of(self).show_toast("There is no item under the cursor")
        return line.item if line is not None else None

    def _session_of(self, item: BatchItem) -> BoardRow | None:
        """The board's row of an item's session; a toast where it has none."""
        row = self._row(item.session_id)
        if row is None:
            reason = "has not begun" if item.session_id is None else "has no session any more: it is in the trash"
            app_of(self).show_toast(f"{item.name} {reason}")
        return row

    def on_table_view_row_chosen(self, event: RecordTable.RowChosen) -> None:
        """Open the session of an item."""
        event.stop()
        if (item := self._item()) is not None and (row := self._session_of(item)) is not None:
            app_of(self).opener.open_session(row.session.id)

    def action_review(self) -> None:
        """Open the review of the item under the cursor."""
        if (item := self._item()) is not None and (row := self._session_of(item)) is not None:
            app_of(self).opener.open_review(row.session)

    def action_compare(self) -> None:
        """The variants of the prompt of the item under the cursor, side by side."""
        item = self._item()
        if item is None:
            return
        if item.variant_of is None:
            reason = Refused(f"{item.name} is the only answer to its prompt.", 'ampsm new "PROMPT" --copies 3')
            show_error(self, reason)
        else:
            app_of(self).opener.open_variants(self.batch_id, item.variant_of)

    def action_retry(self) -> None:
        """Try the selected items again."""
        self.actions.retry([line.item for line in self.table.selected()])

    def action_metrics(self) -> None:
        """Open the numbers of the run."""
        app_of(self).opener.open_metrics(self.batch_id)
