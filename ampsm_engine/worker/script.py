"""Running the session's script: `sh -c` in the worktree, a process group of its own, a time limit.

The command is the user's own text and the only shell string in ampsm. What it prints goes to a file.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

from ampsm_engine import file_lock
from ampsm_engine.amp import process
from ampsm_engine.errors import Failed
from ampsm_engine.home import Home, open_private
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import ScriptResult
from ampsm_engine.worker.phases import first

TICK = 0.05
"""Seconds between two looks at how long the output has grown."""

GRACE = 2.0
"""Seconds that a script has to end after SIGTERM."""

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
        """PASS for exit code 0, else FAIL."""
        return ScriptResult.PASS if self.exit_code == 0 else ScriptResult.FAIL

    @property
    def text(self) -> str:
        """How the script ended, for the history."""
        return self.worded("the script")

    def worded(self, what: str) -> str:
        """How the script ended, as the end of a sentence; `what` names it."""
        if self.timed_out:
            return f"{what} took longer than {self.limit:g} s and was ended"
        if self.stopped:
            return f"{what} was stopped"
        return f"{what} {'passed' if self.exit_code == 0 else f'failed with exit code {self.exit_code}'}"


def mark_by_hand(session_id: str) -> str:
    """What the processes of a script that is run by hand are known by."""
    return f"script-{session_id}"


@contextlib.contextmanager
def run_by_hand(home: Home, session_id: str) -> Iterator[None]:
    """Let the next iteration know, while the block lasts, that the script is run by hand.

    That stays known when the program is killed: nothing else would end the script before amp begins.
    """
    run = home.iteration(session_id)
    run.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file_lock.locked(run.script_by_hand, 0):
        try:
            yield
        finally:
            run.script_by_hand.unlink(missing_ok=True)


def end_run_by_hand(home: Home, session_id: str, grace: float) -> None:
    """End a script that was run by hand and whose program was killed; its processes have `grace` seconds."""
    left = home.iteration(session_id).script_by_hand
    if left.exists() and not file_lock.is_held(left):
        process.end_leftovers(mark_by_hand(session_id), grace)
        left.unlink(missing_ok=True)


async def run(
    text: str,
    worktree: Path,
    output: Path,
    environment: Mapping[str, str],
    *,
    limit: float,
    stop: Coroutine[Any, Any, None],
) -> ScriptRun:
    """Run it to its end, its time limit (0: none) or until `stop` is over; both its streams go to `output`.

    Whoever is cancelled in here ends it, too. Failed when it cannot be started.
    """
    descriptor = open_private(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    began = time.monotonic()
    try:
        script = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", text),
            cwd=worktree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    except OSError as reason:
        stop.close()
        message = f"The script could not be started: {reason.strerror}."
        raise Failed(message, "ampsm edit SESSION --script CMD") from reason
    finally:
        os.close(descriptor)
    how = "timed out"
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit or None):
                how = await first({"ended": script.wait(), "stopped": stop, "": _keep_bounded(output)})
    finally:
        if script.returncode is None:
            await _end_group(script)
    code = await script.wait()
    _bound(output)
    timed_out = how == "timed out"
    exit_code = TIMED_OUT if timed_out else 128 - code if code < 0 else code
    return ScriptRun(exit_code, time.monotonic() - began, timed_out, how == "stopped", limit)


async def _keep_bounded(output: Path) -> None:
    while True:
        _bound(output)
        await asyncio.sleep(TICK)


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


async def _end_group(script: asyncio.subprocess.Process) -> None:
    """SIGTERM to a process group, then SIGKILL to its rest: the shell may end before its children."""
    for step in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(script.pid, step)
        except ProcessLookupError:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await script.wait()
