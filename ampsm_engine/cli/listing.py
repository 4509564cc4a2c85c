"""The table of sessions: what each does, in one line. It is given the values, and asks git for the bases alone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ampsm_engine import labels, session_problems
from ampsm_engine.cli.iteration_text import NONE, Notes, is_uncommitted
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.cli.tables import Cell, TableColumn, table
from ampsm_engine.engine.bases import gone_bases
from ampsm_engine.model import BoardRow, Iteration, Session, State
from ampsm_engine.state_styles import STATES


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
