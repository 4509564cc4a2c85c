"""The driver leaves on a terminal what Textual means, whatever it is told, and writes little for it."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ampsm_tui.driver.capabilities import Capabilities, capabilities_of, is_known
from ampsm_tui.driver.renderer import Renderer, is_frame
from tests.conftest import examples
from tests.emulator import Terminal

WIDTH, HEIGHT = 40, 12
CONSOLE = Console(force_terminal=True, color_system="truecolor", width=WIDTH)

ALL = Capabilities(has_margins=True, synchronizes=True)
KINDS = {
    "all": lambda: Capabilities(has_margins=True, synchronizes=True),
    "tmux": Capabilities,
    "console": lambda: Capabilities(scrolls_by_lines=True),
    "screen": lambda: Capabilities(erases_in_background=False, scrolls_by_lines=True),
    "nothing": lambda: Capabilities(scrolls=False, erases_in_background=False),
}

STYLES = [
    None,
    Style(),
    Style(color="#102030", bgcolor="#405060"),
    Style(color="#a0b0c0", bgcolor="#405060", bold=True),
    Style(color="#102030", bgcolor="#000000", dim=True, bold=True),
    Style(bgcolor="#405060", underline=True),
    Style(color="red", strike=True),
    Style(color="#ffffff", italic=True, reverse=True),
    Style(link="https://example.org/a"),
]
WORDS = ["a", "word", " ", " " * 12, "x" + " " * 10, "漢字", "é", "│", "return value", "👍", "e\u0301", "\u2713"]
"""Of which pyte and rich agree how wide they are."""
PIECES = st.tuples(st.sampled_from(WORDS), st.sampled_from(STYLES))
LINE = st.lists(PIECES, min_size=1, max_size=5)


def strip(pieces: list[tuple[str, Style | None]], width: int) -> str:
    """A line of Textual's, exactly as wide."""
    made = Strip([Segment(text, style) for text, style in pieces])
    return made.adjust_cell_length(width, Style(bgcolor="#202020")).render(CONSOLE)


def rows(lines: list[list[tuple[str, Style | None]]], x: int, y: int, width: int) -> str:
    """An update of a part of the screen, as Textual's compositor writes one."""
    parts = [f"\x1b[{at + 1};{x + 1}H{strip(line, width)}" for at, line in enumerate(lines, y)]
    return "\n".join(parts) + "\x1b[1;1H"


BLANK = rows([[(" ", None)]] * HEIGHT, 0, 0, WIDTH)


class Pair:
    """Two terminals: one is written to by Textual, the other by the driver."""

    def __init__(self, capabilities: Capabilities, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.plain = Terminal(width, height)
        self.ours = Terminal(width, height)
        self.renderer = Renderer(width, height, capabilities)
        self.written = ""

    def show(self, update: str) -> int:
        """Show an update on both; how many characters the driver wrote."""
        assert is_frame(update)
        self.plain.feed(update)
        self.renderer.take(update)
        self.written = self.renderer.frame()
        self.ours.feed(self.written)
        return len(self.written)


@st.composite
def updates(draw: st.DrawFn) -> str:
    """A part of the screen with something new, or all of it moved."""
    x = draw(st.integers(0, WIDTH - 1))
    width = draw(st.integers(1, WIDTH - x))
    y = draw(st.integers(0, HEIGHT - 1))
    return rows(draw(st.lists(LINE, min_size=1, max_size=HEIGHT - y)), x, y, width)


@pytest.mark.parametrize("kind", list(KINDS))
@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(updates(), min_size=1, max_size=6))
def test_any_updates_leave_what_textual_means(kind: str, changes: list[str]) -> None:
    pair = Pair(KINDS[kind]())
    pair.show(BLANK)
    for change in changes:
        pair.show(change)
        assert not pair.ours.differs(pair.plain)
    assert not pair.renderer.refused


@pytest.mark.parametrize("kind", list(KINDS))
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(LINE, min_size=20, max_size=30),
    st.lists(st.integers(-7, 7), min_size=1, max_size=6),
    st.integers(0, 20),
    st.integers(0, 4),
)
def test_lines_that_scroll_beside_something_leave_what_textual_means(
    kind: str, lines: list[list[tuple[str, Style | None]]], steps: list[int], left: int, right: int
) -> None:
    pair = Pair(KINDS[kind]())
    pair.show(BLANK)
    pair.show(rows([[("side", STYLES[at % 4])] for at in range(HEIGHT)], 0, 0, WIDTH))
    top, width = 0, WIDTH - left - right
    for step in [0, *steps]:
        top = max(0, min(len(lines) - HEIGHT + 2, top + step))
        pair.show(rows(lines[top : top + HEIGHT - 2], left, 1, width))
        assert not pair.ours.differs(pair.plain)


