"""What a review writes, frame by frame, onto a terminal: it ends up as one whole frame would have it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import CompositorUpdate
from textual.strip import Strip

from ampsm_tui.app import AmpsmApp
from ampsm_tui.widgets.compact_strip import BLANKS, CompactStrip, StyleWriter
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed

SIZE = (110, 32)
CONSOLE = Console(force_terminal=True, color_system="truecolor", width=SIZE[0])


class Film:
    """A terminal that is shown every frame of an app."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(*SIZE)
        self._stream = pyte.Stream(self.screen)

    def show(self, update: object) -> None:
        if isinstance(update, CompositorUpdate):
            self._stream.feed(update.render_segments(CONSOLE).replace("\n", "\r\n"))


pytestmark = pytest.mark.usefixtures("painted")


@pytest.fixture
def film(monkeypatch: pytest.MonkeyPatch) -> Film:
    made = Film()
    show = AmpsmApp._display

    def display(app: AmpsmApp, screen: Any, update: Any) -> None:
        made.show(update)
        show(app, screen, update)

    monkeypatch.setattr(AmpsmApp, "_display", display)
    return made


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    made = Reviewed(desk, tmp_path / "shop", monkeypatch)
    made.change()
    return made


def cells(screen: pyte.Screen) -> Iterator[tuple[int, int, object]]:
    """Each cell as it is seen: the ink of a blank is not."""
    for y in range(screen.lines):
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            yield y, x, ((" ", cell.bg) if cell.data == " " else (cell.data, cell.fg, cell.bg, cell.bold, cell.italics))


def same_as_anew(film: Film, app: AmpsmApp) -> None:
    """The terminal shows what a whole new frame would."""
    anew = pyte.Screen(*SIZE)
    update = app.screen._compositor.render_full_update()
    pyte.Stream(anew).feed(update.render_segments(CONSOLE).replace("\n", "\r\n"))
    differing = [(y, x, one, other) for (y, x, one), (_, _, other) in zip(cells(film.screen), cells(anew), strict=True)
                 if one != other]  # fmt: skip
    assert not differing[:5]


WAYS = (
    *("j", "k", "f", "b", "d", "u", "g", "G", "J", "K", "right_square_bracket", "left_square_bracket"),
    *("right_curly_bracket", "left_curly_bracket", "m", "z", "w", "v", "escape", "right", "left", "plus", "t"),
    *("vertical_line", "backslash", "W", "Z", "I"),
)


async def test_any_walk_leaves_what_textual_would_show(reviewed: Reviewed, film: Film) -> None:
    async with reviewed.open(SIZE) as desk:
        same_as_anew(film, desk.app)
        for key in (*WAYS, *WAYS[::-1], *WAYS[::3]):
            if key == "escape" and desk.app.screen is not reviewed.screen:
                continue
            if key != "escape" or reviewed.screen.view.selected_from is not None:
                await reviewed.press(key)
        same_as_anew(film, desk.app)


async def test_a_toast_and_a_dialog_leave_no_trace(reviewed: Reviewed, film: Film) -> None:
    async with reviewed.open(SIZE) as desk:
        desk.app.say("Look here")
        await reviewed.press("j", "f")
        same_as_anew(film, desk.app)
        desk.app.clear_notifications()
        await reviewed.press("question_mark", "escape", "j", "b")
        same_as_anew(film, desk.app)


STYLES = [
    None,
    Style(),
    Style(color="#102030", bgcolor="#405060"),
    Style(color="#102030", bgcolor="#000000", bold=True),
    Style(bgcolor="#405060", underline=True),
    Style(color="#ffffff", italic=True, reverse=True),
]
PIECES = st.tuples(st.sampled_from(["a", "word", " ", " " * 12, "x" + " " * 10, "漢", "é"]), st.sampled_from(STYLES))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(PIECES, min_size=1, max_size=6), min_size=1, max_size=6))
def test_a_row_in_few_bytes_looks_as_textual_writes_it(rows: list[list[tuple[str, Style | None]]]) -> None:
    screens = []
    for kind in (Strip, CompactStrip):
        screen = pyte.Screen(90, 8)
        strips = [kind([Segment(text, style) for text, style in row]) for row in rows]
        told = "".join(f"\x1b[{y};1H{strip.render(CONSOLE)}" for y, strip in enumerate(strips, 1))
        pyte.Stream(screen).feed(told)
        screens.append(list(cells(screen)))
    assert screens[0] == screens[1]


@pytest.mark.parametrize(
    ("environ", "erases"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "screen-256color"}, False),  # GNU screen, or tmux at the other end of SSH
        ({"TERM": "screen", "STY": "1.pts-0", "TMUX": "/tmp/tmux-0/default,1,0"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_blanks_are_erased_where_that_leaves_their_colour(environ: dict[str, str], *, erases: bool) -> None:
    blanks = Segment(" " * (BLANKS + 1), Style(bgcolor="#405060"))
    written = StyleWriter(ColorSystem.TRUECOLOR, environ).written([blanks])
    assert ("\x1b[10X" in written) == erases
    assert (blanks.text in written) != erases
