"""Iterations chosen, grouped and summed up: what the command line shows, and what a screen draws from.

`summarize(store, "day", Selection(...))` is all that a front end calls; what it answers is frozen and travels between
processes. Days are those of this machine's clock.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ampsm_engine import timestamps
from ampsm_engine.context import Engine
from ampsm_engine.errors import Refused
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.metrics import Grouping
from ampsm_engine.metrics.figures import Figures, SessionFigures, ToolFigures, figures, history, tool_figures
from ampsm_engine.store.measurements import Measured, MeasuredIteration, MeasuredTool

if TYPE_CHECKING:
    from ampsm_engine.store import Store

DEFAULT_MODE = "default"
"""How an iteration's mode is called that left the choice to amp."""

NO_BATCH = "no batch"

HERE = "this machine"

_AGO = re.compile(r"(\d{1,5})\s*([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which iterations count: those that began in a span of time, of some sessions, of a batch, of a repository."""

    since: datetime | None = None
    until: datetime | None = None
    """The first moment that does not count any more."""
    sessions: frozenset[str] | None = None
    """The ids of the sessions; None: all."""
    batch: str | None = None
    """An id; None: all, those of no batch too."""
    repo: str | None = None
    """The root of a repository; None: all."""


@dataclass(frozen=True, slots=True)
class FiguresRow:
    """The figures of a group of iterations."""

    key: str
    """What they have in common: a day (`2026-11-30`), a mode, the root of a repository, an id."""
    label: str
    """The name of the group for people; text of a person's or a repository's, so not clean."""
    figures: Figures


@dataclass(frozen=True, slots=True)
class Summary:
    """Sums by group and in all. By tool there are no rows: `tools` says it."""

    by: Grouping
    rows: tuple[FiguresRow, ...]
    """Days, iterations and sessions by time; all others by tokens, the most first."""
    tools: tuple[ToolFigures, ...]
    """The most called first."""
    total: Figures
    selection: Selection


EVERYTHING = Selection()


def summarize(store: "Store", by: Grouping = "day", selection: Selection = EVERYTHING) -> Summary:
    """The figures of the store's iterations, by group and in all."""
    return summarized(store.measurements.read(), by, selection)


def summarized(measured: Measured, by: Grouping = "day", selection: Selection = EVERYTHING) -> Summary:
    """The figures of iterations that were read already, by group and in all: one reading serves many groupings."""
    known = history(measured.iterations, measured.costs)
    chosen = [one for one in measured.iterations if _is_chosen(one, selection)]
    ids = {one.id for one in chosen}
    tools: dict[str, list[MeasuredTool]] = defaultdict(list)
    for tool in measured.tools:
        if tool.iteration_id in ids:
            tools[tool.iteration_id].append(tool)
    everything = [tool for theirs in tools.values() for tool in theirs]
    rows = () if by == "tool" else _rows(chosen, tools, known, by)
    return Summary(by, rows, tool_figures(everything), figures(chosen, everything, known), selection)


def _rows(
    chosen: Sequence[MeasuredIteration],
    tools: Mapping[str, Sequence[MeasuredTool]],
    known: SessionFigures,
    by: Grouping,
) -> tuple[FiguresRow, ...]:
    key_of, label_of = _GROUPS[by]
    groups: dict[str, list[MeasuredIteration]] = defaultdict(list)
    for one in chosen:
        groups[key_of(one)].append(one)
    rows = [
        FiguresRow(
            key,
            label_of(members[-1]),
            figures(members, (tool for one in members for tool in tools.get(one.id, ())), known),
        )
        for key, members in groups.items()
    ]
    if by == "repo":
        rows = _with_distinct_labels(rows)
    if by == "day":
        rows.sort(key=lambda row: row.key)
    elif by in ("mode", "repo", "batch", "host"):
        rows.sort(key=lambda row: (-(row.figures.token_usage or 0), row.key))
    return tuple(rows)


def _with_distinct_labels(rows: list[FiguresRow]) -> list[FiguresRow]:
    """Repositories of one name by their whole path."""
    labels = [row.label for row in rows]
    return [FiguresRow(row.key, row.key if labels.count(row.label) > 1 else row.label, row.figures) for row in rows]


def _is_chosen(one: MeasuredIteration, wanted: Selection) -> bool:
    if wanted.sessions is not None and one.session_id not in wanted.sessions:
        return False
    if (wanted.batch is not None and one.batch_id != wanted.batch) or (wanted.repo not in (None, one.repo_root)):
        return False
    if wanted.since is None and wanted.until is None:
        return True
    began = moment_of(one)
    if began is None:
        return False
    return (wanted.since is None or began >= wanted.since) and (wanted.until is None or began < wanted.until)


def moment_of(one: MeasuredIteration) -> datetime | None:
    """When an iteration began; None where another program wrote what is no time."""
    try:
        return timestamps.parse(one.moment)
    except ValueError:
        return None


def _day(one: MeasuredIteration) -> str:
    began = moment_of(one)
    return began.astimezone().date().isoformat() if began else "unknown"


def _last_part(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] or path


_GROUPS: Mapping[str, tuple[Callable[[MeasuredIteration], str], Callable[[MeasuredIteration], str]]] = {
    "day": (_day, _day),
    "mode": (lambda one: one.mode or "", lambda one: one.mode or DEFAULT_MODE),
    "repo": (lambda one: one.repo_root, lambda one: _last_part(one.repo_root)),
    "session": (lambda one: one.session_id, lambda one: one.session_name),
    "batch": (lambda one: one.batch_id or "", lambda one: one.batch_name or one.batch_id or NO_BATCH),
    "host": (lambda one: one.host or "", lambda one: one.host or HERE),
    "iteration": (lambda one: one.id, lambda one: f"{one.session_name} {one.number}"),
}
"""How each grouping names a group: its key, and what people call it."""


def moment(text: str, *, now: datetime | None = None) -> datetime:
    """The moment that a person means: `2026-11-30`, `2026-11-30T12:00`, `today`, `yesterday`, `24h`, `7d` or `2w` ago.

    A day begins at this machine's midnight, a time without a zone is this machine's. Refused for anything else.
    """
    words, now = text.strip().lower(), (now or datetime.now(UTC)).astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if words in ("today", "yesterday"):
        return midnight - timedelta(days=words == "yesterday")
    try:
        if ago := _AGO.fullmatch(words):
            return now - int(ago[1]) * _UNITS[ago[2]]
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        message = f"{text!r} is no moment: a day (2026-11-30), a time (2026-11-30T12:00), today, or 24h, 7d, 2w ago."
        raise Refused(message, "ampsm metrics --since 7d") from None


def metrics_view(engine: Engine, by: Grouping, selection: Selection) -> Summary:
    """The figures of all iterations that are chosen, by group and in all."""
    return summarize(engine.store, by, selection)
