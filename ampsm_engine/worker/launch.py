"""Starting workers, and finding what a dead one left. Light: every command calls `sweep`."""

import os
import sys
import time
from typing import TYPE_CHECKING

from ampsm_engine.errors import Failed
from ampsm_engine.home import GIT_OWNER_MARK, RUN_MARK, Home, open_private
from ampsm_engine.store import Store
from ampsm_engine.worker import slots

if TYPE_CHECKING:
    import subprocess

LOG_LIMIT = 1 << 20
"""Bytes of the worker's log after which it is begun anew, the older half kept beside it."""

CLAIM_PATIENCE = 1.0
"""Seconds that a command waits for a worker that is about to claim: the worker may be waiting for the database."""

STARTING = 10.0
"""Seconds that a worker counts as on its way to what it was started for; on a busy machine it needs two or three."""

_launched: "list[tuple[subprocess.Popen[bytes], float]]" = []
"""Workers started by this process and when, kept so that a long-lived one reaps them."""


def launch(home: Home) -> None:
    """Start one detached worker: a session of its own, no terminal, nothing inherited but the environment."""
    import subprocess  # most commands start nobody

    environment = os.environ | {"AMPSM_HOME": str(home.root), "AMPSM_DB_PATH": str(home.database)}
    # Started by an agent inside an iteration, or by a hook, the worker must not be taken for something left of those.
    environment.pop(RUN_MARK, None)
    environment.pop(GIT_OWNER_MARK, None)
    log = _log(home)
    try:
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "ampsm_engine.worker"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    except OSError as reason:
        message = f"No worker could be started: {reason.strerror}."
        raise Failed(message, "ampsm doctor") from reason
    finally:
        os.close(log)
    _launched.append((worker, time.monotonic()))


def _starting() -> int:
    """How many workers of this process live and have only just been started."""
    _launched[:] = [(worker, since) for worker, since in _launched if worker.poll() is None]
    return sum(time.monotonic() - since < STARTING for _, since in _launched)


def _log(home: Home) -> int:
    """The worker's log; nowhere, when it cannot be written: no reason not to work."""
    try:
        if home.worker_log.exists() and home.worker_log.stat().st_size > LOG_LIMIT:
            home.worker_log.replace(home.worker_log.with_suffix(".log.old"))
        return open_private(home.worker_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def sweep(home: Home, store: Store, slot_count: int) -> int:
    """Start a worker for each iteration that lost its own, and for a queue that nobody serves.

    Answers how many were started. Costs two small queries when there is nothing to do. Who sweeps again and again
    starts no second worker beside one that is still on its way: a worker that cannot start would fill the machine.
    """
    wanted = 0
    if store.iterations.unsettled():
        with slots.claiming(home, CLAIM_PATIENCE) as alone:  # else a living worker looks for them at this moment
            unsettled = store.iterations.unsettled() if alone else ()
            wanted = sum(not slots.is_leased(home.run(iteration.id)) for iteration in unsettled)
    if store.queue.has_claimable() and wanted < slot_count:
        free = slots.slot(home, slot_count)
        if free is not None:
            free.release()
            wanted += 1
    wanted = max(0, wanted - _starting()) if wanted else 0
    for _ in range(wanted):
        launch(home)
    return wanted
