"""A database in place of a lost one: the sound rows of the lost one, then those of its newest copy.

A broken page costs the rows that lie on it. Where the first page is broken, which holds the schema, that of the copy
or of a new database stands in for it: the tables begin at the same pages as long as no step of the schema changed.
"""

# ruff: noqa: S608 - names are quoted, values are bound

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ampsm_engine import timestamps
from ampsm_engine.errors import Unfit
from ampsm_engine.home import PRIVATE_FILE, open_private
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.model import OPEN_ITEMS, BatchState, ItemState, MergeState, Outcome, State
from ampsm_engine.plain_text import plural
from ampsm_engine.store import copies, database_files, migrations

PROBED = 20_000
"""Row numbers in a row that are tried in vain between two broken places before the rest is given up."""

_HINT = "ampsm repair  (it compares with the repositories and the run directories; --apply rebuilds what is missing)"
_PAGE = 4096

Row = tuple[Any, ...]


@dataclass(slots=True)
class Salvaged:
    """How many rows came from the lost database and from its copy, by table."""

    broken: dict[str, int] = field(default_factory=dict)
    copied: dict[str, int] = field(default_factory=dict)
    copy: Path | None = None

    @property
    def text(self) -> str:
        """What was recovered, as the end of a sentence."""
        parts = [f"{_counted(self.broken)} from itself"] if any(self.broken.values()) else []
        if self.copy and any(self.copied.values()):
            parts.append(f"{_counted(self.copied)} from its copy {self.copy.name}")
        if not parts:
            return "nothing in it could be read and there is no copy of it; the next start begins with an empty one"
        return f"recovered: {', '.join(parts)}"


def _counted(rows: dict[str, int]) -> str:
    named = (("session", rows.get("sessions", 0)), ("iteration", rows.get("iterations", 0)))
    return " and ".join(plural(count, name) for name, count in named)


def replace_corrupt(path: Path) -> Unfit:
    """Quarantine a corrupt database and put a recovered one in its place; the error to raise. Locked by the caller.

    Unfit is raised, and nothing changed, while another process has it open.
    """
    aside = database_files.quarantine(path)
    return Unfit(f"The database {path} was corrupt. It has been set aside as {aside}; {_recover(path, aside)}.", _HINT)


def replace_lost(path: Path) -> Unfit | None:
    """Recover a database that was lost or emptied; None when there never was one. Locked by the caller.

    Its log is set aside before SQLite sees it: beside an empty database SQLite deletes it. Unfit is raised, and nothing
    changed, while another process has it open.
    """
    if not database_files.is_blank(path):
        return None  # another process was faster
    log = database_files.file_parts(path)[1]
    has_log = log.exists() and log.stat().st_size > 0
    if not has_log and not copies.was_used(path):
        return None
    how = "was empty" if path.exists() else "was gone"
    aside = database_files.quarantine(path)
    found = _recover(path, aside if has_log else None)
    if not has_log:
        aside.unlink(missing_ok=True)  # it has no byte
    elif not copies.was_used(path) and not _has_sessions(path):
        return None  # the log of a store that had none
    return Unfit(f"The database {path} {how}, although there were sessions in it; {found}.", _HINT)


def _recover(path: Path, broken: Path | None) -> str:
    """Put a recovered database in the place of the lost one; answers what was recovered, or why nothing was."""
    try:
        return _remade(path, broken).text
    except (OSError, sqlite3.Error) as reason:
        return f"nothing could be recovered just now: {reason}"


def _remade(path: Path, broken: Path | None) -> Salvaged:
    made = path.with_name(f"{path.name}.recovering")
    for part in database_files.file_parts(made):
        part.unlink(missing_ok=True)
    for left in path.parent.glob(".salvage-*"):  # by one that was killed: who comes here does so alone
        shutil.rmtree(left, ignore_errors=True)
    os.close(open_private(made, os.O_RDWR | os.O_CREAT | os.O_EXCL))
    with tempfile.TemporaryDirectory(prefix=".salvage-", dir=path.parent) as folder:
        copy = _newest_sound(path, Path(folder))
        salvaged = Salvaged(copy=copy)
        template = copy or _new(Path(folder))
        sources: list[tuple[Path, dict[str, int]]] = [(copy, salvaged.copied)] if copy else []
        if broken is not None:
            sources.insert(0, (_workable(broken, template, Path(folder)), salvaged.broken))
        # First what is fresh: a row that is there already is not taken from the copy.
        _fill(made, [*(source for source, _ in sources), template], sources, copy)
    with contextlib.closing(database_files.connect(made)) as target:
        target.execute("INSERT INTO facts (time, kind, text) VALUES (?, 'recovered', ?)", _fact(salvaged))
    made.replace(path)
    return salvaged


