"""Events folded into what is known of a run: tokens, turns, tools, activity, the last result.

Pure and total: any sequence of events can be folded, in any portions. Nothing is estimated; what amp does
not say stays None. Whether a run was a success is decided in `endings`.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from ampsm_engine import timestamps
from ampsm_engine.amp.events import (
    Attempt,
    Event,
    Prompt,
    RunResult,
    TextBlock,
    Thread,
    ToolResult,
    ToolUse,
    Turn,
    Usage,
    one_line,
)
from ampsm_engine.amp.stream import inner_object
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.model import Tally, ToolCall

ARGUMENTS_LIMIT = 2000
"""Characters of a tool call's arguments that a list can bear."""

CANCELLED = "User cancelled"
"""How the error of a result begins that amp printed because of a signal."""

_FIELDS = ("input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")

_SHELLS = frozenset({"shell_command", "Bash"})
_MAIN_ARGUMENTS = (
    *("command", "cmd", "path", "pattern", "filePattern", "query", "url", "description", "prompt", "patchText"),
)


class _Sums:
    """Token counts added up field by field: a field that no line gave is unknown."""

    def __init__(self) -> None:
        self._sums = dict.fromkeys(_FIELDS, 0)
        self._given = dict.fromkeys(_FIELDS, 0)

    def add(self, usage: Usage, sign: int = 1) -> None:
        """Add a request's tokens; with a sign of -1 take them back."""
        for name in _FIELDS:
            count = getattr(usage, name)
            if count is not None:
                self._sums[name] += sign * count
                self._given[name] += sign

    def known(self) -> dict[str, int | None]:
        """The sum of each field, None where no line gave it."""
        return {name: self._sums[name] if self._given[name] else None for name in _FIELDS}

    def total(self) -> int | None:
        """All fields together, None when not one is known."""
        counts = [count for count in self.known().values() if count is not None]
        return sum(counts) if counts else None


@dataclass(slots=True)
class _Open:
    call: ToolCall
    parent: str | None
    since: float | None
    """When the call was read, in Unix seconds; None where that says nothing."""


class Fold:
    """What the events so far add up to. `iteration_id` is only copied into the tool calls."""

    def __init__(self, iteration_id: str = "") -> None:
        self._iteration_id = iteration_id
        self._summed = _Sums()
        self._by_subagents = _Sums()
        self._by_message: dict[str, Usage] = {}
        self._turn_ids: set[str] = set()
        self._before: dict[str, int | None] = dict.fromkeys(_FIELDS)
        self._turns = 0
        self._tools = 0
        self._refused: set[str] = set()
        self._refusals = 0
        self._open: dict[str, _Open] = {}
        self._changed: dict[int, ToolCall] = {}
        self._latest: TextBlock | ToolUse | None = None
        self.now: float | None = None
        """When amp wrote what is added next, in Unix seconds; None: unknown, as it is read later."""
        self.thread_id: str | None = None
        self.attempt = 1
        self.result: RunResult | None = None
        """The last result of the last attempt."""
        self.last_turn: Turn | None = None
        """The last turn of amp itself, not of a sub-agent, in the last attempt."""
        self.last_text = ""
        """What amp itself said last."""
        self.prompted = False
        """Whether the prompt's echo, or anything after it, came in the last attempt."""

    def add(self, event: Event) -> None:
        """Count one more event of the stream."""
        match event:
            case Usage():
                self._add_usage(event)
            case Turn():
                self._add_turn(event)
            case ToolUse():
                self._add_tool(event)
            case ToolResult():
                self._add_tool_result(event)
            case TextBlock():
                self._add_text(event)
            case RunResult():
                self._add_result(event)
            case _:
                self._add_mark(event)

    def add_all(self, events: Iterable[Event]) -> None:
        """Take in events in their order."""
        for event in events:
            self.add(event)

    @property
    def tally(self) -> Tally:
        """Tokens, turns and tools of all attempts. A result's own usage goes before the sum of the lines."""
        counts = self._all_counts()
        return Tally(
            input_tokens=counts["input_tokens"],
            output_tokens=counts["output_tokens"],
            cache_creation_tokens=counts["cache_creation_tokens"],
            cache_read_tokens=counts["cache_read_tokens"],
            turns=self._turns,
            tools=self._tools,
            refusals=self._refusals,
            subagent_tokens=self._by_subagents.total(),
        )

    @property
    def activity(self) -> str | None:
        """What amp says or which tool it runs, on one clean line: `$ npm test`."""
        if isinstance(self._latest, TextBlock):
            return one_line(self._latest.text) or None
        return described(self._latest) if self._latest else None

    @property
    def open_tools(self) -> int:
        """Tool calls whose result is still awaited."""
        return len(self._open)

    @property
    def open_tool_names(self) -> tuple[str, ...]:
        """Names of the tools whose result is still awaited, oldest first."""
        return tuple(waiting.call.name for waiting in self._open.values())

    @property
    def ended_turn(self) -> bool:
        """Whether the last thing that amp itself said ended its turn."""
        return self.last_turn is not None and self.last_turn.stop_reason == "end_turn"

    def take_tool_calls(self) -> list[ToolCall]:
        """The calls that are new or changed since the last time, by sequence."""
        taken = [self._changed[sequence] for sequence in sorted(self._changed)]
        self._changed.clear()
        return taken

    def _all_counts(self) -> dict[str, int | None]:
        counts = self._summed.known()
        said = self.result.usage if self.result else None
        for name in _FIELDS:
            own = getattr(said, name, None)
            counts[name] = _plus(self._before[name], counts[name] if own is None else own)
        return counts

    def _add_mark(self, event: Event) -> None:
        match event:
            case Prompt(parent=None):
                self.prompted, self.last_turn = True, None
            case Attempt():
                self._begin_attempt(event.number)
            case Thread():
                self.thread_id = self.thread_id or event.id
            case _:
                pass

    def _add_usage(self, usage: Usage) -> None:
        sums = [self._summed, self._by_subagents] if usage.parent else [self._summed]
        if usage.message_id:
            former = self._by_message.get(usage.message_id)
            self._by_message[usage.message_id] = usage
            if former:
                self._summed.add(former, -1)
                if former.parent:
                    self._by_subagents.add(former, -1)
        for each in sums:
            each.add(usage)

    def _add_turn(self, turn: Turn) -> None:
        self.prompted = True
        if turn.message_id is None or turn.message_id not in self._turn_ids:
            self._turns += 1
        if turn.message_id is not None:
            self._turn_ids.add(turn.message_id)
        if turn.parent is None:
            self.last_turn = turn
            if turn.stop_reason == "end_turn":
                self._open.clear()

    def _add_text(self, text: TextBlock) -> None:
        self._latest = text
        if text.parent is None and text.text:
            self.last_text = text.text

    def _add_tool(self, tool: ToolUse) -> None:
        self._latest = tool
        waiting = self._open.get(tool.id) if tool.id else None
        if waiting is None:
            self._tools += 1
        call = ToolCall(
            iteration_id=self._iteration_id,
            sequence=waiting.call.sequence if waiting else self._tools,
            tool_id=tool.id,
            name=tool.name,
            arguments=_arguments(tool),
            success=None,
            started_at=waiting.call.started_at if waiting else _stamp(self.now),
        )
        if tool.id:
            self._open[tool.id] = _Open(call, tool.parent, waiting.since if waiting else self.now)
        self._changed[call.sequence] = call

    def _add_tool_result(self, result: ToolResult) -> None:
        if result.refused and result.id not in self._refused:
            self._refusals += 1
            if result.id:
                self._refused.add(result.id)
        waiting = self._open.pop(result.id, None)
        if waiting is None:
            return
        took = None if self.now is None or waiting.since is None else max(0, round((self.now - waiting.since) * 1000))
        call = replace(waiting.call, success=result.success, summary=summary(result), duration_ms=took)
        self._changed[call.sequence] = call
        self._close_inside(result.id)

    def _close_inside(self, parent: str) -> None:
        # A sub-agent's calls never get results of their own: they end with it.
        closing = [parent]
        while closing:
            outer = closing.pop()
            inside = [tool_id for tool_id, waiting in self._open.items() if waiting.parent == outer]
            for tool_id in inside:
                del self._open[tool_id]
            closing += inside

    def _add_result(self, result: RunResult) -> None:
        self._open.clear()
        # A signal after the end makes amp print a second result: the work was done all the same.
        if self.result is not None and self.result.ok and is_cancelled(result):
            return
        self.result = result

    def _begin_attempt(self, number: int) -> None:
        self._before = self._all_counts()
        self._summed = _Sums()
        self._by_message.clear()
        self._turn_ids.clear()
        self._open.clear()
        self.attempt, self.result, self.last_turn, self.prompted = number, None, None, False


