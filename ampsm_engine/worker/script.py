"""Running the session's script: `sh -c` in the worktree, a process group of its own, a time limit.

The command is the user's own text and the only shell string in ampsm. What it prints goes to a file.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ampsm_engine.errors import Failed
from ampsm_engine.home import open_private
from ampsm_engine.model import ScriptResult

TICK = 0.05
GRACE = 2.0
OUTPUT_LIMIT = 64 << 20
"""Bytes of output beyond which its middle is dropped: a script that never ends must not fill the disk."""

_SIDE = 4 << 20
TIMED_OUT = 124
"""The exit code that coreutils' timeout gives, too."""


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """How a script went; a timed out one has exit code 124."""

    exit_code: int
    seconds: float
    timed_out: bool
    stopped: bool = False
    limit: float = 0.0
    """Seconds that it had; 0: no limit."""

    @property
    def result(self) -> ScriptResult:
        """Pass on exit code 0 only."""
        return ScriptResult.PASS if self.exit_code == 0 else ScriptResult.FAIL


def run(
    text: str,
    worktree: Path,
    output: Path,
    environment: dict[str, str],
    *,
    limit: float,
    stop: Callable[[], bool] = lambda: False,
) -> ScriptRun:
    """Run it to its end, its time limit (0: none) or until `stop` says so; both its streams go to `output`."""
    descriptor = open_private(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", text],
            cwd=worktree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    except OSError as reason:
        message = f"The script could not be started: {reason.strerror}."
        raise Failed(message, "ampsm edit SESSION --script CMD") from reason
    finally:
        os.close(descriptor)
    timed_out = stopped = False
    try:
        while process.poll() is None:
            _bound(output)
            timed_out = bool(limit) and time.monotonic() - began >= limit
            stopped = stop()
            if timed_out or stopped:
                _end_group(process)
                break
            try:
                process.wait(TICK)
            except subprocess.TimeoutExpired:
                continue
    except BaseException:  # ctrl+c in a terminal does not reach a group of its own
        _end_group(process)
        raise
    code = process.wait()
    _bound(output)
    seconds = time.monotonic() - began
    exit_code = TIMED_OUT if timed_out else 128 - code if code < 0 else code
    return ScriptRun(exit_code, seconds, timed_out, stopped, limit)


def _bound(output: Path) -> None:
    """Keep the first and the last of an output that is too long. Its writers append, so they go on behind that."""
    try:
        size = output.stat().st_size
        if size <= OUTPUT_LIMIT:
            return
        with output.open("r+b") as file:
            file.seek(size - _SIDE)
            last = file.read(_SIDE).partition(b"\n")[2]
            file.truncate(_SIDE)
        with output.open("ab") as file:
            file.write(f"\n[ampsm: {(size - 2 * _SIDE) >> 20} MB of output dropped here]\n".encode() + last)
    except OSError:  # gone, or the disk is full already: the script's result counts more
        return


def script_text(ran: ScriptRun) -> str:
    """How a script went, for a fact."""
    if ran.timed_out:
        return f"the script took longer than {ran.limit:g} s and was ended"
    if ran.stopped:
        return "the script was stopped"
    return f"the script {'passed' if ran.exit_code == 0 else f'failed with exit code {ran.exit_code}'}"


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL to whoever of the group is left: the shell may be gone before those it started."""
    for step in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, step)
        except ProcessLookupError:
            return
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            continue
