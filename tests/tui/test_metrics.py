"""The screen of numbers: plot and table of one truth, by what one wants, and nothing that is not known looks known."""

from datetime import timedelta

import pytest

from ampsm_engine.metrics.figures import Figures, ToolFigures
from ampsm_engine.metrics.plots import Plot, PlotSeries
from ampsm_engine.metrics.summary import FiguresRow, Selection, Summary
from ampsm_tui.clean import cells
from ampsm_tui.screens.batch.screen import RunScreen
from ampsm_tui.screens.session.screen import SessionScreen
from ampsm_tui.widgets.plot import drawn, value_text
from tests.tui.batches import a_run, a_view, all_states, some_runs
from tests.tui.builders import NOW, a_board, a_session
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.test_clean import HOSTILE

SIZES = [(30, 24), (50, 20), (80, 24), (120, 40)]
BOARD = a_board(a_session("Fix the login", id="s000000001"))


def figures(many: int, **more: object) -> Figures:
    """The sums of so many iterations, three of four of which succeeded."""
    known = {
        "sessions": max(1, many // 2),
        "iterations": many,
        "ended": many,
        "succeeded": many - many // 4,
        "failed": many // 4,
        "input_tokens": 1_200 * many,
        "output_tokens": 4_100 * many,
        "cache_creation_tokens": 9_000 * many,
        "cache_read_tokens": 61_000 * many,
        "token_usage": 75_300 * many,
        "turns": 6 * many,
        "tools": 11 * many,
        "tool_errors": many // 3,
        "duration_ms": 95_000 * many,
        "script_ms": 12_000 * many,
        "lines_added": 120 * many,
        "lines_deleted": 30 * many,
        "changed_files": 3 * many,
        "scripts": many,
        "scripts_passed": many - many // 4,
    }
    return Figures(**(known | more))  # type: ignore[arg-type]


DAYS = tuple(
    FiguresRow(f"2026-09-{day:02}", f"2026-09-{day:02}", figures(many))
    for day, many in zip(range(1, 15), (3, 8, 0, 5, 12, 9, 1, 4, 16, 7, 2, 0, 11, 6), strict=True)
    if many
)
MODES = (
    FiguresRow("high", "high", figures(20, cost_micros=4_200_000, unpriced=3)),
    FiguresRow("", "default", figures(9)),
    FiguresRow("rush", "rush", figures(4, token_usage=None, input_tokens=None, output_tokens=None, uncounted=4,
                                       cache_creation_tokens=None, cache_read_tokens=None)),
)  # fmt: skip
SESSIONS = (FiguresRow("s000000001", "Fix the login", figures(4)), FiguresRow("gone", "Purged since", figures(1)))
BATCHES = (FiguresRow("b000000001", "nightly upgrade", figures(12)), FiguresRow("", "no batch", figures(5)))
TOOLS = (
    ToolFigures("Bash", 120, 14, 2, 640_000, 118, 30),
    ToolFigures("edit_file", 88, 3, 0, 41_000, 88, 28),
    ToolFigures("Read", 61, 0, 0, None, 0, 22),
)
ROWS = {"day": DAYS, "mode": MODES, "session": SESSIONS, "batch": BATCHES, "repo": MODES[:1], "tool": ()}


def summary(_: object, by: str, selection: Selection) -> Summary:
    total = figures(84, cost_micros=4_200_000, unpriced=60, uncounted=4)
    return Summary(by, ROWS[by], TOOLS, total, selection)  # type: ignore[arg-type]


@pytest.fixture
def numbers(desk: Desk) -> Desk:
    desk.answers |= {
        "metrics_view": summary,
        "run_lines": lambda *_: some_runs(),
        "run_view": lambda *_: a_view(a_run(), all_states()),
        "timeline": lambda *_: None,
    }
    return desk


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_by_day(numbers: Desk, snapshot_svg: Camera, size: tuple[int, int]) -> None:
    async with numbers.open(BOARD, size=size):
        await numbers.press("number_sign")
        snapshot_svg(numbers.app)
        numbers.sees("cache write", "cache read")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_by_mode(numbers: Desk, snapshot_svg: Camera, size: tuple[int, int]) -> None:
    async with numbers.open(BOARD, size=size):
        await numbers.press("number_sign", "b")
        snapshot_svg(numbers.app)


async def test_tools(numbers: Desk, snapshot_svg: Camera) -> None:
    async with numbers.open(BOARD):
        await numbers.press("number_sign", "b", "b", "b", "b", "b")
        numbers.sees("Tool calls", "Bash", "edit_file")
        await snapshot_svg.tour(numbers)


async def test_light_and_without_colour(numbers: Desk, snapshot_svg: Camera) -> None:
    async with numbers.open(BOARD, size=(120, 40)):
        await numbers.press("number_sign")
        numbers.app.theme = "ampsm-light"
        await numbers.settle()
        snapshot_svg(numbers.app, "light")
    async with numbers.open(BOARD, size=(120, 40), colours=0):
        await numbers.press("number_sign", "b")
        snapshot_svg(numbers.app, "no-colour")


async def test_each_figure_in_turn_and_the_plot_can_go(numbers: Desk) -> None:
    async with numbers.open(BOARD, size=(120, 40)):
        await numbers.press("number_sign", "b")
        seen = []
        for _ in range(5):
            seen.append(numbers.lines[0].split(" by ")[0].strip())
            await numbers.press("tab")
        assert seen == ["Tokens", "Iterations", "Success", "Time", "Cost"]
        numbers.sees("Tokens by mode", "█")
        await numbers.press("p")
        numbers.sees_not("█")
        numbers.sees("ITERATIONS", "TOKENS", "rush")


@pytest.mark.parametrize("width", [30, 50, 80, 120])
async def test_the_figure_of_the_plot_is_in_the_table_at_any_width(numbers: Desk, width: int) -> None:
    async with numbers.open(BOARD, size=(width, 24)):
        await numbers.press("number_sign", "b")
        for title in ("TOKENS", "ITERATIONS", "SUCCESS", "TIME", "COST"):
            numbers.sees(title)
            assert "default" in "".join(numbers.lines[numbers.lines.index(numbers.line_with(title)) :])
            await numbers.press("tab")


async def test_what_is_not_known_says_so(numbers: Desk) -> None:
    async with numbers.open(BOARD, size=(160, 40)):
        await numbers.press("number_sign", "b")
        rush = numbers.line_with("rush  ")
        assert "unknown" in rush
        numbers.sees("cost $4.20+")


async def test_a_span_of_time_is_asked_for(numbers: Desk) -> None:
    async with numbers.open(BOARD):
        await numbers.press("number_sign", "i", "i")
        numbers.sees("last 7 days")
        *_, (_, (_, by, selection), _) = [one for one in numbers.verbs if one[0] == "metrics_view"]
        assert (by, selection) == ("day", Selection(since=NOW - timedelta(days=7)))


async def test_the_numbers_of_a_run_are_its_own(numbers: Desk) -> None:
    async with numbers.open(BOARD):
        await numbers.press("B", "enter", "number_sign")
        numbers.asked("metrics_view", "session", Selection(batch="b000000001"))
        numbers.sees("this run")


async def test_a_line_opens_what_it_is_about(numbers: Desk) -> None:
    async with numbers.open(BOARD):
        await numbers.press("number_sign", "b", "b", "b", "j", "enter")
        numbers.sees("not in the list any more")
        await numbers.press("k", "enter")
        assert isinstance(numbers.app.screen, SessionScreen)
        await numbers.press("escape", "b", "enter")
        assert isinstance(numbers.app.screen, RunScreen)


async def test_nothing_foreign_reaches_the_terminal_raw(numbers: Desk) -> None:
    rows = tuple(FiguresRow(str(at), text, figures(3)) for at, text in enumerate(HOSTILE))
    shown = {"day": DAYS, "mode": rows}
    numbers.answers["metrics_view"] = lambda _, by, chosen: Summary(by, shown[by], (), figures(9), chosen)
    async with numbers.open(BOARD, size=(160, 40)):
        await numbers.press("number_sign", "b")
        assert all(letter.isprintable() for line in numbers.lines for letter in line)


@pytest.mark.parametrize("title", ["Tokens by day", "Tokens by mode"])
@pytest.mark.parametrize("width", [24, 48, 118])
def test_a_plot_keeps_to_its_room_and_never_hides_a_value(title: str, width: int) -> None:
    values = (1.0, 5_000.0, None, 10_000.0)
    labels = ("2026-09-01", "2026-09-02", "2026-09-03", "2026-09-04")
    plot = Plot("tokens", title, "tokens", labels, (PlotSeries("input", values),))
    lines = drawn(plot, width, 8)
    texts = ["".join(piece.text for piece in line) for line in lines]
    assert len(lines) <= 8
    assert all(cells(text) <= width for text in texts)
    inked = [piece.text for line in lines for piece in line if piece.style == "series-0" and piece.text.strip()]
    assert len({text.strip() for text in inked}) > 1, "the longest and the least look different, and both are there"


def test_a_bar_is_as_long_as_its_value() -> None:
    plot = Plot("tokens", "Tokens by mode", "tokens", ("a", "b"), (PlotSeries("input", (40.0, 10.0)),))
    first, second = drawn(plot, 60, 8)
    assert cells(first[1].text) == pytest.approx(4 * cells(second[1].text), abs=2)


def test_values_read_by_their_unit() -> None:
    assert [
        value_text(value, unit)
        for value, unit in (
            (75.0, "%"), (1.5, "minutes"), (61.0, "seconds"), (4.2, "dollars"), (12_300.0, "tokens"), (None, "tokens"),
        )
    ] == ["75%", "1m 30s", "1m 01s", "$4.20", "12.3k", "unknown"]  # fmt: skip
