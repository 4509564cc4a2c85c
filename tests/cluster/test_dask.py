"""The carrier on a real scheduler, with hosts as processes: what is killed, and what is not there."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ampsm_engine.batch import runs
from ampsm_engine.cluster import checking
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Batch, BatchState
from ampsm_engine.worker import launch
from tests.batch.desk import BatchDesk
from tests.conftest import git
from tests.waiting import until
from tests.worker.bench import kill, marked


class Cluster:
    """A scheduler and hosts, each a process of its own that a test may kill."""

    def __init__(self, desk: BatchDesk, folder: Path) -> None:
        self.desk, self.folder = desk, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"dask://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def head(self) -> None:
        self._start("head", "cluster", "head", "--port", str(self.port))
        until(self._answers, "the scheduler")

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def home(self, name: str) -> Path:
        return self.folder / name

    def join(self, name: str, slots: int = 2) -> None:
        place = self.home(name)
        place.mkdir(parents=True, exist_ok=True)
        (place / "config.toml").write_text(self.desk.engine.config.read_text())
        words = ("--slots", str(slots), "--name", name, "--home", str(place))
        self._start(name, "cluster", "join", self.url, *words)

    def _start(self, name: str, *words: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        command = [sys.executable, "-m", "ampsm_tui", *words]
        self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def worker(self, name: str) -> psutil.Process | None:
        """Dask's worker of a host."""
        for process in psutil.Process(self.processes[name].pid).children():
            with suppress(psutil.Error):
                if "distributed.cli.dask_worker" in process.cmdline():
                    return process
        return None

    def start(self, *items: dict[str, object], **more: object) -> Batch:
        return runs.start(self.desk.engine, replace(self.desk.plan(*items, **more), on=self.url))

    def told(self, batch: Batch) -> str:
        logs = [path.read_text()[-1500:] for path in sorted(self.folder.glob("*.log"))]
        return "\n".join([self.desk.told(batch), *logs])

    def end(self) -> None:
        for process in self.processes.values():
            with suppress(psutil.Error):
                for one in (*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)):
                    kill(one)
            process.wait(10)
        for name in self.processes:
            for one in marked("AMPSM_HOME", str(self.home(name))):
                kill(one)


@pytest.fixture
def dask(desk: BatchDesk, tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = Cluster(desk, folder)
    yield made
    made.end()


@pytest.mark.soak  # a scheduler and a worker of their own take 20 s
def test_a_plan_on_dask_comes_to_what_it_comes_to_here(dask: Cluster, desk: BatchDesk) -> None:
    dask.head()
    dask.join("web1")
    items = [
        desk.item(desk.writes("a.txt"), scriptCommand="test -f a.txt", followUpPrompts=["And then?"]),
        desk.item(desk.writes("b.txt"), scriptCommand="false"),
        desk.item(desk.writes("c.txt"), mergeOnPass=True),
    ]
    here = desk.over(desk.start(*items))
    there = dask.start(*items)
    until(lambda: (desk.sweep(), desk.is_over(there))[1], lambda: dask.told(there))
    assert desk.states(here) == desk.states(there) == ["success", "fail", "success"], dask.told(there)
    assert [desk.tries(here, number) for number in (1, 2)] == [desk.tries(there, number) for number in (1, 2)]
    progress = [desk.engine.store.batches.progress(batch.id).tokens for batch in (here, there)]
    assert progress[0] == progress[1] > 0
    checks = {check.name: check for check in checking.check_cluster(dask.url, ["/nowhere"])}
    assert checks["hosts"].text == "1 host with 2 slots"
    assert checks["web1"].ok is False, "a source that it cannot reach"
    assert checks["encryption"].ok is None
    worker = dask.worker("web1")
    assert worker is not None
    dask.processes["web1"].terminate()
    dask.processes["web1"].wait(20)
    assert not worker.is_running()


@pytest.mark.soak
def test_kills_of_hosts_scheduler_and_coordinator_lose_and_double_nothing(dask: Cluster, desk: BatchDesk) -> None:
    import random
    import time

    dice = random.Random(int(os.environ.get("SOAK_SEED", "1")))
    count = int(os.environ.get("SOAK_CLUSTER_ITEMS", "60"))
    dask.head()
    for name in ("web1", "web2", "web3"):
        dask.join(name)
    steps = [
        desk.prompt({"shell": "sleep 1"}, {"create_file": f"f{number}.txt", "content": "x\n"}, {"say": "Done."})
        for number in range(count)
    ]
    batch = dask.start(*(desk.item(prompt) for prompt in steps), hostGraceSec=20)
    deadline, frozen = time.monotonic() + 1200, False
    while not desk.is_over(batch):
        assert time.monotonic() < deadline, dask.told(batch)
        time.sleep(dice.uniform(2, 6))
        desk.sweep()
        victim = dice.choice(["host", "host", "host", "coordinator", "coordinator", "scheduler", "freeze"])
        if victim == "host" and (found := dask.worker(dice.choice(["web1", "web2", "web3"]))):
            kill(found)
        elif victim == "coordinator":
            for process in desk.processes("ampsm_engine.cluster"):
                kill(process)
        elif victim == "scheduler":
            process = dask.processes["head"]
            process.kill()
            process.wait(10)
            dask.head()
        elif victim == "freeze" and not frozen and (found := dask.worker("web3")):
            frozen = True
            found.suspend()
            time.sleep(60)
            with suppress(psutil.Error):
                found.resume()
    assert desk.now(batch).state is BatchState.ENDED, dask.told(batch)
    assert desk.states(batch) == ["success"] * count, dask.told(batch)
    for item in desk.items(batch):
        placements = desk.engine.store.batches.placements(item.id)
        assert [one.outcome for one in placements].count("taken") == 1
        assert len(desk.engine.store.iterations.of(item.session_id)) == 1
        session = desk.engine.store.sessions.get(item.session_id)
        assert git(desk.repo, "show", f"{session.branch_name}:f{item.number - 1}.txt") == "x\n"
    git(desk.repo, "fsck", "--strict")
    assert launch.sweep_batches(desk.engine.home, desk.engine.store) == 0
