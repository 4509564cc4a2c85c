"""The columns of tables of figures, made of the engine's own list: how each reads and is sorted by. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ampsm_engine.metrics import columns
from ampsm_tui.clean import one_line
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.record_columns import RecordColumn, RecordKind

if TYPE_CHECKING:
    from ampsm_engine.metrics.columns import FigureColumn
    from ampsm_engine.metrics.figures import ToolFigures
    from ampsm_engine.metrics.summary import FiguresRow, Grouping

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


_TELLING = {"tokenUsage": 1, "successRate": 2, "iterations": 3, "calls": 1, "errors": 2}
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
        columns.GROUPING_NAMES[by].upper(),
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
        else figure.drop_order + len(_TELLING)
        if figure.drop_order
        else _TELLING.get(figure.key, 1)
    )
    return RecordColumn(figure.title.upper(), width, width, drop_order, value, right=True, order=by)
