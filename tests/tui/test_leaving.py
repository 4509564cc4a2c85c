"""Who leaves while something is being made leaves when it is made."""

import asyncio

import pytest

from ampsm_tui import leaving
from ampsm_tui.leaving import see_through
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
