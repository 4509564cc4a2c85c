"""Sessions: read, found by what a person calls them, written, and removed with all that refers to them."""

# ruff: noqa: S608 - every piece is a column list of `rows` or a word of this file; values are bound

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from ampsm_engine import timestamps
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.lean_dataclass import asdict
from ampsm_engine.model import Board, BoardRow, Iteration, Session, SessionPlace, State, Status, ToolCall
from ampsm_engine.naming import LEAST_OF_AN_ID
from ampsm_engine.plain_text import and_more, plural
from ampsm_engine.store import copies, records, rows
from ampsm_engine.store.connection import Row, StorePart
from ampsm_engine.store.lazy_tables import tables
from ampsm_engine.store.records import FACTS

if TYPE_CHECKING:
    from ampsm_engine.review.annotations import PullRequest

NEWEST_FACTS = 50

_NEWEST_FIRST = ' ORDER BY s."createdAt" DESC, s.rowid DESC'

# The iteration to show is picked in the index alone: the one at work, else the newest that began, else the
# first that waits, else none. The picked ones are then read, and nothing of the others.
_CONFLICTED = f"""SELECT m."sessionId" FROM merges m WHERE m.state = 'conflicted' AND {records.OPEN_MERGE}"""

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


ReferenceKind = Literal["id", "name", "beginning of the name", "beginning of the id"]


_EXACT = ("id", "name")

_AWAY = """(s."archivedAt" IS NOT NULL AND s.status != 'running'
    AND NOT EXISTS (SELECT 1 FROM iterations q WHERE q."sessionId" = s.id AND q.state = 'queued'))"""
"""Whether a session is put away, in SQL, as `labels.is_away` tells it."""


class SessionFilter(NamedTuple):
    """Which sessions a list has: those that meet all conditions."""

    repo_root: str | None = None
    statuses: Sequence[Status] = ()
    """Statuses, one of which a session has; empty: any."""
    tags: Sequence[str] = ()
    """Tags, all of which a session has."""
    archived: bool | None = None
    """Whether sessions were put away; None: both kinds."""


class Match(NamedTuple):
    """The session that a reference names, and how it names it."""

    session: Session
    kind: ReferenceKind

    @property
    def is_exact(self) -> bool:
        """Whether the reference is the whole id or the whole name."""
        return self.kind in _EXACT


_IN_WORKTREE = (
    'SELECT id, name FROM sessions WHERE "worktreePath" = ? AND "trashedAt" IS NULL AND "historyFrom" IS NULL'
)
"""The session that works in a worktree: two would commit each other's files."""


