"""How the states look that no other test takes a picture of: boxes, what is under way, what is empty."""

import asyncio
from dataclasses import replace

import pytest

from ampsm_engine.engine.drafts import RepositoryOffer
from ampsm_engine.engine.scripts import ScriptOutput
from ampsm_engine.errors import Refused
from ampsm_engine.git.entities import FileChange
from ampsm_tui.screens import script
from tests.tui.builders import RUNNING, a_board, a_day, a_days_counts, a_session
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.test_session import a_row, opened, waiting

NOTES = "Ask Grace about the old redirect.\nThe staging host needs a new cookie domain."


@pytest.fixture
def list_desk(desk: Desk) -> Desk:
    desk.answers["changes"] = lambda _, ids: {one: counts for one, counts in a_days_counts().items() if one in ids}
    return desk


async def test_boxes_to_write_in(list_desk: Desk, snapshot_svg: Camera) -> None:
    async with list_desk.open(a_day()):
        await list_desk.press("E")
        await snapshot_svg.tour(list_desk, "about")
        await list_desk.press("n")
        await snapshot_svg.tour(list_desk, "rename")
        await list_desk.press("escape", "E", "o")
        await list_desk.type("Ask Grace")
        await list_desk.resize(30, 24)
        list_desk.sees("esc cancel")  # the way out of a box goes before any other key
        await snapshot_svg.tour(list_desk, "notes")
        list_desk.answers["iterate"] = Refused("amp is not logged in.", "amp login")
        await list_desk.press("escape", "m", "h", "i", "ctrl+g")
        await snapshot_svg.tour(list_desk, "refused")


async def test_several_sessions_at_once(list_desk: Desk, snapshot_svg: Camera) -> None:
    list_desk.answers["describe_loss"] = lambda _, one: f"{one} goes to the trash with 2 commits of its own."
    async with list_desk.open(a_day()):
        await list_desk.press("space", "space", "space", "b")
        await snapshot_svg.tour(list_desk, "marked")
        await list_desk.press("d")
        await snapshot_svg.tour(list_desk, "trash")


async def test_what_is_under_way(list_desk: Desk, snapshot_svg: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ampsm_tui.screens.dialog.PATIENCE", 0.001)
    go = asyncio.Event()

    async def remove(*_: object) -> None:
        await go.wait()

    list_desk.answers |= {"remove": remove, "describe_loss": lambda *_: "It goes."}
    async with list_desk.open(a_day()):
        await list_desk.press("space", "space")
        await list_desk.press("d")
        await list_desk.pilot.press("y")
        await list_desk.until("1 of 2")
        await list_desk.pilot.press("escape")
        await snapshot_svg.glance(list_desk)
        go.set()
        await list_desk.settle()
        list_desk.sees_not("One moment")


async def test_a_session_being_made(list_desk: Desk, snapshot_svg: Camera) -> None:
    go = asyncio.Event()
    list_desk.answers |= {
        "repository_offer": lambda *_: RepositoryOffer("/home/ada/shop", "main", ("main",), "make test", ""),
        "check": lambda *_: (),
        "new": lambda *_, **__: go.wait(),
    }
    async with list_desk.open(a_day()):
        await list_desk.press("a")
        await list_desk.type("Fix the login")
        await list_desk.pilot.press("ctrl+g")
        await list_desk.until("Making its branch")
        await snapshot_svg.glance(list_desk)
        list_desk.answers["new"] = Refused("It was refused.")
        await list_desk.pilot.press("escape")
        list_desk.sees("Taking it back.")


async def test_a_script_at_work(list_desk: Desk, snapshot_svg: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "EVERY", 0)
    looks = [ScriptOutput("collected 12 items\ntests/test_login.py ....\n", 30, running=True)]
    go = asyncio.Event()

    async def look(*_: object) -> ScriptOutput:
        if looks:
            return looks.pop()
        await go.wait()
        return ScriptOutput("", 30, running=False, exit_code=2, seconds=4.2)

    list_desk.answers |= {"start": lambda *_: "i1", "read_output": look}
    async with list_desk.open(a_day()):
        await list_desk.pilot.press("S")
        await list_desk.until("test_login.py")
        await snapshot_svg.glance(list_desk)
        go.set()
        await list_desk.settle()
        list_desk.sees("exit code 2")


async def test_lists_with_little_in_them(desk: Desk, snapshot_svg: Camera) -> None:
    async with desk.open(a_board()):
        await desk.press("escape")
        await snapshot_svg.tour(desk, "empty")
    async with desk.open(a_day()):
        await desk.press("slash")
        await desk.type("login")
        await snapshot_svg.tour(desk, "filtering")
        await desk.type(" zebra")
        await snapshot_svg.tour(desk, "nothing")


async def test_a_toast_with_its_hint(list_desk: Desk, snapshot_svg: Camera) -> None:
    list_desk.answers["last_prompt"] = Refused("amp is at work in Fix the login redirect.", "ampsm wait works")
    async with list_desk.open(a_day()):
        await list_desk.press("r")
        await snapshot_svg.tour(list_desk)


async def test_what_the_timeline_opens(desk: Desk, snapshot_svg: Camera) -> None:
    changed = (
        FileChange("app/login.py", None, "modified", 30, 12),
        FileChange("app/x.png", None, "added", binary=True),
    )
    desk.answers |= {"commit_files": lambda *_: changed, "script_output": lambda *_: "test_a ok\ntest_b ok\n2 passed"}
    row = a_row()
    row = replace(row, session=replace(row.session, notes=NOTES))
    async with opened(desk, row, size=(120, 40)):
        for name, keys in (("notes", "enter"), ("commit", "j j enter"), ("script", "j j enter")):
            await desk.press("tab", *keys.split())
            await snapshot_svg.tour(desk, name)
            await desk.press("escape")
        await desk.resize(80, 24)
        await desk.press("tab")
        await snapshot_svg.tour(desk, "timeline")


async def test_writing_and_the_queue(desk: Desk, snapshot_svg: Camera) -> None:
    row = replace(a_row(RUNNING), queued=2, iterations=4)
    queue = (waiting(3, "Then update the README"), waiting(4, "And the changelog"))
    desk.answers["queued_prompt"] = lambda *_: "Then update the README"
    async with opened(desk, row, queue=queue):
        await desk.press("m")
        await desk.type("First line")
        await desk.press("ctrl+j")
        await desk.type("and a second one")
        await snapshot_svg.tour(desk, "writing")
        await desk.press("escape", "tab")
        await snapshot_svg.tour(desk, "queue")
        await desk.press("enter")
        await snapshot_svg.tour(desk, "changing")


async def test_light(desk: Desk, snapshot_svg: Camera) -> None:
    desk.answers["describe_loss"] = lambda *_: "Fix the login form goes to the trash with 2 commits."
    async with opened(desk, a_row(), size=(120, 40)):
        desk.app.theme = "ampsm-light"
        await desk.settle()
        snapshot_svg(desk.app, "session")
        await desk.press("x")
        desk.sees("Nothing is running")
        await desk.press("d")
        snapshot_svg(desk.app, "box")


async def test_many_sessions(desk: Desk, snapshot_svg: Camera) -> None:
    board = a_board(*(a_session(f"Session {at:03}", id=f"m{at:03}") for at in range(300)))
    async with desk.open(board):
        await desk.press("G")
        await snapshot_svg.tour(desk)
