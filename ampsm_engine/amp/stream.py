"""amp's standard output to events: its bytes to lines, and a line's objects to events. Pure; no bytes make it raise.

The unit is the line, ended by LF alone (U+2028 and friends stand raw inside lines). Several objects in one
line are read one after the other; what is left of a line that is no object is one Noise, so an object broken
over two lines is two. A line over the limit is counted and dropped. Any cutting of the same bytes gives the
same events. Unknown types, missing and ill-typed fields are accepted: nothing of amp's format is promised to stay.
Nothing is added up here, see `tally`.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from ampsm_engine.amp.events import (
    Attempt,
    Event,
    Init,
    Noise,
    Other,
    Prompt,
    RunResult,
    TextBlock,
    Thinking,
    Thread,
    TooLong,
    ToolResult,
    ToolUse,
    Turn,
    Usage,
)

LINE_LIMIT = 64 * 1024 * 1024
"""Bytes of a line that is still parsed."""

CHUNK = 64 * 1024
"""Bytes that a reader of a file takes at a time."""

THREAD_ID = re.compile(r"T-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The only form of a thread id that may go into an argument list or a URL."""

_OBJECTS_LIMIT = 1000
_BLANKS = " \t\r\n\ufeff"
_BLANK_RUN = re.compile(f"[{_BLANKS}]*")
_TERMINAL_MODES = re.compile(r"(?:\x1b\[[0-9;?<=>]*[A-Za-z])+")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def attempt_line(number: int) -> bytes:
    """Our own line, written before amp is started again into the same file.

    Begins with LF, for the line before may have been cut.
    """
    return b'\n{"type":"ampsm","subtype":"attempt","number":%d}\n' % number


