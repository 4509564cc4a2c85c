"""How the store reaches SQLite: one connection a thread, transactions, and errors turned into ours.

A commit survives the death of any program (`synchronous=NORMAL`, WAL). When the machine itself loses power, the
commits of its last moments may be missing, each of them whole; the database stays sound.
"""

import contextlib
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ampsm_engine.errors import AmpsmError, Failed, Refused, Unfit
from ampsm_engine.store import copies, database_files, migrations
from ampsm_engine.store.lazy_tables import tables

if TYPE_CHECKING:
    from peewee import Query

PRAGMAS = ("journal_mode = wal", "foreign_keys = 1", "synchronous = 1")

Row = tuple[Any, ...]
Parameters = Sequence[object]
Answer = TypeVar("Answer")

TICK = 0.1
"""Seconds between two questions to a database that does not answer."""

_INHERITED: list[object] = []
"""Connections of a parent process: a child may neither use nor close them, so it keeps them for ever."""

_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_FORBIDDEN = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    """All or nothing, also where a full disk has undone the transaction already."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class _Connections:
    """The connections of this process to one file: one a thread, and one more that only looks for changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._of_threads = threading.local()
        """`current`: the connection of a thread."""
        self._watch: sqlite3.Connection | None = None
        self._process = os.getpid()

    def connect(self, busy_seconds: float, **options: bool) -> sqlite3.Connection:
        """A new connection, which waits that long for another writer."""
        address = f"{self.path.as_uri()}?mode=rw"
        connection = sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None, **options)
        try:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def current(self) -> sqlite3.Connection | None:
        """The connection of this thread; None without one."""
        return getattr(self._of_threads, "current", None)

    @current.setter
    def current(self, connection: sqlite3.Connection) -> None:
        self._of_threads.current = connection

    def replace_all(self, connection: sqlite3.Connection) -> None:
        """Begin anew with this one: those of other threads are of another file perhaps."""
        self.close()
        self._of_threads = threading.local()
        self.current = connection

    def watch(self, busy_seconds: float) -> sqlite3.Connection:
        """The one that looks for changes, and never writes."""
        if self._watch is None:
            self._watch = self.connect(busy_seconds, check_same_thread=False)
            self._watch.execute("PRAGMA query_only = 1")
        return self._watch

    @property
    def is_of_parent(self) -> bool:
        """Whether this process was forked from the one that made them."""
        return self._process != os.getpid()

    def leave_parent(self) -> None:
        """Forget the parent's connections in a forked process."""
        if self.is_of_parent:
            _INHERITED.extend((self._of_threads, self.current, self._watch))
            self._of_threads, self._watch, self._process = threading.local(), None, os.getpid()

    def close(self) -> None:
        """Close this thread's, and the one that looks for changes."""
        self.leave_parent()
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if (connection := self.current) is not None:
            connection.close()
            del self._of_threads.current


