"""Upkeep: worktrees to adopt, what to repair, the trash; nothing is done unasked that cannot be taken back."""

from dataclasses import replace
from pathlib import Path

import pytest

from ampsm_engine.engine.relocation import Disagreement
from ampsm_engine.engine.repair import AdoptableWorktree, Upkeep
from ampsm_engine.engine.session_trash import TrashEntry
from ampsm_engine.errors import Refused
from tests.tui.builders import a_board, a_session, ago
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.test_clean import HOSTILE

STRAY = AdoptableWorktree("/src/shop-fix", "fix-login", "c" * 40)
LOST = Disagreement(
    "worktree",
    "the worktree of session dark is gone; its branch amp/dark/20260901-100001 still holds its commits",
    "ampsm repair --apply makes it again from its branch",
)


def trashed(name: str, number: int) -> TrashEntry:
    session = a_session(name, id=f"t{number:09}").session
    return TrashEntry(replace(session, trashed_at=ago(hours=number)), number * 1_250_000)


ALL = Upkeep((STRAY,), (LOST,), (trashed("old theme", 3), trashed("spike", 50)))


@pytest.fixture
def upkeep(desk: Desk) -> Desk:
    desk.answers |= {
        "survey": lambda *_: ALL,
        "why_shared": lambda *_: "",
        "unversioned_contents": lambda *_: (".env",),
    }
    return desk


@pytest.mark.parametrize("size", [(30, 24), (80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_row_each_and_what_it_is(upkeep: Desk, snapshot_svg: Camera, size: tuple[int, int]) -> None:
    async with upkeep.open(a_board(a_session("fix login")), size=size):
        await upkeep.press("H", "down")
        snapshot_svg(upkeep.app)


async def test_a_worktree_is_adopted_after_a_question_that_tells_who_else_builds_on_it(upkeep: Desk) -> None:
    upkeep.answers["why_shared"] = lambda *_: "fix-login is the default branch of /src/shop."
    async with upkeep.open(a_board(a_session("fix login"))):
        await upkeep.press("H", "a")
        upkeep.sees("Adopt fix-login?", "default branch of /src/shop")
        await upkeep.press("n")
        upkeep.asked_not("adopt")
        await upkeep.press("a", "y")
        upkeep.sees("Adopted: fix-login")
    upkeep.asked("adopt", Path(STRAY.path), shared=True)


async def test_repair_asks_first_and_says_what_is_left(upkeep: Desk) -> None:
    left = replace(LOST, text="branch x belongs to no session", action="git branch -d x")
    upkeep.answers["find_disagreements"] = lambda *_, **__: (replace(LOST, mended=True), left)
    async with upkeep.open(a_board(a_session("fix login"))):
        await upkeep.press("H", "down")
        upkeep.sees("^g (repair) makes it again")
        await upkeep.press("ctrl+g")
        upkeep.sees("Nothing is removed")
        upkeep.asked_not("find_disagreements")
        await upkeep.press("y")
        upkeep.sees("1 mended, 1 left")
    upkeep.asked("find_disagreements", apply=True)


async def test_what_is_marked_in_the_trash_is_deleted_after_what_that_loses_was_told(upkeep: Desk) -> None:
    async with upkeep.open(a_board(a_session("fix login"))):
        await upkeep.press("H", "G", "k", "space", "space", "D")
        upkeep.sees("Delete 2 sessions for good?", "old theme, about 3.8 MB, with .env")
        upkeep.asked_not("purge")
        await upkeep.press("y")
        upkeep.sees("Gone for good")
        upkeep.asked("purge", "t000000003")
        upkeep.asked("purge", "t000000050")
        upkeep.answers["restore"] = Refused("It is back already.", "")
        await upkeep.press("u")
        upkeep.sees("It is back already")


async def test_keys_of_another_kind_of_row_do_nothing_and_say_so(upkeep: Desk) -> None:
    async with upkeep.open(a_board(a_session("fix login"))):
        await upkeep.press("H", "D")
        upkeep.sees("That is not a session in the trash")
        await upkeep.press("G", "a")
        upkeep.sees("That is not a worktree that could be adopted")
        upkeep.asked_not("purge")
        upkeep.asked_not("adopt")


async def test_names_of_others_reach_no_terminal_raw(desk: Desk) -> None:
    hostile = " ".join(HOSTILE)
    finding = Disagreement("worktree", hostile, hostile)
    desk.answers["survey"] = lambda *_: Upkeep((AdoptableWorktree(hostile, hostile, ""),), (finding,), ())
    async with desk.open(a_board(a_session("fix login"))):
        await desk.press("H")
        for _ in range(2):
            assert all(letter.isprintable() for line in desk.lines for letter in line)
            await desk.press("down")
