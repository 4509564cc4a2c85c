"""The table of sessions: what each does, in one line. It is given the values, and asks git for the bases alone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from ampsm_engine import conditions, wording
from ampsm_engine.cli.notes import NONE, Notes, is_uncommitted
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.cli.tables import Cell, TableColumn, table
from ampsm_engine.engine.bases import gone_bases
from ampsm_engine.model import BoardRow, Iteration, Session, State
from ampsm_engine.states import STATES
from ampsm_engine.wording import doing as doing  # noqa: PLC0414 - part of this module's face
from ampsm_engine.wording import ended as ended  # noqa: PLC0414

COLUMNS = (
    TableColumn(""),
    TableColumn("STATUS", goes=2),
    TableColumn("NAME", least=12, most=60),
    TableColumn("REPO", goes=6, least=6),
    TableColumn("DOING", goes=4, least=10, most=60),
    TableColumn("ITER", goes=5, right=True),
    TableColumn("TOKENS", goes=7, right=True),
    TableColumn("AGE", goes=1, right=True),
    TableColumn("ID", goes=3),
)


def board_row(session: Session, iterations: Sequence[Iteration]) -> BoardRow:
    """A session as the board has it: its iteration that runs, else the newest that began, else the first that waits."""
    queued = [each for each in iterations if each.state is State.QUEUED]
    begun = [each for each in iterations if each.state is not State.QUEUED]
    running = [each for each in begun if each.state is not State.SETTLED]
    candidates = running or begun[-1:] or queued
    return BoardRow(session, len(iterations), len(queued), candidates[0] if candidates else None)


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
    """Write the table of sessions to stdout; `conflicts` are the sessions in which one waits."""
    at = datetime.now(UTC)
    gone = gone_bases(sessions)
    amiss = {
        one.id: one_line(conditions.sentence(one, conflict=one.id in conflicts, base_gone=one.id in gone))
        for one in sessions
    }
    table(COLUMNS, [_cells(one, iterations.get(one.id, ()), notes, at, amiss[one.id]) for one in sessions])


def _cells(
    session: Session, iterations: Sequence[Iteration], notes: Notes, at: datetime, amiss: str
) -> tuple[Cell, ...]:
    row = board_row(session, iterations)
    uncommitted = row.current is not None and is_uncommitted(notes.get(row.current.id, ()))
    word = wording.state_word(row)
    state = STATES[word]
    return (
        Styled(state.glyph, state.ansi),
        Styled(word, state.ansi),
        f"{wording.OUTSIDE} {one_line(session.name)}" if session.outside else one_line(session.name),
        Styled(session.repo_root.rstrip("/").rpartition("/")[2], "dim"),
        Styled(amiss, "red") if amiss else doing(row, uncommitted=uncommitted),
        str(row.iterations),
        wording.count(total_tokens(iterations)),
        wording.age(session.last_run or session.created_at, at),
        Styled(session.id, "dim"),
    )
