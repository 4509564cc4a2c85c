"""The life of a worker: adopt what lost its worker, claim, run, settle, claim the next, leave."""

import sys
import traceback
from dataclasses import dataclass

from ampsm_engine import redact, wording
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.home import Home
from ampsm_engine.model import Iteration, Outcome, State
from ampsm_engine.store import Store
from ampsm_engine.worker import launch, slots
from ampsm_engine.worker.run import Run
from ampsm_engine.worker.settle import settle


@dataclass(slots=True)
class Worker:
    """One worker process. It looks after one iteration at a time."""

    home: Home
    store: Store
    settings: Settings

    def work(self) -> None:
        """Adopt and run until nothing is left to do or no slot is free."""
        while True:
            self._adopt_orphans()
            slot = slots.slot(self.home, int(self.settings.number("slots")))
            if slot is None:
                return
            try:
                while self._next():
                    self._adopt_orphans()
            finally:
                slot.release()
            # Something may have been queued by one who found every slot taken, ours among them.
            if not self.store.claimable():
                return

    def _adopt_orphans(self) -> None:
        """Look after every iteration whose worker died. amp runs already, so this needs no slot."""
        while True:
            with slots.claiming(self.home):
                found = self._orphan()
            if found is None:
                return
            iteration, lease = found
            try:
                self._look_after(iteration, adopted=True)
            finally:
                lease.release()

    def _orphan(self) -> tuple[Iteration, slots.Lock] | None:
        for iteration in self.store.unsettled():
            lease = slots.lease(self.home.run(iteration.id))
            if lease is not None:
                return iteration, lease
        return None

    def _next(self) -> bool:
        with slots.claiming(self.home):
            iteration = self.store.claim()
            lease = slots.lease(self.home.run(iteration.id)) if iteration else None
        if iteration is None:
            return False
        try:
            # Others may be able to run beside this one.
            if self.store.claimable():
                launch.launch(self.home)
            self._look_after(iteration, adopted=False)
        finally:
            if lease is not None:
                lease.release()
        return True

    def _look_after(self, iteration: Iteration, *, adopted: bool) -> None:
        """Run and settle one iteration; whatever goes wrong, it ends settled and said so."""
        self._say(f"{'adopts' if adopted else 'runs'} {iteration.id}")
        run = Run(self.home, self.store, self.settings, iteration)
        try:
            if iteration.state is State.RUNNING and not run.until_ended(adopted=adopted):
                self._say(f"puts {iteration.id} back into the queue: amp was never started")
                return
            settle(self.home, self.store, self.settings, iteration.id, said=run.said)
        except Exception as reason:  # noqa: BLE001 - the one place: an iteration must never stay `running`
            self._say(traceback.format_exc())
            self._give_up(run, iteration, reason)
        self._say(f"is done with {iteration.id}")

    def _give_up(self, run: Run, iteration: Iteration, reason: Exception) -> None:
        """Settle what could not be settled in the ordinary way; what amp changed stays in place."""
        known = reason if isinstance(reason, AmpsmError) else Failed(f"{type(reason).__name__}: {reason}")
        run.end_amp()
        now = self.store.iteration(iteration.id)
        if now.state is State.RUNNING:
            self.store.begin_settling(
                iteration.id,
                outcome=Outcome.FAILED,
                failure="worker",
                error=known.message,
                hint=known.hint or "ampsm doctor",
                exit_code=None,
                duration_ms=None,
            )
        if self.store.iteration(iteration.id).state is State.SETTLING:
            settle(self.home, self.store, self.settings, iteration.id, trouble=known)

    def _say(self, text: str) -> None:
        print(f"{wording.now()} worker {redact.text(text)}", file=sys.stderr, flush=True)
