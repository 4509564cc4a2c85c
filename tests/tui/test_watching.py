"""Who only watches changes nothing: every key and every command of the palette is tried, on each screen that opens."""

import sqlite3
from collections.abc import Sequence
from inspect import isawaitable
from pathlib import Path

import pytest
from textual.command import DiscoveryHit
from textual.screen import Screen

from ampsm_engine.engine import comments, session_trash, sessions
from ampsm_engine.engine.check_run import CheckProgress
from ampsm_engine.keymap import KEYS
from ampsm_engine.merging.forecast import Radar
from ampsm_tui import suspend
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens.palette import ScreenActions
from ampsm_tui.screens.review.screen import ReviewScreen
from tests.soak import one_in
from tests.tui.builders import a_board
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed, git
from tests.tui.test_leaving_midway import BUSY_ROW, QUEUE, answers

PRESSED = sorted({key for one in KEYS.values() for key in one.keys.split(",")} - {"q", "escape", "apostrophe"})
"""Every key of the table but those that leave."""

REVIEW = "review"
WAYS: dict[str, tuple[str, ...]] = {
    "review": (REVIEW,),
    "list": (),
    "session": ("enter",),
    "comments": (REVIEW, "C"),
    "files": (REVIEW, "tab"),
    "upkeep": ("H",),
}
"""The keys that lead to each screen that has something real to change."""


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    """A session with uncommitted changes and a comment; another one in the trash; and no other program starts."""
    made = Reviewed(desk, tmp_path / "shop", monkeypatch)
    made.change()
    comments.add_comment(desk.engine, made.session.id, "Makefile", (2, 2), "Why?")
    other, _ = sessions.new(desk.engine, path=made.root, prompt="Something else", run=False)
    session_trash.remove(desk.engine, other.id)
    monkeypatch.setattr(suspend, "run_in_terminal", lambda *_: pytest.fail("a program was started"))
    return made


def contents(reviewed: Reviewed) -> list[str]:
    """All that must not change: what the store, the repository and the worktree hold, and the settings."""
    with sqlite3.connect(reviewed.desk.engine.home.database) as connection:
        found = [*connection.iterdump()]
    for folder in (reviewed.root, reviewed.worktree):
        asked = ("for-each-ref", "stash list", "worktree list --porcelain", "status --porcelain", "diff", "config -l")
        found += [git(folder, *words.split()) for words in asked]
    return [*found, str(reviewed.desk.engine.config.exists())]


async def reach(reviewed: Reviewed, way: Sequence[str]) -> Screen[object]:
    """The screen at the end of a way from the list."""
    desk = reviewed.desk
    for key in way:
        if key == REVIEW:
            desk.app.push_screen(ReviewScreen(reviewed.session, "").data_bind(AmpsmApp.board))
            await reviewed.there()
        else:
            await desk.press(key)
    return desk.app.screen


async def close_to(desk: Desk, depth: int) -> None:
    """Close what is open above the screen that has so many below it."""
    while len(desk.app.screen_stack) > depth:
        desk.app.pop_screen()
        await desk.settle()


async def commands(screen: Screen[object]) -> dict[str, DiscoveryHit]:
    """What the palette lists for a screen by its name, but for what leaves that."""
    hits = [hit async for hit in ScreenActions(screen).discover() if isinstance(hit, DiscoveryHit)]
    return {hit.text: hit for hit in hits if hit.text is not None and hit.text not in {"Quit", "Back", "Close"}}


@pytest.mark.parametrize("way", one_in(6, WAYS.values()))
async def test_no_key_and_no_command_changes_what_is_only_watched(reviewed: Reviewed, way: tuple[str, ...]) -> None:
    before, desk = contents(reviewed), reviewed.desk
    async with desk.open(a_board(reviewed.row()), size=(120, 40), read_only=True):
        try:
            screen = await reach(reviewed, way)
            for tried in (*PRESSED, *(name for name in await commands(screen) if name.startswith("Theme"))):
                if screen not in desk.app.screen_stack:
                    await close_to(desk, 1)
                    screen = await reach(reviewed, way)
                await close_to(desk, desk.app.screen_stack.index(screen) + 1)
                if tried in PRESSED:
                    await desk.press(tried)
                elif tried in (listed := await commands(screen)):
                    if isawaitable(done := listed[tried].command()):
                        await done
                    await desk.settle()
                if desk.app.screen is not screen:
                    await desk.press("x", "y", "ctrl+g", "enter")
        finally:
            desk.app.close()
    assert contents(reviewed) == before


async def test_a_comment_that_is_only_watched_is_not_changed(reviewed: Reviewed) -> None:
    before = contents(reviewed)
    async with reviewed.open(read_only=True) as desk:
        await reviewed.press("right_parenthesis")
        desk.sees("Why?")
        await reviewed.press("enter", "c")
        assert desk.app.screen is reviewed.screen
        for key in ("t", "r", "D"):
            await reviewed.press("C", key, "escape")
        desk.sees("Why?")
    assert contents(reviewed) == before


SHOWN = (
    *((), ("enter",), ("enter", "tab"), ("enter", "tab", "tab"), ("number_sign",), ("asterisk",), ("H",)),
    *(("B",), ("B", "enter"), ("B", "enter", "vertical_line"), ("colon",), ("question_mark",)),
)
"""The keys that lead to each screen that an app which only watches can open, but for the review."""


async def test_no_key_that_changes_something_lives_where_one_only_watches(desk: Desk) -> None:
    desk.answers |= answers() | QUEUE
    desk.answers |= {"radar": lambda *_, **__: Radar((), ()), "look": lambda *_, **__: ()}
    desk.answers["read"] = lambda *_: CheckProgress(is_running=False)
    async with desk.open(a_board(BUSY_ROW), size=(120, 40), read_only=True):
        for way in SHOWN:
            await close_to(desk, 1)
            await desk.press(*way)
            for widget in [one for one in desk.app.screen.query("*") if one.focusable]:
                widget.focus()
                await desk.settle()
                living = [one.binding.id or "" for one in desk.app.screen.active_bindings.values() if one.enabled]
                assert len(living) > 2
                assert [one for one in living if one in KEYS and KEYS[one].changes] == [], (way, widget)
