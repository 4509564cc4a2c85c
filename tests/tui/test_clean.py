"""Nothing foreign steers the terminal: not as text made inert, not in a line, not in what is written."""

import re
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

from ampsm_tui.clean import cells, cut, fit, inert, many_lines, one_line, wrapped
from ampsm_tui.driver.safe_output import SafeLines, safe_output

ANY = st.text(st.characters(codec=None), max_size=60)
"""Any code points, halves of a pair among them."""

HOSTILE = (
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[1;1Hgone",
    "\x9b31mred",
    "a\u202egnp.exe",
    "nul\x00nul",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\ud800half",
    "e\u0301\u0301\u0301\u0301\u0301\u0301",
    "👩‍👩‍👧‍👦 family",
    "🇩🇪 flag",
    "❤️ heart",
    "[bold red]markup[/]",
    "\u200b\ufeff\u2066hidden",
    "x" * 10_000,
)
STEERING = {"Cc", "Cs"}


def is_inert(text: str) -> bool:
    return all(
        unicodedata.category(letter) not in STEERING and letter not in "\u202a\u202e\u2066\u200b" for letter in text
    )


@given(ANY)
@example("".join(HOSTILE))
def test_one_line_is_inert_whatever_it_was(text: str) -> None:
    shown = one_line(text)
    assert is_inert(shown)
    assert "\n" not in shown
    assert len(shown) <= 2_000
    assert one_line(shown) == shown or "…" in shown


@given(st.lists(st.text("ab漢", min_size=1, max_size=9), min_size=1, max_size=8), st.integers(2, 24))
def test_a_word_that_has_room_in_a_line_is_not_broken(words: list[str], width: int) -> None:
    lines = wrapped(" ".join(words), width)
    assert all(cells(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(words)
    if max(map(cells, words)) <= width:
        assert [word for line in lines for word in line.split()] == words


@given(ANY)
def test_many_lines_keep_their_lines_and_nothing_else(text: str) -> None:
    assert all(is_inert(line) for line in many_lines(text).split("\n"))


@given(ANY, st.integers(0, 40))
@example("日本語のとても長い名前", 5)
@example("e\u0301" * 40, 7)
def test_what_is_cut_or_fitted_takes_its_cells_exactly(text: str, room: int) -> None:
    shown = one_line(text)
    assert cells(cut(shown, room)) <= room
    assert cell_len(fit(shown, room)) == room
    assert cell_len(fit(shown, room, right=True)) == room


def test_hostile_text_is_seen_for_what_it_is() -> None:
    assert inert("\x1b[31m\x00") == "␛[31m␀"
    assert inert("a\u202eb") == "a<U+202E>b"
    assert inert("👩\u200d👧🏽") == "👩👧"
    assert inert("🇩🇪") == "DE"
    assert inert("e" + "\u0301" * 50) == "e\u0301\u0301"
    assert inert("ग\u094d\u200dर") == "ग\u094d\u200dर", "joiners that a script needs stay"


@given(st.lists(ANY, max_size=5))
@example(list(HOSTILE))
def test_the_wall_lets_no_order_through_and_moves_no_cell(texts: list[str]) -> None:
    strip = Strip([Segment(text, Style(bold=bool(at % 2))) for at, text in enumerate(texts)])
    safe = strip.apply_filter(SafeLines(), Color(0, 0, 0))
    said = "".join(segment.text for segment in safe)
    assert is_inert(said)
    assert sum(cell_len(segment.text) for segment in safe) == sum(cell_len(segment.text) for segment in strip)


def test_the_wall_drops_links_that_are_no_web_address() -> None:
    for link in ("file:///etc/passwd", "https://a\x1b\\\x1b[2J", "javascript:x"):
        (safe,) = SafeLines().apply([Segment("x", Style(link=link))], Color(0, 0, 0))
        assert safe.style is not None
        assert safe.style.link is None
    (kept,) = SafeLines().apply([Segment("x", Style(link="https://example.org/a"))], Color(0, 0, 0))
    assert kept.style is not None
    assert kept.style.link == "https://example.org/a"


OURS = re.compile(
    r"\x1b(\[[0-9;:]*m|\[[0-9;]*[HfABCDGJKX]|\[\?[0-9]+([hl]|\$p)|\[[<>=][0-9;]*u|\[\?u|\[6n|\[[0-6] q"
    r"|\][0-9]+;[ -~]*(\x07|\x1b\\))"
)


@given(ANY)
@example("".join(HOSTILE))
@example("\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\")
@example("\x1b]0;title\x07")
@example("\x1b[?1049l\x1b[5i")
def test_only_orders_that_textual_writes_are_written(text: str) -> None:
    rest = OURS.sub("", safe_output(text)).replace("\x1b\\", "")
    assert "\x1b" not in rest
    assert not re.search("[\x00-\x06\x08\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", rest)


def test_what_textual_writes_passes_untouched() -> None:
    frame = (
        "\x1b[?2026h\x1b[1;1H\x1b[1;38;2;1;2;3mtext\x1b[0m\r\n\x1b]22;default\x07\x1b[?2026l\x1b[>25u\x1b]52;c;eA==\x07"
    )
    assert safe_output(frame) == frame
