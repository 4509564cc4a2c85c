"""Tables on stdout, and that of sessions: on a terminal cut to its width (columns go, then text), else whole."""

import shutil
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

from ampsm_engine import labels, session_problems
from ampsm_engine.cli import output
from ampsm_engine.cli.iteration_text import NONE, Notes, is_uncommitted
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.engine.bases import gone_bases
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import BoardRow, Iteration, Session, State
from ampsm_engine.state_styles import STATES

GAP = 2
"""Cells between two columns."""


Cell = str | Styled
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class TableColumn(Generic[Item]):
    """A column of a table, with its title and its text."""

    title: str
    value: Callable[[Item], Cell]
    """Its cell for one item."""
    drop_order: int = 0
    """The higher, the earlier it is left out when the terminal is narrow; 0 stays."""
    least: int | None = None
    """The cells it may shrink to; None: it is shown whole or not at all."""
    right: bool = False
    most: int | None = None
    """The cells that it takes off a terminal; None: what it needs. There one long text would widen every row."""


def text(cell: Cell) -> str:
    """The text of a cell, on one line and clean."""
    return one_line(cell.text if isinstance(cell, Styled) else cell)


def width(shown: str) -> int:
    """The cells that a text takes on a terminal."""
    if shown.isascii():
        return len(shown)
    return sum(_cells(letter) for letter in shown)


