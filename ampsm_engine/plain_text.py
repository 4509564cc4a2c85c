"""Text for people: plurals, shortened lists, one line without control characters, and unseen characters made visible.

The one table of characters that steer a terminal, hide, or reorder what a reader believes to read. What else makes a
text fit for a line or a widget is the front ends' business.
"""

import re
import unicodedata
from collections.abc import Sequence

_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "␡"}

_UNSEEN = (
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: orders to a terminal
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb"  # order, breaks, nothing to see
    "\ud800-\udfff"  # halves of a character: not printable at all
    "\U000e0000-\U000e007f"  # tags: text that is not shown
    "]"
)
"""Joiners are not in it: scripts need them."""

UNTYPED = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
"""What has no place in a text that a person wrote, as a pattern: control, order, halves of characters."""


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 file`, `3 files`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def list_some(names: Sequence[str], shown: int = 3) -> str:
    """The first names, printable and at most 80 characters each, and how many more there are: `a, b and 3 more`."""
    return ", ".join(printable(name)[:80] for name in names[:shown]) + and_more(len(names), shown)


def and_more(count: int, shown: int) -> str:
    """What follows a list of which only so many are shown: ` and 3 more`; empty where that is all."""
    return f" and {count - shown} more" if count > shown else ""


def printable(text: str) -> str:
    """The text on one line, without control, format and unpaired surrogate characters."""
    kept = (
        " " if letter.isspace() else letter
        for letter in text
        if letter.isspace() or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    return re.sub(r" {2,}", " ", "".join(kept)).strip()


def visible(text: str, keeping: str = "") -> str:
    """The text with every unseen character as a picture (`␛`, `<U+202E>`), but for those of `keeping`."""

    def pictured(found: re.Match[str]) -> str:
        letter = found.group()
        return letter if letter in keeping else picture(letter)

    return re.sub(_UNSEEN, pictured if keeping else lambda found: picture(found.group()), text)


def picture(letter: str) -> str:
    """The visible form of one unseen character; an unpaired surrogate, which no terminal takes, is U+FFFD."""
    code = ord(letter)
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return _PICTURES.get(code) or f"<U+{code:04X}>"
