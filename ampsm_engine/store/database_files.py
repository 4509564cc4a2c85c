"""The database as files: private, locked while its schema changes, copied before that, quarantined when corrupt.

Never opens the database's own file for reading: closing it would drop the locks that SQLite holds in this process.
"""

import contextlib
import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ampsm_engine import file_lock
from ampsm_engine.errors import Failed, Unfit
from ampsm_engine.home import PRIVATE_FILE, PRIVATE_FOLDER, open_private

BUSY_SECONDS = 30.0
"""How long a writer waits for another one: a verb that has done its work must be able to write that down."""

CHANGING_SECONDS = 60.0
"""How long a process waits for another one that makes or migrates the database."""

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "fuse.sshfs", "fuse.davfs", "davfs"})
_SQLITE_LOCKS = (0x4000_0000, 512)
"""The bytes of a database file that every SQLite connection locks: first byte and length."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a database that exists; it never makes one."""
    address = f"{path.as_uri()}?mode=rw"
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def file_parts(path: Path) -> tuple[Path, ...]:
    """The files that a database in WAL mode may consist of."""
    return (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm"))


def is_blank(path: Path) -> bool:
    """Whether there is no database yet: no file, or one without a byte."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return True
    if not stat.S_ISREG(found.st_mode):
        raise Unfit(f"{path} is no file, so it cannot be the database.", f"mv {path} {path}.aside, then: ampsm repair")
    return found.st_size == 0


def make_private(path: Path) -> None:
    """Give the files that exist the mode of all our files; SQLite makes new ones with the mode of the first."""
    for part in file_parts(path):
        with contextlib.suppress(FileNotFoundError):
            if stat.S_IMODE(part.stat().st_mode) != PRIVATE_FILE:
                part.chmod(PRIVATE_FILE)


def create(path: Path) -> None:
    """Make the empty file, private before SQLite sees it."""
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(open_private(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))


@contextlib.contextmanager
def exclusive_change(path: Path) -> Iterator[None]:
    """The lock of the one process that makes, migrates or replaces the database; others wait for it."""
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    with file_lock.locked(path.with_name(f"{path.name}.changing"), CHANGING_SECONDS) as is_ours:
        if not is_ours:
            raise Failed(
                f"Another process has been changing {path} for {CHANGING_SECONDS:.0f} seconds.",
                "Run the command again; if it stays so: ampsm doctor",
            )
        yield


def back_up(path: Path, version: int) -> Path:
    """Copy the database to `<name>.v<version>-<time>.bak` beside itself; answers the copy.

    It reads through a connection of its own: SQLite copies nothing through one that is about to write.
    """
    copy = _free_name(path, f"v{version}-{_moment()}.bak")
    os.close(open_private(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL))
    try:
        with contextlib.closing(connect(path)) as source, contextlib.closing(connect(copy)) as target:
            source.backup(target)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return copy


def quarantine(path: Path) -> Path:
    """Move a database that is corrupt or empty out of the way, whole; answers its new path. `exclusive_change` is held.

    Unfit while another process has it open: when that one ends, SQLite deletes the files of the log by their name,
    and by then they would be those of the database that took this one's place.
    """
    create(path)  # its log may be all that is left
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if not _unused_by_others(descriptor):
            raise Unfit(
                f"The database {path} is corrupt, and another process has it open, so it was left where it is.",
                "End the other ampsm programs and workers, then: ampsm repair",
            )
        aside = _free_name(path, f"corrupt-{_moment()}")
        for part in reversed(file_parts(path)):
            with contextlib.suppress(FileNotFoundError):
                part.rename(aside.with_name(aside.name + part.name.removeprefix(path.name)))
    finally:
        os.close(descriptor)
    return aside


def _unused_by_others(descriptor: int) -> bool:
    start, length = _SQLITE_LOCKS
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
    except (BlockingIOError, PermissionError):  # POSIX allows both for a lock that is taken
        return False
    return True


def _free_name(path: Path, suffix: str) -> Path:
    candidate, count = path.with_name(f"{path.name}.{suffix}"), 1
    while candidate.exists():
        count += 1
        candidate = path.with_name(f"{path.name}.{suffix}-{count}")
    return candidate


def _moment() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def network_mount(path: Path, mounts: str) -> str | None:
    """The kind of network file system of a path, by the text of /proc/self/mountinfo; else None."""
    best, found = -1, None
    for line in mounts.splitlines():
        head, _, tail = line.partition(" - ")
        columns, kind = head.split(), tail.split()
        if len(columns) < 5 or not kind:
            continue
        point = columns[4].encode().decode("unicode_escape")  # a blank is written \040
        if path.is_relative_to(point) and len(point) >= best:
            best, found = len(point), kind[0] if kind[0] in _NETWORK else None
    return found


def refuse_network(path: Path) -> None:
    """Unfit when the database would be on a network file system: WAL needs shared memory."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return  # not Linux: SQLite's own answer decides
    kind = network_mount(path.parent.resolve(), mounts)
    if kind:
        raise network_refusal(path, f"it lies on a network file system ({kind})")


def network_refusal(path: Path, reason: str) -> Unfit:
    """The error for a database that processes cannot share where it is."""
    return Unfit(
        f"The database {path} cannot be used by several processes at once: {reason}.",
        "Keep it on a local disk: AMPSM_DB_PATH=/a/local/folder/ampsm.sqlite",
    )
