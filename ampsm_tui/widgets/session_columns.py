"""The columns of the list: what each shows of a session, and which of them a width has room for. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ampsm_engine import labels
from ampsm_engine.model import BoardRow, ScriptResult
from ampsm_engine.state_styles import STATES
from ampsm_tui.clean import cells, one_line
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.table_lines import GAP

if TYPE_CHECKING:
    from ampsm_engine.list_memory import ChangeCounts
    from ampsm_tui.widgets.forecast import ConflictForecast


class Subject(NamedTuple):
    """What a row is about: the session, its counts where they are known, and the moment of looking."""

    row: BoardRow
    counts: "ChangeCounts | None"
    at: datetime
    forecast: "ConflictForecast | None" = None
    merge_key: Callable[[], str] = str
    """The name of the key that goes on with an open conflict."""


class Column(NamedTuple):
    """One column. `drop_order`: the higher, the earlier it gives way; 0 stays."""

    title: str
    least: int
    most: int
    drop_order: int
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
    said = _behind_name(subject.row)
    tail = (Piece(said, "quiet"),) if said else ()
    return (Piece(f"{marks} ", "awaiting-input"), name, *tail) if marks else (name, *tail)


def _behind_name(row: BoardRow) -> str:
    """The session's tags, and the host of a cluster that ran it."""
    host = f" @{one_line(row.session.host, 40)}" if row.session.host else ""
    return "".join(f" #{one_line(tag, 60)}" for tag in row.session.tags) + host


def name_cells(row: BoardRow) -> int:
    """The cells that a session's name needs, with its tags and its host."""
    return cells(one_line(row.session.name, 100)) + cells(_behind_name(row))


def _repository(subject: Subject) -> tuple[Piece, ...]:
    return (Piece(one_line(labels.repository_name(subject.row.session), 100), "quiet"),)


def _doing(subject: Subject) -> tuple[Piece, ...]:
    word = labels.state_word(subject.row)
    if subject.forecast is not None and subject.forecast.open and word != "running":
        waits = subject.forecast.open == "conflicted"
        return (Piece(f"conflicts wait: {subject.merge_key()}", "awaiting-input"),) if waits else (Piece("merging"),)
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
        Piece(f"+{labels.short_count(counts.additions)}", "added"),
        Piece(f" -{labels.short_count(counts.deletions)}", "deleted"),
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


STATE = Column("STATUS", 16, 16, 0, _state)
GLYPH = Column("", 1, 1, 0, _glyph)
NAME = Column("NAME", 16, 60, 0, _name)
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

COMFORT = 20
"""Cells that name and doing have above their least before a column of figures may be there."""

WHOLE_NAME = 40
"""Cells up to which names are to be whole before the last of the figures come in."""

COMFORT_BESIDE_LINES = 8
"""Cells that name and doing have above their least before the changed lines may be there as the only figures."""

WORDS_FROM = 96
"""Cells of a list from which on the state has its word: less is less than 100 columns of a terminal."""


def layout(width: int, *, repositories: int = 2, longest: int = 60) -> tuple[tuple[Column, int], ...]:
    """The columns that `width` cells have room for, each with its cells.

    With one repository alone its name is worth no column. `longest`: the cells of the longest name; what the names do
    not need is for what the sessions do.
    """
    columns = [column for column in ALL if repositories > 1 or column is not REPOSITORY]
    columns[0] = STATE if width >= WORDS_FROM else GLYPH
    while _wanted(columns, longest) > width and any(column.drop_order for column in columns):
        columns.remove(max(columns, key=lambda column: column.drop_order))
    room = {column.title: column.least for column in columns}
    spare = width - _least(columns)
    if DOING in columns:
        longest = max(NAME.least, min(longest, NAME.most))
        given = max(0, min(longest - NAME.least, max(spare * 2 // 5, spare - DOING.least)))
        room[NAME.title] += given
        spare -= given
        if REPOSITORY in columns:
            least = max(spare // 4, spare - (DOING.most - DOING.least) // 2)
            given = max(0, min(REPOSITORY.most - REPOSITORY.least, least))
            room[REPOSITORY.title] += given
            spare -= given
    widest = DOING if DOING in columns else NAME
    room[widest.title] = max(1, room[widest.title] + spare)
    return tuple((column, room[column.title]) for column in columns)


def _least(columns: list[Column]) -> int:
    return sum(column.least for column in columns) + GAP * (len(columns) - 1)


def _wanted(columns: list[Column], longest: int) -> int:
    """The cells that these columns need; figures only come in where name and doing can be read."""
    most = max(column.drop_order for column in columns)
    comfort = COMFORT if most > LINES.drop_order else COMFORT_BESIDE_LINES if most == LINES.drop_order else 0
    if most > ITERATIONS.drop_order:
        comfort = max(comfort, min(longest, WHOLE_NAME) - NAME.least + DOING.least)
    return _least(columns) + comfort
