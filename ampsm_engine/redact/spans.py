"""Where a secret stands in a text, and what may be cut out there without breaking the text around it.

Knows JSON's escapes, because most of what is redacted are lines of JSON. Knows no rule.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ampsm_engine.redact.pattern import compiled

MARKER = r"\[redacted:[a-z0-9-]{1,64}\]"
"""What stands where a secret stood."""

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_ESCAPE = r"\\u[0-9a-fA-F]{4}"
_UNQUOTED = r'[^"]+'


class SecretSpan(NamedTuple):
    """From `start` up to `end` stands a secret that the rule `name` found."""

    start: int
    end: int
    name: str


def fitted(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the halves of JSON escapes at its two ends; may come out empty."""
    if text.find("\\", max(0, start - 6), end) < 0:
        return start, end
    opened = _escape_around(text, start)
    if opened is not None:
        start = opened[1]
    closed = _escape_around(text, end)
    if closed is not None:
        end = closed[0]
    return start, max(start, end)


def _escape_around(text: str, position: int) -> tuple[int, int] | None:
    """The JSON escape that a position lies inside of."""
    for back in range(1, 6):
        first = position - back
        if first < 0 or text[first] != "\\" or not _is_escape(text, first):
            continue
        whole = compiled(_ESCAPE).match(text, first)
        end = whole.end() if whole else first + 2
        return (first, min(end, len(text))) if end > position else None
    return None


def _is_escape(text: str, position: int) -> bool:
    """Whether the backslash at a position begins an escape, and is not itself escaped."""
    first = position
    while first > 0 and text[first - 1] == "\\":
        first -= 1
    return (position - first) % 2 == 0


def is_bare_number(text: str, start: int, end: int) -> bool:
    """Whether a JSON reader would take it for a number: cutting it out would break the line."""
    if not compiled(_NUMBER).fullmatch(text, start, end):
        return False
    before = text[max(0, start - 8) : start].rstrip(" ")[-1:]
    return before in {":", ",", "["} and text[end : end + 1] in {",", "}", "]", " ", "\n", ""}


def unquoted(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a long span between its quotes: a string's end must stay where it is."""
    for part in compiled(_UNQUOTED).finditer(text, start, end):
        yield fitted(text, *part.span())


def merged(spans: Iterable[SecretSpan]) -> Iterator[SecretSpan]:
    """The spans in their order, those that overlap made one; the longest of these gives the name."""
    current: SecretSpan | None = None
    longest = 0
    for span in sorted(spans):
        if current is None or span.start >= current.end:
            if current is not None:
                yield current
            current, longest = span, span.end - span.start
            continue
        name = current.name
        if span.end - span.start > longest:
            name, longest = span.name, span.end - span.start
        current = SecretSpan(current.start, max(current.end, span.end), name)
    if current is not None:
        yield current


def besides_markers(text: str, spans: Iterable[SecretSpan]) -> Iterator[SecretSpan]:
    """The spans that hold more than what was redacted before; one that cuts a marker takes it whole."""
    markers = [found.span() for found in compiled(MARKER).finditer(text)] if "[redacted:" in text else []
    if not markers:
        yield from spans
        return
    for start, end, name in spans:
        first = bisect_right(markers, start, key=lambda marker: marker[1])
        last = bisect_right(markers, end - 1, key=lambda marker: marker[0])
        if first >= last:
            yield SecretSpan(start, end, name)
            continue
        whole = SecretSpan(min(start, markers[first][0]), max(end, markers[last - 1][1]), name)
        if compiled(MARKER).sub("", text[whole.start : whole.end]):
            yield whole


def replaced(text: str, start: int, end: int, spans: Iterable[SecretSpan]) -> Iterator[str]:
    """The parts of `text[start:end]`, with markers in place of spans that are in order and do not overlap."""
    for span in spans:
        yield text[start : span.start]
        yield f"[redacted:{span.name}]"
        start = span.end
    yield text[start:end]
