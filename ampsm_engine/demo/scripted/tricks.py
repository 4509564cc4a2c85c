"""The steps that end a run or misbehave: each is one way in which the real program was seen to end or to fail.

Each takes the player and the step. Nothing here is what an agent does on purpose: that is tools.py.
"""

from __future__ import annotations

import base64
import os
import signal
import time
from pathlib import Path
from typing import Any

from .refusal import Over, ScenarioError
from .threads import folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .steps import Player

LOGIN_TEXT = (
    "No API key found. Starting login flow...\nIf your browser does not open automatically, visit:\n\n"
    "https://ampcode.com/auth/cli-login?authToken={token}\n\nWhen prompted, paste your code here: "
)
RATE_LIMIT = (
    '429 {"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your rate limit"}}'
)
_FOREVER = 1800.0
"""Seconds after which silence ends on its own, so that a broken test leaves no process behind for good."""

Step = dict[str, Any]


def hang(player: Player, _step: Step | None = None) -> None:
    """Silence, until a signal comes."""
    _over(player, _FOREVER)


def login_wait() -> int:
    """Asks for a login on stdout and waits 300 s, as without a key; answers the exit code."""
    os.write(1, LOGIN_TEXT.format(token=os.urandom(32).hex()).encode())
    time.sleep(300)
    return 1


def _over(_player: Player, seconds: float) -> None:
    time.sleep(seconds)
    raise ScenarioError("nobody stopped a scenario that hangs")


def _fail(player: Player, step: Step) -> None:
    player.stream.finish(error=str(step["fail"]))


def _no_result(player: Player, _step: Step) -> None:
    player.wants_result = False


def _exit(_player: Player, step: Step) -> None:
    raise Over(int(step["exit"]))


def _kill_self(_player: Player, step: Step) -> None:
    wanted = step["kill_self"]
    number = signal.Signals[wanted] if isinstance(wanted, str) else signal.Signals(wanted)
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _stall(player: Player, step: Step) -> None:
    player.stream.finish()
    hang(player, step)


def _result(player: Player, step: Step) -> None:
    fields = dict(step["result"]) if isinstance(step["result"], dict) else {}
    player.stream.finish(error=fields.pop("error", None), extra=fields)


def _init(player: Player, step: Step) -> None:
    fields = dict(step["init"]) if isinstance(step["init"], dict) else {}
    echo, again = bool(fields.pop("echo", True)), bool(fields.pop("again", False))
    player.stream.begin(extra=fields, echo=echo, again=again)


def _ignore_signals(player: Player, _step: Step) -> None:
    player.interrupts.ignore()


def _raw(player: Player, step: Step) -> None:
    wanted = step["raw"]
    data = base64.b64decode(wanted["base64"]) if isinstance(wanted, dict) else wanted.encode("utf-8", "surrogatepass")
    player.stream.write(data * int(step.get("repeat", 1)))


def _stderr(player: Player, step: Step) -> None:
    rest = memoryview(str(step["stderr"]).encode() * int(step.get("repeat", 1)))
    with player.interrupts:
        while rest:
            rest = rest[os.write(2, rest) :]


def _hold_stdout(player: Player, step: Step) -> None:
    player.shell.hold_stdout(float(step["hold_stdout"]))


def _login_wait(player: Player, _step: Step) -> None:
    player.interrupts.default()
    raise Over(login_wait())


def _lost_connection(player: Player, step: Step) -> None:
    os.write(2, b"Cannot reach Amp servers. Reconnecting...\n")
    hang(player, step)


def _fail_times(player: Player, step: Step) -> None:
    """A rate limit in the first n runs: each run leaves one byte in the state file."""
    wanted = step["fail_times"]
    state = Path(os.path.expandvars(wanted.get("state") or folder() / f"{player.stream.thread_id}.failures"))
    with state.open("ab") as log:
        log.write(b".")
        runs = log.tell()
    if runs <= int(wanted["n"]):
        player.stream.finish(error=str(wanted.get("error", RATE_LIMIT)))
        raise Over


TRICKS: dict[str, Callable[[Player, Step], None]] = {
    "fail": _fail,
    "no_result": _no_result,
    "exit": _exit,
    "kill_self": _kill_self,
    "hang": hang,
    "stall": _stall,
    "result": _result,
    "init": _init,
    "ignore_signals": _ignore_signals,
    "raw": _raw,
    "stderr": _stderr,
    "hold_stdout": _hold_stdout,
    "login_wait": _login_wait,
    "lost_connection": _lost_connection,
    "fail_times": _fail_times,
}
