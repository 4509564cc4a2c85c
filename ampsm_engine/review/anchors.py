"""Where lines went when a content became another: moved, changed or gone. Pure; the differences come from git."""

import re
from collections.abc import Sequence

from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.review.annotations import Fate

_HEADER = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines of the one content that became lines of the other. Starts count lines before it; counts may be 0."""

    old: int
    old_count: int
    new: int
    new_count: int


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a range of lines is now, and what became of it. Lines count from 1, both ends are part of it."""

    line: int
    line_end: int
    fate: Fate


def edits(patch: bytes) -> tuple[Edit, ...]:
    """The edits of one file's patch without context (`git diff -U0`)."""
    found = []
    for header in _HEADER.finditer(patch):
        old, old_count, new, new_count = (1 if part is None else int(part) for part in header.groups())
        found.append(Edit(old - (old_count > 0), old_count, new - (new_count > 0), new_count))
    return tuple(found)


def place(changes: Sequence[Edit], line: int, line_end: int) -> Placed:
    """Where a range went. An insertion at its very edge counts as touching it: it may well be the answer."""
    first, last = line - 1, line_end
    touching = [one for one in changes if _touches(one, first, last)]
    taken = sum(min(one.old + one.old_count, last) - max(one.old, first) for one in touching if one.old_count)
    begin, end = _moved(changes, first, low=True), _moved(changes, last, low=False)
    at_least = max(end, begin + 1)
    if not touching:
        return Placed(begin + 1, at_least, Fate.UNTOUCHED)
    inside = any(one.new_count for one in touching)
    gone = taken >= last - first and not inside
    return Placed(max(begin, 0) + 1, max(at_least, 1), Fate.GONE if gone else Fate.TOUCHED)


def _touches(one: Edit, first: int, last: int) -> bool:
    if one.old_count:
        return one.old < last and one.old + one.old_count > first
    return first <= one.old <= last


def _moved(changes: Sequence[Edit], border: int, *, low: bool) -> int:
    """A border between lines of the old content as one of the new; inside an edit, the near end of it."""
    shift = 0
    for one in changes:
        if one.old + one.old_count <= border and not (low and one.old == border and not one.old_count):
            shift = one.new + one.new_count - one.old - one.old_count
        elif one.old < border:
            return one.new if low else one.new + one.new_count
        else:
            break
    return border + shift


def image(changes: Sequence[Edit], line: int, line_end: int) -> tuple[int, int]:
    """Which lines of the new content stand for a range of the old one: how many are before them, and their end."""
    begin, end = _moved(changes, line - 1, low=True), _moved(changes, line_end, low=False)
    return begin, max(begin, end)
