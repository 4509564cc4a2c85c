"""`python -m ampsm_engine.batch RUN`: the coordinator of a run, for the home that the environment names.

One that finds another one at work leaves again.
"""

import asyncio
import os
import signal
import sys
import time
import traceback
from contextlib import suppress

from ampsm_engine import file_lock, private_folder
from ampsm_engine.batch import runs
from ampsm_engine.batch.coordinator import Coordinator, ExecutorOf, log
from ampsm_engine.batch.executor import LocalExecutor
from ampsm_engine.context import Engine, engine_at
from ampsm_engine.engine import startup
from ampsm_engine.errors import NotFound
from ampsm_engine.git import libgit2
from ampsm_engine.home import PRIVATE_FOLDER, open_private
from ampsm_engine.worker import launch

PATIENCE = 2.0
"""Seconds to wait for the lease: a process that only asks whether it is held holds it for a moment, too."""

MOST_FAILURES = 5
"""Coordinators that may fail one after the other before the run is stopped: what they meet does not pass."""

LASTED = 600.0
"""Seconds after which one that fails is the first to fail: those before it are not what ended it."""


def main(batch_id: str, executor_of: ExecutorOf = LocalExecutor) -> int:
    """Coordinate a run on what carries its items out, until it has ended or was stopped; the exit code."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    engine = engine_at()
    folder = engine.home.batch(batch_id)
    folder.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    startup.report_recovered = log
    is_ready = False
    while True:
        lease = open_private(folder.lease, os.O_RDWR | os.O_CREAT)
        try:
            if not file_lock.acquire(lease, PATIENCE):
                return 0
            failures, began = launch.failures_in(lease), time.monotonic()
            os.ftruncate(lease, 0)
            if not is_ready:
                private_folder.remove_abandoned()
                libgit2.load()
                startup.make_ready(engine)
                is_ready = True
            _coordinate(engine, batch_id, executor_of)
        except Exception as reason:  # noqa: BLE001 - the log and the run's reason are all that is shown of it
            log(traceback.format_exc())
            failures = 1 if time.monotonic() - began > LASTED else failures + 1
            with suppress(OSError):
                os.pwrite(lease, launch.FAILED + b" %d" % failures, 0)
            with suppress(Exception):  # it is the store, then: nothing can be written
                runs.note_failure(engine, batch_id, f"{type(reason).__name__}: {reason}", failures, MOST_FAILURES)
            os._exit(1)  # its threads may be at anything
        finally:
            os.close(lease)
        # Somebody may have resumed it just now, and found the lease still held.
        with suppress(NotFound):
            if engine.store.batches.get(batch_id).state in runs.AT_WORK:
                continue
        return 0


def _coordinate(engine: Engine, batch_id: str, executor_of: ExecutorOf) -> None:
    try:
        batch = engine.store.batches.get(batch_id)
    except NotFound:  # on a host of a cluster, where it was taken over and forgotten
        return
    if batch.state not in runs.AT_WORK:
        return
    log(f"takes up {batch_id}")
    asyncio.run(Coordinator(engine, batch, runs.specs(engine, batch_id), executor_of).work())
    log(f"is done with {batch_id}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
