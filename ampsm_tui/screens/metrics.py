"""Numbers: what ran, as a plot with its table beside it, by day, mode, repository, session, run or tool."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from ampsm_engine import labels
from ampsm_engine.metrics import GROUPING_NAMES, Grouping, columns
from ampsm_engine.metrics.plots import Plot, plots
from ampsm_engine.metrics.summary import Selection, Summary
from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask_until_answered, ignore
from ampsm_tui.bindings import bind
from ampsm_tui.clean import cells, one_line
from ampsm_tui.screens.table import LONG_PAUSE, LiveAnswer, TableScreen
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.notices import StaleNotice
from ampsm_tui.widgets.plot import PlotView
from ampsm_tui.widgets.record_table import RecordArrangement, RecordColumn, RecordKind, RecordTable
from ampsm_tui.widgets.run_head import RunText

if TYPE_CHECKING:
    from ampsm_engine.metrics.columns import FigureColumn
    from ampsm_engine.metrics.figures import Figures, ToolFigures
    from ampsm_engine.metrics.summary import FiguresRow


WIDTHS = {"lines": 12, "cost": 8}
"""Cells of a column that needs others than its title and a count."""

_ORDERS: dict[str, Callable[[Any], Any]] = {
    "iterations": lambda one: one.iterations,
    "successRate": lambda one: one.success_rate,
    "tokenUsage": lambda one: one.token_usage,
    "inputTokens": lambda one: one.input_tokens,
    "outputTokens": lambda one: one.output_tokens,
    "cacheCreationTokens": lambda one: one.cache_creation_tokens,
    "cacheReadTokens": lambda one: one.cache_read_tokens,
    "cost": lambda one: one.cost_micros,
    "durationMs": lambda one: one.duration_ms,
    "turns": lambda one: one.turns,
    "tools": lambda one: one.tools,
    "toolErrors": lambda one: one.tool_errors,
    "changedFiles": lambda one: one.changed_files,
    "lines": lambda one: None if one.lines_added is None else one.lines_added + (one.lines_deleted or 0),
    "scripts": lambda one: one.scripts,
    "iterationsToGreen": lambda one: one.iterations_to_green,
    "calls": lambda one: one.calls,
    "errors": lambda one: one.errors,
    "errorRate": lambda one: one.error_rate,
    "unfinished": lambda one: one.unfinished,
    "meanMs": lambda one: one.mean_ms,
}
"""What a figure is sorted by, by the key of its column."""


_KEPT_LONGEST = {"tokenUsage": 1, "successRate": 2, "iterations": 3, "calls": 1, "errors": 2}
"""How early the most telling columns give way, after all others."""

STAYS = {
    "tokens": "tokenUsage",
    "iterations": "iterations",
    "success": "successRate",
    "time": "durationMs",
    "cost": "cost",
    "calls": "calls",
    "tool-time": "durationMs",
}
"""The column that never gives way, by the figure that the plot beside the table shows."""


def figures_kind(by: "Grouping", measure: str = "tokens") -> "RecordKind[FiguresRow]":
    """The table of groups of iterations; the figure of the plot is in it at any width."""

    def label(row: "FiguresRow") -> str:
        return one_line(row.label, 200)

    def of(figure: "FigureColumn") -> RecordColumn:
        return _column(figure, lambda row: row.figures, stays=STAYS.get(measure))

    first = RecordColumn(
        GROUPING_NAMES[by].upper(),
        10,
        40,
        0,
        lambda row, _: (Piece(label(row), "name"),),
        order=lambda row: row.label.casefold(),
        comfort=16,
    )
    shown = (first, *map(of, columns.COLUMNS))
    return RecordKind(lambda row: row.key, label, lambda _: "", shown, "Nothing ran in this time")


def tools_kind(measure: str = "calls") -> "RecordKind[ToolFigures]":
    """The table of tools; the figure of the plot is in it at any width."""

    def name(tool: "ToolFigures") -> str:
        return one_line(tool.name, 200)

    def of(figure: "FigureColumn") -> RecordColumn:
        return _column(figure, lambda tool: tool, stays=STAYS.get(measure))

    first = RecordColumn(
        "TOOL", 10, 40, 0, lambda tool, _: (Piece(name(tool), "name"),), order=lambda tool: tool.name.casefold()
    )
    shown = (first, *map(of, columns.TOOL_COLUMNS))
    return RecordKind(lambda tool: tool.name, name, lambda _: "", shown, "No tool was called in this time")


def _column(figure: "FigureColumn", figures: Callable[[Any], Any], stays: str | None) -> RecordColumn:
    def value(record: object, _at: datetime) -> tuple[Piece, ...]:
        text = figure.text(figures(record))
        return (Piece(text, "quiet" if text in {columns.UNKNOWN, columns.NOTHING, "0"} else ""),)

    order = _ORDERS.get(figure.key)
    width = max(len(figure.title), WIDTHS.get(figure.title, 7))
    by = None if order is None else lambda record: order(figures(record))
    drop_order = (
        0
        if figure.key == stays
        else figure.drop_order + len(_KEPT_LONGEST)
        if figure.drop_order
        else _KEPT_LONGEST.get(figure.key, 1)
    )
    return RecordColumn(figure.title.upper(), width, width, drop_order, value, right=True, order=by)


class Span(NamedTuple):
    """A span of time until now, and what it is called."""

    words: str
    length: timedelta | None


SPANS = (
    Span("all time", None),
    Span("last 24 hours", timedelta(days=1)),
    Span("last 7 days", timedelta(days=7)),
    Span("last 30 days", timedelta(days=30)),
)

BY: "tuple[Grouping, ...]" = ("day", "mode", "repo", "session", "batch", "tool", "host")
"""What figures are grouped by, in their turn."""


class MetricsScreen(TableScreen):
    """A plot, its table, and the sums of all above them. With a batch only its sessions count."""

    TITLE = "numbers"
    PURPOSE = (
        "What ran, in numbers: {metrics.measure} takes the next figure, {metrics.by} groups by something else,",
        "{metrics.since} takes another span of time.",
        "What is not known says so: tokens that amp did not tell, a cost that amp was not asked for.",
    )
    FILTER_BY = "name"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("metrics.measure", "measure", "Figure"),
        bind("metrics.by", "by", "By"),
        bind("metrics.since", "since", "Since"),
        bind("metrics.plot", "plot"),
    ]

    def __init__(self, batch_id: str = "") -> None:
        super().__init__()
        self._batch_id = batch_id
        self._span = SPANS[0]
        self._by: Grouping = "session" if batch_id else "day"
        self._measure = "tokens"
        self._summary: Summary | None = None
        self._shown_by = ""
        self._shown_measure = ""
        self.table: RecordTable[Any] = RecordTable(figures_kind(self._by), marks=False)
        self.table.opens = False
        self._plot = PlotView()
        self._head, self._sums = RunText(), RunText()
        self.live = LiveAnswer(self, self._ask, self._show, pause=LONG_PAUSE)

    def compose(self) -> ComposeResult:
        """The head, the sums, the plot, the table and the line of keys."""
        yield self._head
        yield self._sums
        yield StaleNotice()
        with Container(id="figures"):
            yield self._plot
            yield self.table
        yield KeyBar()

    def on_resize(self) -> None:
        """Show the table and the sums that fit into the new size."""
        self.call_after_refresh(self.show_arrangement)

    async def _ask(self) -> Summary:
        from ampsm_engine.metrics import summary

        since = None if self._span.length is None else app_of(self).clock() - self._span.length
        wanted = Selection(since=since, batch=self._batch_id or None)
        return await ask_until_answered(summary.metrics_view, ignore, app_of(self).engine, self._by, wanted)

    def _show(self, summary: Summary) -> bool:
        if summary.by != self._by:
            return False  # another one is asked for already
        self._summary = summary
        is_tool = summary.by == "tool"
        if summary.by != self._shown_by:
            self._shown_by = summary.by
            self.table.opens = summary.by in {"session", "batch"}
            self.refresh_bindings()
            self.table.arrangement = RecordArrangement()
            self._shown_measure = ""
        self._fit_table()
        self.table.show(summary.tools if is_tool else summary.rows)
        self.show_arrangement()
        return False

    def _fit_table(self) -> None:
        """Have the figure of the plot in the table at any width."""
        plot = self._drawn()
        measure = plot.key if plot is not None else self._measure
        if measure != self._shown_measure:
            self._shown_measure = measure
            by_tool = self._shown_by == "tool"
            kind: RecordKind[Any] = tools_kind(measure) if by_tool else figures_kind(self._by, measure)
            self.table.set_kind(kind)

    def _drawn(self) -> Plot | None:
        drawn = self._plots()
        return next((one for one in drawn if one.key == self._measure), drawn[0] if drawn else None)

    def _plots(self) -> tuple[Plot, ...]:
        return plots(self._summary) if self._summary is not None else ()

    def show_arrangement(self) -> None:
        """The plot of the figure, what it is grouped by, and the sums."""
        plot = self._drawn()
        self._plot.show(plot, "Nothing to draw" if self._summary is not None else "")
        title = plot.title if plot is not None else f"Numbers by {GROUPING_NAMES[self._by]}"
        where = self._span.words + (", this run" if self._batch_id else "")
        self._head.set_pieces([Piece(title, "name"), Piece(f"  {where}", "quiet")], self.chosen())
        if self._summary is not None:
            self._sums.set_pieces([Piece(_sums(self._summary.total, self.size.width - 2), "quiet")])

    def action_measure(self) -> None:
        """Draw the next figure that there is anything of."""
        keys = [one.key for one in self._plots()]
        if keys:
            at = keys.index(self._measure) if self._measure in keys else -1
            self._measure = keys[(at + 1) % len(keys)]
            self._fit_table()
            self.table.refresh()
            self.show_arrangement()

    def action_by(self) -> None:
        """Group the numbers by the next of day, mode, repository, session, run and tool."""
        self._by = BY[(BY.index(self._by) + 1) % len(BY)]
        self.live.renew()

    def action_since(self) -> None:
        """Take the next span of time."""
        self._span = SPANS[(SPANS.index(self._span) + 1) % len(SPANS)]
        self.live.renew()

    def action_plot(self) -> None:
        """Show or hide the plot."""
        self.toggle_class("-without-plot")

    def on_table_view_row_chosen(self, event: RecordTable.RowChosen) -> None:
        """Open the session or the run of a line."""
        event.stop()
        if self._shown_by == "session" and self._is_on_board(event.key):
            app_of(self).opener.open_session(event.key)
        elif self._shown_by == "batch" and event.key:
            app_of(self).opener.open_run(event.key)

    def _is_on_board(self, session_id: str) -> bool:
        if self.board is not None and any(row.session.id == session_id for row in self.board.rows):
            return True
        app_of(self).show_toast("That session is not in the list any more")
        return False


def _sums(total: "Figures", width: int) -> str:
    """The sums of everything, as many as there is room for, the most telling first."""
    parts = [
        plural(total.iterations, "iteration"),
        f"{columns.rate(total.success_rate)} success",
        f"{columns.count(total.token_usage, partly=bool(total.uncounted))} tokens",
        f"cost {columns.cost(total.cost_micros, partly=bool(total.unpriced))}",
        labels.duration(total.duration_ms) if total.duration_ms is not None else "",
        plural(total.sessions, "session"),
        plural(total.tools, "tool call"),
    ]
    text = ""
    for part in filter(None, map(one_line, parts)):
        longer = f"{text}  {part}" if text else part
        if cells(longer) > width:
            break
        text = longer
    return text
