"""Tool commands: really run, each in a session of its own as the real program does, output through a file.

A command that is being waited for is killed with its group when the run is cancelled; what it left in the
background, and everything when this process is killed hard, lives on.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from .threads import folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .endings import Interrupts

KEPT_UNITS = 50_000
"""The real program keeps the last 50 000 UTF-16 units of an output, which may cut a character in two."""


class Shell:
    """Runs commands one after the other in the current folder."""

    def __init__(self, interrupts: Interrupts, thread_id: str) -> None:
        self._interrupts = interrupts
        self._child = 0
        ours = {"AGENT": "amp", "AI_AGENT": "amp", "NO_COLOR": "1", "TERM": "dumb"}
        ids = ("AMP_THREAD_ID", "AMP_CURRENT_THREAD_ID", "AGENT_THREAD_ID")
        self._environment = os.environ | ours | dict.fromkeys(ids, thread_id)

    def run(self, command: str, *, workdir: str = "", timeout: float | None = None) -> dict[str, object]:
        """Run a command; its output with its exit code, or with its pid when it outlives the timeout."""
        output = self._output_file()
        try:
            self._start(command, workdir, output)
            code = self._wait(timeout)
            said = _tail(os.pread(output, os.fstat(output).st_size, 0))
        finally:
            os.close(output)
        if code is None:
            pid, self._child = self._child, 0
            return {"output": said, "running": True, "pid": pid}
        return {"output": said, "exitCode": code}

    def hold_stdout(self, seconds: float) -> None:
        """Leaves a process behind that keeps this program's stdout open."""
        os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", f"exec sleep {seconds}"],
            self._environment,
            setsid=True,
            setsigdef=[signal.SIGINT, signal.SIGTERM],
        )

    def kill(self) -> None:
        """Kills the command that is being waited for, also one that ignores signals."""
        if self._child:
            os.killpg(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0

    def _output_file(self) -> int:
        home = folder()
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = home / f"output-{os.getpid()}"
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        path.unlink()
        return opened

    def _start(self, command: str, workdir: str, output: int) -> None:
        here = Path.cwd()
        with self._interrupts:
            os.chdir(workdir or here)
            try:
                self._child = os.posix_spawn(
                    "/bin/sh",
                    ["sh", "-c", command],
                    self._environment,
                    file_actions=[
                        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                        (os.POSIX_SPAWN_DUP2, output, 1),
                        (os.POSIX_SPAWN_DUP2, output, 2),
                    ],
                    setsid=True,
                    setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],
                )
            finally:
                os.chdir(here)

    def _wait(self, timeout: float | None) -> int | None:
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            # Cancelled between the reaping and the noting would make kill() signal a pid that is no longer ours.
            with self._interrupts:
                gone, status = os.waitpid(self._child, os.WNOHANG)
                if gone:
                    self._child = 0
                    code = os.waitstatus_to_exitcode(status)
                    return code if code >= 0 else 128 - code
            if until is not None and time.monotonic() >= until:
                return None
            time.sleep(0.005)


def _tail(raw: bytes) -> str:
    units = raw.decode("utf-8", "replace").encode("utf-16-le", "surrogatepass")
    return units[-2 * KEPT_UNITS :].decode("utf-16-le", "surrogatepass")
