"""The review is left in the middle of everything that it waits for: the app lives on."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ampsm_engine.engine import comments
from ampsm_engine.errors import Refused
from ampsm_engine.review.annotations import WHOLE, Rejection, RejectionState
from ampsm_tui import ask
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens.review import marks
from ampsm_tui.screens.review.marks import UNCOMMITTED
from ampsm_tui.screens.review.ranges import TWO_POINTS, RangeScreen
from ampsm_tui.screens.review.screen import ReviewScreen
from tests.soak import SEED, dice, one_in
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed, git, put
from tests.waiting import becomes

if TYPE_CHECKING:
    import functools

Key = str | Callable[[Reviewed], object]


@dataclass(frozen=True)
class Play:
    """Keys that lead, in a review of a range, to a verb that is held."""

    verb: str
    keys: tuple[Key, ...] = ()
    range_: str = WHOLE
    is_commented: bool = True
    is_staged: bool = False


def reject_later(reviewed: Reviewed) -> None:
    """Have the change in the Makefile rejected when amp's turn ends."""
    made = Rejection("r1", reviewed.session.id, "Makefile", None, None, "", "", "2026", state=RejectionState.QUEUED)
    reviewed.screen.changes.take((made,))


def choose_points(reviewed: Reviewed) -> None:
    """Choose two points from the menu of ranges."""
    assert isinstance(reviewed.desk.app.screen, RangeScreen)
    reviewed.desk.app.screen.dismiss(TWO_POINTS)


PLAYS = (
    Play("viewed_marks"),
    Play("located_comments"),
    Play("resolve", ("W",)),
    Play("mark_viewed", ("t",)),
    Play("keep_looked_tree", ("t",)),
    Play("add_comment", ("j", "c", "x", "ctrl+g")),
    Play("edit_comment", ("right_parenthesis", "enter", "x", "ctrl+g")),
    Play("resolve_comment", ("C", "t")),
    Play("reopen_comment", ("C", "r")),
    Play("delete_comment", ("C", "D", "y")),
    Play("choices", ("f",)),
    Play("points", ("f", choose_points)),
    Play("draft", ("m",)),
    Play("send", ("m", "ctrl+g")),
    Play("iterate", ("m", "x", "ctrl+g"), is_commented=False),
    Play("reject", ("X", "enter"), UNCOMMITTED),
    Play("undo_last", ("u",)),
    Play("take_back", (reject_later, "X"), UNCOMMITTED),
    Play("staged", (), UNCOMMITTED),
    Play("stage", ("s",), UNCOMMITTED),
    Play("stage_lines", ("right_square_bracket", "V", "G", "s"), UNCOMMITTED),
    Play("unstage", ("s",), UNCOMMITTED, is_staged=True),
    Play("commit_staged", ("ctrl+g", "x", "ctrl+g"), UNCOMMITTED, is_staged=True),
    Play("count_unsent", ("q",)),
    Play(""),
)
"""What is held, and the keys that lead to it; at last nothing is, so that the diff itself is on its way."""


def prepare(reviewed: Reviewed, play: Play, number: int) -> None:
    """A comment or none, and one file that is not committed, staged or not."""
    engine, session = reviewed.desk.engine, reviewed.session
    for one in engine.store.reviews.comments(session.id):
        comments.delete_comment(engine, one.id)
    if play.is_commented:
        comments.add_comment(engine, session.id, "Makefile", (1, 1), "Why?")
    put(reviewed.worktree, "Makefile", f"all:\n\tpython -m app {number}\n")
    git(reviewed.worktree, *(("add", "-A") if play.is_staged else ("reset", "-q")))
    shutil.rmtree(engine.home.unsent, ignore_errors=True)


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    made = Reviewed(desk, tmp_path / "shop", monkeypatch)
    made.change()
    made.commit()
    return made


@pytest.mark.parametrize("number", one_in(2, range(2)))
async def test_the_review_is_left_in_the_middle_of_everything(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    random, desk = dice("leaving the review midway", 0), reviewed.desk
    print(f"SOAK_SEED={SEED}")
    cross, held, asked = ask.call_side_process, "", asyncio.Event()
    go, outcome = asyncio.Event(), ""

    async def hold(question: "functools.partial[Any]") -> Any:
        verb = question.func.__name__
        if verb == held:
            asked.set()
            await go.wait()
            if outcome == "refused":
                raise Refused("It cannot be done.", "ampsm doctor")
        return None if verb in {"send", "iterate"} else await cross(question)  # these would start amp

    monkeypatch.setattr(ask, "call_side_process", hold)
    monkeypatch.setattr(marks, "LOOK_DELAY", 0.0)
    plays = [*PLAYS]
    random.shuffle(plays)
    random, plays = dice("leaving the review midway", number), plays[number::2]
    async with reviewed.open():
        await desk.press("escape")
        for at, play in enumerate(plays):
            held = ""
            prepare(reviewed, play, at)
            held, outcome = play.verb, random.choice(("answered", "refused"))
            way, turns = random.choice(("pop", "escape")), random.randrange(40)
            print(f"{held or 'the diff'} {outcome}, left by {way}, {turns} turns before the answer")
            asked.clear()
            go.clear()
            desk.app.push_screen(ReviewScreen(reviewed.session, play.range_).data_bind(AmpsmApp.board))
            if play.keys:
                await reviewed.there()
            for key in play.keys:
                if callable(key):
                    key(reviewed)
                else:
                    await desk.pilot.press(key)
                await desk.pilot.pause()
                # A box comes once what it shows was asked for; the verb that is held never ends before it is let go.
                await becomes(lambda: asked.is_set() or not desk.under_way(), f"an end of what {held} waits for")
                await desk.pilot.pause()
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
