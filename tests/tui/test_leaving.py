"""Who leaves while something is being made leaves when it is made."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.widgets import Input, Static

from ampsm_engine import config
from ampsm_engine.engine.drafts import first_run_checks
from ampsm_engine.errors import Failed, Refused
from ampsm_tui import app
from ampsm_tui.ask import ask, run_to_end, run_while_open
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.sessions import SessionsScreen
from ampsm_tui.screens.text_dialogs import LineScreen
from tests.tui.builders import a_board, a_session
from tests.tui.desk import Desk


async def test_leaving_waits_for_what_is_begun(desk: Desk) -> None:
    made = asyncio.Event()
    async with desk.open(a_board(a_session())):
        work = desk.app.run_worker(run_to_end(made.wait()))
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

    waiting = asyncio.create_task(run_to_end(work()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    await asyncio.wait_for(done.wait(), 10)


async def test_what_takes_too_long_is_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "EXIT_PATIENCE", 0.01)
    never = asyncio.Event()
    async with desk.open(a_board(a_session())):
        desk.app.run_worker(run_to_end(never.wait()), group="watching")
        await desk.pilot.pause()
        desk.app.exit(None, 3)
        assert desk.app.leaving is not None
        await asyncio.wait_for(desk.app.leaving, 10)
    assert desk.app.return_code == 3
    never.set()


async def test_an_answer_to_a_screen_that_has_gone_is_dropped(desk: Desk) -> None:
    """It would be put into widgets that are gone: that ended the app."""
    go, told = asyncio.Event(), []
    desk.answers["first_run_checks"] = lambda *_: go.wait()

    class Asking(AppScreen[None]):
        async def wants(self) -> None:
            told.append(await ask(first_run_checks))

    async with desk.open(a_board(a_session())):
        screen = Asking()
        desk.app.push_screen(screen)
        await desk.pilot.pause()
        run_while_open(screen, screen.wants(), group="watching")
        await desk.pilot.pause()
        desk.app.pop_screen()
        go.set()
        await desk.settle()
    assert told == []


class Leaf(Static):
    """Goes before its screen does, and lets go meanwhile what the screen's work waits for."""

    go: asyncio.Event

    def on_unmount(self) -> None:
        self.go.set()


class Working(AppScreen[None]):
    """Its work comes back to a widget."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    def compose(self) -> ComposeResult:
        leaf = Leaf()
        leaf.go = self.go
        yield leaf

    def on_mount(self) -> None:
        run_while_open(self, self.work(), group="watching")

    async def work(self) -> None:
        await self.go.wait()
        self.query_one(Leaf).update("here")


async def test_work_of_a_screen_ends_before_its_widgets_go(desk: Desk) -> None:
    async with desk.open(a_board(a_session())):
        desk.app.push_screen(Working())
        await desk.settle()
        desk.app.pop_screen()
        await desk.settle()
        desk.app.push_screen(Working())
        await desk.settle()  # and now the app goes


class LastLeaf(Leaf):
    """Its going is an event upon which its screen starts work."""

    start: Callable[[], object]

    def on_unmount(self) -> None:
        self.go.set()
        self.start()


class Restless(Working):
    """Starts its work when its leaf goes."""

    started = False

    def compose(self) -> ComposeResult:
        leaf = LastLeaf()
        leaf.go, leaf.start = self.go, self._start
        yield leaf

    def on_mount(self) -> None:
        """Works later."""

    def _start(self) -> None:
        self.started = True
        run_while_open(self, self.work())

    async def work(self) -> None:
        await asyncio.sleep(0)
        self.query_one(LastLeaf).update("here")


async def test_work_that_starts_while_its_screen_is_taken_apart_ends_nothing(desk: Desk) -> None:
    async with desk.open(a_board(a_session("fix login"))):
        screen = Restless()
        desk.app.push_screen(screen)
        await desk.settle()
        desk.app.pop_screen()
        await desk.settle()
        assert screen.started
        desk.sees("fix login")


async def test_a_refusal_that_comes_when_its_screen_has_gone_is_shown(desk: Desk) -> None:
    go = asyncio.Event()

    async def make() -> None:
        await go.wait()
        raise Refused("The gate is shut.", "ampsm open")

    async with desk.open(a_board(a_session("fix login"))):
        screen = AppScreen[None]()
        desk.app.push_screen(screen)
        await desk.settle()
        run_while_open(screen, run_to_end(make()))
        await desk.pilot.pause()
        desk.app.pop_screen()
        await desk.settle()
        desk.sees_not("The gate is shut.")
        go.set()
        await desk.settle()
        desk.sees("The gate is shut.", "ampsm open", "fix login")


async def test_work_of_a_widget_ends_with_it_though_its_screen_stays(desk: Desk) -> None:
    go, came = asyncio.Event(), []

    async def work() -> None:
        await go.wait()
        came.append(True)

    async with desk.open(a_board(a_session())):
        widget = Static()
        await desk.app.screen.mount(widget)
        run_while_open(widget, work(), group="watching")
        await desk.pilot.pause()
        await widget.remove()
        go.set()
        await desk.settle()
    assert came == []


async def test_an_answer_takes_away_the_screen_that_gives_it(desk: Desk) -> None:
    """It may come while help is in front; what is in front stays, and what is behind goes when that is closed."""
    go, answers = asyncio.Event(), []

    async def deliver(_: str) -> None:
        await ask(first_run_checks)

    desk.answers["first_run_checks"] = lambda *_: go.wait()
    async with desk.open(a_board(a_session("fix login"))):
        desk.app.push_screen(
            LineScreen("A line", deliver, owner="s1", purpose="line", text="x", may_be_empty=False), answers.append
        )
        await desk.settle()
        await desk.pilot.press("enter")
        desk.app.action_help()
        await desk.rest()
        front = desk.app.screen
        go.set()
        await desk.settle()
        assert desk.app.screen is front
        assert answers == []
        await desk.press("escape")
        assert answers == [True]
        assert isinstance(desk.app.screen, SessionsScreen)


async def test_a_refusal_of_work_in_the_background_ends_nothing(desk: Desk) -> None:
    desk.answers["completions"] = Failed("The side process ended before it had an answer.", "Try again")
    async with desk.open(a_board(a_session())):
        await desk.press("a")
        desk.app.screen.query_one("#repo Input", Input).value = "/somewhere"
        await desk.settle()
        desk.sees("The side process ended", "Try again")


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
