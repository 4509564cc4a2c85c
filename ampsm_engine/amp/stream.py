"""Bytes of amp's standard output to events. Pure, and total: no bytes make it raise.

The unit is the line, ended by LF alone (U+2028 and friends stand raw inside lines). Several objects in one
line are read one after the other; what is left of a line that is no object is one Noise, so an object broken
over two lines is two. A line over the limit is counted and dropped. Any cutting of the same bytes gives the
same events.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from ampsm_engine.amp.events import Event, Noise, Other, Thread, TooLong
from ampsm_engine.amp.lines import DECODER, cut, events_of, paired

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