def is_cancelled(result: RunResult) -> bool:
    """Whether a result says that a signal ended the run."""
    return not result.ok and result.error.startswith(CANCELLED)


def described(tool: ToolUse) -> str:
    """A tool call on one line, as `$ npm test` or `Read app/login.py`: its name and its main argument."""
    return f"{tool_name(tool)} {main_argument(tool)}".rstrip()


def tool_name(tool: ToolUse) -> str:
    """How a tool is called wherever it is shown: a shell by its prompt, any other by its name on one line."""
    return "$" if tool.name in _SHELLS else one_line(tool.name) or "?"


def main_argument(tool: ToolUse) -> str:
    """What a tool is called with, on one line: of several arguments the most telling one; empty without any."""
    values = (tool.arguments.get(name) for name in _MAIN_ARGUMENTS)
    return next((one_line(value) for value in values if isinstance(value, str) and value.strip()), "")


def summary(result: ToolResult) -> str:
    """A tool's answer on one line; of a shell command what it printed last, and its exit code."""
    inner = inner_object(result.content) if result.content.startswith("{") else {}
    output = inner.get("output")
    if isinstance(output, str):
        lines = [line for line in output[-2000:].split("\n") if line.strip()]
        said = one_line(lines[-1]) if lines else ""
        ending = "still running" if result.running else f"exit {result.exit_code}" if result.exit_code else ""
        return ": ".join(part for part in (ending, said) if part)
    told = inner.get("summary")
    return one_line(told if isinstance(told, str) else result.content)


def _arguments(tool: ToolUse) -> str:
    text = json.dumps(tool.arguments, ensure_ascii=False)
    return text if len(text) <= ARGUMENTS_LIMIT else text[: ARGUMENTS_LIMIT - 1] + "…"


def _stamp(moment: float | None) -> str | None:
    return None if moment is None else timestamps.stamp(datetime.fromtimestamp(moment, UTC))


def _plus(one: int | None, other: int | None) -> int | None:
    """The sum of what is known of two counts."""
    if one is None or other is None:
        return one if other is None else other
    return one + other