class Database:
    """A database by its path: cheap to make, picklable, safe over threads and over fork."""

    def __init__(self, database: Path) -> None:
        self.path = Path(database).absolute()
        self._connections = _Connections(self.path)
        self._is_open = False
        self._file: tuple[int, int] | None = None
        """Device and inode of the file that is open."""
        self._opened = 0
        """How often it was opened: versions of one opening mean nothing in the next."""
        self._trouble: Callable[[AmpsmError], None] | None = None
        self._deadline = math.inf

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        return type(self), (self.path,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def busy_seconds(self) -> float:
        """Seconds that SQLite waits for another writer."""
        return database_files.BUSY_SECONDS

    def open(self) -> None:
        """Make, migrate or check the database; Unfit when this ampsm cannot use it.

        Every other method does so too when none did before: once a process.
        """
        with self._translating():
            self._connections.leave_parent()
            connection = self._prepared()
            self._connections.replace_all(connection)
            self._is_open = True
            self._file = self._file_now()
            self._opened += 1

    def _prepared(self) -> sqlite3.Connection:
        """A connection to a database that is there and of this version."""
        self._recover_lost()
        with migrations.ready(self.path):
            return self._connections.connect(self.busy_seconds)

    def _recover_lost(self) -> None:
        """Unfit when there was a database and it is gone or empty: what could be recovered is in its place then."""
        if database_files.is_blank(self.path):
            from ampsm_engine.store import salvage

            with database_files.exclusive_change(self.path):
                if lost := salvage.replace_lost(self.path):
                    raise lost

    def check(self) -> None:
        """Read the whole database once; Unfit when it is corrupt: a recovered one is in its place then."""
        with self._translating():
            migrations.check(self.connection())

    def copy_when_due(self) -> None:
        """Make the copy of the day when it is due; Unfit as `check`. One that cannot be written is made another day."""
        if not copies.is_due(self.path):
            return
        try:
            copies.make(self.path)
        except (OSError, sqlite3.Error) as reason:
            if _code(reason) in _CORRUPT:
                raise _translated(self, reason) from reason

    def repositories(self) -> tuple[Path, ...]:
        """The repositories that sessions were ever made in, also those of sessions that are not known any more."""
        return tuple(copies.repositories(self.path))

    def last_copy(self) -> Path | None:
        """The newest copy of the database."""
        return next(iter(copies.existing(self.path)), None)

    def close(self) -> None:
        """Close this thread's connection; the next call opens a new one."""
        self._is_open &= not self._connections.is_of_parent
        self._connections.close()

    def data_version(self) -> int:
        """A number that changes whenever another connection commits; it takes microseconds.

        It is read on a connection of its own that never writes, and means nothing to another Store.
        """

        def version() -> int:
            self._make_current()
            (found,) = self._connections.watch(self.busy_seconds).execute("PRAGMA data_version").fetchone()
            return self._opened << 32 | int(found)

        return self._answered(version)

    @staticmethod
    def opening(version: int) -> int:
        """Which opening of the database a `data_version` belongs to: another one, another file."""
        return version >> 32

    def _make_current(self) -> None:
        """Open the database where it is not open, or where another file has taken its place."""
        if self._file is not None:
            self._file_now()  # what was open once is not begun anew when it has gone: that is told
        is_ours = self._is_open and not self._connections.is_of_parent
        # What is written to a file that another one has replaced would be lost; a transaction ends where it began.
        if not is_ours or not (self._is_in_transaction() or self._file_now() == self._file):
            self.open()

    def _file_now(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_dev, found.st_ino

    def select(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows of a question in plain SQL: a model a row would cost ten times as much."""

        def rows() -> list[Row]:
            connection = self.connection()
            try:
                return connection.execute(sql, tuple(parameters)).fetchall()
            except sqlite3.OperationalError as reason:
                if not str(reason).startswith("Could not decode"):
                    raise
                # Another program wrote bytes that are no UTF-8: show what can be read.
                connection.text_factory = lambda text: text.decode("utf-8", "replace")
                return connection.execute(sql, tuple(parameters)).fetchall()

        return self._answered(rows)

    def retry_reads(self, trouble: Callable[[AmpsmError], None], seconds: float | None = None) -> None:
        """From now on retry each question while the database cannot be read, for callers that follow it.

        `trouble` gets each new reason; after `seconds` from now it is raised.
        """
        self._trouble = trouble
        self._deadline = math.inf if seconds is None else time.monotonic() + seconds

    def _answered(self, question: Callable[[], Answer]) -> Answer:
        reported = ""
        while True:
            try:
                with self._translating():
                    return question()
            except (Failed, Unfit) as reason:
                if self._trouble is None or self._is_in_transaction() or time.monotonic() > self._deadline:
                    raise
                if reason.message != reported:
                    reported = reason.message
                    self._trouble(reason)
            time.sleep(TICK)

    def _is_in_transaction(self) -> bool:
        connection = self._connections.current
        return connection is not None and connection.in_transaction

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Several questions that see the database at one moment."""
        with self._translating(), _transaction(self.connection(), "DEFERRED"):
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Run a write transaction, alone among the writers; an error undoes all of it."""
        with self._translating(), _transaction(self.connection(), "IMMEDIATE"):
            yield

    def execute(self, query: "Query") -> int:
        """Run a query of peewee that writes; answers how many rows it touched. For use inside `writing`."""
        return self.connection().execute(*tables.sql_of(query)).rowcount

    def insert(self, table: str, values: Mapping[str, object]) -> None:
        """Add a row by the names of its fields, without peewee. For use inside `writing`."""
        from ampsm_engine.store import statements

        self.connection().execute(*statements.insert(table, values))

    def put(
        self,
        table: str,
        names: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        key: Sequence[str],
        known: Sequence[str] = (),
    ) -> None:
        """Add rows, or change those that have their key, as `statements.put`. For use inside `writing`."""
        from ampsm_engine.store import statements

        values = statements.stored(table, names, rows)
        self.connection().executemany(statements.put(table, names, key, known), values)

    def update(self, table: str, row_id: str, values: Mapping[str, object]) -> bool:
        """Change columns of the row of an id in the same way; False when there is none."""
        from ampsm_engine.store import statements

        return self.connection().execute(*statements.update(table, row_id, values)).rowcount > 0

    def connection(self) -> sqlite3.Connection:
        """The connection of this thread, opened when there is none yet."""
        self._make_current()
        connection = self._connections.current
        if connection is None:
            connection = self._connections.current = self._connections.connect(self.busy_seconds)
        return connection

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        """Turn exceptions of SQLite into the errors of `errors`."""
        try:
            with migrations.decoding_errors_as_corrupt():
                yield
        except (sqlite3.Error, OSError) as reason:
            raise _translated(self, reason) from reason

    def confirm_corrupt(self, reason: Exception) -> AmpsmError:
        """The error of a database that seems corrupt: checked again while it is locked, and replaced where it is."""
        self.close()
        self._is_open = False
        with self._translating(), database_files.exclusive_change(self.path):
            if database_files.is_blank(self.path):
                return Unfit(
                    f"The database {self.path} was corrupt, and another ampsm has just set it aside.", "ampsm repair"
                )
            try:
                with contextlib.closing(database_files.connect(self.path)) as connection:
                    migrations.check(connection)
            except sqlite3.DatabaseError as confirmed:
                if _code(confirmed) in _CORRUPT:
                    from ampsm_engine.store import salvage

                    return salvage.replace_corrupt(self.path)
                return Failed(f"The database {self.path} could not be checked: {confirmed}.", "ampsm doctor")
        return Failed(f"The database {self.path} could not be read just now: {reason}.", "Run the command again.")


def _code(reason: Exception) -> int:
    """SQLite's primary code of an error; 0 of any other."""
    return int(getattr(reason, "sqlite_errorcode", 0)) & 0xFF


def _translated(database: Database, reason: Exception) -> AmpsmError:
    """The error for the user; a corrupt database is replaced by a recovered one."""
    code = _code(reason)
    where = f"The database {database.path}"
    if code in _CORRUPT:
        return database.confirm_corrupt(reason)
    if code in _BUSY:
        return Failed(
            f"{where} is busy: another process has been writing for {database.busy_seconds:.0f} seconds.",
            "Run the command again; if it stays so: ampsm doctor",
        )
    if code == sqlite3.SQLITE_FULL:
        return Failed(f"{where} cannot grow: the disk is full.", f"Make room there: df -h {database.path.parent}")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return Refused(f"{where} does not take that: {reason}.", "ampsm doctor")
    if code in _FORBIDDEN or isinstance(reason, OSError):
        return Unfit(
            f"{where} cannot be opened or written: {reason}.", f"ls -ld {database.path.parent} {database.path}"
        )
    return Failed(f"{where} could not be used: {reason}.", "ampsm doctor")


class StorePart:
    """A part of the store: each public method is one query or one transaction, so it can be tried again."""

    def __init__(self, db: Database) -> None:
        self._db = db
