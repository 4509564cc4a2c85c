"""The history in a database of the Amp Session Orchestrator, read from a copy and entered into a store of ours.

The copy is brought up to date by the same migrations that open such a database in place, so both understand it alike;
what is entered passes the tables' own redaction. Entering the same history again changes nothing.
"""

# ruff: noqa: S608 - every piece is a column list of `rows` or a word of this file

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from ampsm_engine import naming, timestamps
from ampsm_engine.errors import Refused
from ampsm_engine.lean_dataclass import asdict, dataclass, field, fields, replace
from ampsm_engine.model import Batch, BatchItem, BatchState, ItemState, Iteration, Session, Tally, ToolCall, camel
from ampsm_engine.store import database_files, migrations, predecessor, records, rows
from ampsm_engine.store.connection import StorePart
from ampsm_engine.store.lazy_tables import tables

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{3,63}")
"""What an id may look like that becomes the name of a folder."""

_TIMES = frozenset({"created_at", "last_run", "queued_at", "start_time", "end_time", "started_at", "ended_at"})

_LARGEST = 2**63 - 1
"""The largest number that SQLite holds."""

Row = Mapping[str, Any]

_Part = Session | Iteration | Tally | ToolCall | Batch | BatchItem


@dataclass(frozen=True, slots=True)
class ForeignSession:
    """A session of the other database with all that belongs to it."""

    session: Session
    iterations: tuple[Iteration, ...]
    tool_calls: Mapping[str, tuple[ToolCall, ...]]
    """Tool calls by the id of their iteration."""
    outputs: Mapping[str, str]
    """What amp printed, by iteration; those of which nothing was kept are missing."""
    merges: tuple[str, ...]
    """What is told of each merge, a sentence each."""


@dataclass(frozen=True, slots=True)
class ForeignHistory:
    """The history that was read from the other database."""

    sessions: tuple[ForeignSession, ...]
    batches: tuple[tuple[Batch, tuple[BatchItem, ...]], ...]
    left_out: tuple[str, ...] = ()
    """What cannot be taken, and why."""


@dataclass(slots=True)
class EnteredHistory:
    """What was new, by kind; `iterations` are the ids of the iterations entered now."""

    sessions: int = 0
    iterations: list[str] = field(default_factory=list)
    tool_calls: int = 0
    batches: int = 0
    items: int = 0
    known_sessions: int = 0


def read_history(copy: Path) -> ForeignHistory:
    """The history in a copy of a database, which is migrated for it; Refused when that is no predecessor's."""
    try:
        with contextlib.closing(database_files.connect(copy)) as connection:
            found = migrations.read_state(connection)
            if found.application or not predecessor.is_its_database(found.version, found.tables):
                raise Refused("That is no database of the Amp Session Orchestrator.", "ampsm import --help")
        with migrations.ready(copy), contextlib.closing(database_files.connect(copy)) as connection:
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            return _History(connection).read()
    except sqlite3.Error as reason:
        raise Refused(f"That database cannot be read: {reason}.", "ampsm import --help") from reason
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as reason:  # any value may stand anywhere
        message = f"That database holds what none of the Amp Session Orchestrator does ({type(reason).__name__})."
        raise Refused(message, "ampsm import --help") from reason


def _why_unsound(one: _Part) -> str:
    """What of a row is not of its kind, so that it would be in the way of every sum; empty where it is sound."""
    for known in fields(one):
        value, kinds = getattr(one, known.name), (known.type, *get_args(known.type))
        name = camel(known.name)
        if value is None or isinstance(value, tuple):  # the predecessor has no lists: what we added is empty
            continue
        if int in kinds and not (isinstance(value, int) and abs(value) <= _LARGEST):
            return f"its {name} is no number"
        if str in kinds and not isinstance(value, str):
            return f"its {name} is no text"
        if known.name in _TIMES and not _is_time(value) and (value or known.name != "queued_at"):
            return f"its {name} is no time"
    return ""


