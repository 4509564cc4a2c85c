"""The list of batch runs: how each stands, how far it is, what it took. What is done to one is in `batch/actions`."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult

from ampsm_engine.last_places import LastPlace
from ampsm_engine.model import BatchState
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask_until_answered, ignore
from ampsm_tui.screens.batch.actions import RunActions, RunActionsScreen
from ampsm_tui.screens.live_answer import LiveAnswer
from ampsm_tui.widgets import run_columns, run_head
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.notices import StaleNotice
from ampsm_tui.widgets.record_table import RecordTable
from ampsm_tui.widgets.run_head import RunText

if TYPE_CHECKING:
    from ampsm_engine.batch.overview import RunLine


class RunsScreen(RunActionsScreen):
    """One row a run, the newest first."""

    CSS_PATH = "runs.tcss"
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
        """The list of the runs."""
        return LastPlace("runs", "")

    def compose(self) -> ComposeResult:
        """The summary, the table of runs and the line of keys."""
        yield self._head
        yield StaleNotice()
        yield self.table
        yield KeyBar()

    def on_mount(self) -> None:
        """Ask for the runs, and for what becomes of them."""
        self.table.focus()
        self.live.start()

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

    def on_record_table_record_chosen(self, event: RecordTable.RecordChosen) -> None:
        """Open the screen of a run."""
        event.stop()
        app_of(self).opener.open_run(event.key)

    def action_metrics(self) -> None:
        """The numbers of everything."""
        app_of(self).opener.open_metrics()
