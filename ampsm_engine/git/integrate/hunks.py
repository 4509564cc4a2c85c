"""The conflicts inside a file between git's markers: found, and replaced by a choice. Bytes in, bytes out."""

from collections.abc import Mapping
from typing import NamedTuple

from ampsm_engine.git.integrate.values import Choice, Hunk


class Part(NamedTuple):
    """A piece of a file: lines as they are, or a conflict."""

    line: int
    plain: bytes
    ours: bytes = b""
    base: bytes | None = None
    theirs: bytes = b""
    is_conflict: bool = False


def parts(content: bytes, size: int = 7) -> list[Part]:
    """A file cut at its conflict markers of `size` letters. What is no whole conflict is plain text."""
    found: list[Part] = []
    lines = content.splitlines(keepends=True) if b"\r" not in content else _lines(content)
    at, start = 0, 0
    while at < len(lines):
        end = _conflict_end(lines, at, size) if _is_marker(lines[at], b"<", size) else None
        if end is None:
            at += 1
            continue
        if at > start:
            found.append(Part(start + 1, b"".join(lines[start:at])))
        found.append(_conflict(lines[at : end + 1], at + 1, size))
        at = start = end + 1
    if start < len(lines):
        found.append(Part(start + 1, b"".join(lines[start:])))
    return found


def listed(content: bytes, size: int = 7) -> tuple[Hunk, ...]:
    """The conflicts of a file, numbered from 1."""
    conflicts = [part for part in parts(content, size) if part.is_conflict]
    return tuple(
        Hunk(
            number,
            part.line,
            _text(part.ours),
            None if part.base is None else _text(part.base),
            _text(part.theirs),
        )
        for number, part in enumerate(conflicts, 1)
    )


def chosen(content: bytes, choices: Mapping[int, Choice] | Choice, size: int = 7) -> bytes:
    """The file with its conflicts, or those whose numbers are named, replaced by a side or by both."""
    result: list[bytes] = []
    number = 0
    for part in parts(content, size):
        if not part.is_conflict:
            result.append(part.plain)
            continue
        number += 1
        choice = choices if isinstance(choices, str) else choices.get(number)
        result.append(part.plain if choice is None else _side(part, choice))
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


def _is_marker(line: bytes, letter: bytes, size: int) -> bool:
    return line.startswith(letter * size) and line[size : size + 1] in (b" ", b"\n", b"\r", b"")


def _conflict_end(lines: list[bytes], start: int, size: int) -> int | None:
    has_middle = False
    for at in range(start + 1, len(lines)):
        if _is_marker(lines[at], b"<", size):
            return None
        has_middle = has_middle or _is_marker(lines[at], b"=", size)
        if _is_marker(lines[at], b">", size):
            return at if has_middle else None
    return None


def _conflict(lines: list[bytes], line: int, size: int) -> Part:
    sides: dict[str, list[bytes]] = {"ours": [], "base": [], "theirs": []}
    side = "ours"
    for one in lines[1:-1]:
        if side == "ours" and _is_marker(one, b"|", size):
            side = "base"
        elif side != "theirs" and _is_marker(one, b"=", size):
            side = "theirs"
        else:
            sides[side].append(one)
    has_base = any(_is_marker(one, b"|", size) for one in lines)
    base = b"".join(sides["base"]) if has_base else None
    return Part(line, b"".join(lines), b"".join(sides["ours"]), base, b"".join(sides["theirs"]), is_conflict=True)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
