"""Foreign text made inert: names, prompts, paths and all that amp says pass here before a widget sees them.

What steers a terminal, hides, or reorders becomes a picture of itself; what makes a character's width a matter of
opinion goes. Pure, without a screen.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from rich.cells import cell_len, get_character_cell_size

from ampsm_engine.plain_text import visible

LONGEST_LINE = 2_000
"""Characters of a line that are read at most; a name may have ten thousand, a line of output millions."""

LONGEST_TEXT = 1_000_000
"""Characters of a text of many lines."""

_OPINION = re.compile(
    "[\ufe00-\ufe0f\U000e0100-\U000e01ef\U0001f3fb-\U0001f3ff]"  # variants and tints: one cell or two, who knows
    "|(?<=[\u2190-\u2bff\U0001f000-\U0001faff])\u200d"  # joined pictures: two cells or eight
)

_FLAGS = re.compile("[\U0001f1e6-\U0001f1ff]")
_PILES = re.compile(r"(?:[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]){3,}")


def inert(text: str, *, lines: bool = False) -> str:
    """The text with every unseen character made visible (`␛`, `<U+202E>`); `lines` keeps newlines, tabs are spaces."""
    if text.isascii() and text.isprintable():
        return text
    if lines:
        text = text.replace("\r\n", "\n").expandtabs(4)
    text = visible(text, "\n" if lines else "")
    if text.isascii():
        return text
    text = _OPINION.sub("", text)
    text = _FLAGS.sub(lambda found: chr(ord(found.group()) - 0x1F1E6 + ord("A")), text)
    return _PILES.sub(lambda found: found.group()[:2], text)


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """The text on one line: runs of white space become one space, the rest is inert; at most `longest` characters."""
    head = text[: 4 * longest]
    shown = inert(" ".join(head.split()))
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def many_lines(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text with its lines; the rest is inert."""
    return inert(text if len(text) <= longest else text[: longest - 1] + "…", lines=True)


def cells(text: str) -> int:
    """The cells that a clean text takes."""
    return len(text) if text.isascii() else cell_len(text)


@lru_cache(4096)
def cut(text: str, room: int) -> str:
    """A clean text in at most `room` cells, with `…` where something is left out."""
    if cells(text) <= room:
        return text
    if room <= 1:
        return "…"[:room]
    if text.isascii():
        return text[: room - 1].rstrip() + "…"
    kept = text[: room - 1]
    while cells(kept) > room - 1:
        kept = kept[:-1]
    while kept and unicodedata.combining(text[len(kept)]):
        kept = kept[:-1]  # a mark without its letter would sit on the ellipsis
    return kept.rstrip() + "…"


def cut_start(path: str, room: int) -> str:
    """The end of a clean path in at most `room` cells: it says more than its beginning."""
    if cells(path) <= room:
        return path
    while path and cells(path) > room - 1:
        path = path[1:]
    return f"…{path}"


def fit(text: str, room: int, *, right: bool = False) -> str:
    """A clean text in exactly `room` cells: cut, or filled with spaces."""
    shown = cut(text, room)
    gap = " " * (room - cells(shown))
    return gap + shown if right else shown + gap


def wrapped(text: str, width: int, longest: int = 3_000) -> list[str]:
    """A clean text in lines of at most `width` cells, broken between words; its own lines stay lines.

    After `longest` lines one more says how many characters are left out. No more of the text is read than is given.
    """
    width = max(2, width)
    lines: list[str] = []
    start = read = 0
    for line in text.split("\n"):
        for piece, end in _pieces(line, width):
            if len(lines) == longest:
                return [*lines, f"… {len(text) - read:,} characters more"[:width] if read < len(text) else "…"]
            lines.append(piece)
            read = start + end
        start += len(line) + 1
    return lines


def _pieces(line: str, width: int) -> Iterator[tuple[str, int]]:
    """Each piece, and where in the line the next one starts."""
    is_narrow = line.isascii()
    start = 0
    while (end := start + width if is_narrow else _fitting(line, start, width)) < len(line):
        space = line.rfind(" ", start, end + 1)
        is_late = space > start + (end - start) // 3
        if is_late or (space > start and line[start:space].strip() and _fits(line, space + 1, width)):
            yield line[start:space].rstrip(), space + 1
            start = space + 1
        else:
            yield line[start:end], end
            start = end
    yield line[start:], len(line)


def _fits(line: str, start: int, width: int) -> bool:
    """Whether the word that starts there has room in a line of its own."""
    end = line.find(" ", start, start + width + 1)
    end = len(line) if end < 0 else end
    return end - start <= width and cells(line[start:end]) <= width


def _fitting(line: str, start: int, width: int) -> int:
    """Where the characters end that fit; at least one does."""
    used = 0
    for at in range(start, len(line)):
        used += get_character_cell_size(line[at])
        if used > width:
            return max(start + 1, at)
    return len(line)
