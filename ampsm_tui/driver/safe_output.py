"""The last two places before the terminal, in case something foreign was not made inert where it came in.

`SafeLines` sees each line as text and style apart and takes out what steers a terminal; `safe_output` sees what is
written and lets only those sequences through that Textual itself writes.
"""

import re
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.filter import LineFilter

if TYPE_CHECKING:
    from textual.color import Color

_STEERING = (
    "\x00-\x06\x08\x09\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f"  # all but BEL, LF, CR and ESC, which have their places
    "\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_IN_TEXT = f"[\x07\n\r\x1b{_STEERING}\ud800-\udfff]"
_WEB = "https?://[!-~]+"

_MODES = "(?:7|25|100[0-6]|1015|1016|1049|2004|2026|2048)"
_ORDERS = (
    r"(?:\[[0-9;:]*m"
    r"|\[[0-9]*(?:;[0-9]*)?[Hf]"
    r"|\[[0-9]*[ABCDGJKX]"
    rf"|\[\?{_MODES}[hl]|\[\?{_MODES}\$p"
    r"|\[[<>=][0-9;]*u|\[\?u|\[6n|\[[0-6] q"
    r"|\]8;[a-zA-Z0-9=._:-]*;[!-~]*\x1b\\"
    r"|\]22;[a-z-]*(?:\x1b\\|\x07)"
    r"|\]52;c;[A-Za-z0-9+/=]*\x07)"
)
"""What Textual writes after an ESC: styles, places, modes, its questions, links, the pointer, the clipboard."""

_SUSPECT = re.compile(rf"\x1b(?!{_ORDERS}|\\)|[{_STEERING}\ud800-\udfff]")
_PIECES = rf"(\x1b{_ORDERS})|[\x1b{_STEERING}\ud800-\udfff]"
"""Compiled, as the others that few texts need, when the first text does: the first frame waits for none of them."""


class SafeLines(LineFilter):
    """Takes out of each line what steers a terminal; no cell moves, since control characters take none."""

    def apply(self, segments: list[Segment], background: "Color") -> list[Segment]:  # noqa: ARG002 - Textual's
        """The segments made inert; the given list itself where they were inert before."""
        for text, style, control in segments:
            if control or (style is not None and style.link) or not (text.isascii() and text.isprintable()):
                return [_inert(segment) for segment in segments if not segment.control]
        return segments


def _inert(segment: Segment) -> Segment:
    text, style, _ = segment
    safe = text
    if not text.isprintable():
        safe = set_cell_size(re.sub(_IN_TEXT, _without, text), cell_len(text))
    if style is not None and style.link and not re.fullmatch(_WEB, style.link):
        style = style.update_link(None)
    return Segment(safe, style)


def _without(found: re.Match[str]) -> str:
    return "\ufffd" * cell_len(found.group())


def safe_output(output: str) -> str:
    """What is written, without any sequence that Textual does not write itself."""
    if _SUSPECT.search(output) is None:
        return output
    return re.sub(
        _PIECES, lambda found: found.group(1) or ("\ufffd" if "\ud800" <= found.group() <= "\udfff" else ""), output
    )
