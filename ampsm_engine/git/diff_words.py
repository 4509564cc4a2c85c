"""Which words of changed lines changed: the tokens of a whole block against each other, by libgit2's own xdiff.

pygit2 holds the GIL: nothing with a screen may import this.
"""

import re
from array import array
from collections.abc import Iterator

from ampsm_engine.git import libgit2

libgit2.load()
import pygit2  # noqa: E402 - loaded as it is elsewhere
from pygit2.enums import DiffOption  # noqa: E402

MOST = 6_000
"""Tokens of a block beyond which changed words are not looked for."""

WHOLE = 0.7
"""The part of a line beyond which it counts as rewritten, and no word of it is marked."""

_TOKEN = re.compile(r"\w+|[^\S\n]+|[^\w\s]")
_BLOCK = re.compile(rb"^(?:-.*\n(?:\\.*\n)?)+(?:\+.*\n?(?:\\.*\n?)?)+", re.MULTILINE)
_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_END = "\x01"

Token = tuple[int, int, int]
"""Row, start, end; the end of a line is an empty token."""


def marks(data: bytes) -> Iterator["array[int] | None"]:
    """The changed words of one file's patch, block by block: row of the data, start, end, in characters after the sign.

    Comes back with None where there is nothing, so that long patches can be left in between.
    """
    row = at = 0
    for block in _BLOCK.finditer(data):
        row += data.count(b"\n", at, block.start())
        at = block.start()
        yield _block(block.group(), row) if len(block.group()) < 40 * MOST else None


def of_sides(old: str, new: str) -> tuple[list[list[tuple[int, int]]], list[list[tuple[int, int]]]]:
    """The changed words of two texts, as start and end, by the lines of either."""
    sides = [text.encode("utf-8", "surrogateescape").split(b"\n") for text in (old, new)]
    sides = [lines[:-1] if lines[-1:] == [b""] else lines for lines in sides]
    block = b"".join(sign + line + b"\n" for sign, lines in zip((b"-", b"+"), sides, strict=True) for line in lines)
    found: list[list[tuple[int, int]]] = [[] for lines in sides for _ in lines]
    marked = (_block(block, 0) if all(sides) and len(block) < 40 * MOST else None) or array("I")
    for row, start, end in zip(marked[0::3], marked[1::3], marked[2::3], strict=True):
        found[row].append((start, end))
    return found[: len(sides[0])], found[len(sides[0]) :]


def _block(block: bytes, row: int) -> "array[int] | None":
    sides, places, lengths = _tokens(block, row)
    if len(sides[0]) + len(sides[1]) > MOST:
        return None
    found: dict[int, list[list[int]]] = {}
    for side, first, count in _changed(*sides):
        for number, start, end in places[side][first : first + count]:
            _add(found.setdefault(number, []), start, end)
    result = array("I")
    for number in sorted(found):
        if sum(end - start for start, end in found[number]) <= WHOLE * lengths[number]:
            for start, end in found[number]:
                result.extend((number, start, end))
    return result or None


def _tokens(
    block: bytes, row: int
) -> tuple[tuple[list[str], list[str]], tuple[list[Token], list[Token]], dict[int, int]]:
    """The tokens of both sides, where each of them is, and how long each row is."""
    sides: tuple[list[str], list[str]] = ([], [])
    places: tuple[list[Token], list[Token]] = ([], [])
    lengths: dict[int, int] = {}
    for number, raw in enumerate(block.removesuffix(b"\n").split(b"\n"), row):
        if raw.startswith(b"\\"):
            continue
        side = raw.startswith(b"+")
        line = raw[1:].decode("utf-8", "surrogateescape")
        lengths[number] = len(line)
        for token in _TOKEN.finditer(line):
            sides[side].append(token.group())
            places[side].append((number, *token.span()))
        sides[side].append(_END)
        places[side].append((number, len(line), len(line)))
    return sides, places, lengths


def _changed(old: list[str], new: list[str]) -> Iterator[tuple[bool, int, int]]:
    """Runs of changed tokens: on the new side?, first, how many."""
    before, after = ("\n".join([*side, ""]).encode("utf-8", "surrogateescape") for side in (old, new))
    patch = pygit2.Patch.create_from(before, after, context_lines=0, interhunk_lines=0, flag=DiffOption.FORCE_TEXT)
    for old_start, old_count, new_start, new_count in _HUNK.findall(patch.data):
        for side, start, count in ((False, old_start, old_count), (True, new_start, new_count)):
            many = int(count) if count else 1
            if many:
                yield side, int(start) - 1, many


def _add(ranges: list[list[int]], start: int, end: int) -> None:
    """Add a range; a gap of one character, the blank between two changed words, is closed."""
    if start == end:
        return
    if ranges and start - ranges[-1][1] <= 1:
        ranges[-1][1] = end
    else:
        ranges.append([start, end])
