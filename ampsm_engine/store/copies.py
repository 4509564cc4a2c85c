"""Daily copies of the database, and a list of its repositories, from which a lost one is rebuilt.

Both are in `<database>.copies/`, private to their owner. A command or a worker makes the copy when the newest one is a
day old; otherwise it costs one read of a folder.
"""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from ampsm_engine import file_lock
from ampsm_engine.home import PRIVATE_FOLDER, open_private, write_private
from ampsm_engine.store import database_files, migrations

EVERY = 24 * 3600.0
"""Seconds from one copy to the next."""

KEPT = 5
"""Copies that stay; the oldest goes when a new one comes."""

_LIST = "repositories.json"
_LIST_PATIENCE = 5.0
"""Seconds that a new repository waits for another one that is being written into the list."""


def folder(path: Path) -> Path:
    """The folder of the copies of a database."""
    return path.with_name(f"{path.name}.copies")


def existing(path: Path) -> list[Path]:
    """The copies of a database, the newest first."""
    return sorted(folder(path).glob("*.sqlite"), reverse=True)


def is_due(path: Path) -> bool:
    """Whether the newest copy is a day old, or there is none."""
    newest = existing(path)[:1]
    try:
        return not newest or abs(time.time() - newest[0].stat().st_mtime) >= EVERY
    except FileNotFoundError:
        return True


def make(path: Path) -> Path | None:
    """Copy the database when that is due, and list its repositories; None when it is not.

    One without sessions is not copied: it may have replaced a lost one. Raises sqlite3.DatabaseError when
    the copy turns out corrupt, as the database is then; OSError when it cannot be written.
    """
    folder(path).mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    with file_lock.locked(folder(path) / "lock", 0) as is_ours:
        if not is_ours or not is_due(path):
            return None
        with contextlib.closing(database_files.connect(path)) as source:
            roots = [root for (root,) in source.execute('SELECT DISTINCT "repoRoot" FROM sessions ORDER BY 1')]
            return _copied(path, source) if roots and _list_repositories(path, roots) else None


def _copied(path: Path, source: sqlite3.Connection) -> Path:
    made = folder(path) / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.sqlite"
    unproven = made.with_suffix(".unproven")
    for left in folder(path).glob("*.unproven*"):
        left.unlink(missing_ok=True)
    os.close(open_private(unproven, os.O_RDWR | os.O_CREAT | os.O_EXCL))
    try:
        with contextlib.closing(database_files.connect(unproven)) as target:
            source.backup(target)
            migrations.check(target)
            target.execute("PRAGMA journal_mode = delete")  # one file, without a log of its own
        unproven.replace(made)
    finally:
        for part in database_files.file_parts(unproven):
            part.unlink(missing_ok=True)
    for old in existing(path)[KEPT:]:
        old.unlink(missing_ok=True)
    return made


def repositories(path: Path) -> list[Path]:
    """The repositories that sessions of this database were ever made in; those that are written down."""
    try:
        found = json.loads((folder(path) / _LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [Path(root) for root in found if isinstance(root, str)]


def note_repository(path: Path, root: str) -> None:
    """List the repository of a new session, before there is a copy."""
    with contextlib.suppress(OSError):
        folder(path).mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        _list_repositories(path, [root])


def _list_repositories(path: Path, roots: Iterable[str]) -> bool:
    wanted = list(map(str, roots))
    if set(wanted) <= set(map(str, repositories(path))):
        return True
    with file_lock.locked(folder(path) / f"{_LIST}.lock", _LIST_PATIENCE):
        every = dict.fromkeys([*map(str, repositories(path)), *wanted])  # read once more: another one may have written
        write_private(folder(path) / _LIST, json.dumps(list(every), indent=1).encode())
    return True


def was_used(path: Path) -> bool:
    """Whether a database of this name had sessions once."""
    return bool(existing(path) or repositories(path))
