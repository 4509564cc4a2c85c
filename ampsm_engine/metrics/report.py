"""A report over iterations: what it holds, and how it reads as Markdown."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ampsm_engine import timestamps
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.metrics import columns
from ampsm_engine.metrics.columns import COLUMNS, TOOL_COLUMNS, FigureColumn
from ampsm_engine.metrics.markdown_text import code, one_line
from ampsm_engine.metrics.plots import Plot, plots
from ampsm_engine.metrics.summary import (
    EVERYTHING,
    HERE,
    NO_BATCH,
    FiguresRow,
    Grouping,
    Selection,
    Summary,
    summarized,
)

if TYPE_CHECKING:
    from ampsm_engine.store import Store

MOST_ROWS = 200
"""Rows of one table of a report; of more, the last days or those with the most tokens."""

_SECTIONS: tuple[Grouping, ...] = ("day", "mode", "repo", "batch", "host", "session", "tool")


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A table and what is drawn of it. The first cell of a row is foreign text, on one line and without secrets."""

    key: Grouping
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    plots: tuple[Plot, ...]
    note: str = ""
    """What is left out of the table; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report says."""

    title: str
    subtitle: str
    """Which iterations it is about, and when it was made."""
    overview: tuple[tuple[str, str], ...]
    sections: tuple[ReportSection, ...]
    notes: tuple[str, ...]
    """How to read its figures."""


NOTES = (
    "Tokens are what amp's stream says, sub-agents included where it names them; what it does not name is not in them.",
    "Cost is amp's own figure, asked at the end of iterations; unknown where amp was not asked or did not say.",
    "A + behind a sum: some iterations are not in it, for amp said nothing of them.",
    "An iteration succeeded when amp finished and the script, where there is one, passed.",
    "To green: iterations that a session needed until the first success, on average.",
)


def build(store: "Store", selection: Selection = EVERYTHING, *, about: str = "", now: datetime | None = None) -> Report:
    """The report over the chosen iterations; `about` names what they have in common, as people call it."""
    measured = store.measurements.read()
    summaries = [summarized(measured, by, selection) for by in _SECTIONS]
    sections = tuple(_section(summary) for summary in summaries if summary.tools or summary.rows)
    made = timestamps.stamp(now or datetime.now(UTC))
    span = _span(selection)
    return Report(
        f"ampsm: {one_line(about)}" if about else "ampsm: all sessions",
        f"{span}; made {made[:16].replace('T', ' ')} UTC",
        tuple((name, text) for name, text in columns.overview(summaries[0].total) if text),
        tuple(section for section in sections if section.rows and not _is_empty(section)),
        NOTES,
    )


def _span(selection: Selection) -> str:
    begin, end = (moment.strftime("%Y-%m-%d %H:%M") if moment else "" for moment in (selection.since, selection.until))
    if begin and end:
        return f"from {begin} to {end}"
    return f"since {begin}" if begin else f"until {end}" if end else "from the beginning"


def _is_empty(section: ReportSection) -> bool:
    """Whether it is about batches where there is none, or about hosts where all ran here."""
    return [row[0] for row in section.rows] == [{"batch": NO_BATCH, "host": HERE}.get(section.key)]


def _section(summary: Summary) -> ReportSection:
    by = columns.GROUPING_NAMES[summary.by]
    if summary.by == "tool":
        cells = _cells(((tool.name, tool) for tool in summary.tools[:MOST_ROWS]), TOOL_COLUMNS)
        note, shown = _left_out(len(summary.tools)), TOOL_COLUMNS
    else:
        rows = _kept(summary)
        cells = _cells(((row.label, row.figures) for row in rows), COLUMNS)
        note, shown = _left_out(len(summary.rows)), COLUMNS
    head = (by, *(column.title for column in shown))
    return ReportSection(summary.by, f"By {by}", head, cells, plots(summary), note)


def _kept(summary: Summary) -> Sequence[FiguresRow]:
    rows = summary.rows
    if len(rows) <= MOST_ROWS:
        return rows
    if summary.by == "day":
        return rows[-MOST_ROWS:]
    return sorted(rows, key=lambda row: -(row.figures.token_usage or 0))[:MOST_ROWS]


def _left_out(many: int) -> str:
    return f"{MOST_ROWS} of {many} are shown; all: ampsm metrics --csv" if many > MOST_ROWS else ""


def _cells(rows: Iterable[tuple[str, object]], shown: Sequence[FigureColumn]) -> tuple[tuple[str, ...], ...]:
    return tuple((one_line(label), *(column.text(value) for column in shown)) for label, value in rows)


def markdown(report: Report) -> str:
    """A report as Markdown with GitHub's tables; foreign texts are code."""
    # The name of a run or a session is in it: what Markdown or HTML would take for its own is escaped.
    title = re.sub(r"([\\`*_\[\]<>|&])", r"\\\1", report.title)
    parts = [f"# {title}\n", f"{report.subtitle}\n"]
    parts.append("".join(f"- {name}: {text}\n" for name, text in report.overview))
    if not report.sections:
        parts.append("There is no iteration to report on.\n")
    for section in report.sections:
        lines = [
            f"## {section.title}",
            "",
            _row(section.head),
            _row("---" if n == 0 else "--:" for n in range(len(section.head))),
        ]
        lines += [_row((code(label), *cells)) for label, *cells in section.rows]
        parts.append("\n".join([*lines, *(["", section.note] if section.note else []), ""]))
    parts.append("".join(f"- {note}\n" for note in report.notes))
    return "\n".join(parts)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
