"""Lines of code to strips: numbers, sign, text in its colours; unified or side by side, cut or wrapped. No state."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style

from ampsm_tui.widgets.diff_text import Shown

WORD, MATCH, UNSEEN = 32, 64, 128
HERE = MATCH | UNSEEN
"""What lies over the colour of a letter, which is the rest of the number."""

NUMBER, SIGN, MARK = 29, 30, 31
"""Numbers of letters that no class has: line numbers, the sign, the mark of the cursor."""

_RUNS = re.compile(rb"(?s)(.)\1*")
_OVER = {flag: bytes(code | flag for code in range(256)) for flag in (WORD, MATCH, UNSEEN, HERE)}

MOST_LINES = 50
"""Lines on the screen that one long line may take."""

Ink = Callable[[int, int], Style]
"""The style of a ground (see `Ground`) and a letter's number."""


class Ground(NamedTuple):
    """What a line is drawn on: 0 same, 1 added, 2 removed, 3 nothing; 0 plain, 1 cursor, 2 selected."""

    kind: int
    state: int = 0

    @property
    def number(self) -> int:
        """Both in one."""
        return self.kind * 3 + self.state


class Side(NamedTuple):
    """One line as it is to be drawn."""

    number: str
    """The columns of line numbers, in their width."""
    sign: str
    shown: Shown
    letters: bytes
    """A number a letter: its colour, and what lies over it."""
    ground: Ground
    tail: str = ""
    """A mark behind the end: no newline, another line ending."""


def letters(
    shown: Shown,
    spans: Sequence[int],
    words: Iterable[tuple[int, int]] = (),
    matches: Iterable[tuple[int, int, bool]] = (),
) -> bytes:
    """The numbers of a line's letters: spans as start, end, class; words and matches in letters of the raw line."""
    made = bytearray(len(shown.text))
    place = shown.place
    is_same = not shown.raw
    size = len(made)
    for at in range(0, len(spans), 3):
        start, end = spans[at], spans[at + 1]
        if not is_same:
            start, end = place(start), place(end)
        if start >= size:
            break
        made[start:end] = bytes((spans[at + 2],)) * (min(end, size) - start)
    for start, end in words:
        _lay(made, place(start), place(end), WORD)
    for start, end, is_here in matches:
        _lay(made, place(start), place(end), HERE if is_here else MATCH)
    for start, end in shown.unseen:
        _lay(made, start, end, UNSEEN)
    return bytes(made)


def _lay(made: bytearray, start: int, end: int, flag: int) -> None:
    made[start:end] = made[start:end].translate(_OVER[flag])


def pieces(shown: Shown, room: int, *, left: int = 0, wrap: bool = False) -> list[tuple[int, int, int]]:
    """The parts of a line that are seen, as start, end, cells: one from `left` on, or as many as it wraps to."""
    text = shown.text
    if not left and shown.width <= room:
        return [(0, len(text), shown.width)]
    if wrap:
        return list(_wrapped(shown, max(1, room)))
    if shown.width == len(text):
        return [(min(left, len(text)), min(len(text), left + room), max(0, min(room, len(text) - left)))]
    start = _fitting(text, 0, left)[0]
    end, width = _fitting(text, start, room)
    return [(start, end, width)]


def _wrapped(shown: Shown, room: int) -> Iterator[tuple[int, int, int]]:
    text, at = shown.text, 0
    for _ in range(MOST_LINES):
        if shown.width == len(text):
            end = min(len(text), at + room)
            width = end - at
        else:
            end, width = _fitting(text, at, room)
            end = max(end, min(at + 1, len(text)))
        yield at, end, width
        at = end
        if at >= len(text):
            return


def _fitting(text: str, start: int, room: int) -> tuple[int, int]:
    """The end of the letters from `start` that fit into so many cells, and the cells that they take."""
    used = 0
    for at in range(start, len(text)):
        wide = get_character_cell_size(text[at])
        if used + wide > room:
            return at, used
        used += wide
    return len(text), used


def drawn(
    side: Side, width: int, ink: Ink, *, left: int = 0, wrap: bool = False, mark: str = " "
) -> list[list[Segment]]:
    """The lines on the screen that a line takes, each exactly `width` cells."""
    ground = side.ground.number
    gutter = len(mark) + len(side.number) + len(side.sign)
    room = max(1, width - gutter)
    told: list[list[Segment]] = []
    text, codes = side.shown.text, side.letters
    parts = pieces(side.shown, room, left=left, wrap=wrap)
    for at, (start, full, cells) in enumerate(parts):
        end, taken = full, cells
        if at:
            line = [Segment(" " * gutter, ink(ground, NUMBER))]
        else:
            line = [
                Segment(mark, ink(ground, MARK)),
                Segment(side.number, ink(ground, NUMBER)),
                Segment(side.sign, ink(ground, SIGN)),
            ]
        is_cut = not wrap and end < len(text)
        if is_cut and taken >= room:
            end, taken = _shorter(text, start, end, taken)
        for run in _RUNS.finditer(codes, start, end):
            first, last = run.span()
            line.append(Segment(text[first:last], ink(ground, codes[first])))
        rest = room - taken
        if is_cut and rest:
            line.append(Segment(" " * (rest - 1) + "›", ink(ground, NUMBER)))  # noqa: RUF001 - more to the right
            rest = 0
        elif side.tail and at == len(parts) - 1 and rest >= len(side.tail):
            line.append(Segment(side.tail, ink(ground, NUMBER)))
            rest -= len(side.tail)
        if rest:
            line.append(Segment(" " * rest, ink(ground, 0)))
        told.append(line)
    return told


def _shorter(text: str, start: int, end: int, taken: int) -> tuple[int, int]:
    """One letter less, for the mark of what is cut."""
    if end > start:
        end -= 1
        taken -= get_character_cell_size(text[end])
    return end, taken
