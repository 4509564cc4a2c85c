"""A plot of figures in cells: days as columns beside each other, what has a name as bars; and its widget.

No library draws it: a bar must be as long as its value, and what is small be seen as small. plotext 5 draws whole cells
and never less than one for each part of a stack (2 % of a day filled 11 % of its column), plotext 6 takes a second to
import, textual-plot stacks no bars, lays none, and brings numpy (73 MB).
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.strip import Strip
from textual.widget import Widget

from ampsm_engine import labels
from ampsm_engine.metrics import columns
from ampsm_engine.state_styles import SHOWN
from ampsm_tui.clean import cells, fit, one_line
from ampsm_tui.theme import state_rules
from ampsm_tui.widgets.line_widgets import BlendedStyles, Piece, pieces_width

if TYPE_CHECKING:
    from ampsm_engine.metrics.plots import Plot

Line = tuple[Piece, ...]

FILLS = "█▓▒░"
"""A series by its place: told apart without colour, too."""

_EIGHTHS_RIGHT = " ▏▎▍▌▋▊▉█"
_EIGHTHS_UP = " ▁▂▃▄▅▆▇█"

LEAST = 24
"""Cells below which a name, a bar and a value have no room beside each other."""

MEANINGS = {
    "succeeded": "success",
    "worked": "success",
    "failed": "error",
    "stopped": "stopped",
    "crashed": "fail",
    "unfinished": "stopped",
}
"""Series that have the colour of a state; the others are `series-0` and so on."""

BY_TIME = "by day"
"""The end of the title of a plot whose labels are days."""


class Part(NamedTuple):
    """One value of a stack: how long it is in cells, what fills it and in which style."""

    size: float
    fill: str
    style: str


def drawn(plot: "Plot", width: int, height: int) -> list[Line]:
    """The lines of a plot in so many cells, at most `height`; the legend and what is left out come last."""
    foot = _legend(plot, width)
    room = height - len(foot)
    if room < 2 or width < LEAST:
        return []
    is_by_time = plot.title.endswith(BY_TIME)
    body = _columns(plot, width, room) if is_by_time else _bars(plot, width, room)
    return [*body, *foot]


def value_text(value: float | None, unit: str) -> str:
    """A value in few cells, by what it counts."""
    if value is None:
        return columns.UNKNOWN
    texts = {
        "%": lambda: columns.rate(value / 100),
        "minutes": lambda: labels.duration(round(value * 60_000)),
        "seconds": lambda: labels.duration(round(value * 1000)),
        "dollars": lambda: columns.cost(round(value * 1_000_000)),
    }
    return texts.get(unit, lambda: labels.count(round(value)))()


def style_of(name: str, at: int) -> str:
    """The style of a series by its name and place."""
    return MEANINGS.get(name, f"series-{at % len(FILLS)}")


def _legend(plot: "Plot", width: int) -> list[Line]:
    """What the fills mean, where there are several, and what the plot leaves out."""
    lines: list[Line] = []
    used = _used(plot)
    if len(used) > 1:
        pieces: list[Piece] = []
        taken = 0
        for at in used:
            name = plot.series[at].name
            size = cells(name) + 2
            if taken and taken + size > width:
                lines.append(tuple(pieces))
                pieces, taken = [], 0
            pieces += [Piece(f"{FILLS[at % len(FILLS)]} ", style_of(name, at)), Piece(f"{name}  ", "quiet")]
            taken += size + 2
        lines.append(tuple(pieces))
    if plot.note:
        lines.append((Piece(fit(one_line(plot.note), width), "quiet"),))
    return lines


def _used(plot: "Plot") -> list[int]:
    """The places of the series that have any value."""
    return [at for at, series in enumerate(plot.series) if any(series.values)]


def _totals(plot: "Plot") -> list[float | None]:
    """The height of each stack; None where not one of its values is known."""
    stacks = zip(*(series.values for series in plot.series), strict=True)
    known = [[value for value in stack if value is not None] for stack in stacks]
    return [sum(values) if values else None for values in known]


def _most(plot: "Plot", totals: Sequence[float | None]) -> float:
    return 100.0 if plot.unit == "%" else max((total for total in totals if total is not None), default=0.0) or 1.0


def _parts(plot: "Plot", index: int, scale: float) -> list[Part]:
    """The stack of one label, `scale` cells for each unit."""
    return [
        Part((plot.series[at].values[index] or 0) * scale, FILLS[at % len(FILLS)], style_of(plot.series[at].name, at))
        for at in _used(plot)
    ]


def _bars(plot: "Plot", width: int, room: int) -> list[Line]:
    """A line for each label: its name, its bar, its value; the first ones where there is no room for all."""
    totals = _totals(plot)
    texts = [value_text(total, plot.unit) for total in totals]
    shown = len(totals) if len(totals) <= room else room - 1
    names = [one_line(label, 200) for label in plot.labels[:shown]]
    name_room = min(max(map(cells, names), default=0), max(8, width // 3))
    value_room = max(map(cells, texts[:shown]), default=0)
    bar_room = max(1, width - name_room - value_room - 4)
    most = _most(plot, totals)
    lines: list[Line] = []
    for index in range(shown):
        bar = _lying(_parts(plot, index, bar_room / most))
        taken = pieces_width(bar)
        value = Piece(f" {texts[index]}", "quiet" if totals[index] is None else "value")
        lines.append((Piece(f"{fit(names[index], name_room)} ", "name"), *bar, value, Piece(" " * (bar_room - taken))))
    if shown < len(totals):
        lines.append((Piece(f"and {len(totals) - shown} more in the table", "quiet"),))
    return lines


def _lying(parts: Sequence[Part]) -> list[Piece]:
    """A stack from left to right. Borders are rounded to cells; the end of a full fill is drawn to an eighth."""
    pieces: list[Piece] = []
    reached = 0.0
    drawn_to = 0
    for part in parts:
        reached += part.size
        whole = round(reached) if part is not parts[-1] or part.fill != FILLS[0] else math.floor(reached)
        if whole > drawn_to:
            pieces.append(Piece(part.fill * (whole - drawn_to), part.style))
            drawn_to = whole
    eighths = round((reached - drawn_to) * 8) if drawn_to <= reached else 0
    if parts and parts[-1].fill == FILLS[0] and eighths:
        pieces.append(Piece(_EIGHTHS_RIGHT[eighths], parts[-1].style))
    elif reached and not pieces:  # never nothing where there is something
        pieces.append(Piece(_EIGHTHS_RIGHT[1], next(part.style for part in parts if part.size)))
    return pieces


def _columns(plot: "Plot", width: int, room: int) -> list[Line]:
    """A column for each label, the last ones where there is no room for all; a scale at the left, days below."""
    totals = _totals(plot)
    most = _most(plot, totals)
    top = value_text(most, plot.unit)
    axis = max(cells(top), 3) + 1
    shown = min(len(totals), width - axis)
    wide = max(1, min(6, (width - axis) // max(1, shown) - 1))
    gap = 1 if (wide + 1) * shown <= width - axis else 0
    height = max(1, room - 1)
    first = len(totals) - shown
    stacks = [_standing(_parts(plot, index, height / most), height) for index in range(first, len(totals))]
    lines: list[Line] = []
    for y in range(height):
        label = top if y == 0 else "0" if y == height - 1 else ""
        row: list[Piece] = [Piece(f"{fit(label, axis - 1, right=True)}┤" if label else f"{' ' * (axis - 1)}│", "quiet")]
        for stack in stacks:
            fill, style = stack[height - 1 - y]
            row.append(Piece(fill * wide + " " * gap, style))
        lines.append(tuple(row))
    lines.append((Piece(" " * axis + _days(plot.labels[first:], wide + gap, width - axis), "quiet"),))
    return lines


def _standing(parts: Sequence[Part], height: int) -> list[tuple[str, str]]:
    """A stack from the bottom up, a sign and its style for each cell."""
    found: list[tuple[str, str]] = []
    reached = 0.0
    for part in parts:
        reached += part.size
        is_end = part is parts[-1] and part.fill == FILLS[0]
        whole = math.floor(reached) if is_end else round(reached)
        found += [(part.fill, part.style)] * (whole - len(found))
        if is_end and (eighths := round((reached - len(found)) * 8)) > 0:
            found.append((_EIGHTHS_UP[eighths], part.style))
    if reached and not found:
        found.append((_EIGHTHS_UP[1], next(part.style for part in parts if part.size)))
    return (found + [(" ", "")] * height)[:height]


def _days(days: Sequence[str], step: int, width: int) -> str:
    """The days as `11-30` below their columns, as many as fit into the width; the first always."""
    text = ""
    for at, day in enumerate(days):
        begin = at * step
        short = one_line(day)[-5:]
        if begin + cells(short) <= width and (not text or begin >= len(text) + 2):
            text = text.ljust(begin) + short
    return text


_SERIES = tuple(f"series-{at}" for at in range(len(FILLS)))


class PlotView(Widget):
    """A plot, drawn anew for its size; a note where there is nothing to draw."""

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"-{word}" for word in ("quiet", "name", "value", *_SERIES, *SHOWN)}
    DEFAULT_CSS = """
    PlotView {
        height: 1fr; padding: 0 1; background: $background;
        & > .-quiet { color: $foreground 50%; }
        & > .-name { color: $foreground 85%; }
        & > .-value { color: $foreground; }
        & > .-series-0 { color: $primary; }
        & > .-series-1 { color: $accent; }
        & > .-series-2 { color: $secondary; }
        & > .-series-3 { color: $primary 60%; }
    }
    """ + state_rules("PlotView", SHOWN)

    def __init__(self) -> None:
        super().__init__()
        self._blended = BlendedStyles(self)
        self._plot: Plot | None = None
        self._note = ""
        self._lines: list[Line] = []

    def show(self, plot: "Plot | None", note: str) -> None:
        """Show a plot, or a note instead of one."""
        self._plot, self._note = plot, note
        self._draw()

    def on_resize(self) -> None:
        """Draw it for its new size."""
        self._draw()

    def notify_style_update(self) -> None:
        """Paint the plot again: the colours have changed."""
        super().notify_style_update()
        self._blended.forget()

    def _draw(self) -> None:
        width, height = self.size
        lines: list[Line] = [(Piece(self._note, "quiet"),)]
        if self._plot is not None:
            lines = drawn(self._plot, width, height)
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the plot as cells."""
        return self._blended.strip(self._lines[y] if y < len(self._lines) else (), self.size.width)
