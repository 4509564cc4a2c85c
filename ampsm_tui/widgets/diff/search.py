"""Looking for a regular expression in a diff: how often a file has it, where the next place is. Pure.

Lower case finds both cases. What is no regular expression is looked for as it is typed. Signs and headings of hunks
are not looked at. Where it can, it searches whole patches as bytes: megabytes in milliseconds.

The screens search in their event loop, so no pattern may run for long: one that takes more than a
moment for a piece of text, or for many of them in a row, is given up. Python's own `re` cannot be stopped, not even
from another thread; the library `regex` reads the same patterns and takes a limit. (RE2 needs none, but takes 4
microseconds a match: seconds a patch.)
"""

import re
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, AnyStr

from ampsm_engine.diff.encodings import has_one_byte_a_letter
from ampsm_tui.widgets.diff.patch import AT, NO_EOL, PAGE, Body

if TYPE_CHECKING:
    import regex

_META = frozenset(".^$*+?{}[]\\|()")
_LINEWISE = re.compile(r"\^|\\[sSWDnAZ]|\[\^|\(\?|\\x|\\u|\\0")
"""What would match a line's end, or its sign, if lines were not looked at one by one."""

_SIGNS = "+- @\\"

LIMIT = 0.25
"""Seconds of processor time that one piece of text may take: a line, or `PIECE` of a patch."""

IN_A_ROW = 2.0
"""Seconds that a pattern may take for one patch, or for lines that are looked at one after the other."""

PIECE = 1 << 18
"""Bytes of a patch that are searched at once."""

LONGEST = 1000
"""Letters of a pattern; what is longer was pasted, and is looked for as it is."""


def _quietly(pattern: AnyStr, flags: int = 0) -> "regex.Pattern[AnyStr]":
    """Compile; warnings about syntax that Python may change are not shown to a person who types a search."""
    import regex  # 20 ms, paid by the first search

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return regex.compile(pattern, flags)


