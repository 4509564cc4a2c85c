"""Single records, shared by the parts of the store: read by id, changed by their rules; and the history.

The functions that change something are called inside `writing()`.
"""

# ruff: noqa: S608 - every piece is a column list of `rows` or a word of this file; values are bound

import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from ampsm_engine import lifecycle, timestamps
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.lean_dataclass import fields
from ampsm_engine.model import (
    ITERATION_FIELDS,
    Fact,
    Iteration,
    Merge,
    MergeState,
    Session,
    SetupState,
    State,
    Tally,
    ToolCall,
)
from ampsm_engine.store import rows
from ampsm_engine.store.connection import Database, StorePart
from ampsm_engine.store.lazy_tables import tables

SESSIONS = f"SELECT {rows.SESSION_COLUMNS} FROM sessions s"
ITERATIONS = f"SELECT {rows.ITERATION_COLUMNS} FROM iterations i"
MERGES = f"SELECT {rows.MERGE_COLUMNS} FROM merges m"
OPEN_MERGE = "m.state IN ('working', 'conflicted')"

_TALLY_COLUMNS = frozenset(field.name for field in fields(Tally))
_SESSION_FIXED = frozenset({"id", "created_at"})
ITERATION_FIXED = frozenset({"id", "session_id", "number", "state", "offset", "token_usage"}) | _TALLY_COLUMNS

_TOOL_CALL = tuple(field.name for field in fields(ToolCall))


def session(db: Database, session_id: str) -> Session:
    """The session of exactly this id, in the trash or not; NotFound."""
    for row in db.select(f"{SESSIONS} WHERE s.id = ?", (session_id,)):
        return rows.session(row)
    raise NotFound(f"There is no session {session_id}.", "ampsm ls")


def iteration(db: Database, iteration_id: str) -> Iteration:
    """The iteration of exactly this id; NotFound."""
    for row in db.select(f"{ITERATIONS} WHERE i.id = ?", (iteration_id,)):
        return rows.iteration(row)
    raise NotFound(f"There is no iteration {iteration_id}.", "ampsm ls")


def iterations_of(db: Database, session_ids: Sequence[str]) -> dict[str, tuple[Iteration, ...]]:
    """The iterations of sessions by number, in one question; every id asked for is in the answer."""
    found: dict[str, list[Iteration]] = {session_id: [] for session_id in session_ids}
    where = ' WHERE i."sessionId" IN (SELECT value FROM json_each(?)) ORDER BY i."sessionId", i.number'
    for row in db.select(ITERATIONS + where, (json.dumps(list(session_ids)),)):
        read = rows.iteration(row)
        found[read.session_id].append(read)
    return {session_id: tuple(iterations) for session_id, iterations in found.items()}


def open_merge(db: Database, session_id: str) -> Merge | None:
    """The operation of a session that is running or has an open conflict; None when there is none."""
    found = db.select(f'{MERGES} WHERE m."sessionId" = ? AND {OPEN_MERGE}', (session_id,))
    return rows.merge(found[0]) if found else None


def refuse_trashed(found: Session) -> None:
    """Refused when a session is in the trash."""
    if found.trashed_at is not None:
        raise Refused(f"The session {found.name!r} is in the trash.", f"ampsm trash restore {found.id}")


def refuse_open_merge(db: Database, session: Session, but: str | None = None) -> None:
    """Refused while an operation of the session is open, unless it is `but` and waits with its conflict."""
    merge = open_merge(db, session.id)
    if merge is None or (merge.id == but and merge.state is MergeState.CONFLICTED):
        return
    if merge.state is MergeState.CONFLICTED:
        message = f"The {merge.kind} of {session.name} waits for its conflicts to be resolved."
        raise Refused(message, f"ampsm merge {session.id} --continue, or: ampsm merge {session.id} --abort")
    raise Refused(f"A {merge.kind} of {session.name} is going on.", f"ampsm show {session.id}")


def refuse_unknown(kind: type[Any], values: Mapping[str, object], *, fixed: frozenset[str]) -> None:
    """TypeError for a column that is no field of a kind of value, or must stay."""
    known = {field.name for field in fields(kind)}
    for name in values:
        if name not in known or name in fixed:
            raise TypeError(f"{name!r} is not a column of {kind.__name__} that may be changed here")


def add_fact(
    db: Database, kind: str, text: str, *, session_id: str | None = None, iteration_id: str | None = None
) -> None:
    """Add an entry to the history of a session, an iteration or both."""
    values = {"kind": kind, "text": text, "session_id": session_id, "iteration_id": iteration_id}
    db.insert("facts", {"time": timestamps.now(), **values})


def add_fact_on(db: Database, about: Iteration, kind: str, text: str) -> None:
    """Add an entry to the history of an iteration and its session."""
    add_fact(db, kind, text, session_id=about.session_id, iteration_id=about.id)


