"""Who leaves while something is being made leaves when it is made."""

import asyncio
from typing import Any

import pytest
from textual.screen import Screen

from ampsm_engine import config
from ampsm_engine.engine.drafts import readiness
from ampsm_tui import leaving
from ampsm_tui.ask import ask, see_through
from tests.tui.builders import a_board, a_session
from tests.tui.desk import Desk


async def test_leaving_waits_for_what_is_begun(desk: Desk) -> None:
    made = asyncio.Event()
    async with desk.open(a_board(a_session())):
        work = desk.app.run_worker(see_through(made.wait()))
        await desk.pilot.pause()
        desk.app.exit(None, 3)
        desk.app.exit(None, 4)
        await desk.pilot.pause()
        assert desk.app.return_code is None
        desk.sees("What is begun comes to its end first")
        made.set()
        assert await work.wait() is True
    assert desk.app.return_code == 3, "the first who asked"


async def test_cancelling_who_waits_cuts_nothing_off() -> None:
    begun, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go.wait()
        done.set()
        raise ValueError

    waiting = asyncio.create_task(see_through(work()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    await asyncio.wait_for(done.wait(), 10)


async def test_what_takes_too_long_is_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "PATIENCE", 0.01)
    never = asyncio.Event()
    async with desk.open(a_board(a_session())):
        desk.app.run_worker(see_through(never.wait()), group="watching")
        await desk.pilot.pause()
        desk.app.exit(None, 3)
        assert desk.app.going is not None
        await asyncio.wait_for(desk.app.going, 10)
    assert desk.app.return_code == 3
    never.set()


async def test_an_answer_to_a_screen_that_has_gone_is_dropped(desk: Desk) -> None:
    """It would be put into widgets that are gone: that ended the app."""
    go, told = asyncio.Event(), []
    desk.answers["readiness"] = lambda *_: go.wait()

    class Asking(Screen[None]):
        async def wants(self) -> None:
            told.append(await ask(readiness))

    async with desk.open(a_board(a_session())):
        screen = Asking()
        desk.app.push_screen(screen)
        await desk.pilot.pause()
        work = desk.app.run_worker(screen.wants(), group="watching")
        work._node = screen
        await desk.pilot.pause()
        desk.app.pop_screen()
        go.set()
        await desk.settle()
    assert told == []


async def test_leaving_the_settings_writes_what_was_typed_last_first(desk: Desk) -> None:
    go = asyncio.Event()

    async def slow(*said: Any) -> Any:
        await go.wait()
        return config.store(*said)

    desk.answers["store"] = slow
    async with desk.open(a_board(a_session())):
        await desk.press("comma", "backspace", "2")
        await desk.pilot.press("escape")
        await desk.pilot.pause()
        desk.sees("Settings")
        go.set()
        await desk.settle()
        desk.sees("NAME")
        assert config.load(desk.engine.config)["slots"] == 2
        assert desk.app.settings["slots"] == 2


async def test_a_refused_setting_holds_the_screen_once(desk: Desk) -> None:
    async with desk.open(a_board(a_session())):
        await desk.press("comma", "backspace", "x", "escape")
        desk.sees("takes a whole number")
        await desk.press("escape")
        desk.sees("NAME")
