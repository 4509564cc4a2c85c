"""The identity of a process: its pid, start time and boot, so that a reused pid is not taken for it.

Reads /proc on Linux and psutil elsewhere. Sends no signals.
"""

import contextlib
import sys
from pathlib import Path

from ampsm_engine.lean_dataclass import dataclass

LINUX = sys.platform == "linux"

POLL_INTERVAL = 0.02
"""Seconds between two looks at a process, or a file of its, whose end is not announced."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A process of a boot: a pid alone may be used again."""

    pid: int
    token: str
    """When it started, as the system counts."""
    boot: str


def identify(pid: int) -> Identity:
    """The identity of a running process; its token is empty when there is none."""
    return Identity(pid, started(pid)[0], boot())


def is_alive(known: Identity) -> bool:
    """Whether this very process still runs; a zombie, and a process of another boot, does not."""
    token, state = started(known.pid)
    return bool(token) and token == known.token and state not in "ZX" and known.boot == boot()


def started(pid: int) -> tuple[str, str]:
    """When a process started, and its state as one letter."""
    if LINUX:
        try:
            # The name before the last bracket may hold anything.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            return fields[19].decode(), fields[0].decode()
        except (OSError, IndexError):
            return "", ""
    import psutil

    try:
        process = psutil.Process(pid)
        return str(process.create_time()), "Z" if process.status() == psutil.STATUS_ZOMBIE else "R"
    except psutil.Error:
        return "", ""


def boot() -> str:
    """An id of the boot that the system runs since."""
    if LINUX:
        with contextlib.suppress(OSError):
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    import psutil

    return str(int(psutil.boot_time()))
