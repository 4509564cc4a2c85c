"""Whatever the theme: what is to be read has the contrast of WCAG 2 to its background, and another theme repaints all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from ampsm_tui import theme
from ampsm_tui.theme import TEXT, contrast, legible
from ampsm_tui.widgets.diff.tones import TONES, mixed
from tests.tui.desk import Desk
from tests.tui.legibility import unreadable
from tests.tui.test_session import a_row, opened

COLOURS = st.tuples(*[st.integers(0, 255)] * 3).map(lambda parts: Color(*parts))
WORN = (theme.DARK, theme.LIGHT, *(one for one in BUILTIN_THEMES.values() if not one.ansi))
FOREGROUNDS = ("foreground", "primary", "secondary", "accent", "success", "warning", "error", "foreground-muted")
BACKGROUNDS = ("background", "surface", "panel")


def variables(worn: theme.Theme) -> dict[str, str]:
    """The colours of a theme as the screens have them."""
    shown = theme.readable(worn)
    return theme.defaults(shown, 1 << 24) | shown.to_color_system().generate() | shown.variables


@given(COLOURS, COLOURS)
def test_a_foreground_is_moved_no_further_than_it_takes(foreground: Color, background: Color) -> None:
    moved = legible(foreground, background)
    assert contrast(moved, background) >= TEXT
    assert moved == foreground or contrast(foreground, background) < TEXT


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(Color.parse("#fff"), Color.parse("#000")) == pytest.approx(21)
    assert contrast(Color.parse("#777"), Color.parse("#fff")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("worn", WORN, ids=lambda worn: worn.name)
def test_the_foregrounds_of_a_theme_can_be_read_on_its_backgrounds(worn: theme.Theme) -> None:
    found = variables(worn)
    for background in BACKGROUNDS:
        for foreground in FOREGROUNDS:
            assert contrast(Color.parse(found[foreground]), Color.parse(found[background])) >= TEXT, (
                foreground,
                background,
            )


@pytest.mark.parametrize("worn", WORN, ids=lambda worn: worn.name)
def test_what_a_list_says_can_be_read_under_its_cursor(worn: theme.Theme) -> None:
    found = variables(worn)
    for foreground in ("foreground", "foreground-muted", "block-cursor-foreground"):
        assert contrast(Color.parse(found[foreground]), Color.parse(found["block-cursor-background"])) >= TEXT, (
            foreground
        )


@pytest.mark.parametrize("worn", WORN, ids=lambda worn: worn.name)
def test_all_in_a_diff_can_be_read(worn: theme.Theme) -> None:
    known = variables(worn)
    for background in (name for name, tone in TONES.items() if tone.background):
        for foreground in (name for name, tone in TONES.items() if not tone.background and name != "-rule"):
            style = mixed((background, foreground), known)
            assert contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)) >= TEXT, (
                foreground
            )


@pytest.mark.parametrize("worn", theme.OURS[2:], ids=lambda worn: worn.name)
def test_in_the_colours_of_the_terminal_text_on_a_background_is_black_or_white(worn: theme.Theme) -> None:
    known = variables(worn)
    for background in (name for name, tone in TONES.items() if tone.background):
        for foreground in (name for name, tone in TONES.items() if not tone.background):
            style = mixed((background, foreground), known)
            assert style.color is not None
            assert style.bgcolor is not None
            assert style.bgcolor.is_default or foreground == "-rule" or style.color.number in {0, 15}, (
                background,
                foreground,
            )
    assert not mixed(("-head",), known).bgcolor.is_default, "a head stands out"  # type: ignore[union-attr]
    assert not mixed(("-selected-same",), known).bgcolor.is_default, "what is selected is seen"  # type: ignore[union-attr]


async def test_another_theme_repaints_a_transcript(desk: Desk) -> None:
    async with opened(desk, a_row(), size=(120, 40)):
        for worn in (theme.LIGHT, BUILTIN_THEMES["textual-light"], theme.DARK):
            desk.app.theme = worn.name
            await desk.settle()
            assert not [*unreadable(desk.app)]
