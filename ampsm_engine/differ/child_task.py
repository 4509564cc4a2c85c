"""Work in a forked child: what waits for the git program blocks no loop, and can be ended.

The child ends its git, and itself, on request and when the diff process is gone. It answers once, in JSON.
"""

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any, NoReturn

from ampsm_engine.errors import AmpsmError

_lifelines: list[int] = []
"""The ends that close with this process; no child may hold those of another."""


class ChildTask:
    """A question that a forked child answers, once, over a pipe."""

    def __init__(self, question: Callable[[], Any]) -> None:
        self._answer, answer = os.pipe()
        watched, self._lifeline = os.pipe()
        _lifelines.append(self._lifeline)
        self.pid = os.fork()
        if not self.pid:
            _run_child(question, answer, watched)
        os.close(answer)
        os.close(watched)
        os.set_blocking(self._answer, False)
        self._received = bytearray()

    def fileno(self) -> int:
        """The pipe that becomes readable with the answer."""
        return self._answer

    def receive(self) -> bool:
        """Read what the child has written; True once the answer is complete."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._answer, 1 << 20):
                self._received += chunk
            self.end()
            return True
        return False

    @property
    def answer(self) -> Any:
        """The child's answer: ["answer", value], or ["refused", kind, message, hint]."""
        try:
            return json.loads(self._received)
        except ValueError:
            return ["refused", "Failed", "The side process ended before it had an answer.", "Try again"]

    def end(self) -> None:
        """Ask the child to end if it still runs; `reap` waits for it."""
        if self._lifeline < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        _lifelines.remove(self._lifeline)
        os.close(self._lifeline)
        os.close(self._answer)
        self._lifeline = -1


def reap(seconds: float = 0.0) -> None:
    """Reap children that have ended; wait so many seconds for those that were asked to end."""
    until = time.monotonic() + seconds
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, _ = os.waitpid(-1, os.WNOHANG)
            if not ended:
                if time.monotonic() >= until:
                    return
                time.sleep(0.005)


def _run_child(question: Callable[[], Any], answer: int, watched: int) -> NoReturn:
    """Run the child; never returns to the loop that it was forked from."""
    try:
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number in (signal.SIGTERM, signal.SIGIO):
            signal.signal(number, _exit_on_signal)
        for lifeline in _lifelines:
            os.close(lifeline)
        fcntl.fcntl(watched, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(watched, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            if not os.read(watched, 1):
                os._exit(1)
        outcome = _outcome(question)
        with os.fdopen(answer, "wb") as file:
            file.write(json.dumps(outcome).encode())
    finally:
        os._exit(0)


def _outcome(question: Callable[[], Any]) -> list[Any]:
    try:
        return ["answer", question()]
    except AmpsmError as reason:
        return ["refused", type(reason).__name__, reason.message, reason.hint]
    except OSError as reason:
        return ["refused", "Failed", f"The state could not be read: {reason.strerror}: {reason.filename}.", ""]


def _exit_on_signal(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)
