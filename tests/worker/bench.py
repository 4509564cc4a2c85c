"""One home, one repository, one scripted amp, and words to wait for facts with."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import psutil
import pytest

from ampsm_engine import config
from ampsm_engine.context import Engine
from ampsm_engine.engine import iterations, sessions
from ampsm_engine.git import libgit2
from ampsm_engine.home import Home
from ampsm_engine.model import Iteration, Session, State
from ampsm_engine.store import PatientStore
from ampsm_engine.worker import launch, locks
from ampsm_engine.worker.__main__ import Worker
from tests.waiting import DEADLINE, until

PR_SET_CHILD_SUBREAPER = 36

QUICK = """
[stop]
interrupt = 5.0
terminate = 2.0
after-result = 0.5
[iteration]
retry-delay = 0.05
[notify]
desktop = false
[cost]
queries = 0
"""


@dataclass
class Bench:
    """One home, one repository, one amp; what a test does with them reads like what a person does."""

    engine: Engine
    repo: Path
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    sessions: list[Session] = field(default_factory=list)

    def scenario(self, *steps: dict[str, object], runs: list[list[dict[str, object]]] | None = None) -> None:
        """What amp does from now on. A worker that is about to leave could still claim with the scenario before."""
        store = self.engine.store
        if self.sessions and not store.iterations.unsettled() and not store.queue.count():
            until(lambda: not self.workers(), "the workers of the scenario before to leave")
        self.monkeypatch.setenv("AMPSM_SCENARIO", json.dumps({"runs": runs} if runs else {"steps": list(steps)}))

    def inner_scenario(self) -> str:
        """A scenario for a session that another one starts: it waits for the flag `go`."""
        return json.dumps({"steps": [{"wait_for": str(self.flag("go"))}, {"say": "The inner one is done."}]})

    def configure(self, **settings: object) -> None:
        """Set settings; `__` stands for the dot, `_` for the dash."""
        for name, value in settings.items():
            config.store(self.engine.config, name.replace("__", ".").replace("_", "-"), str(value))

    def new(self, prompt: str | None = "Do it", **options: object) -> Session:
        session, _ = sessions.new(self.engine, path=self.repo, prompt=prompt, run=prompt is not None, **options)
        self.sessions.append(session)
        return session

    def iterate(self, session: Session, prompt: str = "Go on", *, launch_worker: bool = True) -> Iteration:
        with contextlib.nullcontext() if launch_worker else mock.patch.object(launch, "launch"):
            return iterations.iterate(self.engine, session.id, prompt)

    def settled(self, session: Session) -> Iteration:
        """The last iteration, once nothing runs or waits."""
        return iterations.wait(self.engine, [session.id], timeout=DEADLINE)[-1]

    def last(self, session: Session) -> Iteration:
        return self.engine.store.iterations.of(session.id)[-1]

    def now(self, session: Session) -> Session:
        return self.engine.store.sessions.get(session.id)

    def facts(self, session: Session) -> list[str]:
        return [fact.kind for fact in self.engine.store.facts.read(session_id=session.id)]

    def fact(self, session: Session, kind: str) -> str:
        return next(fact.text for fact in self.engine.store.facts.read(session_id=session.id) if fact.kind == kind)

    def flag(self, name: str) -> Path:
        """A file that amp touches or waits for."""
        return self.folder / name

    def amp(self, iteration: Iteration) -> int:
        """amp's pid, once it runs."""
        path = self.engine.home.iteration(iteration.id).process
        return int(json.loads(until(lambda: path.exists() and path.read_text(), "amp's pid"))["pid"])

    def workers(self) -> list[psutil.Process]:
        """The living workers of this home."""
        living = marked("AMPSM_HOME", str(self.engine.home.root))
        return [one for one in living if "ampsm_engine.worker" in words(one)]

    def kill_workers(self) -> None:
        for worker in self.workers():
            kill(worker)

    def sweep(self) -> int:
        return launch.sweep(self.engine.home, self.engine.store, 4)

    def quiet(self) -> None:
        """Nothing of this home lives any more."""
        until(lambda: not marked("AMPSM_HOME", str(self.engine.home.root)), "all processes of this home to end")

    def leased(self, iteration: Iteration) -> bool:
        return locks.is_leased(self.engine.home.iteration(iteration.id))


def work_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts a worker does its work, to the end, before anything else: a process costs as much as ten verbs.

    Where amp waits for the test or hangs, the worker is a process as ever.
    """
    start = launch.launch

    def work(home: Home) -> None:
        scenario = os.environ.get("AMPSM_SCENARIO", "")
        if '"wait_for"' in scenario or '"hang"' in scenario:
            start(home)
            return
        libgit2.load()
        worker = Worker(home, PatientStore(home.database), config.config_path())
        with contextlib.closing(worker.store), contextlib.closing(worker._follower):
            asyncio.run(worker.work())

    monkeypatch.setattr(launch, "launch", work)
    monkeypatch.setattr(launch, "launch_if_needed", lambda *_: False)


@contextlib.contextmanager
def subreaper() -> Iterator[None]:
    """This process becomes the parent of orphans, as systemd --user and the init of some containers do."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def marked(name: str, value: str) -> list[psutil.Process]:
    """Living processes, this one aside, with that variable in their environment."""
    mark, found = f"{name}={value}".encode(), []
    # The environment first, and by hand: psutil looks at every process five times as long, and tests ask all the time.
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            if entry.name.isdigit() and mark in Path(entry.path, "environ").read_bytes().split(b"\0"):
                process = psutil.Process(int(entry.name))
                if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found


def words(process: psutil.Process) -> list[str]:
    """Its command line; none when it is gone."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def kill(process: psutil.Process) -> None:
    """SIGKILL, and wait until it is gone, with its last thread: a lock is held until then."""
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return

    def is_gone() -> bool:
        if not process.is_running():
            return True
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            return (
                process.status() == psutil.STATUS_ZOMBIE and len(list(Path(f"/proc/{process.pid}/task").iterdir())) == 1
            )
        return True

    until(is_gone, "a killed process to go")


def unsettled(bench: Bench) -> list[Iteration]:
    """Whatever is not settled."""
    return [
        one
        for session in bench.engine.store.sessions.all()
        for one in bench.engine.store.iterations.of(session.id)
        if one.state is not State.SETTLED
    ]
