"""A script that is run from a screen: its output live, its end, its being stopped, with the real engine."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from ampsm_engine.engine.scripts import ScriptOutput
from ampsm_engine.errors import Refused
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens import script
from ampsm_tui.screens.script import ScriptScreen
from tests.tui.builders import a_board, a_session, still
from tests.tui.conftest import Camera
from tests.tui.desk import Desk, screen_lines
from tests.waiting import becomes, until
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]


pytestmark = pytest.mark.usefixtures("beside")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "EVERY", 0.02)


def log_of(app: AmpsmApp) -> str:
    path = app.engine.home.worker_log if app.engine else None
    return path.read_text() if path and path.exists() else ""


async def shows(pilot: Pilot[int], *words: str) -> None:
    """The screen shows these words, sooner or later."""
    app = pilot.app
    assert isinstance(app, AmpsmApp)

    def are_there() -> bool:
        text = "\n".join(screen_lines(app))
        return all(word in text for word in words)

    await becomes(are_there, lambda: "\n".join([f"{words}:", *screen_lines(app), log_of(app)]))
    await pilot.pause()


async def test_the_output_comes_and_the_end_is_said(bench: Bench) -> None:
    session = bench.new(None, name="x", script="echo first line; echo second; exit 2")
    app = AmpsmApp(bench.engine, still(a_board(a_session())))
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(ScriptScreen(session))
        await shows(pilot, "first line", "second", "✗ failed", "exit code 2")
    assert "exit code 2" in bench.fact(session, "tested")


async def test_escape_stops_it_and_closes_when_it_has_ended(bench: Bench) -> None:
    session = bench.new(None, name="x", script="echo be''gun; sleep 600")
    app = AmpsmApp(bench.engine, still(a_board(a_session())))
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(ScriptScreen(session))
        await shows(pilot, "begun", "running")
        await pilot.press("escape")
        await shows(pilot, "stopped", "nothing was recorded")
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, ScriptScreen)
    assert "tested" not in bench.facts(session)


async def test_closing_the_app_does_not_end_it(bench: Bench) -> None:
    session = bench.new(None, name="x", script="echo be''gun; sleep 0.5; exit 0")
    app = AmpsmApp(bench.engine, still(a_board(a_session())))
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(ScriptScreen(session))
        await shows(pilot, "begun")
    until(lambda: "tested" in bench.facts(session), "its result")


def told(*looks: ScriptOutput) -> Callable[..., ScriptOutput]:
    left = list(looks)
    return lambda *_: left.pop(0)


async def test_how_it_looks(desk: Desk, snapshot_svg: Camera) -> None:
    desk.answers |= {
        "start": lambda *_: "i1",
        "read_output": told(
            ScriptOutput("running tests\n\x1b[31mred\x1b[0m [bold]not markup[/bold]\n", 30, running=True),
            ScriptOutput("12 passed\n", 40, running=False, exit_code=0, seconds=4.2),
        ),
    }
    async with desk.open(a_board(a_session("fix login", script_command="make test"))):
        await desk.press("S")
        desk.sees("12 passed", "✓ passed after 4.2s", "[bold]not markup")
        assert "\x1b" not in desk.text
        await snapshot_svg.tour(desk)
        await desk.press("escape")
        desk.sees_not("12 passed")


async def test_without_a_script_it_asks_for_one(desk: Desk) -> None:
    async with desk.open(a_board(a_session("fix login", id="s1", script_command=None))):
        await desk.press("S")
        desk.sees("Script of fix login")
        await desk.type("make test")
        await desk.press("enter")
        desk.asked("edit", "s1", script="make test")
        desk.asked_not("start")


async def test_a_script_that_cannot_begin_says_why_in_its_box(desk: Desk) -> None:
    desk.answers["start"] = Refused("amp is at work in session fix login.", "ampsm wait s1")
    async with desk.open(a_board(a_session("fix login", id="s1"))):
        await desk.press("S")
        desk.sees("amp is at work", "wait until it has ended", "did not start")
