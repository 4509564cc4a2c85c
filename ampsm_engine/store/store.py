"""The store as its callers know it, one that retries for who must write, and the board as a feed of changes."""

import contextlib
import errno
import os
import select
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ampsm_engine import timestamps
from ampsm_engine.errors import AmpsmError, Unfit
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Board
from ampsm_engine.store.batches import Batches
from ampsm_engine.store.connection import Database, StorePart
from ampsm_engine.store.iterations import Iterations
from ampsm_engine.store.merges import Merges
from ampsm_engine.store.queue import IterationQueue
from ampsm_engine.store.records import Facts
from ampsm_engine.store.reviews import Reviews
from ampsm_engine.store.sessions import Sessions

if TYPE_CHECKING:
    from ampsm_engine.inotify import Inotify
    from ampsm_engine.store.costs import Costs
    from ampsm_engine.store.measurements import Measurements
    from ampsm_engine.store.predecessor_history import ImportedHistory
    from ampsm_engine.store.table_rows import TableRows

PATIENCE = 600.0
"""Seconds that a worker waits for a database; after that the next worker goes on from where it stands."""

_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_BUSY_SECONDS = 2.0
"""Seconds that SQLite itself waits before a verb is tried again."""

_WATCHING = 2.0
"""Seconds that a thread looks for changes until it comes back: an interpreter that ends waits for it."""

_PASSING = frozenset(
    {
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR),
        *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_PROTOCOL),
    }
)
_PASSING_ERRNO = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)


class Store(Database):
    """A database by its path, and what is in it. Every write is one transaction that records its facts, or nothing."""

    def __init__(self, database: Path) -> None:
        super().__init__(database)
        self.sessions = Sessions(self)
        self.iterations = Iterations(self)
        self.queue = IterationQueue(self)
        self.merges = Merges(self)
        self.reviews = Reviews(self)
        self.facts = Facts(self)
        self.batches = Batches(self)

    # What few commands need is imported by those alone.

    @property
    def costs(self) -> "Costs":
        """The queries of the cost of threads."""
        from ampsm_engine.store.costs import Costs

        return Costs(self)

    @property
    def measurements(self) -> "Measurements":
        """The values that figures are made of."""
        from ampsm_engine.store.measurements import Measurements

        return Measurements(self)

    @property
    def table_rows(self) -> "TableRows":
        """The rows of any table."""
        from ampsm_engine.store.table_rows import TableRows

        return TableRows(self)

    @property
    def imported_history(self) -> "ImportedHistory":
        """The history that comes in from another database."""
        from ampsm_engine.store.predecessor_history import ImportedHistory

        return ImportedHistory(self)


class ReadOnlyStore(Store):
    """A store for who must change nothing: a database is read as it is, or not at all.

    None is made, brought to this version or recovered, which the next command does and tells.
    """

    def _prepared(self) -> sqlite3.Connection:
        connection = self._connections.connect(self.busy_seconds)
        connection.execute("PRAGMA query_only = 1")
        return connection

    def confirm_corrupt(self, reason: Exception) -> AmpsmError:
        """The error of a database that seems corrupt, which stays where it is."""
        return Unfit(f"The database {self.path} seems corrupt: {reason}.", "ampsm doctor")


def is_passing(reason: BaseException | None) -> bool:
    """Whether an error may go away by itself: a busy database, a full disk, one that is read-only for a while."""
    if isinstance(reason, AmpsmError):
        reason = reason.__cause__
    if isinstance(reason, sqlite3.Error):
        return int(getattr(reason, "sqlite_errorcode", 0)) & 0xFF in _PASSING
    return isinstance(reason, OSError) and reason.errno in _PASSING_ERRNO