def numbered(top: int, style: Style | None = None) -> list[list[tuple[str, Style | None]]]:
    return [
        [(f"line {at}: {'=' * (at % 17)} text {at * 7919 % 1000}", style or STYLES[at % 4])]
        for at in range(top, top + HEIGHT)
    ]


def test_what_stands_there_already_is_not_written() -> None:
    pair = Pair(ALL)
    picture = rows(numbered(0), 0, 0, WIDTH)
    pair.show(picture)
    assert pair.show(picture) == 0
    changed = numbered(0)
    changed[5] = [("line 5: ===== text 594", STYLES[1])]
    assert pair.show(rows(changed, 0, 0, WIDTH)) < 20


def test_a_step_beside_a_list_scrolls_where_there_are_margins() -> None:
    sizes = {}
    for margins in (True, False):
        pair = Pair(Capabilities(has_margins=margins, synchronizes=True))
        pair.show(rows([[(f"file {at}", None)] for at in range(HEIGHT)], 0, 0, WIDTH))
        pair.show(rows(numbered(0), 10, 0, WIDTH - 10))
        sizes[margins] = pair.show(rows(numbered(1), 10, 0, WIDTH - 10))
        assert ("\x1b[?69h" in pair.written) == margins
        assert not pair.ours.differs(pair.plain)
    assert sizes[True] * 2 < sizes[False]


def test_the_cursor_goes_from_change_to_change_by_the_shortest_way() -> None:
    pair = Pair(ALL)
    pair.show(rows([[(" " * 30, None)]] * HEIGHT, 0, 0, WIDTH))
    figures = rows([[(" " * 30 + f"{at:03}", None)] for at in range(HEIGHT)], 0, 0, WIDTH)
    assert pair.show(figures) < HEIGHT * len("\x1bD\x1b[3D123") + 40, (
        "below each other, they need no place of their own"
    )
    assert not pair.ours.differs(pair.plain)


def test_no_place_follows_from_a_character_whose_width_fonts_disagree_about() -> None:
    pair = Pair(ALL)
    pair.show(BLANK)
    pair.show(rows([[("a★b", None)]] * 3, 0, 2, WIDTH))
    assert pair.written.count("H") == 3 + 1, "each row begins with its place"


def test_what_lies_between_two_changes_is_not_written_again_in_a_style_of_its_own() -> None:
    pair = Pair(ALL)
    pair.show(rows([[("ab", STYLES[2]), ("mid", STYLES[3]), ("cd", STYLES[2])]], 0, 0, WIDTH))
    pair.show(rows([[("xy", STYLES[2]), ("mid", STYLES[3]), ("zw", STYLES[2])]], 0, 0, WIDTH))
    assert "mid" not in pair.written
    assert not pair.ours.differs(pair.plain)


def test_the_first_picture_is_as_short_where_nothing_is_known_of_frames_shown_at_once() -> None:
    """The terminal's answer whether it has them comes later than the first picture."""
    striped = [[(f"{at:4} ", STYLES[2]), ("word ", STYLES[3]), ("x", STYLES[6])] * 3 for at in range(HEIGHT)]
    sizes = []
    for synchronizes in (True, False):
        pair = Pair(Capabilities(synchronizes=synchronizes))
        sizes.append(pair.show(rows(striped, 0, 0, WIDTH)))
        assert not pair.ours.differs(pair.plain)
        pair.show(BLANK)
        sizes.append(pair.show(rows(striped, 0, 0, WIDTH)))
    first_at_once, later_at_once, first, later = sizes
    assert first <= first_at_once
    assert later > later_at_once, "nor is it painted style by style where somebody looks on"


def test_margins_and_regions_never_outlive_a_frame() -> None:
    pair = Pair(ALL)
    pair.show(rows(numbered(0), 0, 0, WIDTH))
    pair.show(rows(numbered(2), 0, 0, WIDTH))
    assert re.search(r"\x1b\[\d+;\d+r", pair.written)
    assert pair.written.count("\x1b[r") == 1
    assert pair.ours.screen.margins is None


