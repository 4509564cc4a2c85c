"""What a terminal can do is read from what is there, and tmux's word weighs more than stale variables."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ampsm_engine import known_terminals, tmux
from ampsm_engine.known_terminals import NotificationProtocol, Terminal, Tmux


@pytest.mark.parametrize(
    ("environ", "name", "way"),
    [
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, "kitty", NotificationProtocol.OSC99),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty", NotificationProtocol.OSC99),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iTerm2", NotificationProtocol.OSC9),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iTerm2", NotificationProtocol.OSC9),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "WezTerm", NotificationProtocol.OSC777),
        ({"TERM": "foot-extra"}, "foot", NotificationProtocol.OSC777),
        ({"TERM": "xterm-ghostty"}, "Ghostty", NotificationProtocol.OSC777),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, "VTE", NotificationProtocol.OSC777),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode"}, "VS Code", NotificationProtocol.BELL),
        ({"TERM": "xterm-256color"}, "xterm-256color", NotificationProtocol.BELL),
        ({"TERM": "linux"}, "linux", NotificationProtocol.BELL),
        ({}, "no terminal", NotificationProtocol.BELL),
    ],
)
def test_terminals_are_known_by_what_they_leave_in_the_environment(
    environ: Mapping[str, str], name: str, way: NotificationProtocol
) -> None:
    terminal = known_terminals.identify(environ)
    assert (terminal.name, terminal.protocol, terminal.inside) == (name, way, "")


def test_in_tmux_the_terminal_that_is_attached_now_counts() -> None:
    stale = {"TERM": "tmux-256color", "TMUX": "/t,1,0", "KITTY_WINDOW_ID": "1", "TERM_PROGRAM": "tmux"}
    assert known_terminals.identify(stale, Tmux(client_name="foot", client_type="foot(1.16.2)")).name == "foot"
    assert (
        known_terminals.identify(stale, Tmux(client_name="xterm-256color", client_type="WezTerm 2024")).name
        == "WezTerm"
    )
    unknown = known_terminals.identify(stale, Tmux(client_name="xterm-256color"))
    assert (unknown.name, unknown.protocol, unknown.inside, unknown.rings_bell) == (
        "xterm-256color",
        NotificationProtocol.BELL,
        "tmux",
        True,
    )
    assert known_terminals.identify(stale, Tmux(client_name="foot")).rings_bell, "tmux marks its window by the bell"


def test_a_multiplexer_is_known_at_the_other_end_of_a_link_too() -> None:
    assert known_terminals.multiplexer({"TERM": "tmux-256color"}) == "tmux"
    assert known_terminals.multiplexer({"TERM": "screen.xterm-256color"}) == "screen"
    assert known_terminals.multiplexer({"TERM": "screen-256color", "TMUX": "/t,1,0"}) == "tmux"
    assert known_terminals.multiplexer({"TERM": "xterm", "STY": "1.pts"}) == "screen"
    assert known_terminals.multiplexer({"TERM": "xterm"}) == ""


def test_what_a_person_chose_weighs_most() -> None:
    assert known_terminals.identify({"TERM": "xterm-kitty"}, chosen="osc9").protocol is NotificationProtocol.OSC9
    assert known_terminals.identify({"TERM": "xterm-kitty"}, chosen="auto").protocol is NotificationProtocol.OSC99


def test_italics_that_are_none_are_left_out() -> None:
    assert known_terminals.has_italics({"TERM": "xterm-256color"})
    assert known_terminals.has_italics({"TERM": "screen", "TMUX": "/t,1,0"}) is False, "it says that it is a screen"
    assert known_terminals.has_italics({"TERM": "tmux-256color", "TMUX": "/t,1,0"})
    for term in ("screen-256color", "linux", "vt220"):
        assert not known_terminals.has_italics({"TERM": term})


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        ({"TERM": "xterm-256color"}, 256),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, 1 << 24),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, 0),
        ({"TERM": "xterm-direct"}, 1 << 24),
        ({"TERM": "xterm"}, 16),
        ({"TERM": "screen"}, 8),
        ({"TERM": "screen", "TMUX": "/t,1,0"}, 256),
        ({"TERM": "screen.xterm-256color", "STY": "1.pts", "COLORTERM": "truecolor"}, 256),
        ({"TERM": "tmux-256color", "TMUX": "/t,1,0", "COLORTERM": "truecolor"}, 1 << 24),
        ({"TERM": "xterm-kitty"}, 256),
        ({"TERM": "linux", "COLORTERM": "truecolor"}, 16),
        ({"TERM": "vt100"}, 0),
        ({"TERM": "vt220", "COLORTERM": "truecolor"}, 0),
        ({"TERM": "vte-256color"}, 256),
        ({"TERM": "xterm-mono"}, 0),
        ({"TERM": "dumb"}, 0),
        ({}, 0),
    ],
)
def test_colours(environ: Mapping[str, str], colours: int) -> None:
    assert known_terminals.colours(environ) == colours


@pytest.mark.parametrize(
    ("version", "passthrough", "passes"),
    [
        ("3.2a", "", True),
        ("3.3a", "0", False),
        ("3.3a", "1", True),
        ("3.4", "all", True),
        ("next-3.6", "on", True),
        ("", "", False),
    ],
)
def test_whether_tmux_lets_a_notification_through(version: str, passthrough: str, passes: bool) -> None:
    assert Tmux(version=version, passthrough=passthrough).passes_notifications is passes


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The environment of a program inside a tmux of this test's own."""
    socket = str(tmp_path / "t")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "tmux-256color", "LC_ALL": "C.UTF-8"}
    start = ["tmux", "-S", socket, "-f", os.devnull, "new-session", "-d", "-x", "80", "-y", "24", "cat"]
    try:
        subprocess.run(start, env=environ | {"TERM": "xterm-256color"}, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no tmux on this machine")
    told = subprocess.run(
        ["tmux", "-S", socket, "display-message", "-p", "#{socket_path},#{pid},0 #{pane_id}"],
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    yield environ | {"TMUX": told[0], "TMUX_PANE": told[1]}
    subprocess.run(["tmux", "-S", socket, "kill-server"], env=environ, check=True, capture_output=True)


def option(environ: Mapping[str, str], name: str) -> str:
    done = subprocess.run(
        ["tmux", "show-options", "-gqv", name], env=environ, check=True, capture_output=True, text=True
    )
    return done.stdout.rstrip("\n")


def test_tmux_tells_what_it_is_set_to(around: dict[str, str]) -> None:
    subprocess.run(["tmux", "set-option", "-g", "focus-events", "on"], env=around, check=True)
    said = tmux.query(around)
    assert said
    assert said.numbers >= (2, 0)
    assert (said.focus_events, said.escape_time, said.client_name) == ("1", "500", "")


def test_options_are_set_all_at_once_and_unset(around: dict[str, str]) -> None:
    assert tmux.publish(around, {"@ampsm_running": "2", "@ampsm_status": "●2 ◆1; kill-server"})
    assert (option(around, "@ampsm_running"), option(around, "@ampsm_status")) == ("2", "●2 ◆1; kill-server")
    assert tmux.publish(around, {"@ampsm_running": None, "@ampsm_status": None})
    assert (option(around, "@ampsm_running"), option(around, "@ampsm_status")) == ("", "")


@pytest.mark.parametrize("environ", [{}, {"TMUX": "/nowhere,1,0", "PATH": "/nowhere"}, {"TMUX": "/nowhere,1,0"}])
def test_a_tmux_that_does_not_answer_is_no_tmux(environ: dict[str, str]) -> None:
    environ = {"PATH": os.environ["PATH"]} | environ
    assert tmux.query(environ) is None
    assert tmux.publish(environ, {"@ampsm_running": "1"}) is False


def test_a_terminal_is_a_value() -> None:
    assert known_terminals.identify({"TERM": "foot"}) == Terminal(
        "foot", NotificationProtocol.OSC777, 256, clipboard=True
    )