class SearchPattern:
    """A pattern that is searched for: a regular expression, else the text itself."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.is_given_up = False
        """Whether it took too long: nothing more is found then."""
        self.is_valid = True
        """Whether it is a regular expression, or too long to be read as one; else the text itself is looked for."""
        self._in_a_row = self._ended = 0.0
        self.is_sensitive = any(letter.isupper() for letter in re.sub(r"\\.", "", text))
        self._is_plain = not _META & set(text)
        self._lines: regex.Pattern[str] | None = self._compiled(text) if text else None
        self._bytes: regex.Pattern[bytes] | None = None
        self._literal = b""
        if self._lines and text.isascii():
            pattern = self._lines.pattern
            if self._is_plain and text[:1] not in _SIGNS:
                self._literal = text.encode()
            elif not _LINEWISE.search(pattern):
                self._bytes = _quietly(b"(?m)(?!^)(?:" + pattern.encode() + b")")

    def _compiled(self, text: str) -> "regex.Pattern[str]":
        import regex

        flags = 0 if self.is_sensitive else regex.IGNORECASE
        if len(text) <= LONGEST:
            with suppress(regex.error, OverflowError, RecursionError):
                return _quietly(text, flags)
            self.is_valid = False
        self._is_plain = True
        return _quietly(re.escape(text), flags)

    def _found(self, pattern: "regex.Pattern[AnyStr] | None", text: AnyStr) -> list[tuple[int, int]]:
        """The places of a pattern that are not empty; none any more once it was given up."""
        if self.is_given_up or pattern is None:
            return []
        began = time.perf_counter()
        # A caller with other work lets the event loop go on meanwhile.
        self._in_a_row = max(0.0, self._in_a_row - (began - self._ended))
        try:
            places = [found.span() for found in pattern.finditer(text, timeout=LIMIT)]
        except TimeoutError:
            self.is_given_up = True
            return []
        self._ended = time.perf_counter()
        self._in_a_row += self._ended - began
        self.is_given_up = self._in_a_row > IN_A_ROW
        return [(start, end) for start, end in places if end > start]

    def __bool__(self) -> bool:
        return bool(self.text)

    def spans(self, raw: bytes, encoding: str = "") -> list[tuple[int, int]]:
        """The places of the pattern in a line without sign, in characters of that line; empty ones do not count.

        `encoding`: what the line is in, where it is not UTF-8.
        """
        line = raw.decode(encoding or "utf-8", "surrogateescape")
        if self._literal and self._literal.decode() not in (line if self.is_sensitive else line.lower()):
            return []
        return self._found(self._lines, line)

    def count(self, body: Body) -> int:
        """How often the pattern is in a patch."""
        self._in_a_row = 0.0
        found = self._count(body, body.data) if self.text else 0
        return found - self._count_headings(body) if found else 0

    def before(self, body: Body, row: int) -> int:
        """How often the pattern is in a patch above a row."""
        if self._is_bytewise(body):
            cut = body.offset(row)
            return self._count(body, body.data[:cut]) - self._count(body, _headings(body, row))
        return sum(len(self.spans(line, body.encoding)) for at, line in _lines(body) if at < row)

    def _is_bytewise(self, body: Body) -> bool:
        if self._literal:
            # In Shift-JIS the second half of a letter may be the byte of another one.
            return not body.encoding or has_one_byte_a_letter(body.encoding)
        return self._bytes is not None and body.is_ascii

    def _count(self, body: Body, data: bytes) -> int:
        if not self._is_bytewise(body):
            return sum(len(self.spans(line, body.encoding)) for _, line in _lines(body)) if data is body.data else 0
        searched = data if self.is_sensitive else data.lower()
        if self._literal:
            return searched.count(self._literal)
        assert self._bytes is not None  # noqa: S101 - it is bytewise
        return sum(len(self._found(self._bytes, piece)) for piece in _pieces(searched))

    def _count_headings(self, body: Body) -> int:
        return self._count(body, _headings(body, len(body.kinds))) if self._is_bytewise(body) else 0

    def next_row(self, body: Body, row: int, way: int) -> int | None:
        """The next row that has it, `row` itself left out; pages without it are passed over at once."""
        pages = range((row + 1) // PAGE, body.pages) if way > 0 else range(max(row - 1, 0) // PAGE, -1, -1)
        for page in pages:
            start, lines = body.page(page)
            if not self._may_be_in(body, lines):
                continue
            order = range(len(lines)) if way > 0 else range(len(lines) - 1, -1, -1)
            for inside in order:
                at = start + inside
                is_beyond = (at - row) * way > 0 and body.kinds[at] not in (AT, NO_EOL)
                if is_beyond and self.spans(lines[inside][1:], body.encoding):
                    return at
        return None

    def _may_be_in(self, body: Body, lines: list[bytes]) -> bool:
        if not self._is_bytewise(body):
            return True
        return self._count(body, b"\n".join(lines)) > 0


def _pieces(data: bytes) -> Iterator[bytes]:
    """A patch in pieces of whole lines."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + PIECE)
        end = len(data) if end < 0 else end
        yield data[start:end]
        start = end + 1


def _headings(body: Body, row: int) -> bytes:
    """The lines of a patch above a row that are none of its file."""
    texts = [body.heading_line(number) for number, hunk in enumerate(body.hunks) if hunk.first < row]
    last = body.hunks[-1] if body.hunks else None
    if last is not None and last.has_no_eol:
        texts += [b"\\ No newline at end of file" for at in last.shown if body.kinds[at] == NO_EOL and at < row]
    return b"\n".join(texts)


def _lines(body: Body) -> Iterator[tuple[int, bytes]]:
    for at, line in enumerate(body.data.split(b"\n")[: len(body.kinds)]):
        if body.kinds[at] not in (AT, NO_EOL):
            yield at, line[1:]
