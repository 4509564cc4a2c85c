"""Which lines of a hunk stand side by side: the runs of a hunk, and the pairs made of them. Pure."""

import re
from array import array
from collections.abc import Iterator
from typing import NamedTuple

_RUNS = re.compile(rb"( +\\?)|(-*)(\\?)(\+*)(\\?)")


class Pairs(NamedTuple):
    """For each line of the side by side view, the row at the left and the row at the right; -1 is no line."""

    left: "array[int]"
    right: "array[int]"


def height(kinds: bytes) -> int:
    """The lines that a hunk of these kinds takes side by side."""
    return sum(max(minus, plus) for _, minus, _, plus in _runs(kinds))


def pairs(kinds: bytes, first: int) -> Pairs:
    """Pair the lines of a hunk of these kinds, whose first line is row `first`."""
    left, right = array("l"), array("l")
    for old, minus, new, plus in _runs(kinds):
        room = max(minus, plus)
        left.extend(range(first + old, first + old + minus))
        left.extend([-1] * (room - minus))
        right.extend(range(first + new, first + new + plus))
        right.extend([-1] * (room - plus))
    return Pairs(left, right)


def _runs(kinds: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Runs as (first row at the left, how many, first row at the right, how many)."""
    for found in _RUNS.finditer(kinds):
        start, end = found.span()
        if start == end:
            continue
        if found.start(1) >= 0:
            count = end - start - (kinds[end - 1] == ord("\\"))
            yield start, count, start, count
        else:
            minus, plus = found.end(2) - found.start(2), found.end(4) - found.start(4)
            yield start, minus, found.start(4), plus
