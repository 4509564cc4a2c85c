"""Git programs, with their hooks, whose ampsm was killed: found, waited for, ended.

Each git of ours carries in its environment who started it (home.GIT_OWNER_MARK), and so do its hooks. That tells an
orphan for certain: whom a system gives orphans to as a parent (init, systemd, a container's init) differs.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import psutil

from ampsm_engine import process_identity
from ampsm_engine.errors import Failed
from ampsm_engine.git.repository import WORKTREES
from ampsm_engine.home import GIT_OWNER_MARK

PATIENCE = 10.0
"""Seconds that an abandoned git has to come to its end by itself."""

_GRACE = 2.0
_SCAN_INTERVAL = 0.05
"""Seconds between two looks at all processes, each of which reads their environments."""


def wait(places: Collection[Path], *, patience: float = PATIENCE, stop: Callable[[], bool] = lambda: False) -> None:
    """Let what killed processes left at work in these places come to its end, and end what does not within `patience`.

    Failed when something stays. Ended as well as soon as `stop` says so.
    """
    deadline = time.monotonic() + patience
    while found(places):
        if time.monotonic() >= deadline or stop():
            end(places)
            return
        time.sleep(_SCAN_INTERVAL)


def end(places: Collection[Path], chosen: Callable[[list[str]], object] = lambda _: True) -> None:
    """End what killed processes left at work in these places, if `chosen` takes its words. Failed for what stays."""
    left = {pid: _group(pid) for pid in found(places) if chosen(_words(pid))}
    groups = set(left.values()) - {0, os.getpgrp()}  # each git of ours leads one, and its hooks are in it
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        deadline = time.monotonic() + _GRACE
        while left and time.monotonic() < deadline:
            time.sleep(_SCAN_INTERVAL)
            left = {pid: _group(pid) for pid in found(places) if _group(pid) in groups}
    if left:
        message = f"A git program that an ampsm started still works in {min(places)}: process {min(left)}."
        raise Failed(message, f"kill -9 {min(left)}")


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def found(places: Collection[Path]) -> list[int]:
    """The processes that killed ones left at work in these places: each git, and the hooks that it runs."""
    return [pid for pid in _orphans() if _is_direct(pid, places) or _is_hook(pid, places)]


def _orphans() -> Iterator[int]:
    """Living processes that carry the mark of an owner who is dead."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError, ValueError):
            if process.pid == os.getpid() or process.uids().real != os.getuid():
                continue
            pid, _, token = process.environ().get(GIT_OWNER_MARK, "").partition(":")
            if token and _is_dead(int(pid), token):
                yield process.pid


def _is_dead(pid: int, token: str) -> bool:
    started, state = process_identity.started(pid)
    return started != token or state in "ZX"


def _is_direct(pid: int, places: Collection[Path]) -> bool:
    """Whether a process is a git that ampsm started: `git ... -C PLACE ...`."""
    words = _words(pid)
    with contextlib.suppress(ValueError, IndexError):
        return words[0].endswith("git") and words[words.index("-C") + 1] in map(str, places)
    return False


def _is_hook(pid: int, places: Collection[Path]) -> bool:
    """Whether a process works in these places for a git, which may have ended; its daemons lead own sessions."""
    with contextlib.suppress(OSError, psutil.Error):
        leader = os.getsid(pid)
        cwd = Path(psutil.Process(pid).cwd())
        is_there = any(cwd == place or _is_below(cwd, place) for place in places)
        return leader != pid and is_there and (not process_identity.started(leader)[0] or _is_direct(leader, places))
    return False


def _is_below(path: Path, place: Path) -> bool:
    return path.is_relative_to(place) and not path.is_relative_to(place / WORKTREES)


def _words(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []
