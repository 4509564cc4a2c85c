"""doctor says what this terminal can do, what to put into tmux.conf, and whether a logout ends workers."""

from pathlib import Path

import pytest

from ampsm_engine.engine import doctor
from ampsm_engine.engine.doctor import Check
from ampsm_engine.known_terminals import Tmux, identify
from tests.worker.bench import Bench

KITTY = {"TERM": "xterm-kitty", "COLORTERM": "truecolor"}
IN_TMUX = {"TERM": "tmux-256color", "TMUX": "/t,1,0"}


def one(checks: tuple[Check, ...], name: str) -> Check:
    (found,) = [check for check in checks if check.name == name]
    return found


def test_a_good_terminal_is_named_with_what_it_can_do() -> None:
    check = doctor.check_terminal(identify(KITTY), KITTY)
    assert check == Check(
        "terminal", ok=True, text="kitty: 16 million colours, notifications (OSC 99), clipboard (OSC 52)"
    )


def test_an_unknown_terminal_has_the_bell_and_a_hint() -> None:
    environ = {"TERM": "xterm-256color"}
    check = doctor.check_terminal(identify(environ), environ)
    assert check.ok is None
    assert "256 colours, no notifications but the bell" in check.text
    assert "ampsm config set notify.terminal" in check.hint


def test_without_a_terminal_nothing_is_guessed() -> None:
    assert doctor.check_terminal(identify({}), {}).text == "none here"


def test_tmux_as_it_comes_gets_the_lines_that_it_lacks() -> None:
    said = Tmux(version="3.3a", passthrough="0", clipboard="external", focus_events="0", escape_time="500")
    (check,) = doctor.check_multiplexer(identify(IN_TMUX, said), said)
    assert check.ok is None
    assert check.hint == (
        "in ~/.tmux.conf: set -g allow-passthrough on | set -g focus-events on | set -s escape-time 10"
    )
    newer = Tmux(version="3.5a", passthrough="off", clipboard="off", focus_events="1", escape_time="10")
    (check,) = doctor.check_multiplexer(identify(IN_TMUX, newer), newer)
    assert check.hint == "in ~/.tmux.conf: set -g allow-passthrough all | set -s set-clipboard on"


def test_tmux_well_set_up_is_fine() -> None:
    said = Tmux(version="3.4", passthrough="all", clipboard="on", focus_events="1", escape_time="10")
    (check,) = doctor.check_multiplexer(identify(IN_TMUX, said), said)
    assert (check.ok, check.hint) == (True, "")


def test_a_tmux_at_the_other_end_of_a_link_cannot_be_asked() -> None:
    environ = {"TERM": "tmux-256color"}
    (check,) = doctor.check_multiplexer(identify(environ), None)
    assert (check.ok, check.hint) == (None, "there: set -g allow-passthrough on")
    assert doctor.check_multiplexer(identify(KITTY), None) == ()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root folder of a machine with systemd."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "var/lib/systemd/linger").mkdir(parents=True)
    return tmp_path


def logind(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_logging_out_is_harmless_by_default(machine: Path) -> None:
    (check,) = doctor.check_linger({}, machine, "ada")
    assert check.ok
    logind(machine, "etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=yes\n")
    (check,) = doctor.check_linger({}, machine, "ada")
    assert check.ok


def test_where_logging_out_kills_the_command_against_it_is_named(machine: Path) -> None:
    logind(machine, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\n")
    (check,) = doctor.check_linger({}, machine, "ada")
    assert (check.ok, check.hint) == (None, "loginctl enable-linger ada")
    (machine / "var/lib/systemd/linger/ada").touch()
    (check,) = doctor.check_linger({}, machine, "ada")
    assert check.ok


def test_the_last_drop_in_decides_and_etc_hides_the_vendors(machine: Path) -> None:
    logind(machine, "usr/lib/systemd/logind.conf", "[Login]\nKillUserProcesses=no\n")
    logind(machine, "usr/lib/systemd/logind.conf.d/50-x.conf", "[Login]\nKillUserProcesses=yes\n")
    assert doctor.kills_user_processes(machine)
    logind(machine, "etc/systemd/logind.conf.d/50-x.conf", "")
    assert not doctor.kills_user_processes(machine)
    logind(machine, "etc/systemd/logind.conf.d/60-y.conf", "[Login]\nKillUserProcesses=true\n")
    assert doctor.kills_user_processes(machine)
    logind(machine, "etc/systemd/logind.conf.d/70-z.conf", "no section = here\n")
    assert doctor.kills_user_processes(machine), "what cannot be read says nothing"


def test_without_systemd_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert doctor.check_linger({}, tmp_path, "ada") == ()


def test_doctor_says_it(bench: Bench) -> None:
    checks = doctor.check_machine(bench.engine, {"TERM": "xterm-kitty", "PATH": "/usr/bin:/bin"})
    assert one(checks, "terminal").text.startswith("kitty: 256 colours")