def _is_time(text: str) -> bool:
    try:
        timestamps.parse(text)
    except ValueError:
        return False
    return True


class _History:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        self._left_out: list[str] = []

    def read(self) -> ForeignHistory:
        iterations: dict[str, list[Iteration]] = {}
        for row in self._connection.execute(f'{records.ITERATIONS} ORDER BY i."sessionId", i.number'):
            one = rows.iteration(row)
            if isinstance(one.duration_ms, int) and one.duration_ms < 0:  # an end before the beginning
                one = replace(one, duration_ms=None)
            if self._may_be_named(one.id, "iteration") and self._is_sound(one.id, "iteration", one, one.tally):
                iterations.setdefault(one.session_id, []).append(one)
        calls: dict[str, list[ToolCall]] = {}
        question = f'SELECT {rows.TOOL_CALL_COLUMNS} FROM "toolCalls" c ORDER BY c."iterationId", c.sequence'
        for row in self._connection.execute(question):
            call = rows.tool_call(row)
            if not self._is_sound(call.iteration_id, "tool call of iteration", call):
                continue
            calls.setdefault(call.iteration_id, []).append(call)
        outputs = {row["id"]: str(row["output"]) for row in self._rows("iterations") if row.get("output")}
        merges: dict[str, list[str]] = {}
        for row in self._rows("merge_history"):
            message = f": {row['squashMessage']}" if row.get("squashMessage") else ""
            text = f"{row['mode']} into {row['baseBranch']} at {row['startedAt']}: {row['result']}{message}"
            merges.setdefault(str(row["sessionId"]), []).append(text)
        sessions = []
        for row in self._connection.execute(f'{records.SESSIONS} ORDER BY s."createdAt", s.rowid'):
            session = rows.session(row)
            if self._may_be_named(session.id, "session") and self._is_sound(session.id, "session", session):
                own = tuple(iterations.get(session.id, ()))
                theirs = {one.id: tuple(calls.get(one.id, ())) for one in own}
                printed = {one.id: outputs[one.id] for one in own if one.id in outputs}
                sessions.append(ForeignSession(session, own, theirs, printed, tuple(merges.get(session.id, ()))))
        known = {one.session.id: one.session for one in sessions}
        return ForeignHistory(tuple(sessions), tuple(self._batches(known)), tuple(self._left_out))

    def _may_be_named(self, key: object, what: str) -> bool:
        if isinstance(key, str) and _ID.fullmatch(key):
            return True
        self._left_out.append(f"{what} {key!r}: that id cannot be the name of a folder")
        return False

    def _is_sound(self, key: str, what: str, *parts: _Part) -> bool:
        for part in parts:
            if why := _why_unsound(part):
                self._left_out.append(f"{what} {key!r}: {why}")
                return False
        return True

    def _rows(self, table: str) -> list[Row]:
        if table not in self._tables:
            return []
        cursor = self._connection.execute(f'SELECT * FROM "{table}" ORDER BY rowid')
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _batches(self, sessions: Mapping[str, Session]) -> Iterable[tuple[Batch, tuple[BatchItem, ...]]]:
        items: dict[str, list[Row]] = {}
        for row in self._rows("batch_items"):
            items.setdefault(str(row["runId"]), []).append(row)
        for row in self._rows("batches"):
            if not self._may_be_named(row["runId"], "batch"):
                continue
            batch_id, defaults = str(row["runId"]), _object(row["defaultsJson"])
            own = tuple(
                _item(batch_id, number, one, defaults, sessions)
                for number, one in enumerate(items.get(batch_id, ()), start=1)
            )
            own = tuple(one for one in own if self._is_sound(one.id, "item", one))
            wanted = defaults.get("concurrency")
            batch = Batch(
                id=batch_id,
                name=str(defaults.get("name") or batch_id),
                state=BatchState.ENDED,
                plan=json.dumps(defaults),
                created_at=str(row["createdAt"]),
                concurrency=wanted if isinstance(wanted, int) and wanted > 0 else 1,
                ended_at=max((one.ended_at for one in own if one.ended_at), default=str(row["createdAt"])),
            )
            if self._is_sound(batch_id, "batch", batch):
                yield batch, own


