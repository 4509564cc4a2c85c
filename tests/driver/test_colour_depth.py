"""Whatever the theme and however few the colours: text is never of the colour of its background, and no colour too many."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color as Paint
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from ampsm_tui import theme
from ampsm_tui.driver.colour_depth import FewerColours, nearest
from ampsm_tui.widgets.diff.tones import TONES, mixed

FEW = (256, 16, 8)

LEAST_DISTANCE = 45
"""What is nearer to its background in the theme itself is not meant to be read."""

THEMES = [theme.DARK, theme.LIGHT, *(one for one in BUILTIN_THEMES.values() if "ansi" not in one.name)]


def styles(worn: theme.Theme, colours: int) -> Iterator[tuple[tuple[str, ...], Style]]:
    """What a diff is painted with: each foreground on each background."""
    variables = worn.to_color_system().generate() | worn.variables | theme.defaults(worn, colours)
    backgrounds = [name for name, tone in TONES.items() if tone.background]
    foregrounds = ["", *(name for name, tone in TONES.items() if tone.foreground and not tone.background)]
    for background in backgrounds:
        for foreground in foregrounds:
            yield (background, foreground), mixed((background, foreground), variables)


def distance(style: Style) -> int:
    """How far foreground and background are apart in red, green or blue."""
    assert style.color is not None
    assert style.bgcolor is not None
    foreground, background = Color.from_rich_color(style.color).rgb, Color.from_rich_color(style.bgcolor).rgb
    return max(abs(one - other) for one, other in zip(foreground, background, strict=True))


def reduced(style: Style, colours: int, screen: Color) -> Style:
    (segment,) = FewerColours(colours).apply([Segment("x", style)], screen)
    assert segment.style is not None
    return segment.style


@pytest.mark.parametrize("colours", FEW)
@pytest.mark.parametrize("worn", THEMES, ids=lambda worn: worn.name)
def test_nothing_in_a_diff_becomes_unreadable(worn: theme.Theme, colours: int) -> None:
    screen = Color.parse(worn.to_color_system().generate()["background"])
    for names, style in styles(worn, colours):
        if distance(style) < LEAST_DISTANCE:
            continue
        found = reduced(style, colours, screen)
        assert found.color is not None
        assert found.bgcolor is not None
        assert found.color.number != found.bgcolor.number, names
        assert found.color.number is not None
        assert found.color.number < colours


@pytest.mark.parametrize("colours", FEW)
@pytest.mark.parametrize("worn", [theme.DARK, theme.LIGHT], ids=lambda worn: worn.name)
def test_added_removed_and_the_cursor_are_told_apart(worn: theme.Theme, colours: int) -> None:
    screen = Color.parse(worn.to_color_system().generate()["background"])
    found = {names: reduced(style, colours, screen) for names, style in styles(worn, colours)}
    backgrounds = {name: found[name, ""].bgcolor for name in ("-cursor-same", "-selected-same", "-head", "-here")}
    plain = reduced(Style(bgcolor=screen.rich_color), colours, screen).bgcolor
    assert plain not in backgrounds.values()
    if colours == 256:
        assert len({found[name, ""].bgcolor for name in ("-added", "-removed", "-cursor-same")} | {plain}) == 4
        assert len({found[name, ""].bgcolor for name in ("-added", "-word-added")}) == 2
    else:
        assert found["-word-added", ""].underline
    assert found["-cursor-same", "-sign-added"].color != found["-cursor-same", "-sign-removed"].color


def test_without_colours_what_stands_out_is_inverted() -> None:
    screen = Color.parse(theme.DARK.background or "")
    found = {names: reduced(style, 0, screen) for names, style in styles(theme.DARK, 0)}
    assert all(style.color is None and style.bgcolor is None for style in found.values())
    assert found["-cursor-same", ""].reverse
    assert found["-head", ""].reverse
    assert not reduced(Style(color="#ffffff", bgcolor=screen.rich_color), 0, screen).reverse
    assert not reduced(Style(reverse=True, bgcolor=theme.DARK.foreground), 0, screen).reverse, "twice inverted"


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_the_nearest_of_256_is_near(colour: tuple[int, int, int]) -> None:
    paint = Paint("", ColorType.EIGHT_BIT, number=nearest(colour)).get_truecolor()
    assert max(abs(one - other) for one, other in zip(colour, paint, strict=True)) <= 60


def test_with_all_colours_nothing_is_changed_and_what_is_reduced_stays_so() -> None:
    line = [Segment("x", Style(color="#123456", bgcolor="#654321"))]
    screen = Color.parse("#000000")
    assert FewerColours(1 << 24).apply(line, screen) is line
    for colours in (*FEW, 0):
        once = FewerColours(colours).apply(line, screen)
        assert FewerColours(colours).apply(once, screen) == once
