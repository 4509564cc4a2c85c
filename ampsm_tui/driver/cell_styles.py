"""The styles of cells, each known by a key of one character, so that the styles of a row are a string like its text."""

from collections.abc import Iterator
from typing import NamedTuple

DEFAULT = "\x00"
"""The key of the style that a terminal has after a reset."""

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29", "53": "55"}
"""The code that ends an attribute; what has none here needs a reset."""

_SEEN_ON_BLANKS = frozenset({"4", "7", "9", "21", "53"})
"""Attributes that show where no letter is: lines, and the exchange of the two colours."""

_MOST = 30_000
"""Styles after which a renderer begins anew; a session of a day has a few thousand."""


class CellStyle(NamedTuple):
    """SGR attributes: the codes of both colours ("" is the terminal's own), others in order, and a link's target."""

    foreground: str = ""
    background: str = ""
    attributes: tuple[str, ...] = ()
    link: str = ""


class StyleTable:
    """All styles that were seen, by their keys, and the sequences that change one into another."""

    def __init__(self) -> None:
        self._styles: list[CellStyle] = []
        self._keys: dict[CellStyle, str] = {}
        self._applied: dict[tuple[str, str], str] = {}
        self._steps: dict[tuple[str, str], str] = {}
        self._blanks: dict[str, str] = {}
        self.of(CellStyle())

    @property
    def is_full(self) -> bool:
        """Whether the table holds so many styles that a new one should replace it."""
        return len(self._styles) > _MOST

    def of(self, style: CellStyle) -> str:
        """The key of a style, which the table holds from now on."""
        key = self._keys.get(style)
        if key is None:
            number = len(self._styles)
            key = self._keys[style] = chr(number if number < 0xD800 else number + 0x800)
            self._styles.append(style)
        return key

    def style(self, key: str) -> CellStyle:
        """The style of a key."""
        number = ord(key)
        return self._styles[number if number < 0xD800 else number - 0x800]

    def applied(self, key: str, codes: str) -> str:
        """The key of the style after an SGR sequence with these codes, such as `1;38;2;200;10;0`."""
        found = self._applied.get((key, codes))
        if found is None:
            found = self._applied[key, codes] = self.of(_applied(self.style(key), codes))
        return found

    def linked(self, key: str, link: str) -> str:
        """The key of the style inside a link (`id=1;https://...` as in OSC 8), or outside of any where it is ""."""
        return self.of(self.style(key)._replace(link=link))

    def blank(self, key: str) -> str:
        """The key of the background alone, which looks alike on blanks; this key where its attributes show there."""
        found = self._blanks.get(key)
        if found is None:
            style = self.style(key)
            is_seen = bool(style.link) or not _SEEN_ON_BLANKS.isdisjoint(style.attributes)
            found = self._blanks[key] = key if is_seen else self.of(CellStyle(background=style.background))
        return found

    def can_erase(self, key: str) -> bool:
        """Whether blanks of this style are what erasing leaves: a background and nothing else."""
        style = self.style(key)
        return not style.link and not style.attributes

    def step(self, before: str, after: str) -> str:
        """The sequences to write between cells of one style and of another."""
        found = self._steps.get((before, after))
        if found is None:
            found = self._steps[before, after] = _step(self.style(before), self.style(after))
        return found


def _applied(style: CellStyle, codes: str) -> CellStyle:
    foreground, background, attributes, link = style.foreground, style.background, set(style.attributes), style.link
    for code in _codes(codes):
        head = code.partition(";")[0].partition(":")[0]
        if head in {"", "0"}:
            foreground, background, attributes = "", "", set()
        elif head == "38" or (head.isdigit() and (30 <= int(head) <= 37 or 90 <= int(head) <= 97)):
            foreground = code
        elif head == "48" or (head.isdigit() and (40 <= int(head) <= 47 or 100 <= int(head) <= 107)):
            background = code
        elif head == "39":
            foreground = ""
        elif head == "49":
            background = ""
        elif head in {"22", "23", "24", "25", "27", "28", "29", "54", "55"}:
            attributes = {one for one in attributes if _OFF.get(one) != head and not _ends(head, one)}
        else:
            attributes.add(code)
    return CellStyle(foreground, background, tuple(sorted(attributes)), link)


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


def _step(before: CellStyle, after: CellStyle) -> str:
    link = ""
    if before.link != after.link:
        link = f"\x1b]8;{after.link or ';'}\x1b\\"
    if before[:3] == after[:3]:
        return link
    full = [*after.attributes, *(color for color in (after.foreground, after.background) if color)]
    fresh = f"\x1b[0;{';'.join(full)}m" if full else "\x1b[m"
    gone = set(before.attributes) - set(after.attributes)
    if any(one not in _OFF for one in gone):
        return link + fresh
    codes = sorted({_OFF[one] for one in gone})
    # Bold and dim have one end: what stays has to be said again.
    added = [one for one in after.attributes if one not in before.attributes or _OFF.get(one) in codes]
    codes += added
    if before.foreground != after.foreground:
        codes.append(after.foreground or "39")
    if before.background != after.background:
        codes.append(after.background or "49")
    change = f"\x1b[{';'.join(codes)}m"
    return link + min(change, fresh, key=len)
