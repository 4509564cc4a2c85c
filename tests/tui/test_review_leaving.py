"""The review is left in the middle of everything that it waits for: the app lives on."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ampsm_engine.errors import Refused
from ampsm_tui import ask
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens.review.screen import ReviewScreen
from tests.soak import SEED, dice, one_in
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed
from tests.waiting import becomes

if TYPE_CHECKING:
    import functools

PLAYS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("viewed_marks", ()),
    ("located_comments", ()),
    ("resolve", ("W",)),
    ("mark_viewed", ("t",)),
    ("add_comment", ("j", "c", "x", "ctrl+g")),
    ("choices", ("f",)),
    ("draft", ("m",)),
    ("undo_last", ("u",)),
    ("count_unsent", ("q",)),
    ("", ()),
)
"""What is held, and the keys that lead to it; at last nothing is, so that the diff itself is on its way."""


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    made = Reviewed(desk, tmp_path / "shop", monkeypatch)
    made.change()
    made.commit()
    return made


@pytest.mark.parametrize("number", one_in(3, range(3)))
async def test_the_review_is_left_in_the_middle_of_everything(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    random, desk = dice("leaving the review midway", number), reviewed.desk
    print(f"SOAK_SEED={SEED}")
    cross, held, asked = ask.call_side_process, "", asyncio.Event()
    go, outcome = asyncio.Event(), ""

    async def hold(question: "functools.partial[Any]") -> Any:
        if question.func.__name__ == held:
            asked.set()
            await go.wait()
            if outcome == "refused":
                raise Refused("It cannot be done.", "ampsm doctor")
        return await cross(question)

    monkeypatch.setattr(ask, "call_side_process", hold)
    plays = [*PLAYS]
    random.shuffle(plays)
    async with reviewed.open():
        await desk.press("escape")
        for held, keys in plays:
            outcome, way, turns = (
                random.choice(("answered", "refused")),
                random.choice(("pop", "escape")),
                random.randrange(40),
            )
            print(f"{held or 'the diff'} {outcome}, left by {way}, {turns} turns before the answer")
            asked.clear()
            go.clear()
            desk.app.push_screen(ReviewScreen(reviewed.session, "").data_bind(AmpsmApp.board))
            if keys:
                await reviewed.there()
                await desk.pilot.press(*keys)
            if held:
                await becomes(asked.is_set, held)
            for _ in range(turns):
                await asyncio.sleep(0)
            if way == "pop":
                desk.app.pop_screen()
            else:
                desk.app.simulate_key(way)
            for _ in range(random.randrange(20)):
                await asyncio.sleep(0)
            go.set()
            await desk.settle()
            while len(desk.app.screen_stack) > 1:
                desk.app.pop_screen()
                await desk.settle()
            assert desk.app._exception is None
            assert desk.app.is_running
        desk.sees("Fix the login redirect")
