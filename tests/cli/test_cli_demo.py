"""demo: the main job without an account, on a pipe, on a terminal, interrupted; nothing stays behind."""

import contextlib
import os
import shlex
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from ampsm_engine.keymap import KEYS
from ampsm_engine.model import Status
from ampsm_engine.store import Store
from tests.cli.conftest import Ampsm, program
from tests.cli.test_cli_sessions import spawned
from tests.conftest import git
from tests.soak import one_in


def processes(folder: Path) -> list[str]:
    """What still runs for the demo in that folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in process.environ().get("AMPSM_HOME", "") and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def left(folder: Path) -> list[str]:
    """The same, once those that are about to leave have had their time."""
    for process in psutil.process_iter():
        try:
            if str(folder) in process.environ().get("AMPSM_HOME", ""):
                process.wait(30)
        except psutil.Error:
            continue
    return processes(folder)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "a demo"


def test_the_demo_runs_real_sessions_and_rewrites_its_lines_on_a_terminal(place: Path, hermetic: Path) -> None:
    child = spawned(60, "demo", "--plain", "--speed", "100", "--folder", str(place))
    shown = child.read()
    child.close()
    assert child.exitstatus == 0, shown
    assert left(place) == []
    assert "◆ Thousands separators" in shown, "the script fails first"
    drawn = shown.split("\x1b[6A")
    lines = [line.rpartition("\x1b[K")[2] for line in drawn[1].split("\r\n") if line][:6]
    assert all(len(line) < 60 for line in lines), lines
    out = drawn[-1].replace("\r\n", "\n")
    assert out.count("commit ") >= 6
    sides = [KEYS[f"conflict.{side}"].keys for side in ("ours", "theirs", "both")]
    assert f"then {sides[0]}, {sides[1]} or {sides[2]}." in out, "the keys that solve a conflict"
    branches = git(place / "pocketbook", "for-each-ref", "--format=%(refname)", "refs/heads/amp").splitlines()
    assert len(branches) == 6
    subjects = [git(place / "pocketbook", "log", "-1", "--format=%s", each) for each in branches]
    assert all(subject.startswith("amp: ") for subject in subjects), subjects
    git(place / "pocketbook", "fsck", "--strict")
    assert git(place / "pocketbook", "status", "--porcelain") == ""
    assert "Sam Sample" in git(place / "pocketbook", "log", "-1", "--format=%an", "main")
    assert not (hermetic / "ampsm").exists(), "the user's own home is not touched"
    commands = [line.strip() for line in out.splitlines() if line.startswith("  ")]
    tried = [line for line in commands if line.startswith(("export", "git -C")) or "ampsm" in line]
    assert len(tried) >= 8
    assert "not all of it committed" not in shown, "a conflict leaves nothing uncommitted"
    for words in ("The app again", "to be sent", "met a conflict", "answer it"):
        assert words in out
    with contextlib.closing(Store(place / "home" / "ampsm.sqlite")) as store:
        sessions = {session.name: session for session in store.sessions.all()}
        assert store.merges.open_of(sessions["Monthly totals"].id), "a conflict waits"
        assert len(store.reviews.comments(sessions["Refunds count as costs"].id)) == 2
    assert sessions["Currency sign"].status is Status.AWAITING_INPUT
    assert shlex.quote(str(place / "home")) in tried[0]
    for command in tried[1:]:
        done = subprocess.run(["bash", "-c", f"{tried[0]}\n{command}"], capture_output=True, check=False)
        wanted = 1 if "retry" in command else 0  # it is out of credits still
        assert done.returncode == wanted, (command, done)
    assert left(place) == [], "the worker of the retry writes below the folder for a moment yet"
    subprocess.run(["bash", "-c", commands[-1]], check=True)
    assert not place.exists()


@pytest.mark.soak
def test_json_and_no_keep(ampsm: Ampsm, place: Path) -> None:
    ran = ampsm("demo", "--speed", "100", "--no-keep", "--json", "--folder", str(place))
    assert ran.code == 0, ran
    outcomes = {one["name"]: [each["outcome"] for each in one["iterations"]] for one in ran.json["sessions"]}
    assert outcomes["Thousands separators"] == ["done", "done"]
    assert outcomes["Export to CSV"] == ["failed"]
    assert not place.exists()
    assert "AMPSM_SCRIPTED_PACE" not in os.environ


@pytest.mark.parametrize("number", one_in(2, [signal.SIGINT, signal.SIGTERM]))
def test_an_interrupted_demo_leaves_nothing_behind(place: Path, number: signal.Signals) -> None:
    process = program("demo", "--folder", str(place), start_new_session=True)
    assert process.stderr
    assert any("● " in line.decode() for line in iter(process.stderr.readline, b""))
    process.send_signal(number)
    rest = process.stderr.read().decode()
    assert process.wait() in (130, 143)
    assert "Traceback" not in rest
    assert not place.exists()
    assert left(place) == []


def test_a_folder_with_something_in_it_is_refused(ampsm: Ampsm, place: Path) -> None:
    place.mkdir()
    (place / "mine").touch()
    ran = ampsm("demo", "--folder", str(place))
    assert (ran.code, ran.out) == (4, "")
    assert (place / "mine").exists()