def change_session(db: Database, session_id: str, **columns: object) -> None:
    """Change columns of a session, named as its fields; NotFound."""
    refuse_unknown(Session, columns, fixed=_SESSION_FIXED)
    if not columns:
        session(db, session_id)
    elif not db.update("sessions", session_id, columns):
        raise NotFound(f"There is no session {session_id}.", "ampsm ls")


def change_iteration(db: Database, iteration_id: str, **columns: object) -> None:
    """Change columns of an iteration, its state and its tally too; NotFound."""
    changed = tables.changes(tables.IterationRow, columns, fixed=frozenset({"id", "session_id", "number"}))
    if not changed:
        iteration(db, iteration_id)
    elif not db.execute(tables.IterationRow.update(changed).where(tables.IterationRow.id == iteration_id)):
        raise NotFound(f"There is no iteration {iteration_id}.", "ampsm ls")


def move_iteration(db: Database, iteration_id: str, after: State, **columns: object) -> Iteration:
    """Bring an iteration into another state and answer what it was; Refused when that may not follow."""
    before = iteration(db, iteration_id)
    if not lifecycle.may_follow(before.state, after):
        raise Refused(
            f"Iteration {before.number} of session {before.session_id} is {before.state},"
            f" and cannot become {after} from there.",
            f"ampsm show {before.session_id}",
        )
    change_iteration(db, iteration_id, state=after, **columns)
    return before


def iteration_columns(iteration: Iteration) -> dict[str, Any]:
    """An iteration as the columns of its row."""
    return {name: getattr(iteration, name) for name in ITERATION_FIELDS} | tally_columns(iteration.tally)


def tally_columns(tally: Tally) -> dict[str, Any]:
    """A tally as columns, the sum among them."""
    return {name: getattr(tally, name) for name in _TALLY_COLUMNS} | {"token_usage": tally.token_usage}


def write_tool_calls(db: Database, tool_calls: Sequence[ToolCall]) -> None:
    """Write tool calls, each with the id of its iteration; those that are there are replaced."""
    # Who reads a stream again, later than it was written, knows no times.
    key, times = ("iteration_id", "sequence"), ("started_at", "duration_ms")
    db.put("toolCalls", _TOOL_CALL, map(attrgetter(*_TOOL_CALL), tool_calls), key=key, known=times)


_NOTES = (
    "not-committed",
    "left-out",
    "rubbish",
    "branch",
    "lost-worktree",
    "committed-by-hand",
    "hand-edits",
    "stray",
    "note",
    "context",
    "trouble",
    "not-redacted",
    "outside",
    "reject-refused",
    "tested",
)
"""The kinds of facts that say of an iteration what its columns do not."""

FACTS = f"SELECT {rows.FACT_COLUMNS} FROM facts f"


class Facts(StorePart):
    """The history of all sessions."""

    def read(
        self,
        *,
        after: int = 0,
        session_id: str | None = None,
        limit: int | None = None,
        kinds: Sequence[str] = (),
    ) -> tuple[Fact, ...]:
        """Facts with a number above `after`, oldest first; of some `kinds` alone where they are given.

        `limit` alone gives the newest so many; with `after`, the first so many, so that a follower misses none.
        """
        where = " WHERE f.number > ?"
        values: list[object] = [after]
        if session_id is not None:
            where += ' AND f."sessionId" = ?'
            values.append(session_id)
        if kinds:
            where += " AND f.kind IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(list(kinds)))
        values.append(-1 if limit is None else limit)
        newest = limit is not None and not after
        found = self._db.select(f"{FACTS}{where} ORDER BY f.number {'DESC' if newest else ''} LIMIT ?", values)
        return tuple(rows.fact(row) for row in (reversed(found) if newest else found))

    def notes_of(self, session_ids: Sequence[str]) -> dict[str, tuple[Fact, ...]]:
        """The facts of _NOTES of many sessions by iteration, oldest first, in one question."""
        where = (
            ' WHERE f."sessionId" IN (SELECT value FROM json_each(?)) AND f."iterationId" IS NOT NULL'
            " AND f.kind IN (SELECT value FROM json_each(?)) ORDER BY f.number"
        )
        found: dict[str, list[Fact]] = {}
        for row in self._db.select(FACTS + where, (json.dumps(list(session_ids)), json.dumps(_NOTES))):
            fact = rows.fact(row)
            found.setdefault(str(fact.iteration_id), []).append(fact)
        return {iteration_id: tuple(facts) for iteration_id, facts in found.items()}

    def setup_state(self, session_id: str) -> SetupState | None:
        """How the setup of a session's worktree stands; None where there is none."""
        found = self.read(session_id=session_id, limit=1, kinds=tuple(SetupState))
        return SetupState(found[0].kind) if found else None

    def add(self, kind: str, text: str, *, session_id: str | None = None, iteration_id: str | None = None) -> None:
        """Add an entry to the history."""
        with self._db.writing():
            add_fact(self._db, kind, text, session_id=session_id, iteration_id=iteration_id)
