"""The conflicts inside a file between git's markers: found, and replaced by a choice. Bytes in, bytes out."""

from collections.abc import Mapping
from typing import NamedTuple

from ampsm_engine.git.integrate.markers import SIZE, Sides, own_lines
from ampsm_engine.git.integrate.values import Choice, Hunk


class Part(NamedTuple):
    """A piece of a file: lines as they are, or a conflict."""

    line: int
    plain: bytes
    ours: bytes = b""
    base: bytes | None = None
    theirs: bytes = b""
    is_conflict: bool = False
    is_last: bool = False
    """Whether the file ends with it."""


def parts(content: bytes, size: int = SIZE, sides: Sides | None = None) -> list[Part]:
    """A file cut at its conflict markers of `size` letters. What is no whole conflict is plain text.

    `sides`: what the file is on both sides; lines of theirs that look like markers are text of the file.
    """
    found: list[Part] = []
    cutter = _Cutter(size, sides or Sides(), own_lines(sides, size) if sides else frozenset())
    lines = content.splitlines(keepends=True) if b"\r" not in content else _lines(content)
    at, start = 0, 0
    while at < len(lines):
        end = cutter.conflict_end(lines, at) if cutter.is_marker(lines[at], b"<") else None
        if end is None:
            at += 1
            continue
        if at > start:
            found.append(Part(start + 1, b"".join(lines[start:at])))
        found.append(cutter.conflict(lines[at : end + 1], at + 1, is_last=end + 1 == len(lines)))
        at = start = end + 1
    if start < len(lines):
        found.append(Part(start + 1, b"".join(lines[start:])))
    return found


def listed(content: bytes, size: int = SIZE, sides: Sides | None = None) -> tuple[Hunk, ...]:
    """The conflicts of a file, numbered from 1."""
    conflicts = [part for part in parts(content, size, sides) if part.is_conflict]
    return tuple(
        Hunk(
            number,
            part.line,
            _text(part.ours),
            None if part.base is None else _text(part.base),
            _text(part.theirs),
            part.line + len(_lines(part.plain)) - 1,
        )
        for number, part in enumerate(conflicts, 1)
    )


def chosen(
    content: bytes, choices: Mapping[int, Choice] | Choice, size: int = SIZE, sides: Sides | None = None
) -> bytes:
    """The file with its conflicts, or those whose numbers are named, replaced by a side or by both."""
    result: list[bytes] = []
    number = 0
    for part in parts(content, size, sides):
        if not part.is_conflict:
            result.append(part.plain)
            continue
        number += 1
        choice = choices if isinstance(choices, str) else choices.get(number)
        result.append(part.plain if choice is None else _side(part, choice))
        end = sides and choice and (sides.ours if choice == "ours" else sides.theirs)
        if end and not end.endswith(b"\n") and end.endswith(result[-1].rstrip(b"\r\n")):
            # git ends a side with a line break before its marker; at the end of the file there was none.
            result[-1] = result[-1].rstrip(b"\r\n") if part.is_last else result[-1]
    return b"".join(result)


def _side(part: Part, choice: Choice) -> bytes:
    if choice == "both":
        # A side without a line break at its end would run into the other.
        gap = b"\n" if part.ours and part.theirs and not part.ours.endswith(b"\n") else b""
        return part.ours + gap + part.theirs
    return part.ours if choice == "ours" else part.theirs


def _lines(content: bytes) -> list[bytes]:
    """Lines as git counts them: a carriage return alone ends none."""
    pieces = content.split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])


class _Cutter(NamedTuple):
    """Knows markers from text."""

    size: int
    sides: Sides
    text: frozenset[bytes]
    """Lines that look like markers and are text."""

    def is_marker(self, line: bytes, letter: bytes) -> bool:
        """Whether a line is a marker of this letter."""
        size = self.size
        is_like = line.startswith(letter * size) and line[size : size + 1] in (b" ", b"\n", b"\r", b"")
        return is_like and line.rstrip(b"\r\n") not in self.text

    def conflict_end(self, lines: list[bytes], start: int) -> int | None:
        """The last line of the conflict that begins at `start`; None where it has no end."""
        has_middle = False
        for at in range(start + 1, len(lines)):
            if self.is_marker(lines[at], b"<"):
                return None
            has_middle = has_middle or self.is_marker(lines[at], b"=")
            if self.is_marker(lines[at], b">"):
                return at if has_middle else None
        return None

    def conflict(self, lines: list[bytes], line: int, *, is_last: bool) -> Part:
        """The sides of a conflict; of several lines that could part them, the one that gives what both sides have."""
        middles = [at for at, one in enumerate(lines) if self.is_marker(one, b"=")]
        cuts = [self._cut(lines, middle) for middle in middles]
        known = (cut for cut in cuts if cut[0] in self.sides.ours and cut[2] in self.sides.theirs)
        ours, base, theirs = next(known, cuts[0])
        return Part(line, b"".join(lines), ours, base, theirs, is_conflict=True, is_last=is_last)

    def _cut(self, lines: list[bytes], middle: int) -> tuple[bytes, bytes | None, bytes]:
        bar = next((at for at in range(1, middle) if self.is_marker(lines[at], b"|")), None)
        base = None if bar is None else b"".join(lines[bar + 1 : middle])
        return b"".join(lines[1 : bar or middle]), base, b"".join(lines[middle + 1 : -1])


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
