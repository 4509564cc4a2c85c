"""The processes that carry a run's environment mark: found by it, and ended.

amp's tools run in sessions of their own and may outlive it; the mark is all that leads to them. A process that
overwrites its own environment is not found, nor is one of another user.
"""

import contextlib
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from signal import SIGKILL, SIGTERM
from typing import TYPE_CHECKING

from ampsm_engine.home import RUN_MARK

if TYPE_CHECKING:
    import psutil

_GLANCE = 0.02
"""Seconds between two looks at processes whose end nobody announces."""

_ROUNDS = 5
"""How often strays are looked for again: what is being ended may still start others."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A process that carries a run's mark."""

    pid: int
    command: str


def strays(iteration_id: str, keep: Collection[int] = ()) -> list[Stray]:
    """What still runs of a run, by its mark; never ourselves, our ancestors, or what is to be kept."""
    return [_described(process) for process in marked(iteration_id, frozenset(keep))]


def end_strays(iteration_id: str, grace: float, keep: Collection[int] = ()) -> list[Stray]:
    """SIGTERM to all strays, SIGKILL to those that are left after `grace` seconds; answers all of them."""
    ended: dict[int, Stray] = {}
    patience = grace
    for _ in range(_ROUNDS):
        found = marked(iteration_id, frozenset(keep))
        if not found:
            break
        ended |= {process.pid: _described(process) for process in found}
        left = _signalled(found, SIGTERM, patience)
        _signalled(left, SIGKILL, 1)
        patience = 0
    return list(ended.values())


def _signalled(processes: list["psutil.Process"], number: int, patience: float) -> list["psutil.Process"]:
    """Send a signal to all of them; those that still run when all are gone or the patience is at its end."""
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.Error):  # psutil sends none to a pid used again
            process.send_signal(number)
    deadline = time.monotonic() + patience
    while (left := [process for process in processes if _runs(process)]) and time.monotonic() < deadline:
        time.sleep(_GLANCE)
    return left


def marked(iteration_id: str, keep: frozenset[int] = frozenset()) -> list["psutil.Process"]:
    """Every living process of ours with this mark, but ourselves, our ancestors and those to be kept."""
    import psutil

    own = psutil.Process()
    spared = keep | {own.pid} | {process.pid for process in own.parents()}
    return [
        process for process in psutil.process_iter() if process.pid not in spared and _carries(process, iteration_id)
    ]


def _carries(process: "psutil.Process", iteration_id: str) -> bool:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        # The mark first: hardly a process has it, and each question costs as much as this one.
        is_marked = bool(iteration_id) and process.environ().get(RUN_MARK) == iteration_id
        return is_marked and process.uids().real == os.getuid() and _runs(process)
    return False


def _runs(process: "psutil.Process") -> bool:
    import psutil

    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    return False


def _described(process: "psutil.Process") -> Stray:
    import psutil

    command: list[str] = []
    with contextlib.suppress(psutil.Error):
        command = process.cmdline()
    return Stray(process.pid, " ".join(command) or f"process {process.pid}")
