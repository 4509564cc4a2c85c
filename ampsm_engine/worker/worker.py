"""The life of a worker: adopt what lost its worker, claim, run, settle, claim the next, leave."""

import math
import sys
import time
import traceback
from dataclasses import dataclass, field

from ampsm_engine import redact, timestamps
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.home import Home
from ampsm_engine.model import Iteration, Outcome, State
from ampsm_engine.store import PATIENCE, PatientStore, is_passing
from ampsm_engine.worker import launch, slots
from ampsm_engine.worker.run import Run
from ampsm_engine.worker.settle import settle

PAUSE = 0.5
"""Seconds between two tries of a worker that cannot use its home for the moment."""


@dataclass(slots=True)
class Worker:
    """One worker process. It looks after one iteration at a time."""

    home: Home
    store: PatientStore
    settings: Settings
    _trouble: dict[str, float] = field(default_factory=dict)
    """Since when an iteration could not be brought to its end, because of what passes by itself."""

    def work(self) -> None:
        """Adopt and run until nothing is left to do or no slot is free.

        A home that cannot be used for a while is waited for: who dies of it leaves the queue to nobody.
        """
        deadline = math.inf
        while True:
            try:
                if not self._round():
                    return
                deadline = math.inf
            except (AmpsmError, OSError) as reason:
                deadline = min(deadline, time.monotonic() + PATIENCE)
                if not is_passing(reason) or not self.home.database.exists() or time.monotonic() >= deadline:
                    raise
                self._say(f"waits: {reason}")
                self.store.close()
                time.sleep(PAUSE)

    def _round(self) -> bool:
        """Adopt, and run what waits in a slot; whether to look once more."""
        self._adopt_orphans()
        slot = slots.slot(self.home, int(self.settings.number("slots")))
        if slot is None:
            return False
        try:
            while self._next():
                self._adopt_orphans()
        finally:
            slot.release()
        # Something may have been queued by one who found every slot taken, ours among them.
        return self.store.queue.has_claimable()

    def _adopt_orphans(self) -> None:
        """Look after every iteration whose worker died. amp runs already, so this needs no slot."""
        while True:
            with slots.claiming(self.home), self.store.at_once():
                found = self._orphan()
            if found is None:
                return
            iteration, lease = found
            try:
                self._look_after(iteration, adopted=True)
            finally:
                lease.release()

    def _orphan(self) -> tuple[Iteration, slots.Lock] | None:
        for known in self.store.iterations.unsettled():
            lease = slots.lease(self.home.run(known.id))
            if lease is None:
                continue
            try:
                # Its worker may have settled it, and let go, since the store was asked.
                now = next((one for one in self.store.iterations.unsettled() if one.id == known.id), None)
            except BaseException:
                lease.release()
                raise
            if now is not None:
                return now, lease
            lease.release()
        return None

    def _next(self) -> bool:
        with slots.claiming(self.home), self.store.at_once():
            iteration = self.store.queue.claim()
            lease = slots.lease_of_claimed(self.home.run(iteration.id)) if iteration else None
        if iteration is None or lease is None:
            return False
        try:
            # Others may be able to run beside this one.
            if self.store.queue.has_claimable():
                launch.launch(self.home)
            self._look_after(iteration, adopted=False)
        finally:
            lease.release()
        return True

    def _look_after(self, iteration: Iteration, *, adopted: bool) -> None:
        """Run and settle one iteration; whatever goes wrong, it ends settled and said so."""
        self._say(f"{'adopts' if adopted else 'runs'} {iteration.id}")
        run = Run(self.home, self.store, self.settings, iteration)
        try:
            if adopted:
                run.await_abandoned()
            if iteration.state is State.RUNNING and not run.until_ended(adopted=adopted):
                self._say(f"puts {iteration.id} back into the queue: amp was never started")
                return
            settle(self.home, self.store, self.settings, iteration.id, said=run.said)
        except Exception as reason:
            first = self._trouble.setdefault(iteration.id, time.monotonic())
            if is_passing(reason) and time.monotonic() - first < PATIENCE:
                raise  # done or not, it is left as it is for the next adoption
            self._say(traceback.format_exc())
            self._give_up(run, iteration, reason)
        self._say(f"is done with {iteration.id}")
        try:
            self.store.keep_copy()
        except AmpsmError as reason:
            self._say(f"{reason.message} {reason.hint}")

    def _give_up(self, run: Run, iteration: Iteration, reason: Exception) -> None:
        """Settle what could not be settled in the ordinary way; what amp changed stays in place."""
        known = reason if isinstance(reason, AmpsmError) else Failed(f"{type(reason).__name__}: {reason}")
        run.end_amp()
        now = self.store.iterations.get(iteration.id)
        if now.state is State.RUNNING:
            self.store.iterations.begin_settling(
                iteration.id,
                outcome=Outcome.FAILED,
                failure="worker",
                error=known.message,
                hint=known.hint or "ampsm doctor",
                exit_code=None,
                duration_ms=None,
            )
        if self.store.iterations.get(iteration.id).state is State.SETTLING:
            settle(self.home, self.store, self.settings, iteration.id, trouble=known)

    def _say(self, text: str) -> None:
        print(f"{timestamps.now()} worker {redact.text(text)}", file=sys.stderr, flush=True)
