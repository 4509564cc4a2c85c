"""`python -m ampsm_engine.worker`: one worker, for the home that the environment names."""

import asyncio
import os
import signal
import sys
import traceback

from ampsm_engine import private_folder
from ampsm_engine.config import config_path, load
from ampsm_engine.home import home
from ampsm_engine.store import PatientStore
from ampsm_engine.worker.worker import Worker


def main() -> None:
    """Work until nothing is left to do."""
    # A shell that puts a command into the background has it ignore SIGINT, and amp would inherit that.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    private_folder.remove_abandoned()
    place = home()
    place.ensure()
    store = PatientStore(place.database)
    store.open()
    asyncio.run(work(Worker(place, store, load(config_path()))))


async def work(worker: Worker) -> None:
    """Let a worker work; one that fails ends its process at once: with its event loop, asyncio would end amp, too."""
    failed = True
    try:
        await worker.work()
        failed = False
    finally:
        if failed:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)


if __name__ == "__main__":
    main()
