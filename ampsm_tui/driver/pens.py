"""Pens: the styles of cells, each one character long, so that the styles of a row are a string as its text is."""

from collections.abc import Iterator
from typing import NamedTuple

DEFAULT = "\x00"
"""The pen of a terminal that was told nothing."""

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29", "53": "55"}
"""The code that ends an attribute; what has none here needs a reset."""

_SEEN_ON_BLANKS = frozenset({"4", "7", "9", "21", "53"})
"""Attributes that show where no letter is: lines, and the ink as ground."""

_MOST = 30_000
"""Pens after which a renderer begins anew; a session of a day has a few thousand."""


class Style(NamedTuple):
    """A style as codes of SGR: ink and ground ("" is the terminal's own), attributes in order, the target of a link."""

    ink: str = ""
    ground: str = ""
    attributes: tuple[str, ...] = ()
    link: str = ""


class Pens:
    """All styles met so far, and how to come from one to another."""

    def __init__(self) -> None:
        self._styles: list[Style] = []
        self._numbers: dict[Style, str] = {}
        self._applied: dict[tuple[str, str], str] = {}
        self._steps: dict[tuple[str, str], str] = {}
        self._blanks: dict[str, str] = {}
        self.of(Style())

    @property
    def is_full(self) -> bool:
        """Whether there are so many that it is better to begin anew."""
        return len(self._styles) > _MOST

    def of(self, style: Style) -> str:
        """The pen of a style."""
        pen = self._numbers.get(style)
        if pen is None:
            number = len(self._styles)
            pen = self._numbers[style] = chr(number if number < 0xD800 else number + 0x800)
            self._styles.append(style)
        return pen

    def style(self, pen: str) -> Style:
        """The style of a pen."""
        number = ord(pen)
        return self._styles[number if number < 0xD800 else number - 0x800]

    def applied(self, pen: str, codes: str) -> str:
        """The pen after an SGR with these codes, such as `1;38;2;200;10;0`."""
        found = self._applied.get((pen, codes))
        if found is None:
            found = self._applied[pen, codes] = self.of(_applied(self.style(pen), codes))
        return found

    def linked(self, pen: str, link: str) -> str:
        """The pen inside a link (`id=1;https://...` as in OSC 8), or outside of any when the link is ""."""
        return self.of(self.style(pen)._replace(link=link))

    def blank(self, pen: str) -> str:
        """The pen that looks the same on blanks and has no ink, or the pen itself where its attributes are seen."""
        found = self._blanks.get(pen)
        if found is None:
            style = self.style(pen)
            is_seen = bool(style.link) or not _SEEN_ON_BLANKS.isdisjoint(style.attributes)
            found = self._blanks[pen] = pen if is_seen else self.of(Style(ground=style.ground))
        return found

    def can_erase(self, pen: str) -> bool:
        """Whether blanks of this pen are what erasing leaves: a ground and nothing else."""
        style = self.style(pen)
        return not style.link and not style.attributes

    def step(self, before: str, after: str) -> str:
        """What to write to come from one pen to the other."""
        found = self._steps.get((before, after))
        if found is None:
            found = self._steps[before, after] = _step(self.style(before), self.style(after))
        return found


def _applied(style: Style, codes: str) -> Style:
    ink, ground, attributes, link = style.ink, style.ground, set(style.attributes), style.link
    for code in _codes(codes):
        head = code.partition(";")[0].partition(":")[0]
        if head in {"", "0"}:
            ink, ground, attributes = "", "", set()
        elif head == "38" or (head.isdigit() and (30 <= int(head) <= 37 or 90 <= int(head) <= 97)):
            ink = code
        elif head == "48" or (head.isdigit() and (40 <= int(head) <= 47 or 100 <= int(head) <= 107)):
            ground = code
        elif head == "39":
            ink = ""
        elif head == "49":
            ground = ""
        elif head in {"22", "23", "24", "25", "27", "28", "29", "54", "55"}:
            attributes = {one for one in attributes if _OFF.get(one) != head and not _ends(head, one)}
        else:
            attributes.add(code)
    return Style(ink, ground, tuple(sorted(attributes)), link)


def _ends(head: str, attribute: str) -> bool:
    return (head == "24" and attribute == "21") or (head == "54" and attribute in {"51", "52"})


def _codes(codes: str) -> Iterator[str]:
    """The codes one by one, those of a colour with all of its numbers."""
    parts = codes.split(";")
    at = 0
    while at < len(parts):
        size = 1
        if parts[at] in {"38", "48", "58"} and at + 1 < len(parts):
            size = {"2": 5, "5": 3}.get(parts[at + 1], 1)
        yield ";".join(parts[at : at + size])
        at += size


def _step(before: Style, after: Style) -> str:
    link = ""
    if before.link != after.link:
        link = f"\x1b]8;{after.link or ';'}\x1b\\"
    if before[:3] == after[:3]:
        return link
    full = [*after.attributes, *(color for color in (after.ink, after.ground) if color)]
    fresh = f"\x1b[0;{';'.join(full)}m" if full else "\x1b[m"
    gone = set(before.attributes) - set(after.attributes)
    if any(one not in _OFF for one in gone):
        return link + fresh
    codes = sorted({_OFF[one] for one in gone})
    # Bold and dim have one end: what stays has to be said again.
    added = [one for one in after.attributes if one not in before.attributes or _OFF.get(one) in codes]
    codes += added
    if before.ink != after.ink:
        codes.append(after.ink or "39")
    if before.ground != after.ground:
        codes.append(after.ground or "49")
    change = f"\x1b[{';'.join(codes)}m"
    return link + min(change, fresh, key=len)
