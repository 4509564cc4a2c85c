"""A scenario: which one is played, its steps for this run, and the player of them.

The first of these that says something: AMPSM_SCENARIO (JSON itself, a path, or a shipped name), a line
`scenario: NAME` in the prompt, what this thread was playing before, a prompt of the demo's plan, the default.

Each step is an object; its first key is the verb, more keys are options.

What the agent does. Neighbours think, say, tool make one assistant line, as with the real program; several
tools in one line are {"message": [blocks...]}. Any of them takes "usage": {...} or null.
    say TEXT            Markdown; {prompt} stands for the prompt           think TEXT
    shell COMMAND       timeout S, workdir P, asks true (needs approval)   background COMMAND   left running
    create_file PATH    content                                            edit_file PATH       old, new
    apply_patch TEXT    delete PATH    commit MESSAGE    detach true       switch BRANCH        create true
    task DESCRIPTION    prompt, steps, answer, printed (else as the version does)
    tool NAME           input, result, is_error, unanswered                big BYTES            one long line
Time and tests.
    pause SECONDS (times AMPSM_SCRIPTED_PACE)    wait_for PATH    touch PATH    repeat N, steps
Ways to end or to misbehave.
    fail ERROR          no_result true     exit CODE       kill_self SIGNAL    hang true    stall true (after the
    result)             result {fields}    init {fields, echo, again}          ignore_signals true
    raw TEXT or {"base64"}, stderr TEXT: both with repeat N                    hold_stdout SECONDS
    login_wait true     lost_connection true       fail_times {"n", "state", "error"}
"""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from . import tools
from .endings import Over, ScenarioError
from .threads import folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .endings import Interrupts
    from .stream import Stream
    from .tools import Shell

HERE = Path(__file__).parent.parent
SHIPPED = HERE / "scenarios"
PLAN = HERE / "plan.json"
_DEFAULT = "default"

_SPOKEN = ("think", "say")
_TIMING = ("pause", "wait_for", "touch", "repeat")
_ANSWERS = {*_SPOKEN, *tools.NAMES, "message", "big", "repeat", "fail"}
_RANK = {"think": 0, "say": 1}
_LIMIT = 600.0
"""Seconds that wait_for waits before it gives up, so that a broken test leaves no process behind."""

Step = dict[str, Any]

LOGIN_TEXT = (
    "No API key found. Starting login flow...\nIf your browser does not open automatically, visit:\n\n"
    "https://ampcode.com/auth/cli-login?authToken={token}\n\nWhen prompted, paste your code here: "
)
RATE_LIMIT = (
    '429 {"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your rate limit"}}'
)
_FOREVER = 1800.0
"""Seconds after which silence ends on its own, so that a broken test leaves no process behind for good."""


def choose(prompt: str, remembered: str) -> str:
    """The reference of the scenario to play: JSON, a path or a shipped name."""
    return os.environ.get("AMPSM_SCENARIO") or _directive(prompt) or remembered or _planned(prompt) or _DEFAULT


def load(reference: str) -> dict[str, Any]:
    """The scenario; ScenarioError when it cannot be had or is none."""
    text = reference if reference.lstrip()[:1] in ("{", "[") else _read(reference)
    try:
        scenario = json.loads(text)
    except ValueError as problem:
        raise ScenarioError(f"{reference[:80]} is not JSON: {problem}") from problem
    if isinstance(scenario, list):
        scenario = {"steps": scenario}
    if not isinstance(scenario, dict) or not ("steps" in scenario or "runs" in scenario):
        raise ScenarioError(f"{reference[:80]} has neither steps nor runs")
    return scenario


def steps(scenario: dict[str, Any], run: int) -> list[dict[str, Any]]:
    """The steps of the thread's run-th run (0: the first); the last list serves all later ones."""
    runs = scenario.get("runs") or [scenario["steps"]]
    chosen = runs[min(run, len(runs) - 1)]
    if not isinstance(chosen, list) or not all(isinstance(step, dict) for step in chosen):
        raise ScenarioError("steps must be a list of objects")
    return chosen


def _read(reference: str) -> str:
    path = Path(reference)
    shipped = SHIPPED / f"{reference}.json"
    for candidate in (path, shipped):
        if candidate.is_file():
            return candidate.read_text(encoding="utf-8")
    names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.json")))
    raise ScenarioError(f"no scenario {reference}; shipped are: {names}")


def _directive(prompt: str) -> str:
    for line in prompt.splitlines():
        word, colon, name = line.strip().partition(":")
        if colon and word.lower() == "scenario" and name.strip():
            return name.strip()
    return ""


def _planned(prompt: str) -> str:
    for session in json.loads(PLAN.read_text(encoding="utf-8")):
        if session["prompt"] in prompt:
            return str(session["scenario"])
    return ""


