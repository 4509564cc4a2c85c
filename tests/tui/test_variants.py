"""Variants side by side: what tells them apart at every size, the diff of two, and keeping one alone."""

import pytest

from ampsm_engine.config import Settings
from ampsm_engine.model import ItemState, Session
from ampsm_tui.screens.batch.variants import VariantsScreen
from tests.tui.batches import AT_WORK, QUEUED, a_run, a_view, sessions_of, some_runs, three_variants
from tests.tui.builders import a_board
from tests.tui.conftest import Camera
from tests.tui.desk import Desk

SIZES = [(30, 24), (50, 20), (80, 24), (120, 40)]
ITEMS = tuple(one.item for one in three_variants().variants)
BOARD = a_board(*sessions_of(ITEMS))


@pytest.fixture
def three(desk: Desk) -> Desk:
    """A desk whose engine has a run of three variants."""
    desk.answers |= {
        "run_lines": lambda *_: some_runs(),
        "run_view": lambda *_: a_view(a_run(), ITEMS),
        "compare_variants": lambda *_: three_variants(),
        "describe_loss": lambda _, one: f"{one} goes to the trash with 2 commits of its own.",
    }
    return desk


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_three_variants(three: Desk, snapshot_svg: Camera, size: tuple[int, int]) -> None:
    async with three.open(BOARD, size=size):
        await three.press("B", "enter", "vertical_line")
        three.asked("compare_variants", "b000000001", "b000000001-1")
        snapshot_svg(three.app)


async def test_light(three: Desk, snapshot_svg: Camera) -> None:
    async with three.open(BOARD, size=(120, 40)):
        await three.press("B", "enter", "vertical_line")
        three.app.theme = "ampsm-light"
        await three.settle()
        snapshot_svg(three.app)


def opened_reviews(three: Desk, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    opened: list[tuple[str, str]] = []

    def note(session: Session, range_: str = "") -> None:
        opened.append((session.id, range_))

    monkeypatch.setattr(three.app.opener, "open_review", note)
    return opened


async def test_the_diff_of_two_goes_from_the_marked_one_to_the_one_at_the_cursor(
    three: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with three.open(BOARD, size=(120, 40)):
        opened = opened_reviews(three, monkeypatch)
        await three.press("B", "enter", "vertical_line", "vertical_line")
        three.sees("Mark one variant with space")
        await three.press("space", "vertical_line")
        await three.press("space", "k", "k", "vertical_line")
        await three.press("v")
        assert opened == [
            ("s000000002", "against:s000000001"),
            ("s000000002", "against:s000000001"),
            ("s000000001", ""),
        ]


async def test_its_sentences_name_the_keys_that_the_settings_give(three: Desk) -> None:
    settings = Settings({"keys.table.mark": "ctrl+y", "keys.compare.files": "Q"})
    async with three.open(BOARD, size=(120, 40), settings=settings):
        await three.press("B", "enter", "vertical_line", "vertical_line")
        three.sees("Mark one variant with ^y")
        await three.press("Q", "slash")
        await three.type("cache")
        three.sees_not("app/search.py")
        await three.press("escape", "question_mark")
        three.sees("below are the files, Q goes")


async def test_one_is_kept_and_the_others_go_to_the_trash_after_a_question(three: Desk, snapshot_svg: Camera) -> None:
    async with three.open(BOARD):
        await three.press("B", "enter", "vertical_line", "j", "ctrl+g")
        three.sees("Keep B", "s000000001 goes to the trash", "s000000003 goes to the trash")
        await snapshot_svg.tour(three)
        await three.press("n")
        three.asked_not("remove")
        await three.press("ctrl+g", "y")
        removed = [args[1] for name, args, _ in three.verbs if name == "remove"]
        assert removed == ["s000000001", "s000000003"]


@pytest.mark.parametrize("state", [AT_WORK, QUEUED])
async def test_none_is_kept_alone_while_another_may_still_come(three: Desk, state: ItemState) -> None:
    three.answers["compare_variants"] = lambda *_: three_variants(C=state)
    async with three.open(BOARD):
        await three.press("B", "enter", "vertical_line", "ctrl+g")
        three.sees("C did not end yet", "in the list B, then x (stop)")
        three.asked_not("describe_loss")


async def test_the_files_are_walked_and_filtered_on_their_own(three: Desk) -> None:
    async with three.open(BOARD, size=(120, 40)):
        await three.press("B", "enter", "vertical_line")
        assert "A B C" in three.line_with("app/search.py")
        assert "A B ·" in three.line_with("app/cache.py")
        await three.press("tab", "slash")
        await three.type("cache")
        three.sees("app/cache.py", "Cache the search C")
        three.sees_not("app/search.py")
        await three.press("escape", "escape")
        assert not isinstance(three.app.screen, VariantsScreen)


async def test_who_only_watches_keeps_and_merges_nothing(three: Desk) -> None:
    async with three.open(BOARD, read_only=True):
        await three.press("B", "enter", "vertical_line", "ctrl+g", "M")
        assert isinstance(three.app.screen, VariantsScreen)
        three.asked_not("describe_loss")
