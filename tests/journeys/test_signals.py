"""Signals: the shell's stop key and `fg`, an end that is asked for, also while the app's loop is stuck."""

import os
import signal
import sys

import psutil
import pytest

from tests.journeys.conftest import AMPSM, Open
from tests.journeys.terminal import Terminal
from tests.soak import one_in
from tests.waiting import until
from tests.worker.bench import Bench

STUCK = """
import os, sys
from pathlib import Path
from ampsm_tui import app, signals
signals.LOOP_PATIENCE = 0.1
def hang(self):
    Path(os.environ["HANGS"]).touch()
    while True:
        pass
app.AmpsmApp.action_help = hang
from ampsm_tui.__main__ import main
sys.argv = ["ampsm"]
main()
"""
"""The app, whose help hangs; the file that HANGS names exists from then on."""


@pytest.mark.parametrize("number", one_in(2, [signal.SIGTERM, signal.SIGHUP]))
def test_a_stuck_app_ends_and_gives_the_terminal_back(bench: Bench, number: signal.Signals) -> None:
    session = bench.new(None, name="fix login")
    hangs = bench.flag("hangs")
    command = [sys.executable, "-c", STUCK]
    screen = Terminal(command, size=(80, 24), cwd=bench.repo, environ={"HANGS": str(hangs)})
    try:
        screen.sees("fix login").press("m").sees("Message to").type("half a thought")
        screen.sees("half a thought").press("escape").sees_no_more("Message to").press("?")
        screen.until(hangs.exists, "it to hang")
        os.kill(screen.pid, number)
        assert screen.ended() == 128 + number
        assert b"\x1b[?1049l" in screen.bytes
    finally:
        screen.close()
    kept = [path.read_text() for path in bench.engine.home.unsent.joinpath(session.id).iterdir()]
    assert any("half a thought" in text for text in kept)


def test_ctrl_z_stops_the_app_also_while_typing_and_fg_paints_all_of_it(bench: Bench) -> None:
    bench.new(None, name="fix login")
    screen = Terminal(["bash", "--norc", "-im"], size=(80, 24), cwd=bench.repo, environ={"PS1": "shell> "})
    try:
        screen.sees("shell>").type(f"{AMPSM}\r")
        screen.sees("fix login", "NAME").press("ctrl+z").sees("Stopped")
        screen.type("clear; fg\r").sees("fix login", "NAME", "m message")
        screen.press("m").sees("Message to fix login").type("half").sees("half").press("ctrl+z").sees("Stopped")
        screen.type("clear; fg\r").sees("Message to fix login", "half")
        screen.type(" more").sees("half more").press("escape").sees_no_more("Message to")
        screen.press("ctrl+c").sees("Leave ampsm?").press("n").sees_no_more("Leave ampsm?")
        screen.press("ctrl+c").sees("Leave ampsm?").press("ctrl+c").sees("shell>")
        assert b"ctrl+q" not in screen.bytes
        assert b"to quit the app" not in screen.bytes
    finally:
        screen.close()


def test_a_stop_signal_from_elsewhere_leaves_no_blank_screen(bench: Bench, terminal: Open) -> None:
    bench.new(None, name="fix login")
    screen = terminal(size=(80, 24)).sees("fix login", "NAME")
    for number in (signal.SIGTSTP, signal.SIGSTOP):
        os.kill(screen.pid, number)
        until(lambda: psutil.Process(screen.pid).status() == psutil.STATUS_STOPPED, "it to stop")
        screen.screen.erase_in_display(2)
        os.kill(screen.pid, signal.SIGCONT)
        screen.sees("fix login", "NAME", "m message")
    os.kill(screen.pid, signal.SIGSTOP)
    until(lambda: psutil.Process(screen.pid).status() == psutil.STATUS_STOPPED, "it to stop")
    screen.press("q")
    os.kill(screen.pid, signal.SIGCONT)
    assert screen.ended() == 0, "what was typed meanwhile is not thrown away"
