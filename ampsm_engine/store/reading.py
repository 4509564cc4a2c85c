"""What the store answers. Plain SQL over few, whole-table questions; nothing in here writes."""

# ruff: noqa: S608 - every piece is a column list of `rows` or a word of this file; values are bound

import json
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Board, BoardRow, Fact, Iteration, Session, Status, ToolCall
from ampsm_engine.naming import LEAST_OF_AN_ID
from ampsm_engine.store import rows
from ampsm_engine.store.connection import Connected, Row

NEWEST_FACTS = 50

Kind = Literal["id", "name", "beginning of the name", "beginning of the id"]


class Match(NamedTuple):
    """A session that a person meant, and by which of its marks."""

    session: Session
    kind: Kind

    @property
    def is_exact(self) -> bool:
        """Whether nothing had to be guessed."""
        return self.kind in _EXACT


_EXACT = ("id", "name")


NOTES = (
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
    "tested",
)
"""The kinds of facts that say of an iteration what its columns do not."""

_SESSIONS = f"SELECT {rows.SESSION_COLUMNS} FROM sessions s"
_ITERATIONS = f"SELECT {rows.ITERATION_COLUMNS} FROM iterations i"
_FACTS = f"SELECT {rows.FACT_COLUMNS} FROM facts f"
_NEWEST_FIRST = ' ORDER BY s."createdAt" DESC, s.rowid DESC'

# The iteration to show is picked in the index alone: the one at work, else the newest that began, else the
# first that waits, else none. The picked ones are then read, and nothing of the others.
_CURRENT = f"""
SELECT p."sessionId", p.many, p.waiting, {rows.ITERATION_COLUMNS}
  FROM (SELECT "sessionId", count(*) AS many, sum(state = 'queued') AS waiting, rowid AS pick,
               max(CASE WHEN state IN ('running', 'settling') THEN 4000000000
                        WHEN state = 'queued' THEN 1000000000 - number
                        WHEN "startTime" > '' THEN 2000000000 + number
                        ELSE 0 END) AS rank
          FROM iterations GROUP BY "sessionId") p
  LEFT JOIN iterations i ON i.rowid = p.pick AND p.rank > 0
"""


def _where(trashed: bool, *more: str) -> str:
    kept = "NOT NULL" if trashed else "NULL"
    return " WHERE " + " AND ".join([f's."trashedAt" IS {kept}', *more])


