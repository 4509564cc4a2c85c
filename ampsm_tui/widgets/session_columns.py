"""The columns of the list: what each shows of a session, and which of them a width has room for. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ampsm_engine import labels
from ampsm_engine.model import BoardRow, ScriptResult
from ampsm_engine.states import STATES
from ampsm_tui.clean import one_line
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.record_columns import GAP

if TYPE_CHECKING:
    from ampsm_engine.engine.diff_stat import ChangeCounts
    from ampsm_tui.widgets.forecast import ConflictForecast


class Subject(NamedTuple):
    """What a row is about: the session, its counts where they are known, and the moment of looking."""

    row: BoardRow
    counts: "ChangeCounts | None"
    at: datetime
    forecast: "ConflictForecast | None" = None


class Column(NamedTuple):
    """One column. `goes`: the higher, the earlier it gives way; 0 stays."""

    title: str
    least: int
    most: int
    goes: int
    value: Callable[[Subject], tuple[Piece, ...]]
    right: bool = False


def _state(subject: Subject) -> tuple[Piece, ...]:
    word = labels.state_word(subject.row)
    return (Piece(f"{STATES[word].glyph} {word}", word),)


def _glyph(subject: Subject) -> tuple[Piece, ...]:
    word = labels.state_word(subject.row)
    return (Piece(STATES[word].glyph, word),)


def _name(subject: Subject) -> tuple[Piece, ...]:
    name = Piece(one_line(subject.row.session.name, 300), "name")
    would_conflict = subject.forecast is not None and subject.forecast.conflicts and not subject.forecast.open
    marks = (labels.OUTSIDE_MARK if subject.row.session.outside else "") + ("≠" if would_conflict else "")
    return (Piece(f"{marks} ", "awaiting-input"), name) if marks else (name,)


def _repository(subject: Subject) -> tuple[Piece, ...]:
    return (Piece(one_line(labels.repository_name(subject.row.session), 100), "quiet"),)


def _doing(subject: Subject) -> tuple[Piece, ...]:
    word = labels.state_word(subject.row)
    if subject.forecast is not None and subject.forecast.open and word != "running":
        waits = subject.forecast.open == "conflicted"
        return (Piece("conflicts wait: M", "awaiting-input"),) if waits else (Piece("merging"),)
    if subject.counts is not None and subject.counts.missing and word != "running":
        return (Piece(subject.counts.missing, "error"),)
    style = {"running": "", "error": "error", "awaiting-input": "awaiting-input"}.get(word, "quiet")
    return (Piece(one_line(labels.activity(subject.row), 300), style),)


def _iterations(subject: Subject) -> tuple[Piece, ...]:
    return (Piece(str(subject.row.iterations)),)


def _lines(subject: Subject) -> tuple[Piece, ...]:
    counts = subject.counts
    if counts is None or counts.trouble:
        return (Piece("-" if counts is not None else "", "quiet"),)
    if not counts.files:
        return (Piece("·", "quiet"),)
    return (
        Piece(f"+{labels.count(counts.additions)}", "added"),
        Piece(f" -{labels.count(counts.deletions)}", "deleted"),
    )


def _files(subject: Subject) -> tuple[Piece, ...]:
    counts = subject.counts
    if counts is None or counts.trouble:
        return (Piece(""),)
    return (Piece(str(counts.files) if counts.files else "·", "" if counts.files else "quiet"),)


def _ahead(subject: Subject) -> tuple[Piece, ...]:
    counts = subject.counts
    if counts is None or counts.trouble:
        return (Piece(""),)
    parts = [f"↑{counts.ahead}" if counts.ahead else "", f"↓{counts.behind}" if counts.behind else ""]
    text = " ".join(part for part in parts if part)
    return (Piece(text or "·", "" if text else "quiet"),)


def _tests(subject: Subject) -> tuple[Piece, ...]:
    current = subject.row.current
    result = current.test_result if current else None
    if result is None:
        return (Piece("·", "quiet"),)
    return (Piece("✓ pass", "done") if result is ScriptResult.PASS else Piece("✗ fail", "error"),)


def _tokens(subject: Subject) -> tuple[Piece, ...]:
    text = labels.count(tokens(subject))
    return (Piece("·" if text == "-" else text, "quiet" if text == "-" else ""),)


def tokens(subject: Subject) -> int | None:
    """The tokens of all iterations: those before as they were counted, the current one as it is now."""
    before = subject.counts.earlier_tokens if subject.counts else None
    now = subject.row.current.tally.token_usage if subject.row.current else None
    return None if before is None and now is None else (before or 0) + (now or 0)


def _age(subject: Subject) -> tuple[Piece, ...]:
    return (Piece(age(subject.row.session.last_run or subject.row.session.created_at, subject.at), "quiet"),)


def age(stamped: str | None, at: datetime) -> str:
    """How long ago, by the minute: a list at rest does not count seconds."""
    text = labels.age(stamped, at)
    return "now" if text.endswith("s") else text


STATE = Column("STATUS", 16, 16, 4, _state)
GLYPH = Column("", 1, 1, 0, _glyph)
NAME = Column("NAME", 16, 34, 0, _name)
REPOSITORY = Column("REPOSITORY", 10, 18, 7, _repository)
DOING = Column("DOING", 14, 60, 3, _doing)
LINES = Column("+/-", 11, 11, 5, _lines, right=True)
FILES = Column("FILES", 5, 5, 10, _files, right=True)
AHEAD = Column("AHEAD", 7, 7, 6, _ahead, right=True)
ITERATIONS = Column("ITER", 4, 4, 8, _iterations, right=True)
TESTS = Column("TESTS", 6, 6, 9, _tests)
TOKENS = Column("TOKENS", 6, 6, 11, _tokens, right=True)
AGE = Column("AGE", 4, 4, 1, _age, right=True)

ALL = (STATE, NAME, REPOSITORY, DOING, ITERATIONS, LINES, FILES, AHEAD, TESTS, TOKENS, AGE)

COMFORT = 8
"""Cells that name and doing have above their least before a column of figures may be there."""

_SHARES = (
    *((NAME, 20), (DOING, 18), (REPOSITORY, 12), (NAME, 26), (DOING, 26)),
    *((REPOSITORY, 14), (NAME, 34), (DOING, 60), (REPOSITORY, 18)),
)
"""How room to spare is given out: each in turn grows to so many cells."""


def layout(width: int, *, repositories: int = 2) -> tuple[tuple[Column, int], ...]:
    """The columns that `width` cells have room for, each with its cells.

    With one repository alone its name is worth no column.
    """
    columns = [column for column in ALL if repositories > 1 or column is not REPOSITORY]
    while _wanted(columns) > width and any(column.goes for column in columns):
        first = max(columns, key=lambda column: column.goes)
        at = columns.index(first)
        columns[at : at + 1] = [GLYPH] if first is STATE else []
    room = {column.title: column.least for column in columns}
    spare = width - _least(columns)
    for flexible, cells in _SHARES:
        if flexible in columns:
            more = max(0, min(spare, cells - room[flexible.title]))
            room[flexible.title] += more
            spare -= more
    widest = DOING if DOING in columns else NAME
    room[widest.title] = max(1, room[widest.title] + spare)
    return tuple((column, room[column.title]) for column in columns)


def _least(columns: list[Column]) -> int:
    return sum(column.least for column in columns) + GAP * (len(columns) - 1)


def _wanted(columns: list[Column]) -> int:
    """The cells that these columns need; figures only come in where name and doing can be read."""
    figures = any(column.goes > STATE.goes for column in columns)
    return _least(columns) + (COMFORT if figures else 0)
