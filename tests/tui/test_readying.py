"""What is made ready of a review before it is asked for: the same as without, fresh, and dropped when the cursor goes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ampsm_engine.differ.review import Review
from ampsm_tui.screens.review.screen import ReviewScreen
from ampsm_tui.screens.sessions import SessionsScreen
from tests.tui.builders import a_board, a_session
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed, put


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    made = Reviewed(desk, tmp_path / "project", monkeypatch)
    made.change()
    made.commit()
    return made


@asynccontextmanager
async def resting(reviewed: Reviewed) -> AsyncIterator[Desk]:
    """The list of two sessions, the cursor on one with changes, its review made ready."""
    desk = reviewed.desk
    async with desk.open(a_board(reviewed.row(), a_session("Another one", id="other")), size=(120, 40)):
        try:
            desk.app.warm_review()
            await reviewed.until(lambda: first_of(desk) is not None, "the first patch")
            yield desk
        finally:
            desk.app.end_differ()


def ahead(desk: Desk) -> Review | None:
    return desk.app._differ._ahead if desk.app._differ is not None else None


def first_of(desk: Desk) -> object:
    found = ahead(desk)
    return found and found.patch(0)


async def test_what_was_made_ready_is_shown_the_same(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        without = desk.text
    async with resting(reviewed) as desk:
        prepared, foreseen = desk.app._prepared, ahead(desk)
        await reviewed.press("v")
        await reviewed.there()
        assert reviewed.screen is prepared
        assert desk.text == without
        assert foreseen is not None
        assert ahead(desk) is None


async def test_what_changed_since_is_what_is_shown(reviewed: Reviewed) -> None:
    async with resting(reviewed) as desk:
        put(reviewed.worktree, "app/aaa.py", "NEW = True\n")
        reviewed.commit("amp: more")
        await reviewed.press("v")
        await reviewed.there()
        desk.sees("aaa.py")
        reading = reviewed.screen.reading
        assert reading is not None
        assert "app/aaa.py" in [entry.path for entry in reading.review.files]


async def test_it_is_dropped_when_the_cursor_goes_and_begun_again_when_it_comes_back(reviewed: Reviewed) -> None:
    async with resting(reviewed) as desk:
        foreseen = ahead(desk)
        assert foreseen is not None
        await reviewed.press("j")
        await reviewed.until(lambda: foreseen.is_closed, "it is dropped")
        differ = desk.app.differ
        await reviewed.until(lambda: not differ._leaving and not differ._reviews, "the process has let go of it")
        assert psutil.Process(differ.pid).children() == []
        await reviewed.press("k")
        await reviewed.until(lambda: first_of(desk) is not None, "the first patch again")


async def test_a_review_that_was_left_is_ready_again(reviewed: Reviewed) -> None:
    async with resting(reviewed) as desk:
        for _ in range(2):
            first = desk.app._prepared
            await reviewed.press("v")
            await reviewed.there()
            assert reviewed.screen is first
            await reviewed.press("q")
            await reviewed.until(lambda: isinstance(desk.app.screen, SessionsScreen), "the list")
            await reviewed.until(lambda: first_of(desk) is not None, "the first patch again")
            assert desk.app._prepared is not first


async def test_a_new_size_and_theme_hold_for_what_was_made_before(reviewed: Reviewed) -> None:
    async with resting(reviewed) as desk:
        await desk.resize(60, 20)
        desk.app.theme = "ampsm-light"
        await reviewed.press("v")
        await reviewed.there()
        ready = desk.text
        assert isinstance(desk.app.screen, ReviewScreen)
        assert desk.app.screen.view.size.width == 59
        await reviewed.press("q")
        await reviewed.until(lambda: isinstance(desk.app.screen, SessionsScreen), "the list")
        desk.app._prepared = None
        await reviewed.press("v")
        await reviewed.there()
        assert desk.text == ready


async def test_a_commit_of_amp_begins_it_anew(reviewed: Reviewed) -> None:
    async with resting(reviewed) as desk:
        foreseen = ahead(desk)
        assert foreseen is not None
        put(reviewed.worktree, "app/aaa.py", "NEW = True\n")
        reviewed.commit("amp: more")
        row = reviewed.row()
        assert row.current is not None
        desk.feed.pour(a_board(replace(row, current=replace(row.current, id="later"))))
        await reviewed.until(lambda: foreseen.is_closed, "it is dropped")
        await reviewed.until(lambda: first_of(desk) is not None, "the first patch again")
        anew = ahead(desk)
        assert anew is not None
        assert "app/aaa.py" in [entry.path for entry in anew.files]
