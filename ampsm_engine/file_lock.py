"""Locks on files, which the kernel frees when their holder dies."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_INTERVAL = 0.02
"""Seconds between two tries: flock itself waits without an end, or not at all."""


def acquire(
    descriptor: int, patience: float | None, *, shared: bool = False, stop: Callable[[], bool] = lambda: False
) -> bool:
    """Lock an open file for its descriptor alone; False when another one holds it for `patience` seconds, or at `stop`.

    None waits for as long as it takes; a `shared` lock keeps out only those who want it alone. Closing the descriptor
    gives the lock back.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    if patience is None:
        fcntl.flock(descriptor, kind)
        return True
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline or stop():
                return False
            time.sleep(_INTERVAL)
        else:
            return True


@contextlib.contextmanager
def locked(path: Path, patience: float | None) -> Iterator[bool]:
    """A lock on a file that is made if need be, private to its owner: whether it was had within `patience` seconds."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield acquire(descriptor, patience)
    finally:
        os.close(descriptor)


def abandoned(folder: Path) -> Iterator[tuple[Path, int]]:
    """The files of a folder that no living process has locked, by name, with their descriptors.

    Each is locked here while the caller handles it. What cannot be opened, and a folder that is not there, is left out.
    """
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if acquire(descriptor, 0):
                yield path, descriptor
        finally:
            os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock of a file; False without the file. OSError when it cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared: two who only ask do not take each other for the holder.
        return not acquire(descriptor, 0, shared=True)
    finally:
        os.close(descriptor)
