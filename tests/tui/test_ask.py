"""Asking: an answer or the verb's own error comes back from a side process, whatever happens to that process."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ampsm_engine.context import Engine
from ampsm_engine.engine import diff_stat, startup, views
from ampsm_engine.errors import Failed, Refused, Unfit
from ampsm_engine.home import Home
from ampsm_tui import process_pool
from ampsm_tui.ask import ask, in_background
from ampsm_tui.screens.sessions import SessionsScreen
from tests.tui.builders import a_board, a_session
from tests.tui.desk import Desk
from tests.waiting import becomes


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = Engine(Home(tmp_path, tmp_path / "ampsm.sqlite"), tmp_path / "config.toml")
    made.home.ensure()
    made.store.open()
    return made


async def test_an_answer_comes_from_another_process(engine: Engine) -> None:
    assert await ask(os.getpid) != os.getpid()
    assert (await ask(views.status, engine))["running"] == 0
    assert await ask(diff_stat.changes, engine, ["gone"]) == {}


async def test_side_processes_that_nothing_is_asked_of_end_but_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "SPARE", 0)
    pids = await asyncio.gather(*(ask(os.getpid) for _ in range(3)))
    assert len(set(pids)) > 1
    await becomes(lambda: sum(map(psutil.pid_exists, set(pids))) == 1, "all but one to have ended")
    assert await ask(os.getpid) in pids, "one stays, with all that it has loaded"


async def test_no_more_side_processes_are_started_than_may_be_at_once() -> None:
    pids = await asyncio.gather(*(ask(os.getpid) for _ in range(9)))
    assert len(set(pids)) <= process_pool.AT_ONCE


async def test_a_side_process_that_died_while_nothing_was_asked_is_replaced() -> None:
    pid = await ask(os.getpid)
    ((_, process),) = process_pool.running_pool()._idle
    process.kill()
    process.wait()
    assert await ask(os.getpid) != pid


def test_side_processes_end_with_the_loop_that_asked_them() -> None:
    """And are reaped: what earlier tests have left is not theirs."""
    before = set(psutil.Process().children())

    async def leave_behind() -> int:
        pid = await ask(os.getpid)
        asked = {asyncio.ensure_future(ask(time.sleep, 600)) for _ in range(2)}  # one of them has to be started
        await asyncio.wait(asked, timeout=0)
        return pid

    assert not psutil.pid_exists(asyncio.run(leave_behind()))
    assert set(psutil.Process().children()) <= before


async def test_a_side_process_has_no_screens_in_it(engine: Engine) -> None:
    """They would be a third of its memory and of its start; so would be what asks it."""
    await ask(views.status, engine)
    loaded = (await ask(eval, "' '.join(__import__('sys').modules)")).split()
    assert not {name for name in loaded if name.startswith(("textual", "rich", "asyncio", "ssl", "ampsm_tui.ask"))}


def test_no_module_of_the_folder_that_it_is_started_in_is_run(tmp_path: Path) -> None:
    """The folder may be a hostile repository: Python would look there first for what the side process imports."""
    ran = tmp_path / "ran"
    for name in ("pickle", "subprocess", "struct", "ampsm_engine", "random", "encodings", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({name!r})\n")
    code = (
        "import asyncio, functools, os\n"
        "from ampsm_tui.ask import call_side_process\n"
        "print(asyncio.run(call_side_process(functools.partial(os.getenv, 'PYTHONSAFEPATH', 'not set'))))\n"
    )
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert not ran.exists(), ran.read_text()
    assert done.stdout == "not set\n"


async def test_the_error_of_a_verb_comes_back_as_itself(engine: Engine) -> None:
    (engine.home.root / "file").write_text("")
    place = Home(engine.home.root / "file", engine.home.root / "file" / "ampsm.sqlite")
    with pytest.raises(Unfit) as caught:
        await ask(startup.make_ready, Engine(place, engine.config))
    assert "that is a file" in caught.value.message
    assert caught.value.hint


async def test_a_side_process_that_dies_is_told_and_replaced() -> None:
    with pytest.raises(Failed, match="side process"):
        await ask(os._exit, 3)
    assert await ask(os.getpid) > 0


async def test_cancelling_ends_what_was_asked() -> None:
    await ask(os.getpid)
    task = asyncio.ensure_future(ask(time.sleep, 600))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ask(os.getpid) > 0


async def test_what_a_side_process_says_reaches_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    await ask(os.write, 2, b"over the screen")
    assert "over the screen" not in capfd.readouterr().err


async def test_what_a_side_process_prints_is_no_answer() -> None:
    assert await ask(os.write, 1, b"no answer") == 9
    assert await ask(print, "none either") is None
    assert await ask(os.read, 0, 1) == b""


async def test_a_long_question_and_a_long_answer_come_across() -> None:
    text = b"x" * 5_000_000
    assert await ask(bytes.upper, text) == text.upper()


async def test_a_refusal_becomes_a_toast_with_its_hint(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    @in_background
    async def action_try(_: SessionsScreen) -> None:
        raise Refused("The gate \x1b[31mis shut.", "ampsm open [gate]")

    async with desk.open(a_board(a_session())):
        screen = desk.app.screen
        assert isinstance(screen, SessionsScreen)
        action_try(screen)
        await desk.settle()
        desk.sees("The gate ␛[31mis shut.", "ampsm open [gate]")


async def test_a_side_process_is_in_no_terminal_that_could_end_it() -> None:
    pid = await ask(os.getpid)
    assert await ask(os.getsid, 0) == pid
    assert await ask(os.getpgid, 0) == pid
