"""The check whether all that is ready works together, detached for a screen, which starts, reads and stops it.

It goes on when the screen is closed. It holds a lock that the kernel frees when it dies; what it is at and how it ended
are files of the home, and its answer is kept by `merging.compatibility`.
"""

import json
import os
import signal
import subprocess
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from ampsm_engine import detached_process, file_lock
from ampsm_engine.context import Engine, engine_at
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.home import PRIVATE_FOLDER, open_private, write_private

_begun: list[subprocess.Popen[bytes]] = []
"""Kept so that this process reaps them."""


class CheckProgress(NamedTuple):
    """How far a check is."""

    is_running: bool
    text: str = ""
    """What it is at, or what it was at last."""
    trouble: str = ""
    """Why it came to no answer."""
    hint: str = ""


def start(engine: Engine) -> None:
    """Check all that is ready in a detached process; Refused while one is at it."""
    folder = engine.home.check
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    lease = open_private(_lease(folder), os.O_RDWR | os.O_CREAT)
    try:
        if not file_lock.acquire(lease, 0):
            raise Refused("A check is running already.", "ampsm check --all")
        write_private(folder / "told", b"Looking at the sessions.", lasting=False)
        _end(folder).unlink(missing_ok=True)
        pid = _spawn(engine, lease)
        os.ftruncate(lease, 0)
        os.pwrite(lease, str(pid).encode(), 0)
    finally:
        os.close(lease)


def _lease(folder: Path) -> Path:
    return folder / "lease"


def _end(folder: Path) -> Path:
    return folder / "end"


def _spawn(engine: Engine, lease: int) -> int:
    """The process inherits the lock and holds it to its end."""
    _begun[:] = [process for process in _begun if process.poll() is None]
    log = open_private(engine.home.worker_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with detached_process.deaf_to_sigterm():
        process = detached_process.start(
            engine.home, __name__, log=log, kept=(lease,), what="The check", hint="ampsm check --all"
        )
    _begun.append(process)
    return process.pid


def read(engine: Engine) -> CheckProgress:
    """How far the check is that was begun last."""
    folder = engine.home.check
    is_running = file_lock.is_held(_lease(folder))  # asked first: how it ended is there at the next look
    try:
        told = (folder / "told").read_text("utf-8", "replace")
    except OSError:
        return CheckProgress(is_running)
    if is_running:
        return CheckProgress(is_running, told)
    try:
        end = json.loads(_end(folder).read_bytes())
        return CheckProgress(is_running, told, str(end["trouble"]), str(end["hint"]))
    except (OSError, ValueError, KeyError, TypeError):
        return CheckProgress(is_running, told, "The process that ran the check is gone.", "ampsm check --all")


def stop(engine: Engine) -> bool:
    """Ask the check that runs to end; False when none does."""
    lease = _lease(engine.home.check)
    if not file_lock.is_held(lease):
        return False
    try:
        # Held to its end, the lock says that the pid is still that of the process which wrote nothing but this.
        os.kill(int(lease.read_bytes()), signal.SIGTERM)
    except (ValueError, ProcessLookupError):
        return False
    return True


def main() -> None:
    """The detached process: check everything that is ready and not known, and report what it is at."""
    from ampsm_engine.engine import startup
    from ampsm_engine.merging import compatibility

    engine = engine_at()
    folder = engine.home.check

    def leave(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def report(text: str) -> None:
        write_private(folder / "told", text.encode("utf-8", "replace"), lasting=False)

    trouble = hint = ""
    signal.signal(signal.SIGTERM, leave)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        startup.make_ready(engine)
        compatibility.check_ready(engine, report=report)
    except AmpsmError as reason:
        trouble, hint = reason.message, reason.hint
    except KeyboardInterrupt:
        trouble = "The check was stopped."
    write_private(_end(folder), json.dumps({"trouble": trouble, "hint": hint}).encode())


if __name__ == "__main__":
    main()
