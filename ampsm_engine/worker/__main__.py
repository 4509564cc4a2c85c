"""`python -m ampsm_engine.worker`: the life of a worker, for the home that the environment names.

It adopts what lost its worker, claims, runs, settles, claims the next, and leaves.
"""

import asyncio
import contextlib
import math
import os
import signal
import sys
import time
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ampsm_engine import failed_starts, private_folder, redact, timestamps
from ampsm_engine.amp import failures
from ampsm_engine.config import Settings, config_path, load
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.git import libgit2
from ampsm_engine.home import Home, home
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.model import BatchState, Iteration, Outcome, State
from ampsm_engine.store import PATIENCE, PatientStore, is_passing
from ampsm_engine.worker import iteration_directory, launch, locks, session_limits
from ampsm_engine.worker.iteration import RunningIteration
from ampsm_engine.worker.phases import StopRequest
from ampsm_engine.worker.settle import settle

PAUSE = 0.5
"""Seconds between two tries of a worker that cannot use its home for the moment."""

LINGERING = 2.0
"""Seconds that a worker keeps its slot while a batch is about to queue something, and looks for it so often:"""

LINGERING_TICK = 0.1


@dataclass(slots=True)
class Worker:
    """A worker process, which looks after one iteration at a time."""

    home: Home
    store: PatientStore
    config: Path
    starting: int | None = None
    """The lock that says that a worker is on its way to a slot, as a descriptor; None when it is not held."""
    _follower: PatientStore = field(init=False)
    """A second store of the same database, to look for stops while a thread works with `store`."""
    _trouble: dict[str, float] = field(default_factory=dict)
    """Since when an iteration could not be brought to its end, because of what passes by itself."""

    def __post_init__(self) -> None:
        self._follower = PatientStore(self.store.path)

    @property
    def settings(self) -> Settings:
        """The settings as they are now: a limit set while a worker lives holds for the next iteration it takes."""
        return load(self.config)

    async def work(self) -> None:
        """Adopt and run until nothing is left to do or no slot is free.

        A home that cannot be used for a while is waited for: without a worker the queue would stand still.
        """
        deadline = math.inf
        while True:
            try:
                if not await self._round():
                    return
                deadline = math.inf
            except (AmpsmError, OSError) as reason:
                deadline = min(deadline, time.monotonic() + PATIENCE)
                if not is_passing(reason) or not self.home.database.exists() or time.monotonic() >= deadline:
                    raise
                self._log(f"waits: {reason}")
                self.store.close()
                self._follower.close()
                await asyncio.sleep(PAUSE)

    async def _round(self) -> bool:
        """Adopt, and run what waits in a slot; whether to look once more."""
        await self._adopt_orphans()
        slot = locks.take_slot(self.home, int(self.settings.number("slots")))
        failed_starts.clear(self.home)
        self._let_others_start()
        if slot is None:
            return False
        with slot:
            while await self._next() or await self._more_comes():
                await self._adopt_orphans()
        # Something may have been queued by one who found every slot taken, ours among them.
        return self.store.queue.has_claimable()

    def _let_others_start(self) -> None:
        if self.starting is not None:
            os.close(self.starting)
            self.starting = None

    async def _more_comes(self) -> bool:
        """Wait a moment for what a batch queues next: a worker that stays costs less than one that starts."""
        deadline, version = time.monotonic() + LINGERING, -1
        while time.monotonic() < deadline:
            if (now := self.store.data_version()) != version:
                version = now
                if self.store.queue.has_claimable():
                    return True
                soon = timestamps.stamp(datetime.now(UTC) + timedelta(seconds=LINGERING))
                active = [batch for batch in self.store.batches.active() if batch.state is BatchState.RUNNING]
                if not any((batch.wait_until or "") <= soon for batch in active):
                    return False
            await asyncio.sleep(LINGERING_TICK)
        return False

    async def _adopt_orphans(self) -> None:
        """Look after every iteration whose worker died. amp runs already, so this needs no slot."""
        while True:
            with locks.claiming(self.home), self.store.at_once():
                found = self._orphan()
            if found is None:
                return
            self._let_others_start()  # this may take hours, and no slot
            iteration, lease = found
            with lease:
                await self._run_and_settle(iteration, adopted=True)

    def _orphan(self) -> tuple[Iteration, locks.Lock] | None:
        for known in self.store.iterations.unsettled():
            lease = locks.take_lease(self.home.iteration(known.id))
            if lease is None:
                continue
            with contextlib.ExitStack() as stack:
                stack.enter_context(lease)
                for now in self.store.iterations.unsettled():  # its worker may have settled it since, and let go
                    if now.id == known.id:
                        stack.pop_all()
                        return now, lease
        return None

    async def _next(self) -> bool:
        with locks.claiming(self.home), self.store.at_once():
            iteration = self.store.queue.claim()
            lease = locks.take_lease(self.home.iteration(iteration.id), wait=True) if iteration else None
        if iteration is None or lease is None:
            return False
        with lease:
            # Others may be able to run beside this one.
            launch.launch_if_needed(self.home, self.store, int(self.settings.number("slots")))
            await self._run_and_settle(iteration, adopted=False)
        return True

    async def _run_and_settle(self, iteration: Iteration, *, adopted: bool) -> None:
        """Run an iteration and settle it, also after any error, which its end then names."""
        self._log(f"{'adopts' if adopted else 'runs'} {iteration.id}")
        stop = StopRequest(self._follower, iteration.id)
        limits = iteration_directory.read_limits(self.home.iteration(iteration.id))
        settings = self.settings.with_values(limits.settings)
        run = RunningIteration(self.home, self.store, settings, iteration, stop, limits)
        try:
            if adopted:
                await run.await_abandoned()
            if iteration.state is State.RUNNING and not await run.until_ended(adopted=adopted):
                self._log(f"puts {iteration.id} back into the queue: amp was never started")
                return
            await settle(self.home, self.store, settings, stop, output=run.output, has_script=limits.script)
        except Exception as reason:
            first = self._trouble.setdefault(iteration.id, time.monotonic())
            if is_passing(reason) and time.monotonic() - first < PATIENCE:
                raise  # done or not, it is left as it is for the next adoption
            self._log(traceback.format_exc())
            await self._give_up(run, reason)
        await session_limits.ask(self.store, self.settings, iteration.id)
        self._log(f"is done with {iteration.id}")
        try:
            self.store.copy_when_due()
        except AmpsmError as reason:
            self._log(reason.line)

    async def _give_up(self, run: RunningIteration, reason: Exception) -> None:
        """Settle what could not be settled in the ordinary way; what amp changed stays in place."""
        known = reason if isinstance(reason, AmpsmError) else Failed(f"{type(reason).__name__}: {reason}")
        await run.end_amp()
        iteration_id = run.iteration.id
        if self.store.iterations.get(iteration_id).state is State.RUNNING:
            self.store.iterations.begin_settling(
                iteration_id,
                outcome=Outcome.FAILED,
                failure=failures.WORKER.name,
                error=known.message,
                hint=known.hint or "ampsm doctor",
            )
        if self.store.iterations.get(iteration_id).state is State.SETTLING:
            await settle(self.home, self.store, self.settings, run.stop, trouble=known)

    def _log(self, text: str) -> None:
        print(f"{timestamps.now()} worker {redact.text(text)}", file=sys.stderr, flush=True)


def main() -> None:
    """Work until nothing is left to do."""
    starting = int(sys.argv[1]) if len(sys.argv) > 1 else None
    if starting is not None:
        os.set_inheritable(starting, False)
    # A shell that puts a command into the background has it ignore SIGINT, and amp would inherit that.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    private_folder.remove_abandoned()
    libgit2.load()
    place = home()
    place.ensure()
    try:
        store = PatientStore(place.database)
        store.open()
        worker = Worker(place, store, config_path(), starting)
    except Exception as reason:
        failed_starts.record(place, f"{reason}")
        raise
    asyncio.run(work(worker))
    launch.sweep_batches(place, store)  # where its coordinator died, no other process may come for hours


async def work(worker: Worker) -> None:
    """Let a worker work; one that fails ends its process at once: with its event loop, asyncio would end amp, too."""
    failed = True
    try:
        await worker.work()
        failed = False
    except Exception as reason:
        failed_starts.record(worker.home, f"{reason}")
        raise
    finally:
        if failed:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)


if __name__ == "__main__":
    main()
