"""Strips that cost the line little: a style is written where it changes, one reset at the end, blanks as two orders.

Textual writes each piece with all of its style and takes it back behind it: twice the bytes, over SSH twice the wait.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

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

_RESET = "\x1b[0m"


class Wire:
    """What steps between styles look like to one kind of terminal."""

    def __init__(self, system: ColorSystem | None) -> None:
        self._system = system
        self._parts: dict[Style, tuple[str, str, str]] = {}
        self._steps: dict[tuple[Style | None, Style], str] = {}

    def step(self, before: Style | None, after: Style) -> str:
        """What turns one style into another; None is the terminal's own."""
        key = (before, after)
        found = self._steps.get(key)
        if found is None:
            if len(self._steps) > 4096:
                self._steps.clear()
            found = self._steps[key] = self._step(before, after)
        return found

    def _step(self, before: Style | None, after: Style) -> str:
        ink, ground, manner = self._of(after)
        if before is None:
            codes = [manner, ink, ground]
        else:
            old_ink, old_ground, old_manner = self._of(before)
            if manner != old_manner or (old_ink and not ink) or (old_ground and not ground):
                codes = ["0", manner, ink, ground]
            else:
                codes = ["" if ink == old_ink else ink, "" if ground == old_ground else ground]
        told = ";".join(filter(None, codes))
        return f"\x1b[{told}m" if told else ""

    def _of(self, style: Style) -> tuple[str, str, str]:
        found = self._parts.get(style)
        if found is None:
            ink = Style(color=style.color)
            ground = Style(bgcolor=style.bgcolor)
            manner = style.without_color
            found = self._parts[style] = (self._codes(ink), self._codes(ground), self._codes(manner))
        return found

    def _codes(self, style: Style) -> str:
        told = style.render("x", color_system=self._system)
        return told[2 : told.index("m")] if told.startswith("\x1b[") else ""


_WIRES: dict[ColorSystem | None, Wire] = {}


class WireStrip(Strip):
    """A strip that is written in few bytes. Its text is clean; the filters of the app were applied to it."""

    __slots__ = ()

    def render(self, console: "Console") -> str:
        """The line with its orders."""
        told = self._render_cache
        if told is None:
            told = self._render_cache = _written(self._segments, console)
        return told

    def apply_filter(self, filter: "LineFilter", background: "Color") -> Strip:  # noqa: A002, ARG002 - Textual's names
        """Was applied when it was made."""
        return self

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Its pieces; most often there is but one."""
        cuts = list(cuts)
        if len(cuts) == 1 and cuts[0] >= self.cell_length:
            return [self]
        return [WireStrip(strip, strip.cell_length) for strip in super().divide(cuts)]

    def crop(self, start: int, end: int | None = None) -> Strip:
        """A part of it."""
        if not start and (end is None or end >= self.cell_length):
            return self
        strip = super().crop(start, end)
        return WireStrip(strip, strip.cell_length)


def _written(segments: Sequence[Segment], console: "Console") -> str:
    system = console._color_system  # noqa: SLF001 - as Textual asks for it; there is no public way
    wire = _WIRES.get(system)
    if wire is None:
        wire = _WIRES[system] = Wire(system)
    told: list[str] = []
    last: Style | None = None
    for text, style, control in segments:
        if control or not text:
            continue
        if style is None:
            if last is not None:
                told.append(_RESET)
                last = None
        elif style is not last:
            told.append(wire.step(last, style))
            last = style
        blanks = len(text) - len(text.rstrip(" "))
        if blanks >= BLANKS and last is not None and not last.underline and not last.reverse:
            told.append(f"{text[: len(text) - blanks]}\x1b[{blanks}X\x1b[{blanks}C")
        else:
            told.append(text)
    if last is not None:
        told.append(_RESET)
    return "".join(told)
