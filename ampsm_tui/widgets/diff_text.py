"""A line of a file as it is shown: decoded, tabs widened, what is unseen made visible, and where each letter went.

Pure. Nothing of a file reaches a screen but through `shown`.
"""

import re
from bisect import bisect_right
from typing import NamedTuple

from ampsm_tui.clean import cells
from ampsm_tui.widgets.diff_cards import size

LONGEST = 4_096
"""Bytes of a line that are shown; minified files have lines of megabytes."""

_BAD = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e01ef\ud800-\udfff\U0001f1e6-\U0001f1ff"
    "\U0001f3fb-\U0001f3ff]"
    r"|(?:[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]){3,}"
)
_EMOJI = re.compile("[#*0-9©®\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]")
_HARMLESS = frozenset("\t\ufe0e\ufe0f\u200d") | {chr(code) for code in (*range(0x1F3FB, 0x1F400),)}


class Shown(NamedTuple):
    """A line as it is shown. `unseen`: ranges of the text that stand for what nobody would see."""

    text: str
    width: int
    unseen: tuple[tuple[int, int], ...] = ()
    raw: tuple[int, ...] = ()
    """Places of the decoded line behind which the shown one has shifted,"""
    moved: tuple[int, ...] = ()
    """and the places of the text that they went to."""

    def place(self, letter: int) -> int:
        """Where a letter of the decoded line stands in the text."""
        if not self.raw:
            return min(letter, len(self.text))
        at = bisect_right(self.raw, letter) - 1
        if at < 0:
            return letter
        return min(self.moved[at] + letter - self.raw[at], len(self.text))


def shown(raw: bytes, tab: int = 4, *, length: int = 0) -> Shown:
    """A line without its end as it is shown; a CR at its end is the end's, and left to whoever marks line ends.

    `length`: its true one, where what is given was cut already.
    """
    if raw[-1:] == b"\r":
        raw = raw[:-1]
    cut = len(raw) > LONGEST or length > len(raw) + 1
    text = raw[:LONGEST].decode("utf-8", "surrogateescape")
    if not (text.isascii() and text.isprintable()) and (not text.isprintable() or _BAD.search(text)):
        told = _visible(text, tab)
    else:
        told = Shown(text, cells(text))
    if not cut:
        return told
    more = f"… {size(max(length, len(raw)))} in this line"
    return told._replace(
        text=told.text + more,
        width=told.width + cells(more),
        unseen=(*told.unseen, (len(told.text), len(told.text) + len(more))),
    )


def _visible(text: str, tab: int) -> Shown:
    parts: list[str] = []
    unseen: list[tuple[int, int]] = []
    raw: list[int] = []
    moved: list[int] = []
    at = length = column = 0
    for found in _BAD.finditer(text):
        between = text[at : found.start()]
        column += cells(between)
        letter = found.group()
        before = text[found.start() - 1 : found.start()]
        if letter == "\t":
            picture = " " * (tab - column % tab)
        elif letter in _HARMLESS and before and (_EMOJI.match(before) or before in _HARMLESS):
            picture = ""  # a variant, a tint, a joint of a picture: one cell or two, who knows
        else:
            picture = _picture(letter)
            unseen.append((length + len(between), length + len(between) + len(picture)))
        column += cells(picture)
        parts += (between, picture)
        length += len(between) + len(picture)
        at = found.end()
        raw.append(at)
        moved.append(length)
    rest = text[at:]
    whole = "".join((*parts, rest))
    return Shown(whole, column + cells(rest), tuple(unseen), tuple(raw), tuple(moved))


def _picture(letter: str) -> str:
    code = ord(letter[0])
    if len(letter) > 1:
        return letter[:2]
    if 0x1F1E6 <= code <= 0x1F1FF:
        return chr(code - 0x1F1E6 + ord("A"))
    if code > 0x9F and not 0xDC80 <= code <= 0xDCFF:
        return f"⟨U+{code:04X}⟩"
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"\\x{code & 0xFF:02x}"
