"""A store that waits: for whoever has done something that must be written down, however long the database is away."""

import errno
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ampsm_engine import wording
from ampsm_engine.errors import AmpsmError
from ampsm_engine.store.connection import StorePart
from ampsm_engine.store.store import Store

PATIENCE = 600.0
"""Seconds that a worker waits for a database; after that the next worker goes on from where it stands."""

_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_BUSY_SECONDS = 2.0
"""Seconds that SQLite itself waits before a verb is tried again."""

_PASSING = frozenset(
    {
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR),
        *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_PROTOCOL),
    }
)
_PASSING_ERRNO = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)


def is_passing(reason: BaseException | None) -> bool:
    """Whether an error may go away by itself: a busy database, a full disk, one that is read-only for a while."""
    if isinstance(reason, AmpsmError):
        reason = reason.__cause__
    cause = getattr(reason, "orig", reason)  # peewee wraps what SQLite said
    if isinstance(cause, sqlite3.Error):
        return int(getattr(cause, "sqlite_errorcode", 0)) & 0xFF in _PASSING
    return isinstance(cause, OSError) and cause.errno in _PASSING_ERRNO


class PatientStore(Store):
    """Each verb of its parts is tried again while the database cannot be used for the moment.

    A verb is one transaction, so one that failed left nothing behind. What passes not within `patience` seconds comes
    out as it does from any store, and so does everything else at once.
    """

    def __init__(self, database: Path, patience: float = PATIENCE) -> None:
        super().__init__(database)
        self._patience = patience
        self._is_within = False
        for name, part in list(vars(self).items()):
            if isinstance(part, StorePart):
                setattr(self, name, _PatientPart(self, part))

    def open(self) -> None:
        """As of any store, once the database can be used."""
        self.tried(super().open)

    def check(self) -> None:
        """As of any store, once the database can be used."""
        self.tried(super().check)

    def keep_copy(self) -> None:
        """As of any store, once the database can be used."""
        self.tried(super().keep_copy)

    def data_version(self) -> int:
        """As of any store, once the database can be used."""
        return int(self.tried(super().data_version))

    @property
    def busy_seconds(self) -> float:
        """Seconds that SQLite waits for another writer, before the verb is tried again."""
        return min(_BUSY_SECONDS, super().busy_seconds)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Nothing is tried again in here: for whoever has something to look after meanwhile."""
        before, self._is_within = self._is_within, True
        try:
            yield
        finally:
            self._is_within = before

    def tried(self, verb: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """The answer of a verb, as soon as the database can be used."""
        if self._is_within:  # a verb that another one calls is a part of its transaction
            return verb(*args, **more)
        deadline = time.monotonic() + self._patience
        pause = _PAUSE
        while True:
            try:
                with self.at_once():
                    return verb(*args, **more)
            except AmpsmError as reason:
                if not is_passing(reason) or time.monotonic() >= deadline or not self.path.exists():
                    raise
                if pause == _PAUSE:
                    print(f"{wording.now()} waits: {reason}", file=sys.stderr, flush=True)
            self.close()  # what was opened while it could not be written stays so
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


class _PatientPart:
    """A part of a patient store: whatever verb it is asked for is tried by the store."""

    def __init__(self, store: PatientStore, part: StorePart) -> None:
        self._store, self._part = store, part

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._store.tried, getattr(self._part, name))
