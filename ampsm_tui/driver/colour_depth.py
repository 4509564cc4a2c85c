"""Fewer colours than the screens are painted in, for terminals that have fewer: 256, 16, 8 or none.

Chosen here and not by rich, whose nearest colours make one of different dark backgrounds, and text of its own
background. How many a terminal has is decided in `known_terminals.colours`.
"""

import colorsys
from functools import lru_cache

from rich.color import Color as Paint
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_LEVELS = (0, 95, 135, 175, 215, 255)
"""The levels of red, green and blue in the cube of 256 colours, from number 16 on."""

_GREYS = tuple(range(8, 248, 10))
"""The greys, from number 232 on."""

_RAISED = 0.045
"""How much lighter or darker than the screen the background of a cursor, a selection or a head is."""

_COLOURFUL = 0.14
"""The saturation from which a colour is one, and no grey."""

_HUES = (1, 3, 2, 6, 4, 5)
"""The numbers of red, yellow, green, cyan, blue and magenta, a sixth of the circle each."""

_BLACK, _RED, _BLUE, _WHITE, _GREY, _BRIGHT_WHITE = 0, 1, 4, 7, 8, 15

_LIGHT = frozenset({_WHITE, _BRIGHT_WHITE, *range(10, 15)})
"""The colours that are not seen on white."""

_UPRIGHT = Style(italic=False)

Rgb = tuple[int, int, int]


class FewerColours(LineFilter):
    """Brings lines down to a number of colours: 256, 16, 8, or 0, where inverted text and bold remain.

    With more than 256 it changes no colour. `italics`: whether the terminal has some.
    """

    def __init__(self, colours: int, *, italics: bool = True) -> None:
        super().__init__(enabled=colours < 1 << 24 or not italics)
        self._italics = italics
        self.colours = colours
        """How many there are."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in the colours that there are; `background` is that of the screen."""
        if not self.enabled:
            return segments
        screen = background.rgb
        return [
            segment if segment.style is None else Segment(segment.text, self._style(segment.style, screen))
            for segment in segments
            if not segment.control
        ]

    def _style(self, style: Style, screen: Rgb) -> Style:
        if style.italic and not self._italics:
            style += _UPRIGHT
        if self.colours > 256:
            return style
        if self.colours == 256:
            return _of_256(style)
        if self.colours:
            return _of_16(style, screen, self.colours)
        return _of_none(style, screen)


@lru_cache(4096)
def _of_256(style: Style) -> Style:
    foreground, background = _rgb(style.color), _rgb(style.bgcolor)
    return style + Style(
        color=None if foreground is None else _paint(nearest(foreground)),
        bgcolor=None if background is None else _paint(nearest(background)),
    )


@lru_cache(4096)
def nearest(colour: Rgb) -> int:
    """The number of the nearest of the 240 colours that are the same on all terminals."""
    red, green, blue = (_nearest_of(_LEVELS, part) for part in colour)
    grey = _nearest_of(_GREYS, sum(colour) // 3)
    of_cube, of_grey = (_LEVELS[red], _LEVELS[green], _LEVELS[blue]), (_GREYS[grey],) * 3
    in_cube = _distance(colour, of_cube) < _distance(colour, of_grey)
    return 16 + 36 * red + 6 * green + blue if in_cube else 232 + grey


def _nearest_of(levels: tuple[int, ...], wanted: int) -> int:
    return min(range(len(levels)), key=lambda at: abs(levels[at] - wanted))


def _distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    red, green, blue = (first - second for first, second in zip(one, other, strict=True))
    return 3 * red * red + 4 * green * green + 2 * blue * blue


@lru_cache(4096)
def _of_16(style: Style, screen: Rgb, colours: int) -> Style:
    foreground, background = _rgb(style.color), _rgb(style.bgcolor)
    if foreground is None and background is None:
        return style
    is_dark = _lightness(screen) < 0.5
    under = _background_of_16(background or screen, screen, colours)
    number = (
        _foreground_of_16(foreground, is_dark=is_dark) if foreground is not None else (_WHITE if is_dark else _BLACK)
    )
    bold = style.bold
    if colours == 8 and number >= 8:
        bold, number = bold or number != _GREY, _WHITE if number == _GREY and is_dark else number - 8
    return style + Style(color=_paint(_readable(number, under)), bgcolor=_paint(under), bold=bold)


def _readable(foreground: int, background: int) -> int:
    """A foreground that is seen on a background: where it is not, black or white."""
    if background == _BLACK:
        return _WHITE if foreground in (_BLACK, _BLUE) else foreground
    if background == _BLUE:
        return _WHITE if foreground in (_BLACK, _RED, _BLUE, _GREY, _BLUE + 8) else foreground
    is_light = background in (_WHITE, _BRIGHT_WHITE)
    return foreground if is_light and foreground not in _LIGHT else _BLACK


def _background_of_16(background: Rgb, screen: Rgb, colours: int) -> int:
    """What is raised lies on blue where the screen is dark, and on grey where it is light."""
    is_dark = _lightness(screen) < 0.5
    light = _lightness(background)
    hue, _, saturation = colorsys.rgb_to_hls(*(part / 255 for part in background))
    if abs(light - _lightness(screen)) < _RAISED:
        return _BLACK if is_dark else (_BRIGHT_WHITE if colours == 16 else _WHITE)
    if saturation >= _COLOURFUL and 0.28 < light < 0.9:
        return _HUES[round(hue * 6) % 6]
    if is_dark:
        return _BLUE if light < 0.6 else _WHITE
    return _WHITE if colours == 16 and light > 0.5 else _BLUE


def _foreground_of_16(foreground: Rgb, *, is_dark: bool) -> int:
    hue, light, saturation = colorsys.rgb_to_hls(*(part / 255 for part in foreground))
    if saturation >= _COLOURFUL:
        number = _HUES[round(hue * 6) % 6]
        # Blue on black is hardly seen, nor is a bright colour on white.
        return number + 8 if is_dark and (light > 0.6 or number == _BLUE) else number
    if is_dark:
        return _GREY if light < 0.55 else (_WHITE if light < 0.92 else _BRIGHT_WHITE)
    return _GREY if light > 0.45 else _BLACK


@lru_cache(4096)
def _of_none(style: Style, screen: Rgb) -> Style:
    background = _rgb(style.bgcolor)
    is_raised = background is not None and abs(_lightness(background) - _lightness(screen)) >= _RAISED
    return Style(
        bold=style.bold,
        italic=style.italic,
        underline=style.underline,
        strike=style.strike,
        reverse=bool(style.reverse) != is_raised,
        link=style.link,
        meta=style.meta or None,
    )


def _rgb(paint: Paint | None) -> Rgb | None:
    """Red, green and blue; None of the terminal's own colours, which are there in any case."""
    if paint is None or paint.triplet is None or paint.type is not ColorType.TRUECOLOR:
        return None
    return paint.triplet.red, paint.triplet.green, paint.triplet.blue


def _lightness(colour: Rgb) -> float:
    return (max(colour) + min(colour)) / 510


@lru_cache(256)
def _paint(number: int) -> Paint:
    return Paint(f"color({number})", ColorType.STANDARD if number < 16 else ColorType.EIGHT_BIT, number=number)
