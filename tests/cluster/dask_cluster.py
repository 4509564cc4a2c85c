"""A real scheduler, and hosts as processes with homes of their own, all on this machine."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from ampsm_engine.batch import runs
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Batch
from tests.batch.desk import BatchDesk
from tests.worker.bench import kill, marked

LONGEST = float(os.environ.get("SOAK_CLUSTER_SECONDS", "1800"))
"""Seconds that a run may take on a machine that does other things, too."""


class DaskCluster:
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
        self.waits_for(self._answers, "the scheduler")

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def home(self, name: str) -> Path:
        return self.folder / name

    def join(self, name: str, slots: int = 2, *, python: str = sys.executable) -> None:
        place = self.home(name)
        place.mkdir(parents=True, exist_ok=True)
        (place / "config.toml").write_text(self.desk.engine.config.read_text())
        words = ("--slots", str(slots), "--name", name, "--home", str(place))
        self._start(name, "cluster", "join", self.url, *words, python=python)

    def _start(self, name: str, *words: str, python: str = sys.executable) -> None:
        self.start_process(name, [python, "-m", "ampsm_tui", *words])

    def start_process(self, name: str, command: list[str], **variables: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **variables}, start_new_session=True
            )

    def command(self, *words: str, **variables: str) -> tuple[int, str]:
        """What a command of ours ends with, and all that it prints."""
        command = [sys.executable, "-m", "ampsm_tui", *words]
        found = {**os.environ, **variables}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=found, timeout=LONGEST)
        return done.returncode, done.stdout + done.stderr

    def over(self, batch: Batch) -> None:
        """Wait until a run rests."""
        self.waits_for(lambda: self.is_over(batch), lambda: self.told(batch))

    def waits_for(self, fact: Callable[[], object], what: str | Callable[[], str]) -> None:
        """Wait for a fact of several processes, each of which a busy machine may take a minute to start."""
        deadline = time.monotonic() + LONGEST
        while not fact():
            assert time.monotonic() < deadline, what if isinstance(what, str) else what()
            time.sleep(0.2)

    def is_over(self, batch: Batch) -> bool:
        """Whether a run rests; who asks sweeps, as every command does."""
        self.desk.sweep()
        return self.desk.is_over(batch)

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
