"""Strips that cost the line little: only what changes between two pieces is written, and blanks as two orders.

Textual writes each piece with all of its style and takes it back behind it: twice the bytes, over SSH twice the wait.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

if TYPE_CHECKING:
    from rich.console import Console
    from textual.color import Color
    from textual.filter import LineFilter

BLANKS = 9
"""Blanks in a row that are worth two orders."""

RESET = "\x1b[0m"
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27", "9": "29"}
_SEEN_ON_BLANKS = frozenset("479") | {"21", "53"}
"""What one sees of a style where no letter is: lines, and the ink as ground."""


class StyleCodes(NamedTuple):
    """The parts of a style as their orders."""

    ink: str = ""
    ground: str = ""
    manner: frozenset[str] = frozenset()


PLAIN = StyleCodes()
"""The terminal's own."""


def erases_in_colour(environ: Mapping[str, str]) -> bool:
    """Whether what this terminal erases takes the colour of the ground; else blanks have to be written.

    GNU screen and a few others leave their own ground there. tmux calls itself screen, too; over SSH it cannot be told
    from it.
    """
    term = environ.get("TERM", "")
    is_screen = term.startswith("screen") and ("TMUX" not in environ or "STY" in environ)
    return not is_screen and not term.startswith(("eterm", "dumb", "vt", "ansi"))


class StyleWriter:
    """How styles are written for one kind of terminal."""

    def __init__(self, system: ColorSystem | None, environ: Mapping[str, str] = os.environ) -> None:
        self._system = system
        self._blanks = BLANKS if erases_in_colour(environ) else sys.maxsize
        self._looks: dict[Style, StyleCodes] = {}
        self._steps: dict[tuple[StyleCodes, StyleCodes], str] = {}

    def written(self, segments: Sequence[Segment]) -> str:
        """A line with its orders, from the terminal's own look and back to it; the cursor stands behind it."""
        told: list[str] = []
        last, skipped = PLAIN, 0
        looks = self._looks
        for text, style, control in segments:
            if control or not text:
                continue
            look = PLAIN if style is None else looks.get(style) or self._look(style)
            if text.isspace() and not (look.manner | last.manner) & _SEEN_ON_BLANKS:
                # The ink of blanks is nobody's business.
                look = last if look.ground == last.ground else StyleCodes(last.ink, look.ground, last.manner)
            if look != last:
                told.append(self._steps.get((last, look)) or self._step(last, look))
                last = look
            blanks = len(text) - len(text.rstrip(" ")) if text[-1] == " " else 0
            if skipped:
                told.append(_forth(skipped))
                skipped = 0
            if blanks >= self._blanks and not look.manner & _SEEN_ON_BLANKS:
                told.append(f"{text[: len(text) - blanks]}\x1b[{blanks}X")
                skipped = blanks
            else:
                told.append(text)
        return f"{''.join(told)}{_forth(skipped)}{RESET if last != PLAIN else ''}"

    def _step(self, before: StyleCodes, after: StyleCodes) -> str:
        codes: list[str] = []
        manner = before.manner
        for one in sorted(manner - after.manner):
            off = _OFF.get(one)
            if off is None:
                codes, before, manner = ["0"], PLAIN, frozenset()
                break
            codes.append(off)
            manner -= {two for two in manner if _OFF.get(two) == off}
        codes += sorted(after.manner - manner)
        if after.ink != before.ink:
            codes.append(after.ink or "39")
        if after.ground != before.ground:
            codes.append(after.ground or "49")
        if len(self._steps) > 4096:
            self._steps.clear()
        told = self._steps[before, after] = f"\x1b[{';'.join(codes)}m" if codes else ""
        return told

    def _look(self, style: Style) -> StyleCodes:
        if len(self._looks) > 4096:
            self._looks.clear()
        manner = self._codes(style.without_color)
        found = self._looks[style] = StyleCodes(
            self._codes(Style(color=style.color)),
            self._codes(Style(bgcolor=style.bgcolor)),
            frozenset(manner.split(";")) if manner else frozenset(),
        )
        return found

    def _codes(self, style: Style) -> str:
        told = style.render("x", color_system=self._system)
        return told[2 : told.index("m")] if told.startswith("\x1b[") else ""


def _forth(cells: int) -> str:
    return f"\x1b[{cells}C" if cells else ""


_WIRES: dict[ColorSystem | None, StyleWriter] = {}


def wire_of(console: "Console") -> StyleWriter:
    """How styles are written for the terminal of a console."""
    system = console._color_system  # noqa: SLF001 - as Textual asks for it; there is no public way
    wire = _WIRES.get(system)
    if wire is None:
        wire = _WIRES[system] = StyleWriter(system)
    return wire


class CompactStrip(Strip):
    """A strip that is written in few bytes. Its text is clean; the filters of the app were applied to it."""

    __slots__ = ()

    def render(self, console: "Console") -> str:
        """The line with its orders."""
        told = self._render_cache
        if told is None:
            told = self._render_cache = wire_of(console).written(self._segments)
        return told

    def apply_filter(self, filter: "LineFilter", background: "Color") -> Strip:  # noqa: A002, ARG002 - Textual's names
        """Was applied when it was made."""
        return self

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Its pieces; most often there is but one."""
        cuts = list(cuts)
        if len(cuts) == 1 and cuts[0] >= self.cell_length:
            return [self]
        return [CompactStrip(strip, strip.cell_length) for strip in super().divide(cuts)]

    def crop(self, start: int, end: int | None = None) -> Strip:
        """The cells from `start` to `end`."""
        if not start and (end is None or end >= self.cell_length):
            return self
        strip = super().crop(start, end)
        return CompactStrip(strip, strip.cell_length)
