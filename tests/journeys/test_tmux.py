"""Inside a real tmux: the notice comes through to the terminal around it, and the status bar tells the truth."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.journeys.conftest import AMPSM
from tests.journeys.terminal import Terminal
from tests.waiting import until
from tests.worker.bench import Bench

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux on this machine")

Tmux = Callable[..., str]


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """Asks or tells a tmux server of this test's own."""
    socket = tmp_path / "tmux"
    environ = {name: value for name, value in os.environ.items() if name != "TMUX"}

    def ask(*words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(socket), *words], env=environ, check=False, capture_output=True, text=True
        )
        return done.stdout.rstrip("\n")

    yield ask
    ask("kill-server")


@pytest.fixture
def attached(bench: Bench, tmp_path: Path, tmux: Tmux) -> Iterator[Terminal]:
    """A terminal that shows tmux, in which the app runs; amp will hold until the flag `go`."""
    socket = str(tmp_path / "tmux")
    config = tmp_path / "tmux.conf"
    config.write_text('set -g status-right "[#{@ampsm_status}]"\nset -g allow-passthrough on\n')
    bench.configure(notify__terminal="osc777")
    # Before the app starts: a worker that it launches plays what the app's environment says.
    bench.scenario({"touch": str(bench.flag("here"))}, {"wait_for": str(bench.flag("go"))}, {"say": "done"})
    command = ["tmux", "-u", "-S", socket, "-f", str(config), "new-session", str(AMPSM)]
    screen = Terminal([shutil.which("tmux") or "", *command[1:]], size=(100, 30), cwd=bench.repo)
    yield screen
    screen.close()


def held(bench: Bench, name: str) -> None:
    """A session whose amp holds in the middle of its work."""
    bench.new("Do it", name=name)
    until(bench.flag("here").exists, "amp at work")


def test_a_notice_comes_through_and_the_bar_counts(bench: Bench, attached: Terminal, tmux: Tmux) -> None:
    attached.sees("ampsm")
    held(bench, "fix login")
    attached.sees("fix login", "[●1]")
    assert (tmux("show", "-gqv", "@ampsm_running"), tmux("show", "-gqv", "@ampsm_attention")) == ("1", "0")
    bench.flag("go").touch()
    notice = b"\x1b]777;notify;fix login: finished;no changes\x07"
    attached.until(lambda: notice in attached.bytes, "the notice outside of tmux")
    attached.sees("[]")
    assert tmux("show", "-gqv", "@ampsm_running") == "0"
    attached.press("q")
    assert attached.ended() == 0


def test_what_tmux_holds_back_rings_the_bell(bench: Bench, attached: Terminal, tmux: Tmux) -> None:
    attached.sees("ampsm")
    tmux("set", "-g", "allow-passthrough", "off")
    held(bench, "fix login")
    attached.sees("fix login", "[●1]")
    before = attached.bytes.count(b"\x07")
    bench.flag("go").touch()
    attached.until(lambda: attached.bytes.count(b"\x07") > before, "the bell")
    assert b"777;notify" not in attached.bytes


def test_who_quits_takes_the_counts_along(bench: Bench, attached: Terminal, tmux: Tmux) -> None:
    tmux("set", "-g", "remain-on-exit", "on")
    attached.sees("ampsm")
    tmux("set", "-g", "remain-on-exit", "on")
    held(bench, "fix login")
    attached.sees("[●1]").press("q")
    attached.until(lambda: tmux("show", "-gqv", "@ampsm_status") == "", "the options to go")
    assert tmux("show", "-gqv", "@ampsm_running") == ""
    bench.flag("go").touch()


def test_who_is_killed_takes_the_counts_along(bench: Bench, attached: Terminal, tmux: Tmux) -> None:
    tmux("set", "-g", "remain-on-exit", "on")
    held(bench, "fix login")
    attached.sees("[●1]")
    os.kill(int(tmux("list-panes", "-F", "#{pane_pid}")), signal.SIGKILL)
    attached.until(lambda: tmux("show", "-gqv", "@ampsm_status") == "", "the options to go")
    bench.flag("go").touch()


def test_of_two_apps_the_last_one_takes_the_counts_along(bench: Bench, attached: Terminal, tmux: Tmux) -> None:
    tmux("set", "-g", "remain-on-exit", "on")
    held(bench, "fix login")
    attached.sees("[●1]")
    first = int(tmux("list-panes", "-F", "#{pane_pid}"))
    tmux("set", "-gu", "@ampsm_running")
    tmux("new-window", str(AMPSM))
    attached.until(lambda: tmux("show", "-gqv", "@ampsm_running") == "1", "the second app to show it too")
    keepers = children(first)
    assert len(keepers) == 1
    os.kill(first, signal.SIGKILL)
    attached.until(lambda: not alive(keepers[0]), "the end of who waited for the first")
    assert tmux("show", "-gqv", "@ampsm_status") == "●1"
    attached.press("q").until(lambda: tmux("show", "-gqv", "@ampsm_status") == "", "the options to go")
    bench.flag("go").touch()


def children(pid: int) -> list[int]:
    """The shells that wait for the end of an app."""
    return [one.pid for one in psutil.Process(pid).children() if "ampsm_engine.tmux" in words_of(one)]


def words_of(process: psutil.Process) -> str:
    """Its command line; nothing for one that has just ended."""
    try:
        return " ".join(process.cmdline())
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return ""


def alive(pid: int) -> bool:
    """Whether that process still runs; one that nobody has reaped does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_doctor_names_what_to_set(bench: Bench, attached: Terminal, tmux: Tmux) -> None:
    attached.sees("ampsm")
    out = bench.folder / "doctor.txt"
    tmux("new-window", f"{AMPSM} doctor > {out} 2>&1")
    told = str(until(lambda: "tmux" in (out.read_text() if out.exists() else "") and out.read_text(), "doctor's word"))
    assert "set -g focus-events on" in told
    assert "set -s escape-time 10" in told
    assert "allow-passthrough" not in told