class Player:
    """Plays a scenario as amp would, event by event."""

    def __init__(self, stream: Stream, shell: Shell, interrupts: Interrupts, *, prompt: str, allow_all: bool) -> None:
        self.stream = stream
        self.shell = shell
        self.interrupts = interrupts
        self.prompt = prompt
        self.allow_all = allow_all
        self.wants_result = True
        self._parent: str | None = None
        self._printed = True

    def play(self, steps: list[Step], *, may_end: bool = True) -> None:
        """All steps in order; an assistant line that is the last one ends the turn."""
        at = 0
        while at < len(steps):
            verb = verb_of(steps[at])
            if verb in _SPOKEN or verb in tools.NAMES:
                group = _together(steps[at:])
                at += len(group)
                self._answer(group, is_last=may_end and not _answers(steps[at:]))
                continue
            at += 1
            if verb == "message":
                self._answer(steps[at - 1]["message"], is_last=may_end and not _answers(steps[at:]))
            elif verb == "big":
                text = "x" * int(steps[at - 1]["big"])
                self._answer([{"say": text}], is_last=may_end and not _answers(steps[at:]))
            elif verb in _TIMING:
                self._timing(verb, steps[at - 1])
            else:
                _ENDINGS[verb](self, steps[at - 1])

    def _answer(self, group: list[Step], *, is_last: bool) -> None:
        """Write an assistant line, and the results of its tool calls."""
        blocks: list[dict[str, Any]] = []
        calls: list[tuple[Step, str]] = []
        for step in group:
            verb = verb_of(step)
            if verb in _SPOKEN:
                blocks.append(_block(verb, str(step[verb]).replace("{prompt}", self.prompt)))
                continue
            name, asked = tools.call(step, self.stream.version)
            calls.append((step, self.stream.tool_id()))
            blocks.append({"type": "tool_use", "id": calls[-1][1], "name": name, "input": asked})
        stop = "tool_use" if calls else "end_turn" if is_last else None
        if self._printed:
            usage = [step["usage"] for step in group if "usage" in step]
            known = {"usage": usage[0]} if usage else {}
            self.stream.answer(blocks, stop, parent=self._parent, **known)
        pairs = [(use, *self._run(step, use)) for step, use in calls if not step.get("unanswered")]
        if pairs and self._parent is None:
            self.stream.results(pairs)

    def _run(self, step: Step, use: str) -> tuple[str, bool]:
        if step.get("asks") and not self.allow_all:
            self._ask()
        if verb_of(step) != "task":
            return tools.run(step, self.shell, self.stream.thread_id)
        outside = self._parent, self._printed
        self._parent, self._printed = use, bool(step.get("printed", self.stream.version.subagents))
        self.play(step.get("steps", []))
        self._parent, self._printed = outside
        return str(step.get("answer", "done")), False

    def _ask(self) -> None:
        """What the version does with a command that needs approval: newer ones allow it."""
        if self.stream.version.asking == "hang":
            _hang(self)
        if self.stream.version.asking == "error":
            self.stream.finish(
                error="The following tools require user approval, which is not supported in stream JSON mode: Bash"
            )
            raise Over

    def _timing(self, verb: str, step: Step) -> None:
        if verb == "pause":
            time.sleep(float(step["pause"]) * float(os.environ.get("AMPSM_SCRIPTED_PACE") or 1))
        elif verb == "touch":
            with open(os.path.expandvars(step["touch"]), "ab"):  # noqa: PTH123 -- may be relative to nothing
                pass
        elif verb == "wait_for":
            until = time.monotonic() + _LIMIT
            while not os.path.exists(os.path.expandvars(step["wait_for"])):  # noqa: PTH110 -- text, not a Path
                if time.monotonic() > until:
                    raise ScenarioError(f"waited {_LIMIT:.0f} s for {step['wait_for']}")
                time.sleep(0.01)
        else:
            for _ in range(int(step["repeat"])):
                self.play(step["steps"], may_end=False)


def verb_of(step: Step) -> str:
    """The step's verb: its first key; ScenarioError for an unknown one."""
    verb = next(iter(step), "")
    known = verb in _ANSWERS or verb in _TIMING or verb in _ENDINGS
    if not known:
        raise ScenarioError(f"unknown step: {step}")
    return verb


def _together(steps: list[Step]) -> list[Step]:
    """The leading steps that make one assistant line: thinking, then text, then a tool, at most one of each."""
    group = [steps[0]]
    for step in steps[1:]:
        verb = verb_of(step)
        if verb not in _SPOKEN and verb not in tools.NAMES:
            break
        if _RANK.get(verb, 2) <= _RANK.get(verb_of(group[-1]), 2):
            break
        group.append(step)
    return group


def _answers(steps: list[Step]) -> bool:
    return any(verb_of(step) in _ANSWERS for step in steps)


def _block(verb: str, text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text} if verb == "think" else {"type": "text", "text": text}


def _hang(player: Player, _step: Step | None = None) -> None:
    """Write nothing until a signal comes."""
    _over(player, _FOREVER)


def login_wait() -> int:
    """Ask for a login on stdout and wait 300 s, as the real program does without a key; the exit code."""
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
    _hang(player, step)


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
    _hang(player, step)


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


_ENDINGS: dict[str, Callable[[Player, Step], None]] = {
    "fail": _fail,
    "no_result": _no_result,
    "exit": _exit,
    "kill_self": _kill_self,
    "hang": _hang,
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
