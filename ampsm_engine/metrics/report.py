"""A report over iterations, and one session with its prompts, answers and diffs, as Markdown.

Texts may be hostile and may hold secrets: they are fenced, unseen characters shown, secrets taken out.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ampsm_engine import labels, redact, timestamps
from ampsm_engine.amp import transcript
from ampsm_engine.amp.events import TextBlock
from ampsm_engine.context import Engine
from ampsm_engine.engine import views
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import changes
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.metrics import GROUPING_NAMES, Grouping, columns
from ampsm_engine.metrics.columns import COLUMNS, TOOL_COLUMNS, FigureColumn
from ampsm_engine.metrics.plots import Plot, plots
from ampsm_engine.metrics.summary import (
    EVERYTHING,
    HERE,
    NO_BATCH,
    FiguresRow,
    Selection,
    Summary,
    summarize,
    summarized,
)
from ampsm_engine.model import Iteration, Session, State
from ampsm_engine.plain_text import visible

if TYPE_CHECKING:
    from ampsm_engine.store import Store


_TICKS = re.compile("`+")


def one_line(text: str) -> str:
    """Foreign text on one line: without secrets, every unseen character visible."""
    return visible(" ".join(redact.text(_encodable(text)).split()))


def code(text: str, *, limit: int = 200) -> str:
    """Foreign text as code within a line or a cell of a table."""
    shown = one_line(text)
    shown = (shown if len(shown) <= limit else shown[: limit - 1] + "…").replace("|", "\\|")
    if not shown:
        return ""
    ticks = "`" * (_longest(shown) + 1)
    pad = " " * (shown.startswith("`") or shown.endswith("`"))
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def fenced(text: str, language: str = "text") -> str:
    """Foreign text as a block of code, with its lines; without secrets."""
    shown = visible(redact.text(_encodable(text)).replace("\r\n", "\n"), "\n\t").rstrip("\n")
    fence = "`" * max(3, _longest(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def _longest(text: str) -> int:
    return max((len(found) for found in _TICKS.findall(text)), default=0)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


DIFF_LIMIT = 2_000_000
"""Characters of one diff that a document takes; the rest is named."""


def session_document(engine: Engine, session: Session) -> Iterator[str]:
    """A session as Markdown, in pieces that each end with a newline."""
    summary = summarize(engine.store, "iteration", Selection(sessions=frozenset({session.id})))
    by_id = {row.key: row.figures for row in summary.rows}
    yield f"# {code(session.name)}\n\n"
    facts = (
        ("session", code(session.id)),
        ("repository", code(session.repo_root)),
        ("branch", f"{code(session.branch_name)} from {code(session.base_branch)}"),
        ("host", code(session.host or "")),
        ("status", session.status.value),
        ("created", session.created_at),
        ("script", code(session.script_command or "")),
        ("notes", code(session.notes or "", limit=2000)),
    )
    overview = [(name, text) for name, text in columns.overview(summary.total) if name != "sessions"]
    yield "".join(f"- {name}: {text}\n" for name, text in (*facts, *overview) if text)
    for iteration in engine.store.iterations.of(session.id):
        yield f"\n## Iteration {iteration.number}: {labels.outcome_word(iteration.outcome, iteration.state)}\n\n"
        if (figures := by_id.get(iteration.id)) is not None:
            parts = (("tokens", columns.count(figures.token_usage)), ("time", columns.time(iteration.duration_ms)))
            shown = ", ".join(f"{name} {text}" for name, text in (*parts, ("cost", columns.cost(figures.cost_micros))))
            yield f"{iteration.start_time or 'not begun'}; mode {code(iteration.mode or 'default')}; {shown}\n"
        if iteration.error:
            yield f"\n{code(iteration.error, limit=1000)}\n"
        yield f"\n### Prompt\n\n{fenced(iteration.prompt)}\n"
        yield f"\n### Answer\n\n{_answer(engine, iteration)}\n"
        yield f"\n### Diff\n\n{_diff(engine, session, iteration)}\n"


def _answer(engine: Engine, iteration: Iteration) -> str:
    """What amp itself said, without its sub-agents and tools."""
    stream = engine.home.iteration(iteration.id).stream
    events = transcript.read(stream)
    said = [event.text for _, event in events if isinstance(event, TextBlock) and event.parent is None]
    if not any(text.strip() for text in said):
        return "amp said nothing." if stream.exists() else "The transcript is gone."
    return fenced("\n\n".join(text for text in said if text.strip()))


def _diff(engine: Engine, session: Session, iteration: Iteration) -> str:
    if iteration.state is State.QUEUED:
        return "It has not begun."
    try:
        old, new = views.ends_of(engine, session, iteration.number)
        if old == new:
            return "Nothing was committed."
        patch = changes.patch(views.place_of(session), old, new).decode("utf-8", "replace")
    except AmpsmError as reason:
        return f"The diff cannot be had: {one_line(str(reason))}"
    more = ""
    if len(patch) > DIFF_LIMIT:
        patch = redact.text(patch)[:DIFF_LIMIT]  # redacted before it is cut: half a secret would not be known any more
        more = f"\n\nThe diff is longer: `ampsm diff {session.id} --iteration {iteration.number}`"
    return fenced(patch, "diff") + more


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
    """The content of a report, before it is laid out as a page."""

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
    by = GROUPING_NAMES[summary.by]
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
