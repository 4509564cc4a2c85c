"""One home and its runs of batches; what a test does with them reads like what a person does."""

import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

from ampsm_engine import config
from ampsm_engine.batch import plan, runs
from ampsm_engine.context import Engine
from ampsm_engine.model import Batch, BatchItem, BatchState
from ampsm_engine.worker import launch
from tests.waiting import until
from tests.worker.bench import kill, marked, words


@dataclass
class BatchDesk:
    """One home, one repository, and scenarios as files that prompts name."""

    engine: Engine
    repo: Path
    folder: Path
    scenarios: int = field(default=0)

    def prompt(self, *steps: dict[str, object], runs: list[list[dict[str, object]]] | None = None) -> str:
        """A prompt that has the scripted amp play these steps, or these runs of its thread one after the other."""
        self.scenarios += 1
        path = self.folder / f"scenario-{self.scenarios}.json"
        path.write_text(json.dumps({"runs": runs} if runs else {"steps": list(steps)}))
        return f"Task {self.scenarios}\nscenario: {path}"

    def writes(self, name: str, content: str = "new\n") -> str:
        return self.prompt({"create_file": name, "content": content}, {"say": f"Wrote {name}."})

    def item(self, prompt: str, **more: object) -> dict[str, object]:
        return {"repo": str(self.repo), "prompt": prompt, **more}

    def plan(self, *items: dict[str, object], **more: object) -> plan.Plan:
        text = yaml.safe_dump({"concurrency": 2, "matrix": list(items), **more}, sort_keys=False)
        return plan.read(text, self.folder / "plan.yaml")

    def start(self, *items: dict[str, object], **more: object) -> Batch:
        return runs.start(self.engine, self.plan(*items, **more))

    def configure(self, **settings: object) -> None:
        for name, value in settings.items():
            config.store(self.engine.config, name.replace("__", ".").replace("_", "-"), str(value))

    def now(self, batch: Batch) -> Batch:
        return self.engine.store.batches.get(batch.id)

    def items(self, batch: Batch) -> tuple[BatchItem, ...]:
        return self.engine.store.batches.items(batch.id)

    def states(self, batch: Batch) -> list[str]:
        return [item.state.value for item in self.items(batch)]

    def tries(self, batch: Batch, number: int = 1) -> list[tuple[str, str | None]]:
        found = self.engine.store.batches.tries(f"{batch.id}-{number}")
        return [(one.kind.value, one.outcome) for one in found]

    def sweep(self) -> None:
        launch.sweep(self.engine.home, self.engine.store, int(self.engine.settings.number("slots")))

    def over(self, batch: Batch) -> Batch:
        """The run, once it is at rest; whoever waits sweeps, as every command does."""

        def rests() -> Batch | None:
            if self.is_over(batch):
                return self.now(batch)
            self.sweep()
            return None

        found = until(rests, lambda: self.told(batch))
        assert found is not None
        return found

    def is_over(self, batch: Batch) -> bool:
        return self.now(batch).state in (BatchState.ENDED, BatchState.STOPPED)

    def has_moved(self, batch: Batch, facts: int) -> bool:
        """Whether something became true since, or nothing more will; who asks sweeps, as every command does."""
        self.sweep()
        return len(self.engine.store.facts.read()) > facts or self.is_over(batch)

    def begun(self, batch: Batch, number: int) -> None:
        """amp is at an item."""

        def at_work() -> bool:
            session_id = self.items(batch)[number - 1].session_id
            found = self.engine.store.iterations.of(session_id) if session_id else ()
            return bool(found) and self.engine.home.iteration(found[-1].id).process.exists()

        until(at_work, lambda: self.told(batch))

    def told(self, batch: Batch) -> str:
        items = [f"{item.id} {item.state} {item.step} {item.reason}" for item in self.items(batch)]
        logs = [self.engine.home.batch(batch.id).log, self.engine.home.worker_log]
        texts = [log.read_text()[-2000:] for log in logs if log.exists()]
        return "\n".join([f"{self.now(batch)}", *items, *texts])

    def processes(self, module: str) -> list[psutil.Process]:
        living = marked("AMPSM_HOME", str(self.engine.home.root))
        return [one for one in living if module in words(one)]

    def workers(self) -> list[psutil.Process]:
        return self.processes("ampsm_engine.worker")

    def pause(self, seconds: float) -> None:
        """Let the run go on for a while: it is struck at some moment, and no fact says at which."""
        threading.Event().wait(seconds)

    def kill_all(self, module: str) -> int:
        found = self.processes(module)
        for one in found:
            kill(one)
        return len(found)

    def iterations(self, item: BatchItem) -> int:
        return len(self.engine.store.iterations.of(item.session_id or ""))

    def once_each(self, items: Sequence[BatchItem]) -> None:
        """No session was made twice for an item, and no iteration is of no try."""
        sessions = [*self.engine.store.sessions.all(), *self.engine.store.sessions.all(trashed=True)]
        origins = Counter(session.origin for session in sessions if session.origin)
        assert set(origins.values()) <= {1}
        for item in items:
            tries = {one.iteration_id for one in self.engine.store.batches.tries(item.id)} - {None}
            done = {one.id for one in self.engine.store.iterations.of(item.session_id)} if item.session_id else set()
            assert done == tries