def _fact(salvaged: Salvaged) -> tuple[str, str]:
    return timestamps.now(), f"the database was lost; {salvaged.text}"


def _newest_sound(path: Path, folder: Path) -> Path | None:
    """The newest copy that is sound, as a file that may be opened and changed."""
    for copy in copies.existing(path):
        mine = folder / copy.name
        try:
            shutil.copyfile(copy, mine)
            with contextlib.closing(database_files.connect(mine)) as connection:
                migrations.check(connection)
                if connection.execute("PRAGMA application_id").fetchone()[0] == migrations.APPLICATION:
                    return mine
        except (OSError, sqlite3.Error):
            continue
    return None


def _new(folder: Path) -> Path:
    """A new database file without rows."""
    made = folder / "new.sqlite"
    made.touch(PRIVATE_FILE)
    with contextlib.closing(database_files.connect(made)) as connection:
        migrations.migrate(connection, made, migrations.LATEST)
    return made


def _workable(broken: Path, template: Path, folder: Path) -> Path:
    """A working copy of the broken database and its log, with a first page that can be read."""
    mine = folder / "broken.sqlite"
    for part, target in zip(database_files.file_parts(broken)[:2], database_files.file_parts(mine)[:2], strict=True):
        if part.exists():
            shutil.copyfile(part, target)
    # Beside a file without a page SQLite deletes the log, so such a file is not opened before it has one.
    if mine.stat().st_size < _PAGE or not _has_schema(mine):
        head = bytearray(template.read_bytes()[:_PAGE])
        head[92:96] = bytes(4)  # the count of pages in the header is not that of this file: SQLite asks the file then
        head[18:20] = b"\x02\x02"  # WAL, so that a log beside it is read
        with mine.open("r+b") as file:
            file.write(head)
    return mine


def _has_schema(path: Path) -> bool:
    try:
        with contextlib.closing(_lenient(path)) as connection:
            return "sessions" in _tables(connection)
    except sqlite3.Error:
        return False


def _has_sessions(path: Path) -> bool:
    with contextlib.closing(database_files.connect(path)) as connection:
        return connection.execute("SELECT 1 FROM sessions LIMIT 1").fetchone() is not None


def _lenient(path: Path) -> sqlite3.Connection:
    """A connection that accepts a file shorter than its header says, and nonsense in the schema."""
    connection = database_files.connect(path)
    connection.execute("PRAGMA writable_schema = 1")
    return connection


def _tables(connection: sqlite3.Connection) -> dict[str, str]:
    """The tables of a database with the words that made them."""
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return dict(found.fetchall())


def _fill(
    made: Path, schemas: Sequence[Path], sources: Sequence[tuple[Path, dict[str, int]]], copy: Path | None
) -> None:
    with contextlib.closing(database_files.connect(made)) as target:
        target.execute("PRAGMA foreign_keys = 0")
        target.execute("BEGIN")
        _lay_schema(target, schemas)
        for path, counts in sources:
            with contextlib.closing(_lenient(path)) as source:
                for table in _tables(target):
                    counts[table] = _take(source, target, table, stale=path == copy)
        _drop_dangling(target)
        target.execute("COMMIT")


def _lay_schema(target: sqlite3.Connection, candidates: Sequence[Path]) -> None:
    """Create the schema of the first readable database: it may have tables and columns of the predecessor."""
    for path in candidates:
        try:
            with contextlib.closing(_lenient(path)) as source:
                words = source.execute(
                    "SELECT sql FROM sqlite_master WHERE sql > '' AND name NOT LIKE 'sqlite_%'"
                    " ORDER BY type = 'table' DESC, rowid"
                ).fetchall()
                (version,) = source.execute("PRAGMA user_version").fetchone()
                target.execute("SAVEPOINT laid")
                for (sql,) in words:
                    target.execute(sql)
                if "sessions" not in _tables(target) or not 0 < version <= migrations.LATEST:
                    raise sqlite3.DatabaseError("no schema of ours")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                target.execute("ROLLBACK TO laid")
            continue
        target.execute("RELEASE laid")
        target.execute(f"PRAGMA application_id = {migrations.APPLICATION}")
        target.execute(f"PRAGMA user_version = {version}")
        return