class EventReader:
    """Takes bytes in any portions, gives events. Costs one pass over the bytes and a few lines of memory."""

    def __init__(self, limit: int = LINE_LIMIT, *, offset: int = 0, redact: Callable[[str], str] | None = None) -> None:
        self.offset = offset
        """Bytes up to the end of the last whole line; where another reader may go on."""
        self._limit = limit
        self._redact = redact
        """Applied to every text before anything of it is cut: half a secret would not be known any more."""
        self._line = bytearray()
        self._length = 0
        self._thread: str | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events of every line that these bytes complete."""
        return [event for _, event in self.located(data)]

    def located(self, data: bytes) -> list[tuple[int, Event]]:
        """The events of every line that these bytes complete, each with the byte offset at which its line ends."""
        *ends, rest = data.split(b"\n")
        found: list[tuple[int, Event]] = []
        for end in ends:
            self._keep(end)
            found += self._finished(1)
        self._keep(rest)
        return found

    def close(self) -> list[Event]:
        """The events of a last line without its end. The reader may be used again."""
        return [event for _, event in self._finished(0)]

    def _keep(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length <= self._limit:
            self._line += piece
        elif self._line:
            self._line = bytearray()

    def _finished(self, newline: int) -> list[tuple[int, Event]]:
        length, self._length = self._length, 0
        line, self._line = self._line, bytearray()
        self.offset += length + newline
        if length > self._limit:
            return [(self.offset, TooLong(length))]
        text = line.decode("utf-8", "replace")
        del line
        return [(self.offset, event) for event in self._parsed(text)]

    def _parsed(self, line: str) -> Iterator[Event]:
        text = line.strip(_BLANKS)
        if text.startswith("\x1b"):
            text = _TERMINAL_MODES.sub("", text, count=1).strip(_BLANKS)
        cleaned = self._cleaned(paired if "\\u" in text and _ESCAPED_SURROGATE.search(text) else cut)
        for piece in _objects(text):
            if isinstance(piece, str):
                yield Noise(cleaned(piece))
            else:
                yield from self._thread_of(piece)
                yield from events_of(piece, cleaned)

    def _cleaned(self, bound: Callable[[str], str]) -> Callable[[str], str]:
        redact = self._redact
        return bound if redact is None else lambda text: bound(redact(text))

    def _thread_of(self, line: dict[str, Any]) -> Iterator[Event]:
        named = line.get("session_id")
        if not isinstance(named, str) or named == self._thread:
            return
        if not THREAD_ID.fullmatch(named):
            yield Other("session_id malformed")
        elif self._thread is None:
            self._thread = named
            yield Thread(named)
        else:
            yield Other("session_id changed")


def _objects(text: str) -> Iterator[dict[str, Any] | str]:
    at = read = 0
    while at < len(text):
        value: object = None
        if text[at] == "{" and read < _OBJECTS_LIMIT:
            try:
                value, end = DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):  # broken, or nested too deep
                value = None
        if not isinstance(value, dict):
            yield text[at:] if at else text
            return
        yield value
        read += 1
        blanks = _BLANK_RUN.match(text, end)
        at = blanks.end() if blanks else end


TEXT_LIMIT = 1024 * 1024
"""Characters of one text in an event; the file keeps the whole."""

REFUSED = re.compile(r"Tool rejected by plugin:|Rejected by user permissions rule|Plugin error:")
"""How the text of a refused tool call begins; the error flag is not set in most of them."""

_COUNT_LIMIT = 10**12
_DEPTH_LIMIT = 32
_LIST_LIMIT = 10_000
_KIND_LIMIT = 80
_EXIT_CODE_AT_END = re.compile(r'"exitCode"\s*:\s*(-?\d{1,10})\s*\}\s*$')


def _finite(text: str) -> float | str:
    number = float(text)
    return text if number in (float("inf"), float("-inf")) else number


# NaN and infinities become their names: what was read can be written as JSON again.
DECODER = json.JSONDecoder(parse_constant=str, parse_float=_finite, strict=False)

Clean = Callable[[str], str]


def cut(text: str) -> str:
    """Shorten a text to a bound; its end says how much is left out."""
    if len(text) <= TEXT_LIMIT:
        return text
    return f"{text[:TEXT_LIMIT]}… ({len(text) - TEXT_LIMIT} characters more in the run directory)"


def paired(text: str) -> str:
    """Bound a text as `cut` does, and put a question mark in place of each unpaired surrogate."""
    return cut(text) if text.isascii() else cut(text).encode("utf-8", "replace").decode()


def events_of(line: dict[str, Any], clean: Clean) -> Iterator[Event]:
    """All that one line says, in order; `clean` makes its text storable."""
    kind, subtype = line.get("type"), line.get("subtype")
    parent = _word(line.get("parent_tool_use_id"))
    message = line.get("message")
    if kind == "system" and subtype == "init":
        yield _init(line, clean)
    elif kind == "assistant" and isinstance(message, dict):
        yield from _assistant(message, parent, clean)
    elif kind == "user" and isinstance(message, dict):
        yield from _user(message, parent, clean)
    elif kind == "result":
        yield _result(line, clean)
    elif kind == "ampsm" and subtype == "attempt" and _count(line.get("number")):
        yield Attempt(line["number"])
    else:
        yield Other(_kind("line", kind, clean))


def _init(line: dict[str, Any], clean: Clean) -> Init:
    servers = line.get("mcp_servers")
    return Init(
        cwd=_word(line.get("cwd")) or "",
        tools=tuple(clean(tool) for tool in _list(line.get("tools")) if isinstance(tool, str)),
        mcp_servers=tuple(
            (_word(server.get("name")) or "?", _word(server.get("status")) or "?")
            for server in _list(servers)
            if isinstance(server, dict)
        ),
        agent_mode=_word(line.get("agent_mode")),
    )


def _assistant(message: dict[str, Any], parent: str | None, clean: Clean) -> Iterator[Event]:
    content = message.get("content")
    if isinstance(content, str):
        yield TextBlock(clean(content), parent)
    for block in _list(content):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text" and isinstance(block.get("text"), str):
            yield TextBlock(clean(block["text"]), parent)
        elif kind == "thinking" and isinstance(block.get("thinking"), str):
            yield Thinking(clean(block["thinking"]), parent)
        elif kind == "redacted_thinking":
            yield Thinking("", parent, redacted=True)
        elif kind == "tool_use":
            yield _tool_use(block, parent, clean)
        else:
            yield Other(_kind("block", kind, clean))
    message_id = _word(message.get("id"))
    yield Turn(_word(message.get("stop_reason")), parent, message_id)
    if isinstance(message.get("usage"), dict):
        yield _usage(message["usage"], parent, message_id)


def _tool_use(block: dict[str, Any], parent: str | None, clean: Clean) -> ToolUse:
    given = block.get("input")
    arguments = _tree(given if isinstance(given, dict) else {"input": given}, clean, _DEPTH_LIMIT)
    return ToolUse(
        id=_word(block.get("id")) or "",
        name=_word(block.get("name")) or "?",
        arguments=arguments if isinstance(arguments, dict) else {},
        parent=parent,
    )


def _user(message: dict[str, Any], parent: str | None, clean: Clean) -> Iterator[Event]:
    content = message.get("content")
    if isinstance(content, str):
        yield Prompt(clean(content), parent)
    for block in _list(content):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text" and isinstance(block.get("text"), str):
            yield Prompt(clean(block["text"]), parent)
        elif kind == "tool_result":
            yield _tool_result(block, parent, clean)
        else:
            yield Other(_kind("block", kind, clean))


def _tool_result(block: dict[str, Any], parent: str | None, clean: Clean) -> ToolResult:
    content = _joined(block.get("content"))
    exit_code, running = _shell_ending(content)
    return ToolResult(
        id=_word(block.get("tool_use_id")) or "",
        content=clean(content),
        is_error=block.get("is_error") is True,
        refused=REFUSED.match(content) is not None,
        exit_code=exit_code,
        running=running,
        parent=parent,
    )


def _joined(content: object) -> str:
    if isinstance(content, str):
        return content
    parts: list[str] = []
    for block in _list(content):
        if isinstance(block, dict):
            text = block.get("text")
            parts.append(text if isinstance(text, str) else f"[{_kind('block', block.get('type'), paired)}]")
        elif isinstance(block, str):
            parts.append(block)
    return "\n".join(parts)


def _shell_ending(content: str) -> tuple[int | None, bool]:
    """Exit code of a shell command, and whether it still runs; from JSON text inside the result."""
    if not content.startswith("{"):
        return None, False
    if len(content) > TEXT_LIMIT:
        at_end = _EXIT_CODE_AT_END.search(content, len(content) - 64)
        return (int(at_end[1]) if at_end else None), False
    if '"exitCode"' not in content and '"running"' not in content:
        return None, False
    inner = inner_object(content)
    code = inner.get("exitCode")
    return (code if type(code) is int else None), inner.get("running") is True


@lru_cache(1)  # of each answer its exit code is wanted, and then what it says
def inner_object(content: str) -> dict[str, Any]:
    """The JSON object that a tool's answer is, as text, in most cases; empty when it is none. Only to be read."""
    try:
        inner = DECODER.decode(content)
    except (ValueError, RecursionError):
        return {}
    return inner if isinstance(inner, dict) else {}