class PatientStore(Store):
    """A store whose verbs are tried again while the database is busy, its disk full, or it is read-only for a while.

    A verb is one transaction, so one that failed left nothing behind. An error that lasts longer than `patience`
    seconds, from the first failure on, is raised as by `Store`, and any other error at once.
    """

    def __init__(self, database: Path, patience: float = PATIENCE) -> None:
        super().__init__(database)
        self._patience = patience
        self._is_within = False
        for name, part in list(vars(self).items()):
            if isinstance(part, StorePart):
                setattr(self, name, _PatientPart(self, part))

    def open(self) -> None:
        """Open the database as `Database.open` does, once it can be used."""
        self.tried(super().open)

    def check(self) -> None:
        """Check the database as `Database.check` does, once it can be used."""
        self.tried(super().check)

    def copy_when_due(self) -> None:
        """Copy the database as `Database.copy_when_due` does, once it can be used."""
        self.tried(super().copy_when_due)

    def data_version(self) -> int:
        """Return the value of `Database.data_version`, once the database can be used."""
        return int(self.tried(super().data_version))

    @property
    def busy_seconds(self) -> float:
        """Seconds that SQLite waits for another writer, before the verb is tried again."""
        return min(_BUSY_SECONDS, super().busy_seconds)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Inside, a verb is tried once only: for a caller that has other work to look after meanwhile."""
        before, self._is_within = self._is_within, True
        try:
            yield
        finally:
            self._is_within = before

    def tried(self, verb: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """The answer of a verb, as soon as the database can be used."""
        if self._is_within:  # a verb that another one calls is a part of its transaction
            return verb(*args, **more)
        deadline: float | None = None
        pause = _PAUSE
        while True:
            try:
                with self.at_once():
                    return verb(*args, **more)
            except AmpsmError as reason:
                now = time.monotonic()
                if deadline is None:  # a verb that was slow before it failed is tried again, too
                    deadline = now + self._patience
                if not is_passing(reason) or now >= deadline or not self.path.exists():
                    raise
                if pause == _PAUSE:
                    print(f"{timestamps.now()} waits: {reason}", file=sys.stderr, flush=True)
            self.close()  # what was opened while it could not be written stays so
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


class _PatientPart:
    """A part of a patient store, whose calls the store repeats while the database is busy."""

    def __init__(self, store: PatientStore, part: StorePart) -> None:
        self._store, self._part = store, part

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._store.tried, getattr(self._part, name))


async def follow(store: Store, *, interval: float = 0.1) -> AsyncIterator[Board]:
    """The board at once, and again whenever any process has changed the database; `interval` is in seconds.

    It reads in a thread of its own, so that no screen waits for a disk. Each board is whole and its version is read
    before it, so a change that one read misses comes with the next. While the database cannot be read, the last board
    comes with the reason in `stale`.
    """
    import asyncio  # 20 ms that only those pay who follow
    from concurrent.futures import ThreadPoolExecutor

    own = Store(store.path)  # its versions must come from one connection
    bell = FileBell(store.path)
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ampsm-follow")
    seen: int | None = None
    shown = Board()
    files = FileMark(store.path)

    def look() -> Board:
        nonlocal seen
        try:
            version = own.data_version()
            if version == seen and not shown.stale:
                return shown
            board = own.sessions.board()
            reason = _empty_replacement(own, shown, board, seen, version)
        except AmpsmError as refusal:
            reason = refusal.message
        if reason:
            return shown if shown.stale == reason else replace(shown, stale=reason)
        seen = version
        return board

    try:
        shown = await loop.run_in_executor(thread, look)
        yield shown
        while True:
            board = await loop.run_in_executor(thread, _watch, look, shown, files, bell, interval)
            if board is not shown:
                shown = board
                yield shown
    finally:
        bell.leave()
        with contextlib.suppress(RuntimeError):  # the interpreter is on its way out
            thread.submit(own.close)
            thread.submit(bell.close)
        thread.shutdown(wait=False)


def _watch(look: Callable[[], Board], shown: Board, files: "FileMark", bell: "FileBell", interval: float) -> Board:
    """The next board, or the one that is shown when nothing has changed for a while: the loop sleeps meanwhile."""
    deadline = time.monotonic() + _WATCHING
    left = _WATCHING
    # Where the bell rings, nothing is polled until then: what it does not hear of is seen after `_WATCHING`.
    while bell.wait(left if files.are_quiet and not shown.stale and bell.is_heard else interval) and left > 0:
        left = deadline - time.monotonic()
        board = shown if files.are_as_before() and not shown.stale else look()
        if board is not shown:
            return board
    return shown


class FileBell:
    """Waits for writes to a database, where the system reports changes of files."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._names = frozenset({database.name, f"{database.name}-wal"})
        self._left, self._leave = os.pipe()
        self._events: Inotify | None = None
        self._is_tried = False

    @property
    def is_heard(self) -> bool:
        """Whether writes are noticed: from the first wait on, where the system reports changes of files."""
        return self._events is not None

    def wait(self, seconds: float) -> bool:
        """Wait for a write, at most so many seconds; False once `leave` was called."""
        self._listen()
        files = [self._left, *([self._events] if self._events is not None else ())]
        deadline = time.monotonic() + seconds
        has_rung = False
        while not has_rung and (ready := select.select(files, [], [], max(0.0, deadline - time.monotonic()))[0]):
            if self._left in ready:
                return False
            has_rung = self._has_rung()
        return True

    def _listen(self) -> None:
        if self._is_tried:
            return
        self._is_tried = True
        from ampsm_engine import inotify  # only for who follows

        if inotify.is_reliable():
            with contextlib.suppress(OSError):  # the system has none left
                events = inotify.Inotify()
                if events.add(str(self._database.parent)) >= 0:
                    self._events = events
                else:
                    events.close()

    def _has_rung(self) -> bool:
        if self._events is None:
            return False
        rung = False
        for event in self._events.read():
            rung |= event.name in self._names or event.watch < 0
            if event.is_end:  # the folder has gone, and another one may come in its place
                self._events.close()
                self._events = None
                return True
        return rung

    def leave(self) -> None:
        """End every wait, from any thread, now and later."""
        os.write(self._leave, b"\0")

    def close(self) -> None:
        """Let go of what the system gave, from the thread that waited."""
        if self._events is not None:
            self._events.close()
        os.close(self._left)
        os.close(self._leave)


class FileMark:
    """Knows without SQLite that a database was not written to, for a tenth of the time."""

    _SURE = 1.0
    """Seconds after which the time of a file is another one at the next write for certain."""

    def __init__(self, database: Path) -> None:
        self._paths = (str(database), f"{database}-wal")
        self._seen: list[tuple[int, int, float] | None] = []
        self.are_quiet = False
        """What `are_as_before` told last."""

    def are_as_before(self) -> bool:
        """Whether its files are as they were when this was asked last; False where their times cannot tell yet."""
        found = [_stamp(path) for path in self._paths]
        before, self._seen = self._seen, found
        newest = max((stamp[2] for stamp in found if stamp), default=0.0)
        self.are_quiet = found == before and found[0] is not None and abs(time.time() - newest) > self._SURE
        return self.are_quiet


def _stamp(path: str) -> tuple[int, int, float] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked ten times a second for ever
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime


def _empty_replacement(store: Store, shown: Board, board: Board, seen: int | None, version: int) -> str:
    """Why the board shown is kept: the database was replaced by one without rows; empty when it was not."""
    is_other = seen is not None and Store.opening(seen) != Store.opening(version)
    if is_other and shown.rows and not board.rows:
        return f"The database {store.path} was replaced by an empty one, which knows none of these sessions."
    return ""