def _item(batch_id: str, number: int, row: Row, defaults: Row, sessions: Mapping[str, Session]) -> BatchItem:
    session = sessions.get(str(row["sessionId"]))
    states = {str(state): state for state in ItemState if state.is_final}
    spec = {**defaults, "repo": row["repo"], "prompt": row["prompt"]} | (
        {"model": row["model"]} if row["model"] else {}
    )
    return BatchItem(
        id=f"{batch_id}-{number}",
        batch_id=batch_id,
        number=number,
        name=session.name if session else naming.session_name(str(row["prompt"])),
        repo=str(row["repo"]),
        prompt=str(row["prompt"]),
        spec=json.dumps(spec),
        mode=row["model"] or None,
        state=states.get(str(row["status"]), ItemState.STOPPED),
        reason=row["error"] or None,
        session_id=session.id if session else None,
        tries=int(bool(row["startedAt"])),
        started_at=row["startedAt"] or None,
        ended_at=row["finishedAt"] or None,
    )


def _object(text: object) -> dict[str, Any]:
    try:
        value = json.loads(str(text))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


class ImportedHistory(StorePart):
    """Writes the history of another database into the store."""

    def enter(self, history: ForeignHistory, source: str) -> EnteredHistory:
        """Enter what is not known yet, all of it or nothing; answers what that was. Fact: imported, for each session.

        Sessions are known by their ids. One that is there stays as it is, and gets the iterations that it lacks.
        """
        entered = EnteredHistory()
        with self._db.writing():
            for foreign in history.sessions:
                self._enter_session(foreign, source, entered)
            for batch, items in history.batches:
                self._enter_batch(batch, items, entered)
        return entered

    def _enter_session(self, foreign: ForeignSession, source: str, entered: EnteredHistory) -> None:
        session = foreign.session
        is_known = bool(self._db.select("SELECT 1 FROM sessions WHERE id = ?", (session.id,)))
        if is_known:
            entered.known_sessions += 1
        else:
            entered.sessions += 1
            self._db.execute(tables.SessionRow.insert(**asdict(session)))
        numbers = {number for (number,) in self._db.select(_NUMBERS, (session.id,))}
        for iteration in foreign.iterations:
            if self._db.select("SELECT 1 FROM iterations WHERE id = ?", (iteration.id,)):
                continue
            number = iteration.number if iteration.number not in numbers else max(numbers) + 1
            numbers.add(number)
            columns = records.iteration_columns(replace(iteration, number=number))
            self._db.execute(tables.IterationRow.insert(**columns))
            calls = foreign.tool_calls.get(iteration.id, ())
            records.write_tool_calls(self._db, calls)
            entered.iterations.append(iteration.id)
            entered.tool_calls += len(calls)
        if not is_known:
            gone = "; it has no worktree of its own, so it is history" if session.history_from else ""
            for text in (f"from {source}{gone}", *foreign.merges):
                records.add_fact(self._db, "imported", text, session_id=session.id)

    def _enter_batch(self, batch: Batch, items: Sequence[BatchItem], entered: EnteredHistory) -> None:
        if self._db.select('SELECT 1 FROM "batchRuns" WHERE id = ?', (batch.id,)):
            return
        self._db.execute(tables.BatchRow.insert(**asdict(batch)))
        entered.batches += 1
        for item in items:
            self._db.execute(tables.BatchItemRow.insert(**asdict(item)))
            entered.items += 1
            free = (tables.SessionRow.id == item.session_id) & tables.SessionRow.origin.is_null()
            self._db.execute(tables.SessionRow.update(origin=item.id).where(free))
        records.add_fact(
            self._db, "imported", f"batch {batch.id} of {timestamps.stamp(timestamps.parse(batch.created_at))}"
        )


_NUMBERS = 'SELECT number FROM iterations WHERE "sessionId" = ?'
