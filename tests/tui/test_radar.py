"""The radar: who meets whom, in numbers; whether all work together, found out behind a key, also when it is closed."""

from pathlib import Path

import pytest

from ampsm_engine.engine.check_run import CheckProgress
from ampsm_engine.merging.compatibility import Compatibility, Culprit, GuiltyLines, UntriedSession
from ampsm_engine.merging.forecast import Radar, RadarFile, RadarPair
from ampsm_engine.model import Board
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens import radar as radar_screen
from ampsm_tui.screens.radar import RadarScreen
from tests.conftest import git
from tests.tui.builders import a_board, a_session, still
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.test_script import shows
from tests.waiting import until
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]

NAMES = ("fix login", "dark mode", "faster search", "clean up the settings that nobody reads")
ROWS = [a_session(name, id=f"s{number}", base_branch="main") for number, name in enumerate(NAMES)]


def a_radar(pending: int = 0) -> Radar:
    files = (RadarFile("app/login.py", "content", ((12, 14), (40, 41))), RadarFile("logo.png", "binary"))
    pairs = (RadarPair("s1", "s0", files), RadarPair("s2", "", (RadarFile("README.md", "content", ((3, 3),)),)))
    return Radar(tuple(row.session for row in ROWS), pairs, pending)


def an_answer(**more: object) -> Compatibility:
    culprit = Culprit(
        "s3", "s0", is_pair=True, reason="the script failed with exit code 1",
        lines=GuiltyLines("app/settings.py", 8, ("OLD = None", "NEW = \x1b[31mred")),
        partner_lines=GuiltyLines("app/login.py", 12, ("use(settings.OLD)",)),
    )  # fmt: skip
    conflicts = (UntriedSession("s1", "conflicts with fix login in app/login.py", ("app/login.py",)),)
    out = (UntriedSession("s2", "Iteration 2 of faster search is running."),)
    root = ROWS[0].session.repo_root
    tips = tuple((f"s{number}", "c" * 40) for number in range(3))
    values = {"order": ("s0",), "culprits": (culprit,), "conflicts": conflicts, "left_out": out, "runs": 9}
    return Compatibility(root, "main", "b" * 40, tips, ("make test",), **(values | {"checked_at": "now"} | more))


def board() -> Board:
    return a_board(*ROWS)


@pytest.fixture
def ready(desk: Desk) -> Desk:
    desk.answers |= {
        "radar": lambda *_, **__: a_radar(),
        "look": lambda *_, **__: (an_answer(),),
        "read": lambda *_: CheckProgress(is_running=False),
    }
    return desk


async def test_it_shows_who_meets_whom_and_who_is_at_fault(ready: Desk, snapshot_svg: Camera) -> None:
    async with ready.open(board()):
        await ready.press("asterisk")
        await snapshot_svg.tour(ready)
        ready.sees("fix login", "✗", "app/settings.py:8")
        await ready.press("G")
        ready.sees("lines 12/14, 40/41", "logo.png", "binary")
        ready.sees_not("\x1b")
        await ready.press("escape")
        ready.sees("4 idle")


async def test_at_thirty_columns_everything_can_be_read_without_the_matrix(ready: Desk) -> None:
    async with ready.open(board(), size=(30, 40)):
        await ready.press("asterisk")
        ready.sees("dark mode ≠ fix login", "app/login.py")
        assert max(map(len, ready.lines)) <= 30


async def test_nothing_to_show_and_nothing_asked_yet_are_said(ready: Desk) -> None:
    ready.answers["radar"] = lambda *_, **__: Radar((), ())
    ready.answers["look"] = lambda *_: ()
    async with ready.open(board()):
        await ready.press("asterisk")
        ready.sees("No session has work that its base does not have")
        await ready.press("y")
        ready.sees("nothing to merge")
        await ready.press("escape")
    ready.answers["radar"] = lambda *_, **__: a_radar()
    ready.answers["look"] = lambda *_: (an_answer(checked_at="", order=(), culprits=(), conflicts=()),)
    async with ready.open(board()):
        await ready.press("asterisk")
        ready.sees("Not checked yet whether what is ready passes together: 3 sessions")


async def test_the_command_that_merges_is_copied(ready: Desk) -> None:
    ready.answers["look"] = lambda *_: (an_answer(order=("s0", "s2"), culprits=(), conflicts=(), left_out=()),)
    async with ready.open(board()):
        await ready.press("asterisk", "y")
        ready.sees("✓ 2 sessions pass together", "Copied: ampsm merge s0 s2 --train")
        assert ready.app.clipboard == "ampsm merge s0 s2 --train"


async def test_who_only_watches_starts_no_script(ready: Desk) -> None:
    async with ready.open(board(), read_only=True):
        await ready.press("asterisk", "S")
        ready.asked_not("start")
        ready.sees_not("check all")


async def test_another_commit_is_looked_at_again(ready: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radar_screen, "QUIET", 0.0)
    async with ready.open(board()):
        await ready.press("asterisk")
        before = [name for name, _, _ in ready.verbs].count("radar")
        ready.answers["radar"] = lambda *_, **__: Radar(tuple(row.session for row in ROWS), ())
        await ready.show(a_board(*ROWS[:3], a_session("another", id="s9", base_branch="main")))
        assert [name for name, _, _ in ready.verbs].count("radar") == before + 1
        ready.sees_not("app/login.py  lines")


@pytest.mark.usefixtures("beside")
async def test_a_check_runs_apart_from_the_app_and_can_be_stopped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radar_screen, "EVERY", 0.02)
    flag = bench.flag("go")
    session = bench.new(None, name="one", script=f"touch {flag}.begun; test -e {flag} || exec sleep 600")
    at = Path(session.worktree_path)
    (at / "x").write_text("x\n")
    git(at, "add", "x")
    git(at, "commit", "-qm", "By hand")
    app = AmpsmApp(bench.engine, still(bench.engine.store.sessions.board()))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        app.opener.open_radar()
        await shows(pilot, "Not checked yet")
        await pilot.press("S")
        await shows(pilot, "◌ Run 1: one")
        until(lambda: Path(f"{flag}.begun").exists(), "the script to begin")
        await pilot.press("S")
        await shows(pilot, "The check was stopped")
        assert list((bench.repo / ".worktrees").glob("check-*")) == []
        flag.touch()
        await pilot.press("S")
        await shows(pilot, "✓ 1 session passes")
        assert isinstance(app.screen, RadarScreen)
