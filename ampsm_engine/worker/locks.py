"""Locks of workers, which the kernel frees when their holder dies: slots, leases and the claim lock.

No pid file, no heartbeat: after `kill -9` of a worker the next question finds the lock free.
"""

import json
import os
import signal
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Self

from ampsm_engine import file_lock, process_identity
from ampsm_engine.errors import Failed
from ampsm_engine.home import PRIVATE_FOLDER, Home, IterationDirectory, open_private


class Lock:
    """A held lock file. Children do not inherit it (PEP 446), so amp never keeps it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def sign(self) -> None:
        """Write the identity of this process into the file."""
        mine = process_identity.identify(os.getpid())
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps([mine.pid, mine.token, mine.boot]).encode(), 0)

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _try(path: Path, patience: float | None = 0.0) -> Lock | None:
    try:
        descriptor = open_private(path, os.O_RDWR | os.O_CREAT)
    except OSError as reason:
        message = f"The lock {path} cannot be opened: {reason.strerror}."
        raise Failed(message, "ampsm doctor") from reason
    if not file_lock.acquire(descriptor, patience):
        os.close(descriptor)
        return None
    return Lock(descriptor)


def take_slot(home: Home, slots: int) -> Lock | None:
    """The lock of a free one of N slots; None when all are taken."""
    for number in range(1, slots + 1):
        if (taken := _try(home.slots / str(number))) is not None:
            return taken
    return None


def count_free(home: Home, slots: int) -> int:
    """How many of N slots are free: each that was ever taken has a file, and N may be any number."""
    known = (path for path in home.slots.iterdir() if path.name.isdecimal() and int(path.name) <= slots)
    return slots - sum(map(file_lock.is_held, known))


def take_lease(run: IterationDirectory, *, wait: bool = False) -> Lock | None:
    """The lock for looking after an iteration; None while another living process holds it.

    `wait`, for the claimer: a process that still holds it only asks, or puts the iteration back into the queue.
    """
    try:  # without its directory there is no lease, and two workers would look after one iteration
        run.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    except OSError as reason:
        message = f"The run directory {run.path} cannot be made: {reason.strerror}."
        raise Failed(message, "ampsm doctor") from reason
    taken = _try(run.lease, None if wait else 0.0)
    if taken is not None:
        taken.sign()
    return taken


def end_holder(run: IterationDirectory) -> bool:
    """Kill the worker that looks after an iteration, as the last means; whether there was one."""
    if not is_leased(run):
        return False
    try:
        holder = process_identity.Identity(*json.loads(run.lease.read_bytes()))
    except (OSError, ValueError, TypeError):
        return False
    if not process_identity.is_alive(holder):
        return False
    with suppress(ProcessLookupError):
        os.kill(holder.pid, signal.SIGKILL)
    return True


def is_leased(run: IterationDirectory) -> bool:
    """Whether a living worker looks after that iteration."""
    try:
        return file_lock.is_held(run.lease)
    except OSError:
        return False


def claiming(home: Home, patience: float | None = None) -> AbstractContextManager[bool]:
    """One at a time between choosing an iteration and holding its lease.

    Without it a sweep could see an iteration that is claimed but not leased yet, and adopt it. False when another
    process is at it for longer than `patience` seconds.
    """
    return file_lock.locked(home.slots / "claim", patience)