def _cells(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(shown: str, cells: int) -> str:
    """The text in at most that many cells, with `…` where something is left out."""
    if width(shown) <= cells:
        return shown
    kept = ""
    used = 1
    for letter in shown:
        used += _cells(letter)
        if used > cells:
            break
        kept += letter
    return kept.rstrip() + "…"


def fit(columns: Sequence[TableColumn[Item]], natural: Sequence[int], room: int) -> dict[int, int]:
    """The columns to show and the cells of each, by index: the first to go goes first, then the widest shrinks."""
    kept = {index: min(natural[index], column.least or natural[index]) for index, column in enumerate(columns)}
    for index in sorted(kept, key=lambda each: -columns[each].drop_order):
        if sum(kept.values()) + GAP * (len(kept) - 1) <= room or not columns[index].drop_order:
            break
        del kept[index]
    spare = room - sum(kept.values()) - GAP * (len(kept) - 1)
    for index, cells in list(kept.items()):
        more = max(0, min(spare, natural[index] - cells))
        kept[index] = cells + more
        spare -= more
    while spare < 0 and max(kept.values()) > 1:
        widest = max(kept.items(), key=lambda each: each[1])[0]
        kept[widest] -= 1
        spare += 1
    return kept


def table(columns: Sequence[TableColumn[Item]], items: Iterable[Item]) -> None:
    """Write a table to stdout, a line for each item."""
    rows = [[column.value(item) for column in columns] for item in items]
    cells = [[text(cell) for cell in row] for row in rows]
    natural = [
        max([width(column.title), *(width(row[index]) for row in cells)]) for index, column in enumerate(columns)
    ]
    if sys.stdout.isatty():
        _on_terminal(columns, rows, fit(columns, natural, shutil.get_terminal_size().columns))
        return
    titles = [column.title for column in columns]
    lines: list[tuple[list[str], list[Cell]]] = [(titles, list(titles)), *zip(cells, rows, strict=True)]
    room = [min(cells, column.most or cells) for column, cells in zip(columns, natural, strict=True)]
    for texts, row in lines:
        padded = [_padded(cut(value, room[index]), room[index], columns[index]) for index, value in enumerate(texts)]
        while padded and not padded[-1].strip():
            padded.pop()
        padded[-1:] = [last.rstrip() for last in padded[-1:]]
        parts = [Styled(value, _style(cell)) for value, cell in zip(padded, row, strict=False)]
        output.line(*(piece for at, part in enumerate(parts) for piece in ((" " * GAP, part) if at else (part,))))


def _padded(value: str, cells: int, column: TableColumn[Item]) -> str:
    gap = " " * (cells - width(value))
    return gap + value if column.right else value + gap


def _on_terminal(columns: Sequence[TableColumn[Item]], rows: Sequence[Sequence[Cell]], kept: dict[int, int]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim", collapse_padding=True)
    for index, cells in kept.items():
        column = columns[index]
        shown.add_column(
            Text(cut(column.title, cells)), width=cells, no_wrap=True, justify="right" if column.right else "left"
        )
    for row in rows:
        shown.add_row(
            *(
                Text(cut(text(row[index]), cells), style=_style(row[index]), no_wrap=True, end="")
                for index, cells in kept.items()
            )
        )
    output.flush()
    console = Console(
        file=sys.stdout,
        width=shutil.get_terminal_size().columns,
        color_system="standard" if output.coloured() else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(shown, crop=True, no_wrap=True)


def _style(cell: Cell) -> str:
    return cell.style if isinstance(cell, Styled) else ""


class ListedSession(NamedTuple):
    """The values of one line of the list."""

    row: BoardRow
    tokens: int | None
    """The tokens of all its iterations."""
    uncommitted: bool
    """Whether work of its last iteration is in no commit."""
    amiss: str
    """The trouble of the session, such as a missing worktree; empty when there is none."""
    at: datetime
    """The moment from which ages are counted."""


def _styled_state(listed: ListedSession, *, word: bool) -> Cell:
    name = labels.state_word(listed.row)
    return Styled(name if word else STATES[name].glyph, STATES[name].ansi)


def _name(listed: ListedSession) -> Cell:
    session = listed.row.session
    return f"{labels.OUTSIDE_MARK} {one_line(session.name)}" if session.outside else one_line(session.name)


def _doing(listed: ListedSession) -> Cell:
    return Styled(listed.amiss, "red") if listed.amiss else labels.activity(listed.row, uncommitted=listed.uncommitted)


def _age(listed: ListedSession) -> Cell:
    return labels.age(listed.row.session.last_run or listed.row.session.created_at, listed.at)


COLUMNS: tuple[TableColumn[ListedSession], ...] = (
    TableColumn("", lambda one: _styled_state(one, word=False)),
    TableColumn("STATUS", lambda one: _styled_state(one, word=True), drop_order=2),
    TableColumn("NAME", _name, least=12, most=60),
    TableColumn("REPO", lambda one: Styled(labels.repository_name(one.row.session), "dim"), drop_order=6, least=6),
    TableColumn("HOST", lambda one: Styled(one.row.session.host or "", "dim"), drop_order=5, least=6, most=30),
    TableColumn("DOING", _doing, drop_order=4, least=10, most=60),
    TableColumn("ITER", lambda one: str(one.row.iterations), drop_order=5, right=True),
    TableColumn("TOKENS", lambda one: labels.count(one.tokens), drop_order=7, right=True),
    TableColumn("AGE", _age, drop_order=1, right=True),
    TableColumn("ID", lambda one: Styled(one.row.session.id, "dim"), drop_order=3),
)


def board_row(session: Session, iterations: Sequence[Iteration], *, has_conflict: bool = False) -> BoardRow:
    """A session as on the board: with its running iteration, else the newest that began, else the first queued.

    What was stopped in the queue never began.
    """
    queued = [each for each in iterations if each.state is State.QUEUED]
    settled = [each for each in iterations if each.state is State.SETTLED and each.start_time]
    running = [each for each in iterations if each.state not in (State.QUEUED, State.SETTLED)]
    candidates = running or settled[-1:] or queued
    return BoardRow(session, len(iterations), len(queued), candidates[0] if candidates else None, has_conflict)


def total_tokens(iterations: Sequence[Iteration]) -> int | None:
    """The tokens of all iterations, None when not one is known."""
    known = [each.tally.token_usage for each in iterations if each.tally.token_usage is not None]
    return sum(known) if known else None


def print_sessions(
    sessions: Sequence[Session],
    iterations: Mapping[str, Sequence[Iteration]],
    notes: Notes = NONE,
    conflicts: Collection[str] = (),
) -> None:
    """Write the table of sessions to stdout; `conflicts` are the sessions with an open conflict."""
    at = datetime.now(UTC)
    gone = gone_bases(sessions)
    amiss = {
        one.id: one_line(session_problems.problem_text(one, conflict=one.id in conflicts, base_gone=one.id in gone))
        for one in sessions
    }
    listed = []
    for session in sessions:
        theirs = iterations.get(session.id, ())
        row = board_row(session, theirs, has_conflict=session.id in conflicts)
        uncommitted = row.current is not None and is_uncommitted(notes.get(row.current.id, ()))
        listed.append(ListedSession(row, total_tokens(theirs), uncommitted, amiss[session.id], at))
    here = not any(session.host for session in sessions)
    table([column for column in COLUMNS if not (here and column.title == "HOST")], listed)
