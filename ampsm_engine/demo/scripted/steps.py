"""Plays a scenario's steps. Each step is an object; its first key is the verb, more keys are options.

What the agent does. Neighbours think, say, tool make one assistant line, as with the real program; several
tools in one line are {"message": [blocks...]}. Any of them takes "usage": {...} or null.
    say TEXT            Markdown; {prompt} stands for the prompt           think TEXT
    shell COMMAND       timeout S, workdir P, asks true (needs approval)   background COMMAND   a stray
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

import os
import time
from typing import Any

from . import tools, tricks
from .refusal import Over, ScenarioError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .interrupts import Interrupts
    from .shell import Shell
    from .stream import Stream

_SPOKEN = ("think", "say")
_TIMING = ("pause", "wait_for", "touch", "repeat")
_ANSWERS = {*_SPOKEN, *tools.NAMES, "message", "big", "repeat", "fail"}
_RANK = {"think": 0, "say": 1}
_LIMIT = 600.0
"""Seconds that wait_for waits before it gives up, so that a broken test leaves no process behind."""

Step = dict[str, Any]


class Player:
    """One run of a scenario."""

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
                tricks.TRICKS[verb](self, steps[at - 1])

    def _answer(self, group: list[Step], *, is_last: bool) -> None:
        """One assistant line, and the results of its tool calls."""
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
            tricks.hang(self)
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
    """The step's verb: its first key; ScenarioError when nobody knows it."""
    verb = next(iter(step), "")
    known = verb in _ANSWERS or verb in _TIMING or verb in tricks.TRICKS
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
