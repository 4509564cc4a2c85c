"""A machine as a host of a cluster: a loop round Dask's own worker, with the options that this use needs.

Dask's workers end when their scheduler does, and do not come back by themselves. What amp is at goes on meanwhile: it
hangs on no worker of Dask.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ampsm_engine import config
from ampsm_engine.cluster import host
from ampsm_engine.cluster.transport import ClusterAddress
from ampsm_engine.home import PRIVATE_FOLDER, platform_folder
from ampsm_engine.lean_dataclass import dataclass

LASTED = 60.0
"""Seconds after which a worker that ends was at work, so that the next one is started at once."""

SPARE_THREADS = 2
"""Threads beside those that watches need: a host has to answer while repositories are cloned on it."""


@dataclass(frozen=True, slots=True)
class HostPlan:
    """The settings with which a machine is started as a host."""

    scheduler: ClusterAddress
    name: str
    home: Path
    slots: int
    listen: str = ""
    """The address that the worker listens at; empty: this machine alone where the scheduler is on it."""
    port: int | None = None
    """The port that the worker listens at, for tunnels and firewalls; None: any that is free."""

    def command(self) -> tuple[str, ...]:
        """Dask's worker with its options."""
        listen = self.listen or ("127.0.0.1" if self.scheduler.is_loopback else "")
        return (
            *(sys.executable, "-m", "distributed.cli.dask_worker", self.scheduler.dask),
            # A nanny and a memory limit would end the worker, never amp; both only lose what is under way.
            *("--no-nanny", "--memory-limit", "0", "--no-dashboard", "--death-timeout", "60"),
            *("--nthreads", str(self.slots + SPARE_THREADS), "--name", self.name),
            *("--local-directory", str(self.home / "cluster" / "dask")),
            *(("--host", listen) if listen else ()),
            *(("--worker-port", str(self.port)) if self.port else ()),
        )

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment of the worker: a home of this machine's own, and its name."""
        found = {name: value for name, value in environ.items() if name != "AMPSM_DB_PATH"}
        return found | {"AMPSM_HOME": str(self.home), host.NAME: self.name}

    def printed(self) -> str:
        """The worker's command and environment as one shell line, for systemd, SLURM or Kubernetes."""
        names = {"AMPSM_HOME": str(self.home), host.NAME: self.name}
        variables = [f"{name}={shlex.quote(value)}" for name, value in names.items()]
        return " ".join([*variables, *map(shlex.quote, self.command())])


def default_name() -> str:
    """The name of a host that was given none: the machine's, without its domain."""
    return socket.gethostname().partition(".")[0] or "host"


def prepare(plan: HostPlan) -> None:
    """Make the host's home, with the user's settings and the number of slots that was asked for."""
    plan.home.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    own = plan.home / "config.toml"
    users = platform_folder("config") / "config.toml"
    if not own.exists() and users.exists():
        own.write_bytes(users.read_bytes())
        own.chmod(0o600)
    config.store(own, "slots", str(plan.slots))


def stay(plan: HostPlan, report: Callable[[str], None]) -> int:
    """Run a worker, and another one whenever it ends, until SIGTERM or Ctrl-C; amp goes on. The exit code."""
    leaving: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def leave(number: int, _frame: object) -> None:
        leaving.append(number)
        if child is not None:
            child.terminate()

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    pause = 1.0
    try:
        while not leaving:
            began = time.monotonic()
            child = subprocess.Popen(plan.command(), env=plan.environment(os.environ), start_new_session=True)
            report(
                f"{plan.name} joins {plan.scheduler.text} (worker {child.pid}, {plan.slots} slots, home {plan.home})"
            )
            _await(child, leaving)
            if leaving:
                break
            pause = 1.0 if time.monotonic() - began > LASTED else min(pause * 2, 30.0)
            report(f"The worker ended with {child.returncode}; another one starts in {pause:.0f} s. amp goes on.")
            _sleep(pause, leaving)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    report(f"{plan.name} has left. What amp is at goes on.")
    return 0


def _await(child: "subprocess.Popen[bytes]", leaving: Sequence[int]) -> None:
    """Wait for the end of a worker; one that was asked to leave and does not is killed."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            child.wait(10.0 if leaving else 3600.0)
            return
        if leaving:
            child.kill()


def _sleep(seconds: float, leaving: Sequence[int]) -> None:
    until = time.monotonic() + seconds
    while not leaving and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.2))


def head_command(address: str, port: int, certificates: Sequence[str] = ()) -> tuple[str, ...]:
    """Dask's scheduler with its options."""
    return (
        *(sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", address, "--port", str(port)),
        *("--no-dashboard", *certificates),
    )
