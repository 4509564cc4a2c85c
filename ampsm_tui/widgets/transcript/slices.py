"""Pieces of a run's stream file, read and redacted into events that a screen can bear.

Runs in threads and in side processes; knows no widget. A piece is cut at the ends of lines; texts are bounded after
redaction, never before.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.amp.events import (
    Event,
    Init,
    Noise,
    Other,
    Prompt,
    RunResult,
    TextBlock,
    Thinking,
    Thread,
    ToolResult,
    ToolUse,
    Turn,
    Usage,
)
from ampsm_engine.amp.stream import LINE_LIMIT, EventReader, inner_object
from ampsm_engine.lean_dataclass import dataclass, replace

SHOWN = 60_000
"""Characters of one text that a screen shows; `ampsm log --raw` has the whole."""

CUT = "characters more: ampsm log --raw)"
"""Stands at the end of a text of which the rest is not shown."""

_UNSHOWN = (Thread, Init, Turn, Usage, Other)
_DEPTH = 6


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Which file it is: after an iteration has settled, its stream may be replaced by a redacted one."""

    device: int
    inode: int

    @classmethod
    def of(cls, descriptor: int) -> "FileIdentity":
        """The identity of an open file, by its descriptor."""
        found = os.fstat(descriptor)
        return cls(found.st_dev, found.st_ino)


@dataclass(frozen=True, slots=True)
class Slice:
    """The events of whole lines between two offsets."""

    events: tuple[Event, ...]
    start: int
    end: int


def beginning(descriptor: int, end: int, size: int) -> int:
    """Where the first line begins that lies whole in the `size` bytes before `end`, itself the end of a line.

    When the last line alone is longer, where that begins.
    """
    start = max(0, end - size)
    while start:
        found = _after_newline(descriptor, start, end)
        if found is not None:
            return found
        start = max(0, start - max(size, end - start))
    return 0


def read(descriptor: int, start: int, end: int, limit: int = LINE_LIMIT) -> Slice:
    """The events of the whole lines between two offsets."""
    reader = EventReader(limit, offset=start, redact=redact.text)
    events: list[Event] = []
    at = start
    while at < end and (data := os.pread(descriptor, min(end - at, 1 << 20), at)):
        at += len(data)
        events += shown(reader.feed(data))
    return Slice(tuple(events), start, end)


def read_path(path: Path, identity: FileIdentity, start: int, end: int) -> Slice | None:
    """The events of the whole lines between two offsets of a file; None when it is gone or was replaced."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return read(descriptor, start, end) if FileIdentity.of(descriptor) == identity else None
    finally:
        os.close(descriptor)


def _after_newline(descriptor: int, start: int, end: int) -> int | None:
    """Where the first line behind `start` begins; None when that is not before `end`. `start` itself may begin one."""
    at = start - 1
    while at < end - 1:
        piece = os.pread(descriptor, min(1 << 16, end - 1 - at), at)
        if not piece:
            return None
        found = piece.find(b"\n")
        if found >= 0:
            return at + found + 1
        at += len(piece)
    return None


def last_line_end(descriptor: int, size: int) -> int:
    """The offset behind the last newline before `size`; 0 when there is none."""
    at = size
    while at > 0:
        start = max(0, at - (1 << 16))
        found = os.pread(descriptor, at - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        at = start
    return 0


def shown(events: Iterable[Event]) -> Iterator[Event]:
    """The events that a transcript shows, their texts bounded."""
    for event in events:
        if isinstance(event, _UNSHOWN):
            continue
        yield bounded(event)


def bounded(event: Event) -> Event:
    """The event with no text longer than a screen can bear."""
    match event:
        case ToolResult() if len(event.content) > SHOWN:
            return replace(event, content=_bounded_answer(event.content))
        case ToolUse():
            return replace(event, arguments={_cut(key): _bounded(value) for key, value in event.arguments.items()})
        case Prompt() | TextBlock() | Thinking() | Noise() if len(event.text) > SHOWN:
            return replace(event, text=_cut(event.text))
        case RunResult():
            return replace(event, text=_cut(event.text), error=_cut(event.error))
        case _:
            return event


def _bounded_answer(content: str) -> str:
    inner = inner_object(content) if content.startswith("{") else {}
    if not inner:
        return _cut(content)
    return json.dumps({key: _bounded(value) for key, value in inner.items()}, ensure_ascii=False)


def _bounded(value: object, depth: int = _DEPTH) -> object:
    if isinstance(value, str):
        return _cut(value)
    if not depth:
        return "…"
    if isinstance(value, dict):
        return {_cut(str(key)): _bounded(inner, depth - 1) for key, inner in list(value.items())[:1000]}
    if isinstance(value, list):
        return [_bounded(inner, depth - 1) for inner in value[:1000]]
    return value


def _cut(text: str) -> str:
    if len(text) <= SHOWN:
        return text
    return f"{text[:SHOWN]}… ({len(text) - SHOWN:,} {CUT}"