def _result(line: dict[str, Any], clean: Clean) -> RunResult:
    is_error, subtype = line.get("is_error"), _word(line.get("subtype")) or ""
    ok = is_error is False or (is_error is None and subtype == "success")
    text = line.get("result")
    usage = line.get("usage")
    return RunResult(
        ok=ok,
        text=clean(text) if isinstance(text, str) else "",
        error="" if ok else _error(line.get("error"), clean),
        subtype=subtype,
        duration_ms=_count(line.get("duration_ms")),
        turns=_count(line.get("num_turns")),
        usage=_usage(usage, None, None) if isinstance(usage, dict) else None,
    )


def _error(error: object, clean: Clean) -> str:
    if error is None or isinstance(error, str):
        return clean(error or "")
    return paired(json.dumps(_tree(error, clean, _DEPTH_LIMIT), ensure_ascii=False))


def _usage(usage: dict[str, Any], parent: str | None, message_id: str | None) -> Usage:
    # `max_tokens` is the size of the context window and no count: it is not read.
    return Usage(
        input_tokens=_count(usage.get("input_tokens")),
        output_tokens=_count(usage.get("output_tokens")),
        cache_creation_tokens=_count(usage.get("cache_creation_input_tokens")),
        cache_read_tokens=_count(usage.get("cache_read_input_tokens")),
        parent=parent,
        message_id=message_id,
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _COUNT_LIMIT else None


def _word(value: object) -> str | None:
    """An id, a name or another short word; it is not redacted."""
    return paired(value) if isinstance(value, str) and value else None


def _list(value: object) -> list[Any]:
    return value[:_LIST_LIMIT] if isinstance(value, list) else []


def _kind(what: str, kind: object, clean: Clean) -> str:
    return f"{what} {clean(kind[:_KIND_LIMIT])}" if isinstance(kind, str) else f"{what} without a type"


def _tree(value: object, clean: Clean, depth: int) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        if not depth:
            return "…"
        return {clean(key): _tree(inner, clean, depth - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_tree(inner, clean, depth - 1) for inner in value] if depth else "…"
    return value
