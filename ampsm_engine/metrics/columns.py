"""How figures are called and how they read: the one list for tables, CSV, JSON, Markdown, HTML and the screens."""

from collections.abc import Callable
from typing import Any

from ampsm_engine import labels
from ampsm_engine.lean_dataclass import dataclass, fields
from ampsm_engine.metrics.figures import Figures, ToolFigures
from ampsm_engine.model import camel
from ampsm_engine.plain_text import plural

UNKNOWN = "unknown"

NOTHING = "-"
"""What stands where there is nothing to tell: a rate of no iterations."""


@dataclass(frozen=True, slots=True)
class FigureColumn:
    """A figure with its title and its text."""

    key: str
    title: str
    text: Callable[[Any], str]
    """The figure of a `Figures` or `ToolFigures` in at most a few cells."""
    drop_order: int = 0
    """Where room is short the column with the highest is left out first; 0 stays."""


def count(number: int | None, *, partly: bool = False) -> str:
    """A count in few cells; `partly`: some are not in it, so a `+` follows."""
    return UNKNOWN if number is None else labels.count(number) + "+" * partly


def time(milliseconds: float | None) -> str:
    """A duration given in milliseconds, as short text."""
    return UNKNOWN if milliseconds is None else labels.duration(round(milliseconds))


def rate(part: float | None) -> str:
    """A part of a whole in percent; `-` of nothing."""
    return NOTHING if part is None else f"{100 * part:.0f}%"


def cost(micros: int | None, *, partly: bool = False) -> str:
    """An amount of amp's own figure, to the cent; smaller ones to four places."""
    if micros is None:
        return UNKNOWN
    places = 2 if not micros or abs(micros) >= 10_000 else 4
    return f"{'-' * (micros < 0)}${abs(micros) / 1e6:,.{places}f}" + "+" * partly


def lines(one: Figures) -> str:
    """Lines added and deleted: `+12 -3`."""
    if one.lines_added is None or one.lines_deleted is None:
        return UNKNOWN
    return f"+{labels.count(one.lines_added)} -{labels.count(one.lines_deleted)}"


def _scripts(one: Figures) -> str:
    return f"{one.scripts_passed}/{one.scripts}" if one.scripts else NOTHING


def _tokens(one: Figures) -> str:
    if one.token_usage is None and not one.uncounted:
        return NOTHING
    return count(one.token_usage, partly=bool(one.uncounted))


def _cost(one: Figures) -> str:
    if one.cost_micros is None and not one.unpriced:
        return NOTHING
    return cost(one.cost_micros, partly=bool(one.unpriced))


def _green(one: Figures) -> str:
    return NOTHING if one.iterations_to_green is None else f"{one.iterations_to_green:.1f}"


COLUMNS: tuple[FigureColumn, ...] = (
    FigureColumn("iterations", "iterations", lambda one: str(one.iterations)),
    FigureColumn("successRate", "success", lambda one: rate(one.success_rate)),
    FigureColumn("tokenUsage", "tokens", _tokens),
    FigureColumn("inputTokens", "input", lambda one: count(one.input_tokens), drop_order=8),
    FigureColumn("outputTokens", "output", lambda one: count(one.output_tokens), drop_order=7),
    FigureColumn("cacheCreationTokens", "cache write", lambda one: count(one.cache_creation_tokens), drop_order=11),
    FigureColumn("cacheReadTokens", "cache read", lambda one: count(one.cache_read_tokens), drop_order=10),
    FigureColumn("cost", "cost", _cost, drop_order=3),
    FigureColumn("durationMs", "time", lambda one: time(one.duration_ms), drop_order=1),
    FigureColumn("turns", "turns", lambda one: str(one.turns), drop_order=9),
    FigureColumn("tools", "tools", lambda one: str(one.tools), drop_order=5),
    FigureColumn("toolErrors", "errors", lambda one: str(one.tool_errors), drop_order=6),
    FigureColumn("changedFiles", "files", lambda one: str(one.changed_files), drop_order=4),
    FigureColumn("lines", "lines", lines, drop_order=2),
    FigureColumn("scripts", "scripts", _scripts, drop_order=12),
    FigureColumn("iterationsToGreen", "to green", _green, drop_order=13),
)
"""The figures of a group, most telling first."""

TOOL_COLUMNS: tuple[FigureColumn, ...] = (
    FigureColumn("calls", "calls", lambda one: str(one.calls)),
    FigureColumn("errors", "errors", lambda one: str(one.errors)),
    FigureColumn("errorRate", "failed", lambda one: rate(one.error_rate), drop_order=3),
    FigureColumn("unfinished", "unfinished", lambda one: str(one.unfinished), drop_order=5),
    FigureColumn("durationMs", "time", lambda one: time(one.duration_ms), drop_order=1),
    FigureColumn("meanMs", "each", lambda one: time(one.mean_ms), drop_order=2),
    FigureColumn("iterations", "iterations", lambda one: str(one.iterations), drop_order=4),
)
"""The figures of a tool."""


def overview(one: Figures) -> tuple[tuple[str, str], ...]:
    """All figures of a set as name and text, for a page of its own."""
    missing = f", {one.uncounted} unknown" if one.uncounted else ""
    tokens = f"{_exact(one.token_usage)}{missing if one.token_usage is not None else ''}"
    parts = (
        ("input", one.input_tokens),
        ("output", one.output_tokens),
        ("cache write", one.cache_creation_tokens),
        ("cache read", one.cache_read_tokens),
    )
    priced = f", {one.unpriced} unknown" if one.unpriced and one.cost_micros is not None else ""
    ended = f"{one.succeeded} succeeded, {one.failed} failed, {one.stopped} stopped, {one.crashed} crashed"
    green = f"{_green(one)} on average ({one.green} of {plural(one.sessions, 'session')})" if one.green else NOTHING
    return (
        ("sessions", str(one.sessions)),
        ("iterations", f"{one.iterations}: {ended}"),
        ("success", rate(one.success_rate)),
        ("to green", green),
        ("tokens", tokens),
        *((name, _exact(number)) for name, number in parts),
        ("sub-agents", f"{_exact(one.subagent_tokens)} of them" if one.subagent_tokens is not None else ""),
        ("cost", cost(one.cost_micros) + priced),
        ("time", time(one.duration_ms)),
        ("turns", str(one.turns)),
        ("tool calls", _calls(one)),
        ("changes", f"{plural(one.commits, 'commit')}, {plural(one.changed_files, 'file')}, {lines(one)} lines"),
        ("scripts", f"{one.scripts_passed} of {one.scripts} passed; {time(one.script_ms)}" if one.scripts else "none"),
    )


def _calls(one: Figures) -> str:
    if not one.tools:
        return "none"
    return f"{one.tools}, {one.tool_errors} failed, {one.refusals} refused; {time(one.tool_ms)}"


def _exact(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def document(one: Figures) -> dict[str, object]:
    """Figures as JSON: every field in camelCase, and what is made of them; not known is null."""
    found: dict[str, object] = {camel(field.name): getattr(one, field.name) for field in fields(Figures)}
    return found | {"costUsd": _dollars(one.cost_micros), "successRate": _rounded(one.success_rate)}


def tool_document(one: ToolFigures) -> dict[str, object]:
    """The figures of a tool as JSON, as `document`."""
    found: dict[str, object] = {camel(field.name): getattr(one, field.name) for field in fields(ToolFigures)}
    return found | {"errorRate": _rounded(one.error_rate), "meanMs": _rounded(one.mean_ms)}


def _dollars(micros: int | None) -> float | None:
    return None if micros is None else micros / 1_000_000


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)
