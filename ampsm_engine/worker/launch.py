"""Starting workers and coordinators, and finding what dead ones left. Light: every command calls `sweep`."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine import file_lock
from ampsm_engine.home import PRIVATE_FOLDER, Home, open_private
from ampsm_engine.store import Store
from ampsm_engine.worker import locks

if TYPE_CHECKING:
    import subprocess

    from ampsm_engine.model import Batch

LOG_LIMIT = 1 << 20
"""Bytes of the worker's log after which it is begun anew, the older half kept beside it."""

CLAIM_PATIENCE = 1.0
"""Seconds that a command waits for a worker that is about to claim: the worker may be waiting for the database."""

STARTING = 10.0
"""Seconds that a worker counts as on its way to what it was started for; on a busy machine it needs two or three."""

ON_A_CLUSTER = '"on": '
"""What stands in the plan of a batch that a cluster runs. Light: most sweeps find no batch, and none reads its plan."""

FAILED = b"failed"
"""What a coordinator that failed leaves in its lease, and after it how many have failed one after the other."""

FAILED_PAUSE = 60.0
"""Seconds before a sweep starts a failed one again: two that fail would start each other without end."""

_launched: "list[tuple[subprocess.Popen[bytes], float]]" = []
"""Workers started by this process and when, kept so that a long-lived one reaps them."""

_coordinators: "dict[str, tuple[subprocess.Popen[bytes], float]]" = {}
"""Coordinators started by this process and when, by the id of their batch, kept so that a long-lived one reaps them."""


def launch(home: Home) -> None:
    """Start one detached worker: a session of its own, no terminal, nothing inherited but the environment."""
    worker = _detached(home, "ampsm_engine.worker", log=_log(home.worker_log), what="worker")
    _launched.append((worker, time.monotonic()))


def launch_if_needed(home: Home, store: Store, slot_count: int) -> bool:
    """Start a worker when an iteration waits that no living worker can take; whether one was started.

    One at a time in a home: while one is on its way to a slot, that slot still looks free.
    """
    if not store.queue.has_claimable() or _is_paused(home, store):
        return False
    free = locks.take_slot(home, slot_count)
    if free is None:  # each of those at work claims the next when it is done
        return False
    free.release()
    starting = open_private(home.slots / "starting", os.O_RDWR | os.O_CREAT)
    try:
        if not file_lock.acquire(starting, 0):
            return False
        # The worker inherits the lock, and gives it back when it has its slot: then the next one may be started.
        log, module = _log(home.worker_log), "ampsm_engine.worker"
        worker = _detached(home, module, str(starting), log=log, what="worker", kept=(starting,))
        _launched.append((worker, time.monotonic()))
    finally:
        os.close(starting)
    return True


def launch_coordinator(home: Home, batch: "Batch") -> None:
    """Start a coordinator for a batch, detached like a worker: one that runs it here, or on its cluster."""
    folder = home.batch(batch.id)
    folder.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    module = "ampsm_engine.cluster" if ON_A_CLUSTER in batch.plan else "ampsm_engine.batch"
    started = _detached(home, module, batch.id, log=_log(folder.log), what="coordinator")
    _coordinators[batch.id] = started, time.monotonic()


def sweep_batches(home: Home, store: Store, *, asked: str = "") -> int:
    """Start a coordinator for each active batch that has none; answers how many. One question mostly.

    One that has failed just now is started for the batch that a person `asked` for only, by its id.
    """
    started = 0
    for batch in store.batches.active():
        process, since = _coordinators.get(batch.id, (None, 0.0))
        on_its_way = process is not None and process.poll() is None and time.monotonic() - since < STARTING
        lease = home.batch(batch.id).lease
        if on_its_way or file_lock.is_held(lease) or (batch.id != asked and _has_just_failed(lease)):
            continue
        launch_coordinator(home, batch)
        started += 1
    return started


def _has_just_failed(lease: Path) -> bool:
    try:
        return lease.read_bytes().startswith(FAILED) and 0 <= time.time() - lease.stat().st_mtime < FAILED_PAUSE
    except OSError:  # no worker has begun yet
        return False


def failures_in(lease: int) -> int:
    """How many coordinators have failed one after the other, as the open lease says."""
    word, _, count = os.pread(lease, 100, 0).partition(b" ")
    return int(count) if word == FAILED and count.isdigit() else 0


def _detached(
    home: Home, module: str, *arguments: str, log: int, what: str, kept: tuple[int, ...] = ()
) -> "subprocess.Popen[bytes]":
    from ampsm_engine import detached_process  # most commands start no process

    what, hint = f"A {what}", "ampsm doctor"
    return detached_process.start(home, module, *arguments, log=log, kept=kept, what=what, hint=hint)


def _starting(home: Home) -> int:
    """How many workers of this process live and have only just been started."""
    _reap(home)
    return sum(time.monotonic() - since < STARTING for _, since in _launched)


def _reap(home: Home) -> None:
    """Forget the workers of this process that have ended; one that was killed at its start could not say so itself."""
    for worker, since in _launched:
        if worker.poll() and time.monotonic() - since < STARTING:
            from ampsm_engine import failed_starts  # none mostly

            code = worker.returncode
            said = f"It was ended by signal {-code}." if code < 0 else f"It ended with exit code {code}."
            failed_starts.record(home, f"{said} Its log: {home.worker_log}")
    _launched[:] = [(worker, since) for worker, since in _launched if worker.returncode is None]


def _is_paused(home: Home, store: Store) -> bool:
    """Whether no worker is to be started just now, because so many ended at their start; the history says so once."""
    _reap(home)
    if not home.failed_starts.exists():
        return False
    from ampsm_engine import failed_starts

    found = failed_starts.read(home)
    if found is None or not found.is_paused:
        return False
    if not found.is_reported:
        store.facts.add("no-worker", found.sentence)
        failed_starts.mark_reported(home, found)
    return True


def _log(path: Path) -> int:
    """A log; nowhere, when it cannot be written: no reason not to work."""
    try:
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.old"))
        return open_private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def sweep(home: Home, store: Store, slot_count: int) -> int:
    """Start workers for iterations without one and for an unserved queue, and coordinators.

    Answers how many were started. Costs two small queries when there is nothing to do. Repeated sweeps
    start no second worker beside one that is still on its way: a worker that cannot start would fill the machine.
    """
    wanted = 0
    if store.iterations.unsettled():
        with locks.claiming(home, CLAIM_PATIENCE) as alone:  # else a living worker looks for them at this moment
            unsettled = store.iterations.unsettled() if alone else ()
            wanted = sum(not locks.is_leased(home.iteration(iteration.id)) for iteration in unsettled)
    if store.queue.has_claimable() and wanted < slot_count:
        free = locks.take_slot(home, slot_count)
        if free is not None:
            free.release()
            wanted += 1
    wanted = max(0, wanted - _starting(home)) if wanted and not _is_paused(home, store) else 0
    for _ in range(wanted):
        launch(home)
    return wanted + sweep_batches(home, store)
