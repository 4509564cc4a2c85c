"""Series of values to draw, made of a summary. Pure: the screens and the report draw the same.

A plot has as many labels as each of its series has values; a value that is not known is None, and is left out of the
drawing. Labels are text of people's and repositories': the screen or page that shows them cleans them.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.metrics import GROUPING_NAMES, columns
from ampsm_engine.metrics.figures import Figures, ToolFigures
from ampsm_engine.metrics.summary import FiguresRow, Summary

MOST_BARS = 16
"""Groups that one plot shows; of more, those with the most tokens."""

IN_SECONDS = 3.0
"""Minutes up to which times are drawn in seconds: between two marks of an axis there is less than a minute then."""

MOST_DAYS = 60
"""Days that one plot shows: the last ones."""


@dataclass(frozen=True, slots=True)
class PlotSeries:
    """A series of a plot: one value for each label."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A bar chart: a bar for each label, the series stacked in it."""

    key: str
    """`tokens`, `success`, `time`, `cost`, `iterations`, `calls` or `tool-time`."""
    title: str
    unit: str
    """What a value is, in the plural: `tokens`, `%`, `minutes`, `dollars`, `iterations`, `calls`, `seconds`."""
    labels: tuple[str, ...]
    series: tuple[PlotSeries, ...]
    note: str = ""
    """What is left out; empty when nothing is."""

    @property
    def is_empty(self) -> bool:
        """Whether all values of the plot are zero or unknown."""
        return not any(value for one in self.series for value in one.values)


def plots(summary: Summary) -> tuple[Plot, ...]:
    """The plots of a summary, those with nothing to draw left out."""
    drawn = _of_tools(summary.tools) if summary.by == "tool" else _of_groups(summary)
    return tuple(plot for plot in drawn if not plot.is_empty)


Value = Callable[[Figures], float | None]

_GROUP_PLOTS: tuple[tuple[str, str, str, tuple[tuple[str, Value], ...]], ...] = (
    (
        *("tokens", "Tokens", "tokens"),
        (
            ("input", lambda one: one.input_tokens),
            ("output", lambda one: one.output_tokens),
            ("cache write", lambda one: one.cache_creation_tokens),
            ("cache read", lambda one: one.cache_read_tokens),
        ),
    ),
    (
        *("iterations", "Iterations", "iterations"),
        (
            ("succeeded", lambda one: one.succeeded),
            ("failed", lambda one: one.failed),
            ("stopped", lambda one: one.stopped),
            ("crashed", lambda one: one.crashed),
        ),
    ),
    (
        *("success", "Success", "%"),
        (("succeeded", lambda one: None if one.success_rate is None else 100 * one.success_rate),),
    ),
    (
        "time",
        "Time",
        "minutes",
        (("amp", lambda one: _minutes(one.duration_ms)), ("script", lambda one: _minutes(one.script_ms))),
    ),
    ("cost", "Cost by amp's own figure", "dollars", (("cost", lambda one: _dollars(one.cost_micros)),)),
)


def _of_groups(summary: Summary) -> list[Plot]:
    rows, note = _days(summary.rows) if summary.by == "day" else _largest(summary.rows)
    labels = tuple(row.label for row in rows)
    by = GROUPING_NAMES[summary.by]
    drawn = (
        Plot(
            key,
            f"{title} by {by}",
            unit,
            labels,
            tuple(PlotSeries(name, tuple(value(row.figures) for row in rows)) for name, value in series),
            note,
        )
        for key, title, unit, series in _GROUP_PLOTS
    )
    return [_in_seconds(plot) if plot.unit == "minutes" else plot for plot in drawn]


def _in_seconds(plot: Plot) -> Plot:
    """A plot of minutes, in seconds where it shows few minutes."""
    if any(value is not None and value >= IN_SECONDS for one in plot.series for value in one.values):
        return plot
    series = (
        PlotSeries(one.name, tuple(None if value is None else value * 60 for value in one.values))
        for one in plot.series
    )
    return replace(plot, unit="seconds", series=tuple(series))


def _days(rows: Sequence[FiguresRow]) -> tuple[list[FiguresRow], str]:
    """Every day from the first to the last, the empty ones too: distances in time must not lie."""
    known = {row.key: row for row in rows if row.key != columns.UNKNOWN}
    if not known:
        return [], ""
    first, last = (date.fromisoformat(key) for key in (min(known), max(known)))
    begin = max(first, last - timedelta(days=MOST_DAYS - 1))
    days = [(begin + timedelta(days=number)).isoformat() for number in range((last - begin).days + 1)]
    note = f"the last {MOST_DAYS} days; the table has all" if begin > first else ""
    return [known.get(day) or FiguresRow(day, day, Figures()) for day in days], note


def _largest(rows: Sequence[FiguresRow]) -> tuple[list[FiguresRow], str]:
    if len(rows) <= MOST_BARS:
        return list(rows), ""
    used = sorted(rows, key=lambda row: -(row.figures.token_usage or 0))[:MOST_BARS]
    kept = {row.key for row in used}
    return [row for row in rows if row.key in kept], f"the {MOST_BARS} with the most tokens of {len(rows)}"


def _of_tools(tools: Sequence[ToolFigures]) -> list[Plot]:
    shown = tools[:MOST_BARS]
    labels = tuple(tool.name for tool in shown)
    note = f"the {MOST_BARS} most called of {len(tools)}" if len(tools) > MOST_BARS else ""
    calls = (
        PlotSeries("worked", tuple(tool.calls - tool.errors - tool.unfinished for tool in shown)),
        PlotSeries("failed", tuple(tool.errors for tool in shown)),
        PlotSeries("unfinished", tuple(tool.unfinished for tool in shown)),
    )
    spent = tuple(None if tool.duration_ms is None else tool.duration_ms / 1000 for tool in shown)
    return [
        Plot("calls", "Tool calls", "calls", labels, calls, note),
        Plot("tool-time", "Time in tools", "seconds", labels, (PlotSeries("time", spent),), note),
    ]


def _minutes(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 60_000


def _dollars(micros: int | None) -> float | None:
    return None if micros is None else micros / 1_000_000
