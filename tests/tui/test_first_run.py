"""Who has no session yet is told what this is, what is missing, and what to press."""

from pathlib import Path

import pytest

from ampsm_engine.engine import drafts
from ampsm_engine.engine.drafts import FirstRunCheck
from ampsm_engine.errors import Refused
from tests.tui.builders import a_board, a_session
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]

GOOD = (
    FirstRunCheck("amp", ok=True, text="amp is /usr/local/bin/amp"),
    FirstRunCheck("login", ok=True, text="amp has a login: AMP_API_KEY is set"),
    FirstRunCheck("repository", ok=True, text="The repository is /home/ada/shop"),
)
BAD = (
    FirstRunCheck(
        "amp", ok=False, text="The amp program was not found in the PATH.", hint="npm install -g @ampcode/cli"
    ),
    FirstRunCheck("login", ok=False, text="amp has no login yet.", hint="amp login"),
    FirstRunCheck(
        "repository", ok=False, text="/home/ada is not in a git repository.", hint="Start ampsm in a git repository."
    ),
)


async def test_all_is_well(desk: Desk, snapshot_svg: Camera) -> None:
    desk.answers["repository_offer"] = Refused("There is no repository.", "")
    desk.answers["first_run_checks"] = lambda *_: GOOD
    async with desk.open(a_board()):
        desk.sees("✓ amp is /usr/local/bin/amp", "a begins the first session", "on a branch of its own")
        await snapshot_svg.tour(desk)
        await desk.press("a")
        desk.sees("New session")


async def test_what_is_missing_is_said_and_looked_at_again(desk: Desk, snapshot_svg: Camera) -> None:
    desk.answers["first_run_checks"] = lambda *_: BAD
    async with desk.open(a_board()):
        desk.sees("✗ The amp program was not found", "npm install", "amp login", "not in a git repository")
        await snapshot_svg.tour(desk)
        for size in ((30, 24), (50, 20)):
            await desk.resize(*size)
            desk.sees("npm install", "amp login", "Start ampsm", "lists")
        desk.answers["first_run_checks"] = lambda *_: GOOD
        await desk.press("R")
        desk.sees("✓ amp is")
        desk.sees_not("✗")


async def test_it_goes_when_a_session_is_there_and_stays_away(desk: Desk) -> None:
    async with desk.open(a_board()):
        await desk.show(a_board(a_session("fix login")))
        desk.sees("fix login")
        desk.sees_not("on a branch of its own")
        await desk.show(a_board())
        desk.sees_not("on a branch of its own")


async def test_q_leaves_and_escape_shows_the_empty_list(desk: Desk) -> None:
    async with desk.open(a_board()):
        await desk.press("escape")
        desk.sees_not("on a branch of its own")
    async with desk.open(a_board()):
        await desk.leave("q")
        assert desk.app.return_code == 0


async def test_a_side_pane_shows_no_first_run(desk: Desk) -> None:
    async with desk.open(a_board(), read_only=True):
        desk.sees_not("on a branch of its own")


def test_the_real_machine_is_asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.name for one in drafts.first_run_checks(bench.engine, str(bench.repo)) if not one.ok] == []
    monkeypatch.setenv("AMP_CLI_PATH", str(bench.folder / "missing"))
    monkeypatch.delenv("AMP_API_KEY", raising=False)
    found = {one.name: one for one in drafts.first_run_checks(bench.engine, str(Path("/")))}
    assert not found["amp"].ok
    assert not found["repository"].ok
    assert all(one.hint for one in found.values() if not one.ok)


async def test_a_session_of_another_app_does_not_close_the_form_above(desk: Desk) -> None:
    """It comes while the form is in front: the form stays, what is typed in it too, and this screen goes after it."""
    desk.answers["first_run_checks"] = lambda *_: GOOD
    async with desk.open(a_board()):
        await desk.press("a")
        await desk.type("fix it")
        await desk.show(a_board(a_session("from elsewhere")))
        desk.sees("New session", "fix it")
        await desk.press("escape")
        desk.sees("from elsewhere", "NAME")
        desk.sees_not("begins the first session")