def _take(source: sqlite3.Connection, target: sqlite3.Connection, table: str, *, stale: bool) -> int:
    """Copy the sound rows of a table that are not there yet; answers how many. `stale`: they are of another day."""
    kinds = {
        row[1]: (row[2].upper(), bool(row[3] or row[5])) for row in target.execute(f"PRAGMA table_info({_q(table)})")
    }
    try:
        there = {row[1] for row in source.execute(f"PRAGMA table_info({_q(table)})")}
    except sqlite3.Error:
        return 0
    columns = [name for name in kinds if name in there]
    if not columns:
        return 0
    places = ", ".join("?" * len(columns))
    insert = f"INSERT OR IGNORE INTO {_q(table)} ({', '.join(map(_q, columns))}) VALUES ({places})"
    before = target.total_changes
    for row in _rows(source, table, columns):
        values = dict(zip(columns, row, strict=True))
        if all(_fits(value, *kinds[name]) for name, value in values.items()):
            target.execute(insert, tuple((_settled(table, values) if stale else values).values()))
    return target.total_changes - before


def _fits(value: object, kind: str, needed: bool) -> bool:
    """Whether a value is of its column's kind: a broken page may read like a row."""
    if value is None:
        return not needed or kind == "INTEGER"  # a row number is given when it is missing
    return isinstance(value, {"TEXT": str, "INTEGER": int}.get(kind, object))


def _settled(table: str, values: dict[str, Any]) -> dict[str, Any]:
    """A row of a copy: what waited or was under way on that day must not begin once more by itself."""
    if table == "iterations" and values.get("state") == State.QUEUED:
        error = "The database was lost; whether this began is not known."
        return values | {"state": State.SETTLED.value, "outcome": Outcome.STOPPED.value, "error": error}
    if table == "merges" and values.get("state") == MergeState.WORKING:
        return values | {"state": MergeState.ROLLED_BACK.value}
    lost = "The database was lost; what came of it since is not known."
    if table == "batchRuns" and values.get("state") in (BatchState.RUNNING, BatchState.STOPPING):
        return values | {"state": BatchState.STOPPED.value, "waitReason": lost, "endedAt": timestamps.now()}
    if table == "batchItems" and values.get("state") in OPEN_ITEMS:
        return values | {"state": ItemState.STOPPED.value, "reason": lost}
    return values


def _rows(source: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[Row]:
    """The rows that can be read: from the front, from the back, and one by one between two broken pages."""
    names, last, first = ", ".join(map(_q, columns)), None, None
    select = f"SELECT rowid, {names} FROM {_q(table)}"
    try:
        source.execute(f"{select} LIMIT 0")
    except sqlite3.Error:
        yield from _Walk(source, f"SELECT {names} FROM {_q(table)}")  # a table without row numbers
        return
    whole = _Walk(source, f"{select} ORDER BY rowid")
    for row in whole:
        last = row[0]
        yield row[1:]
    if not whole.is_broken:
        return
    for row in _Walk(source, f"{select} ORDER BY rowid DESC"):
        if last is not None and row[0] <= last:
            return
        first = row[0]
        yield row[1:]
    number, missed = (last or 0) + 1, 0
    while missed < PROBED and (first is None or number < first):
        found = [row[1:] for row in _Walk(source, f"{select} WHERE rowid = {number}")]
        yield from found
        missed = 0 if found else missed + 1
        number += 1


class _Walk:
    """The rows of a question as far as they can be read."""

    def __init__(self, source: sqlite3.Connection, sql: str) -> None:
        self._source, self._sql = source, sql
        self.is_broken = False

    def __iter__(self) -> Iterator[Row]:
        try:
            yield from self._source.execute(self._sql)
        except (sqlite3.Error, OverflowError, UnicodeDecodeError):
            self.is_broken = True


def _drop_dangling(target: sqlite3.Connection) -> None:
    """Take out the rows, or where they may be NULL the references alone, whose other end was not recovered."""
    changed = True
    while changed:
        before = target.total_changes
        for table in _tables(target):
            needed = {row[1] for row in target.execute(f"PRAGMA table_info({_q(table)})") if row[3] or row[5]}
            for _, _, other, column, there, *_ in target.execute(f"PRAGMA foreign_key_list({_q(table)})").fetchall():
                where = (
                    f"{_q(column)} IS NOT NULL AND {_q(column)} NOT IN (SELECT {_q(there or 'id')} FROM {_q(other)})"
                )
                if column in needed:
                    target.execute(f"DELETE FROM {_q(table)} WHERE {where}")
                else:
                    target.execute(f"UPDATE {_q(table)} SET {_q(column)} = NULL WHERE {where}")
        changed = target.total_changes > before


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