def test_the_cursor_is_where_textual_left_it() -> None:
    pair = Pair(ALL)
    pair.show(BLANK)
    pair.show("\x1b[3;4Habc\x1b[7;9H")
    assert (pair.ours.screen.cursor.y, pair.ours.screen.cursor.x) == (6, 8)
    pair.show("\x1b[2;2H")
    assert (pair.ours.screen.cursor.y, pair.ours.screen.cursor.x) == (1, 1)


def test_a_terminal_on_which_another_program_wrote_is_painted_anew() -> None:
    pair = Pair(ALL)
    pair.show(rows(numbered(0), 0, 0, WIDTH))
    for left in ("\x1b[31;1mrubbish\x1b[2J", "\x1b[3;7r", "\x1b[3;7r\x1b[?6h", "\x1b[4h"):
        pair.ours.feed(f"\x1b[H{left}")
        pair.renderer.forget()
        pair.ours.feed(pair.renderer.frame())
        assert not pair.ours.differs(pair.plain)


def test_another_size_waits_until_all_of_it_was_painted() -> None:
    pair = Pair(ALL)
    pair.show(rows(numbered(0), 0, 0, WIDTH))
    pair.renderer.resize(WIDTH + 10, HEIGHT)
    assert not pair.renderer.is_whole
    pair.renderer.take(rows(numbered(0), 0, 0, WIDTH))
    assert not pair.renderer.is_whole, "columns are missing"
    pair.renderer.take(rows(numbered(0), 0, 0, WIDTH + 10))
    assert pair.renderer.is_whole


@pytest.mark.parametrize(("row", "column"), [(5, WIDTH + 4), (HEIGHT + 3, 5), (HEIGHT + 3, WIDTH + 4)])
def test_the_cursor_of_a_larger_layout_stands_at_the_border(row: int, column: int) -> None:
    pair = Pair(ALL)
    pair.show(rows(numbered(0), 0, 0, WIDTH).removesuffix("\x1b[1;1H") + f"\x1b[{row};{column}H")
    changed = numbered(0)
    for at, line in enumerate(changed):
        changed[at] = [*line, (" " * (WIDTH - 3 - len(line[0][0])), line[0][1]), ("end", line[0][1])]
    for at in (4, HEIGHT - 1):
        pair.show(rows(changed[at : at + 1], 0, at, WIDTH))
        assert not pair.ours.differs(pair.plain)


@pytest.mark.parametrize(
    "order", ["\x1b[2J", "\x1b[5i", "\x1b]0;title\x07", "\x1bPq\x1b\\", "\x07", "\x9b2J", "\u202e", "\ud800"]
)
def test_what_textual_does_not_write_into_a_frame_is_left_out_and_counted(order: str) -> None:
    renderer = Renderer(WIDTH, HEIGHT, Capabilities())
    renderer.take(f"\x1b[1;1Hab{order}cd\x1b[1;1H")
    assert renderer.refused
    written = renderer.frame()
    assert order not in written
    assert "ab" in written


def test_cells_of_doubtful_width_are_followed_by_the_place_of_the_next() -> None:
    pair = Pair(ALL)
    pair.show(BLANK)
    pair.show(rows([[("a👩\u200d🔬b", None)]], 0, 3, WIDTH))
    assert re.search("👩\u200d🔬\x1b\\[4;4Hb", pair.written)


@pytest.mark.parametrize(
    ("environ", "erases"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "screen-256color"}, False),  # GNU screen, or tmux at the other end of SSH
        ({"TERM": "screen", "STY": "1.pts-0", "TMUX": "/tmp/tmux-0/default,1,0"}, False),
    ],
)
def test_blanks_are_erased_where_that_leaves_their_colour(environ: dict[str, str], *, erases: bool) -> None:
    assert is_known(environ)
    renderer = Renderer(WIDTH, 1, capabilities_of(environ))
    renderer.take(rows([[(" " * WIDTH, Style(bgcolor="#405060"))]], 0, 0, WIDTH))
    assert ("\x1b[K" in renderer.frame()) == erases


@pytest.mark.parametrize("term", ["", "dumb", "unknown", "emacs"])
def test_a_terminal_nobody_knows_gets_textuals_own_text(term: str) -> None:
    assert not is_known({"TERM": term})
