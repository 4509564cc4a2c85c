"""Events to blocks: what is shown, folded and searched as one. Pure; widths, colours and files are not known here.

A tool call and its answer are one block, whichever of the two is read first: the end of a long stream is read
before its beginning.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from ampsm_engine.amp import tally
from ampsm_engine.amp.events import (
    Attempt,
    Event,
    Noise,
    Prompt,
    RunResult,
    TextBlock,
    Thinking,
    TooLong,
    ToolResult,
    ToolUse,
)
from ampsm_engine.amp.stream import inner_object
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_tui.clean import inert, many_lines


class BlockKind(StrEnum):
    """The kinds of blocks that a transcript has."""

    PROMPT = "prompt"
    TEXT = "text"
    THINKING = "thinking"
    TOOL = "tool"
    ANSWER = "answer"
    """A tool's answer whose call was not read (yet)."""
    ERROR = "error"
    ATTEMPT = "attempt"
    NOISE = "noise"
    ENDING = "ending"
    PLAIN = "plain"
    """Lines as they are, for reading."""


FOLDED = frozenset({BlockKind.THINKING, BlockKind.TOOL, BlockKind.ANSWER, BlockKind.PROMPT})
"""The kinds that open and close."""


@dataclass(eq=False, slots=True)
class Block:
    """One thing that was said or done. Its identity is the object: blocks are this screen's own, and change."""

    kind: BlockKind
    text: str = ""
    """What it says, clean, with its lines."""
    depth: int = 0
    """Below how many calls of sub-agents."""
    call: ToolUse | None = None
    answer: ToolResult | None = None
    is_open: bool = False
    is_hidden: bool = False
    """Whether it is an answer that is shown in the block of its call instead."""
    _searched: str | None = field(default=None, repr=False)

    @property
    def searched(self) -> str:
        """All that can be found in it: what it says, a call's arguments and its answer."""
        if self._searched is None:
            parts = [self.text]
            if self.call:
                parts += [value for _, value in arguments(self.call)]
            if self.answer:
                parts.append(answer_text(self.answer))
            self._searched = "\n".join(part for part in parts if part)
        return self._searched

    def take(self, answer: ToolResult) -> None:
        """Take the result of the tool call."""
        self.answer = answer
        self._searched = None


def arguments(call: ToolUse) -> Iterator[tuple[str, str]]:
    """A call's arguments by name, clean, each as text."""
    for name, value in call.arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        yield inert(name), many_lines(text)


def answer_text(answer: ToolResult) -> str:
    """What a tool answered, clean: of a shell command what it printed, else the text, JSON laid out."""
    inner = inner_object(answer.content) if answer.content.startswith("{") else {}
    output = inner.get("output", inner.get("content"))
    if isinstance(output, str):
        return many_lines(output.rstrip("\n"))
    return many_lines(json.dumps(inner, ensure_ascii=False, indent=2) if inner else answer.content.rstrip("\n"))


def outcome(answer: ToolResult, near: Callable[[str], str] = str) -> tuple[str, str]:
    """How a call went, as one of `ok`, `warning`, `error`, and in words on one line."""
    summary = near(inert(tally.summary(answer)))
    if answer.refused:
        return "warning", f"refused: {summary}"
    if answer.is_error:
        return "error", f"failed: {summary}" if summary else "failed"
    if answer.running:
        return "warning", summary
    if answer.exit_code:
        return "error", summary
    return "ok", "" if summary.startswith(('{"', '[{"')) else summary


@dataclass(frozen=True, slots=True)
class BlockChanges:
    """What came of reading events: new blocks, and older ones that changed."""

    new: list[Block]
    changed: list[Block]


class BlockBuilder:
    """Makes blocks of events that are read from either end; a call waits in it for its answer."""

    def __init__(self, prompt: str = "") -> None:
        self._prompt = prompt.strip()
        self._calls: dict[str, Block] = {}
        self._orphans: dict[str, Block] = {}

    def later(self, events: Iterable[Event]) -> BlockChanges:
        """Blocks for what comes behind everything read so far."""
        return self._read(events, self._calls)

    def earlier(self, events: Iterable[Event]) -> BlockChanges:
        """Blocks for what comes before everything read so far."""
        calls: dict[str, Block] = {}
        changes = self._read(events, calls)
        for key, block in calls.items():
            orphan = self._orphans.get(key)
            if orphan is not None and orphan.answer is not None and block.answer is None:
                del self._orphans[key]
                block.take(orphan.answer)
                orphan.is_hidden = True
                changes.changed.append(orphan)
            self._calls.setdefault(key, block)
        return changes

    def _read(self, events: Iterable[Event], calls: dict[str, Block]) -> BlockChanges:
        changes = BlockChanges([], [])
        fresh: set[str] = set()
        for event in events:
            if isinstance(event, ToolResult):
                self._answer(event, calls, changes, is_fresh=event.id in fresh)
                continue
            block = _block_of(event, self._prompt)
            if block is None:
                continue
            block.depth = self._depth(getattr(event, "parent", None))
            changes.new.append(block)
            if isinstance(event, ToolUse) and event.id:
                calls[event.id] = block
                fresh.add(event.id)
        return changes

    def _answer(self, event: ToolResult, calls: dict[str, Block], changes: BlockChanges, *, is_fresh: bool) -> None:
        block = calls.get(event.id)
        if block is None:
            orphan = Block(BlockKind.ANSWER, depth=self._depth(event.parent), answer=event)
            changes.new.append(orphan)
            if event.id:
                self._orphans[event.id] = orphan
            return
        block.take(event)
        if not is_fresh:
            changes.changed.append(block)

    def _depth(self, parent: str | None) -> int:
        if not parent:
            return 0
        outer = self._calls.get(parent)
        return 1 if outer is None else min(4, outer.depth + 1)


def _block_of(event: Event, prompt: str) -> Block | None:
    """A block for what one event says alone; None for what a transcript does not show."""
    match event:
        case Prompt() if event.text.strip() and event.text.strip() != prompt:
            return Block(BlockKind.PROMPT, many_lines(event.text.strip()))
        case TextBlock() if event.text.strip():
            return Block(BlockKind.TEXT, many_lines(event.text.strip()))
        case Thinking():
            return _thinking(event)
        case ToolUse():
            return Block(BlockKind.TOOL, call=event)
        case _:
            return _notice(event)


def _thinking(event: Thinking) -> Block | None:
    if event.redacted:
        return Block(BlockKind.THINKING, "(not shown by the model's maker)")
    return Block(BlockKind.THINKING, many_lines(event.text.strip())) if event.text.strip() else None


def _notice(event: Event) -> Block | None:
    match event:
        case RunResult() if not event.ok:
            return Block(BlockKind.ERROR, many_lines(event.error or event.text or "amp ended with an error."))
        case Attempt():
            return Block(BlockKind.ATTEMPT, f"attempt {event.number}: amp was started again")
        case Noise() if event.text.strip():
            return Block(BlockKind.NOISE, many_lines(event.text.strip()))
        case TooLong():
            return Block(BlockKind.NOISE, f"(a line of {event.bytes:,} bytes is left out)")
        case _:
            return None