def _chosen(repo_root: str | None, statuses: Sequence[Status], *, trashed: bool) -> tuple[str, list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    if repo_root is not None:
        conditions.append('s."repoRoot" = ?')
        values.append(repo_root)
    if statuses:
        conditions.append("s.status IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(statuses)))
    return _where(trashed, *conditions), values


class Reading(Connected):
    """The questions. Each sees the database at one moment."""

    def board(self, *, trashed: bool = False) -> Board:
        """All that a screen may show, newest session first; with `trashed`, the trash alone."""
        with self._reading():
            sessions = self._select(_SESSIONS + _where(trashed) + _NEWEST_FIRST)
            current = self._select(_CURRENT)
            facts = self._select(f"{_FACTS} ORDER BY f.number DESC LIMIT ?", (NEWEST_FACTS,))
        counted = {row[0]: row for row in current}
        none: Row = (None, 0, 0, None)
        found = []
        for row in sessions:
            session = rows.session(row)
            _, many, waiting, *shown = counted.get(session.id, none)
            iteration = rows.iteration(tuple(shown)) if shown[0] is not None else None
            found.append(BoardRow(session, many, waiting, iteration))
        return Board(tuple(found), tuple(rows.fact(row) for row in reversed(facts)))

    def sessions(
        self, *, repo_root: str | None = None, statuses: Sequence[Status] = (), trashed: bool = False
    ) -> tuple[Session, ...]:
        """Sessions, newest first; with `trashed`, those in the trash alone."""
        where, values = _chosen(repo_root, statuses, trashed=trashed)
        found = self._select(_SESSIONS + where + _NEWEST_FIRST, values)
        return tuple(rows.session(row) for row in found)

    def listed(
        self, *, repo_root: str | None = None, statuses: Sequence[Status] = ()
    ) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
        """Sessions, newest first, as (id, JSON), and their iterations by number as (session id, id, JSON)."""
        from ampsm_engine.store import as_json

        where, values = _chosen(repo_root, statuses, trashed=False)
        theirs = f' WHERE i."sessionId" IN (SELECT s.id FROM sessions s{where}) ORDER BY i."sessionId", i.number'
        with self._reading():
            sessions = self._select(as_json.SESSIONS + where + _NEWEST_FIRST, values)
            iterations = self._select(as_json.ITERATIONS + theirs, values)
        return sessions, iterations

    def session(self, session_id: str) -> Session:
        """The session of exactly this id, in the trash or not; NotFound."""
        for row in self._select(f"{_SESSIONS} WHERE s.id = ?", (session_id,)):
            return rows.session(row)
        raise NotFound(f"There is no session {session_id}.", "ampsm ls")

    def resolve(self, reference: str, *, trashed: bool = False) -> Session:
        """The session that a person means; as `match`."""
        return self.match(reference, trashed=trashed).session

    def match(self, reference: str, *, trashed: bool = False) -> Match:
        """The session that a person means, and by what; NotFound, or Refused when several are meant.

        In this order: an exact id, an exact name, a unique beginning of a name, a unique beginning of an id of
        LEAST_OF_AN_ID characters or more. What names a session exactly that is elsewhere (in the trash, or not)
        is no beginning of another's.
        """
        wanted = reference.strip()
        everyone = [rows.session(row) for row in self._select(_SESSIONS + _NEWEST_FIRST)]
        here = [session for session in everyone if (session.trashed_at is not None) is trashed]
        for kind, fits in _ways(reference, wanted):
            found = [session for session in here if fits(session)]
            if len(found) > 1:
                raise _ambiguous(wanted, found, trashed=trashed)
            if found:
                return Match(found[0], kind)
            elsewhere = [session for session in everyone if fits(session)]
            if elsewhere and kind in _EXACT:
                raise _elsewhere(elsewhere[0], trashed=trashed)
        raise _unknown(wanted, everyone, here, trashed=trashed)

    def iterations(self, session_id: str) -> tuple[Iteration, ...]:
        """The iterations of a session by number."""
        return self.iterations_of((session_id,)).get(session_id, ())

    def iterations_of(self, session_ids: Sequence[str]) -> dict[str, tuple[Iteration, ...]]:
        """The iterations of many sessions by number, in one question; every id asked for is in the answer."""
        wanted = json.dumps(list(session_ids))
        found: dict[str, list[Iteration]] = {session_id: [] for session_id in session_ids}
        order = ' ORDER BY i."sessionId", i.number'
        where = ' WHERE i."sessionId" IN (SELECT value FROM json_each(?))'
        for row in self._select(_ITERATIONS + where + order, (wanted,)):
            iteration = rows.iteration(row)
            found[iteration.session_id].append(iteration)
        return {session_id: tuple(iterations) for session_id, iterations in found.items()}

    def iteration(self, iteration_id: str) -> Iteration:
        """The iteration of exactly this id; NotFound."""
        for row in self._select(f"{_ITERATIONS} WHERE i.id = ?", (iteration_id,)):
            return rows.iteration(row)
        raise NotFound(f"There is no iteration {iteration_id}.", "ampsm ls")

    def unsettled(self) -> tuple[Iteration, ...]:
        """The iterations that run or settle, oldest first."""
        where = " WHERE i.state IN ('running', 'settling') ORDER BY i.\"startTime\", i.rowid"
        return tuple(rows.iteration(row) for row in self._select(_ITERATIONS + where))

    def queued(self) -> int:
        """How many iterations wait; those of sessions in the trash do not count."""
        ((count,),) = self._select(
            'SELECT count(*) FROM iterations i JOIN sessions s ON s.id = i."sessionId"'
            " WHERE i.state = 'queued' AND s.\"trashedAt\" IS NULL"
        )
        return int(count)

    def tool_calls(self, iteration_id: str) -> tuple[ToolCall, ...]:
        """The tool calls of an iteration, in the order of the stream."""
        question = f'SELECT {rows.TOOL_CALL_COLUMNS} FROM "toolCalls" c WHERE c."iterationId" = ? ORDER BY c.sequence'
        return tuple(rows.tool_call(row) for row in self._select(question, (iteration_id,)))

    def facts(self, *, after: int = 0, session_id: str | None = None, limit: int | None = None) -> tuple[Fact, ...]:
        """Facts with a number above `after`, oldest first.

        `limit` alone gives the newest so many; with `after`, the first so many, so that a follower misses none.
        """
        where = " WHERE f.number > ?"
        values: list[object] = [after]
        if session_id is not None:
            where += ' AND f."sessionId" = ?'
            values.append(session_id)
        values.append(-1 if limit is None else limit)
        newest = limit is not None and not after
        found = self._select(f"{_FACTS}{where} ORDER BY f.number {'DESC' if newest else ''} LIMIT ?", values)
        return tuple(rows.fact(row) for row in (reversed(found) if newest else found))

    def notes_of(self, session_ids: Sequence[str]) -> dict[str, tuple[Fact, ...]]:
        """The facts of NOTES of many sessions by iteration, oldest first, in one question."""
        where = (
            ' WHERE f."sessionId" IN (SELECT value FROM json_each(?)) AND f."iterationId" IS NOT NULL'
            " AND f.kind IN (SELECT value FROM json_each(?)) ORDER BY f.number"
        )
        found: dict[str, list[Fact]] = {}
        for row in self._select(_FACTS + where, (json.dumps(list(session_ids)), json.dumps(NOTES))):
            fact = rows.fact(row)
            found.setdefault(str(fact.iteration_id), []).append(fact)
        return {iteration_id: tuple(facts) for iteration_id, facts in found.items()}


def _ways(reference: str, wanted: str) -> tuple[tuple[Kind, Callable[[Session], bool]], ...]:
    """How a reference may name a session, the surest way first."""
    if not wanted:
        return ()
    lower = wanted.lower()
    long_enough = len(wanted) >= LEAST_OF_AN_ID
    return (
        ("id", lambda session: session.id in (lower, wanted)),
        ("name", lambda session: session.name in (reference, wanted)),
        ("beginning of the name", lambda session: session.name.startswith(wanted)),
        ("beginning of the id", lambda session: long_enough and session.id.startswith(lower)),
    )


def _ambiguous(reference: str, candidates: Sequence[Session], *, trashed: bool) -> Refused:
    named = ", ".join(f"{session.id} ({session.name})" for session in candidates[:5])
    more = f" and {len(candidates) - 5} more" if len(candidates) > 5 else ""
    return Refused(
        f"{reference!r} means {len(candidates)} sessions: {named}{more}.",
        f"Name one by its id: {_overview(trashed=trashed)}",
    )


def _overview(*, trashed: bool) -> str:
    return "ampsm trash ls" if trashed else "ampsm ls"


def _elsewhere(session: Session, *, trashed: bool) -> NotFound:
    named = f"The session {session.name} ({session.id})"
    if trashed:
        return NotFound(f"{named} is not in the trash.", f"ampsm show {session.id}")
    return NotFound(f"{named} is in the trash.", f"ampsm trash restore {session.id}")


def _unknown(reference: str, everyone: Sequence[Session], here: Sequence[Session], *, trashed: bool) -> NotFound:
    for _, fits in _ways(reference, reference):
        if elsewhere := [session for session in everyone if fits(session)]:
            return _elsewhere(elsewhere[0], trashed=trashed)
    place = "in the trash" if trashed else ""
    message = " ".join(f"There is no session {reference!r} {place}".split()) + "."
    import difflib

    begun = [s.id for s in here if reference and s.id.startswith(reference.lower())]
    near = begun[:3] or difflib.get_close_matches(reference, [*(s.name for s in here), *(s.id for s in here)], n=3)
    overview = _overview(trashed=trashed)
    return NotFound(message, f"Did you mean {' or '.join(map(repr, near))}? {overview}" if near else overview)