class Sessions(StorePart):
    """All sessions, those in the trash too."""

    def board(self, *, trashed: bool = False) -> Board:
        """All that a screen may show, newest session first; with `trashed`, the trash alone."""
        with self._db.reading():
            sessions = self._db.select(records.SESSIONS + _where(trashed) + _NEWEST_FIRST)
            current = self._db.select(_CURRENT)
            facts = self._db.select(f"{FACTS} ORDER BY f.number DESC LIMIT ?", (NEWEST_FACTS,))
            met = self._db.select(_CONFLICTED)
        conflicted = {session_id for (session_id,) in met}
        counted = {row[0]: row for row in current}
        none: Row = (None, 0, 0, None)
        found = []
        for row in sessions:
            session = rows.session(row)
            _, many, waiting, *shown = counted.get(session.id, none)
            iteration = rows.iteration(tuple(shown)) if shown[0] is not None else None
            found.append(BoardRow(session, many, waiting, iteration, session.id in conflicted))
        return Board(tuple(found), tuple(rows.fact(row) for row in reversed(facts)))

    def all(
        self, *, repo_root: str | None = None, statuses: Sequence[Status] = (), trashed: bool = False
    ) -> tuple[Session, ...]:
        """Sessions, newest first; with `trashed`, those in the trash alone."""
        where, values = _chosen(SessionFilter(repo_root, statuses), trashed=trashed)
        found = self._db.select(records.SESSIONS + where + _NEWEST_FIRST, values)
        return tuple(rows.session(row) for row in found)

    def chosen(self, wanted: SessionFilter) -> tuple[Session, ...]:
        """The sessions that a filter wants, newest first."""
        where, values = _chosen(wanted)
        found = self._db.select(records.SESSIONS + where + _NEWEST_FIRST, values)
        return tuple(rows.session(row) for row in found)

    def as_json(self, wanted: SessionFilter) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
        """What `chosen` gives as (id, JSON), and their iterations by number as (session id, id, JSON)."""
        where, values = _chosen(wanted)
        theirs = f' WHERE i."sessionId" IN (SELECT s.id FROM sessions s{where}) ORDER BY i."sessionId", i.number'
        with self._db.reading():
            sessions = self._db.select(rows.SESSION_JSON + where + _NEWEST_FIRST, values)
            iterations = self._db.select(rows.ITERATION_JSON + theirs, values)
        return sessions, iterations

    def places(self, wanted: SessionFilter) -> list[SessionPlace]:
        """Where the sessions are that `as_json` gives; in no order."""
        where, values = _chosen(wanted)
        found = self._db.select(f"SELECT {rows.PLACE_COLUMNS} FROM sessions s{where}", values)
        return [rows.place(row) for row in found]

    def is_empty(self) -> bool:
        """Whether there is not one session, in the trash and in imported history neither."""
        return not self._db.select("SELECT 1 FROM sessions LIMIT 1")

    def get(self, session_id: str) -> Session:
        """The session of exactly this id, in the trash or not; NotFound."""
        return records.session(self._db, session_id)

    def resolve(self, reference: str, *, trashed: bool = False) -> Session:
        """The session that a reference names; as `match_reference`."""
        return self.match(reference, trashed=trashed).session

    def match(self, reference: str, *, trashed: bool = False) -> Match:
        """The session that a reference names, and how; as `match_reference`."""
        everyone = [rows.session(row) for row in self._db.select(records.SESSIONS + _NEWEST_FIRST)]
        return match_reference(reference, everyone, trashed=trashed)

    def add(
        self, session: Session, pull_request: "PullRequest | None" = None, facts: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Add a session, with the pull request that it begins from, and what is true of it from then on.

        Refused when its id is taken, or its worktree by another session. Facts: created, and `facts`, a kind and a
        text each; a setup command that waits is one of them, and must not be lost by a process that is killed here.
        """
        with self._db.writing():
            if self._db.select("SELECT 1 FROM sessions WHERE id = ?", (session.id,)):
                raise Refused(f"There is a session {session.id} already.", f"ampsm show {session.id}")
            for key, name in self._db.select(_IN_WORKTREE, (session.worktree_path,)):
                message = f"The worktree {session.worktree_path} belongs to session {name} already."
                raise Refused(message, f"ampsm show {key}")
            self._db.insert("sessions", asdict(session))
            if pull_request is not None:
                self._db.execute(tables.PullRequestRow.insert(session_id=session.id, **asdict(pull_request)))
            records.add_fact(self._db, "created", session.name, session_id=session.id)
            for kind, text in facts:
                records.add_fact(self._db, kind, text, session_id=session.id)
        copies.note_repository(self._db.path, session.repo_root)

    def update(self, session_id: str, **columns: object) -> Session:
        """Change columns of a session, named as its fields, and answer it; NotFound. No fact."""
        with self._db.writing():
            records.change_session(self._db, session_id, **columns)
            session = self.get(session_id)
        if "repo_root" in columns:
            copies.note_repository(self._db.path, session.repo_root)
        return session

    def begin_trash(self, session_id: str) -> Session:
        """Mark a session as trashed, so that nothing can be queued in it; its fact follows the move of its files.

        NotFound; Refused when it is in the trash already, while an iteration runs or waits, or a merge is open.
        """
        with self._db.writing():
            session = self.get(session_id)
            if session.trashed_at is not None:
                raise Refused(f"Session {session.name} is in the trash already.", f"ampsm trash restore {session.id}")
            iterations = records.iterations_of(self._db, (session_id,))[session_id]
            open_ones = [one for one in iterations if one.state is not State.SETTLED]
            if open_ones:
                message = f"{session.name} has {plural(len(open_ones), 'iteration')} running or queued."
                raise Refused(message, f"ampsm stop {session.id}")
            records.refuse_open_merge(self._db, session)
            records.change_session(self._db, session_id, trashed_at=timestamps.now())
            return self.get(session_id)

    def remove(self, session_id: str, *, with_facts: bool = False) -> None:
        """Remove a session for good, with all that refers to it; NotFound.

        Its facts stay, unless it never came to be: `with_facts` is for a creation that is taken back.
        """
        with self._db.writing():
            self.get(session_id)
            _remove_rows(self._db.connection(), "sessions", "id = ?", (session_id,))
            if with_facts:
                self._db.execute(tables.FactRow.delete().where(tables.FactRow.session_id == session_id))

    def rebuild(
        self,
        session: Session,
        iterations: Sequence[Iteration],
        tool_calls: Sequence[ToolCall],
        text: str,
        *,
        kind: str = "rebuilt",
    ) -> None:
        """Enter what was found of a session whose rows were lost; rows of iterations that are there are replaced.

        Fact: of that kind, with `text`.
        """
        with self._db.writing():
            self._db.execute(tables.SessionRow.insert(**asdict(session)).on_conflict_ignore())
            for iteration in iterations:
                columns = records.iteration_columns(iteration)
                kept = [getattr(tables.IterationRow, name) for name in columns if name not in ("id", "session_id")]
                insert = tables.IterationRow.insert(**columns)
                self._db.execute(insert.on_conflict(conflict_target=(tables.IterationRow.id,), preserve=kept))
            records.write_tool_calls(self._db, tool_calls)
            records.add_fact(self._db, kind, text, session_id=session.id)
        copies.note_repository(self._db.path, session.repo_root)


def _where(trashed: bool, *more: str) -> str:
    kept = 's."trashedAt" IS NOT NULL' if trashed else 's."trashedAt" IS NULL AND s."historyFrom" IS NULL'
    return " WHERE " + " AND ".join([kept, *more])


def _chosen(wanted: SessionFilter, *, trashed: bool = False) -> tuple[str, list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    if wanted.repo_root is not None:
        conditions.append('s."repoRoot" = ?')
        values.append(wanted.repo_root)
    if wanted.statuses:
        conditions.append("s.status IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(wanted.statuses)))
    if wanted.archived is not None:
        conditions.append(_AWAY if wanted.archived else f"NOT {_AWAY}")
    for tag in wanted.tags:
        conditions.append(f"EXISTS (SELECT 1 FROM {rows.TAGS} WHERE value = ?)")
        values.append(tag)
    return _where(trashed, *conditions), values


class _Reference(NamedTuple):
    """A column that refers to another table."""

    table: str
    column: str
    target: str
    is_optional: bool


def _remove_rows(
    connection: sqlite3.Connection, table: str, where: str, values: tuple[object, ...], above: tuple[str, ...] = ()
) -> None:
    """Delete the rows of a condition; first what refers to them, or the reference alone where it may be NULL.

    The predecessor's tables refer to sessions too, with what was said in them: purged is purged there as well.
    """
    for other in _references(connection, table):
        if other.table in above:
            continue
        referring = f"{_quoted(other.column)} IN (SELECT {_quoted(other.target)} FROM {_quoted(table)} WHERE {where})"
        if other.is_optional:
            empty = f"UPDATE {_quoted(other.table)} SET {_quoted(other.column)} = NULL WHERE {referring}"
            connection.execute(empty, values)
        else:
            _remove_rows(connection, other.table, referring, values, (*above, table))
    connection.execute(f"DELETE FROM {_quoted(table)} WHERE {where}", values)


def _references(connection: sqlite3.Connection, table: str) -> Iterator[_Reference]:
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = connection.execute(f"PRAGMA table_info({_quoted(name)})").fetchall()
        needed = {column[1] for column in columns if column[3] or column[5]}
        for row in connection.execute(f"PRAGMA foreign_key_list({_quoted(name)})").fetchall():
            _, _, referred, column, target, *_ = row
            if referred.lower() == table.lower():
                yield _Reference(name, column, target or "id", column not in needed)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def match_reference(reference: str, everyone: Sequence[Session], *, trashed: bool = False) -> Match:
    """The session that a reference names, and how; NotFound, or Refused when it may name several.

    In this order: an exact id, an exact name, a unique beginning of a name (large or small), a unique beginning of an
    id of LEAST_OF_AN_ID characters or more. What names a session exactly that is elsewhere (in the trash, or not)
    is no beginning of another's.
    """
    wanted = reference.strip()
    here = [session for session in everyone if (session.trashed_at is not None) is trashed]
    for kind, fits in _kinds_of_reference(reference, wanted):
        found = [session for session in here if fits(session)]
        # Imported history must not come between a person and the work: it is meant where nothing else can be.
        found = [session for session in found if not session.history_from] or found
        if len(found) > 1:
            raise _ambiguous(wanted, found, trashed=trashed)
        if found:
            return Match(found[0], kind)
        elsewhere = [session for session in everyone if fits(session)]
        if elsewhere and kind in _EXACT:
            raise _elsewhere(elsewhere[0], trashed=trashed)
    raise _unknown(wanted, everyone, here, trashed=trashed)


def _kinds_of_reference(reference: str, wanted: str) -> tuple[tuple[ReferenceKind, Callable[[Session], bool]], ...]:
    """How a reference may name a session, exact kinds first."""
    if not wanted:
        return ()
    lower = wanted.lower()
    long_enough = len(wanted) >= LEAST_OF_AN_ID
    return (
        ("id", lambda session: session.id in (lower, wanted)),
        ("name", lambda session: session.name in (reference, wanted)),
        ("beginning of the name", lambda session: session.name.casefold().startswith(wanted.casefold())),
        ("beginning of the id", lambda session: long_enough and session.id.startswith(lower)),
    )


def _ambiguous(reference: str, candidates: Sequence[Session], *, trashed: bool) -> Refused:
    named = ", ".join(f"{session.id} ({session.name})" for session in candidates[:5])
    return Refused(
        f"{reference!r} means {len(candidates)} sessions: {named}{and_more(len(candidates), 5)}.",
        f"Name one by its id: {_overview(trashed=trashed)}",
    )


def _overview(*, trashed: bool) -> str:
    return "ampsm trash ls" if trashed else "ampsm ls"


def _elsewhere(session: Session, *, trashed: bool) -> NotFound:
    named = f"The session {session.name} ({session.id})"
    if trashed:
        return NotFound(f"{named} is not in the trash.", f"ampsm show {session.id}")
    return NotFound(f"{named} is in the trash.", f"ampsm trash restore {session.id}")


def _holds_words(name: str, reference: str) -> bool:
    """Whether a name has each word of a reference in it, however large or small it is written."""
    words = reference.casefold().split()
    return bool(words) and all(word in name.casefold() for word in words)


def _unknown(reference: str, everyone: Sequence[Session], here: Sequence[Session], *, trashed: bool) -> NotFound:
    for _, fits in _kinds_of_reference(reference, reference):
        if elsewhere := [session for session in everyone if fits(session)]:
            return _elsewhere(elsewhere[0], trashed=trashed)
    place = "in the trash" if trashed else ""
    message = " ".join(f"There is no session {reference!r} {place}".split()) + "."
    import difflib

    begun = [s.id for s in here if reference and s.id.startswith(reference.lower())]
    holding = [s.name for s in here if _holds_words(s.name, reference)]
    names = [*(s.name for s in here), *(s.id for s in here)]
    near = begun[:3] or holding[:3] or difflib.get_close_matches(reference, names, n=3)
    overview = _overview(trashed=trashed)
    return NotFound(message, f"Did you mean {' or '.join(map(repr, near))}? {overview}" if near else overview)
