"""Foregrounds that can be read on their backgrounds, by the contrast that WCAG 2 defines: 1 is none, 21 the most."""

from functools import lru_cache

from rich.color import Color as Paint
from rich.style import Style
from textual.color import BLACK, WHITE, Color

TEXT = 4.5
"""The contrast that text needs (WCAG 2, level AA)."""

_ENOUGH = 1 / 64
"""The share of white or black to which the search for the nearest foreground goes down."""

_DARK = frozenset({0, 1, 4, 5, 8})
"""The numbers of a terminal's own colours that white is read on; black is read on the others."""


@lru_cache(4096)
def contrast(one: Color, other: Color) -> float:
    """The contrast of two opaque colours."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@lru_cache(4096)
def legible(foreground: Color, background: Color, least: float = TEXT) -> Color:
    """A foreground with that contrast to its background: as it is, or mixed with as little white or black as it takes.

    How a terminal paints its own colours is not known: on its own background they are left alone, and on any other of
    them there is but black or white.
    """
    if background.ansi is not None:
        if background.ansi < 0:
            return foreground
        return Color.parse("ansi_bright_white" if background.ansi in _DARK else "ansi_black")
    if foreground.ansi is not None or contrast(foreground, background) >= least:
        return foreground
    end = max(WHITE, BLACK, key=lambda colour: contrast(colour, background))
    low, high = 0.0, 1.0
    while high - low > _ENOUGH:
        middle = (low + high) / 2
        if contrast(foreground.blend(end, middle, 1.0), background) < least:
            low = middle
        else:
            high = middle
    return foreground.blend(end, high, 1.0)


def legible_on(style: Style, background: Paint | None) -> Style:
    """A style of rich with a foreground that can be read on a background; as it is where either is not known."""
    if style.color is None or background is None:
        return style
    return style + Style(
        color=legible(Color.from_rich_color(style.color), Color.from_rich_color(background)).rich_color
    )


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
