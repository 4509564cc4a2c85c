"""Every way to end has its exit code, and says why in one sentence."""

import json
import os
import signal
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from ampsm_engine.cli import diagnostics
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused, Unfit
from ampsm_engine.model import State
from tests.cli import answers
from tests.cli.conftest import Ampsm, Shelf, program


def test_every_error_has_an_exit_code() -> None:
    kinds = AmpsmError.__subclasses__()
    assert {kind: diagnostics.exit_code(kind("m")) for kind in kinds} == {Failed: 1, NotFound: 3, Refused: 4, Unfit: 5}

    class Narrower(Refused):
        pass

    assert diagnostics.exit_code(Narrower("m")) == 4


EXIT_CODES: list[tuple[list[str], int]] = [
    (["lss"], 2),
    (["show"], 2),
    (["new"], 2),
    (["new", "  "], 2),
    (["new", "--no-run", "--wait"], 2),
    (["new", "a", "--prompt-file", "f"], 2),
    (["new", "two", "words"], 2),
    (["new", "--prompt-file", "/nowhere/at/all"], 3),
    (["iterate", "x"], 2),
    (["comment", "x", "a.py:1", " "], 2),
    (["comment", "--answer", "x"], 2),
    (["comment", "--answer", "x", "no", ""], 2),
    (["note", "x", "a.py:1", ""], 2),
    (["new", "a", "--name", ""], 2),
    (["batch", "start", "/nowhere/plan.yaml"], 3),
    (["ls", "--status", "merry"], 2),
    (["wait", "x", "--timeout", "-1"], 2),
    (["edit", "x"], 2),
    (["diff", "x", "--stat", "--name-only"], 2),
    (["diff", "x", "--uncommitted", "--iteration", "1"], 2),
    (["log", "x", "--raw", "--json"], 2),
    (["config", "set", "slots", "many"], 2),
    (["config", "set", "slots", "0"], 2),
    (["trash"], 2),
    (["show", "x"], 3),
    (["stop", "x"], 3),
    (["diff", "x"], 3),
    (["rm", "x", "--yes"], 3),
    (["trash", "restore", "x"], 3),
    (["config", "get", "slotz"], 3),
    (["config", "set", "slotz", "1"], 3),
]


def test_exit_codes(ampsm: Ampsm) -> None:
    for arguments, code in EXIT_CODES:
        ran = ampsm(*arguments)
        assert ran.code == code, (arguments, ran)
    assert ran.out == ""
    assert ran.err.strip()


def test_refused_is_four_and_names_the_next_command(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session()
    ran = ampsm("stop", session.id)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err == f"error: Nothing of session fix login is running or queued.\nhint: ampsm show {session.id}\n"


def test_unfit_is_five(ampsm: Ampsm, tmp_path: Path) -> None:
    ran = ampsm("new", "--no-run", "--repo", str(tmp_path))
    assert (ran.code, ran.out) == (5, "")
    assert str(tmp_path) in ran.err


@pytest.mark.parametrize(
    ("content", "told", "begins"),
    [
        ("slots = [", "is not valid TOML", False),
        ("# mine\n[amp]\nmode = 'low'\nmodle = 'x'\n", "There is no setting 'amp.modle'. It stands in line 4 of", True),
        ("slots = 'four'\n", "slots takes a whole number from 1 to 256, not 'four'. It stands in line 1 of", True),
        ("keys.nosuch = 'x'\n", "There is no key for 'nosuch'. It stands in line 1 of", True),
        ("[amp]\npath = 7\n", "amp.path takes text, not 7", False),
    ],
)
def test_a_slip_in_the_settings_disarms_nothing(
    ampsm: Ampsm, hermetic: Path, repo: Path, content: str, told: str, begins: bool
) -> None:
    """What runs can be stopped and looked at; only what needs the very setting is refused."""
    assert ampsm("new", "--no-run", "--name", "fix login", "--repo", str(repo)).code == 0
    (hermetic / "ampsm" / "config.toml").write_text(content)
    for words in (("ls",), ("show", "fix login"), ("config", "get", "slots"), ("rm", "fix login", "--yes")):
        ran = ampsm(*words)
        assert (ran.code, told in ran.err) == (0, True), (words, ran)
    assert ampsm("trash", "restore", "fix login").code == 0
    ran = ampsm("stop", "fix login")
    assert told in ran.err
    assert "nothing" in ran.err.lower()
    refused = ampsm("iterate", "fix login", "Go on").err.partition("error: ")[2]
    assert (told in refused, "amp program was not found" in refused) == (not begins, begins)
    settings = ampsm("config", "get", "--json")
    assert (settings.code, settings.json["settings"]["slots"]) == (0, 4)


@pytest.mark.parametrize(
    ("words", "told"),
    [(("ui.theme", "nope"), "ui.theme takes one of ampsm"), (("keys.session.trash", "x"), "x means session.stop")],
)
def test_a_setting_that_cannot_be_is_refused_when_it_is_set(ampsm: Ampsm, words: tuple[str, str], told: str) -> None:
    ran = ampsm("config", "set", *words)
    assert ran.code in (2, 4)
    assert told in ran.err
    assert not Path(ampsm("config", "path").out.strip()).exists()


def test_the_hint_about_a_wrong_setting_mends_it(ampsm: Ampsm, hermetic: Path) -> None:
    (hermetic / "ampsm").mkdir()
    (hermetic / "ampsm" / "config.toml").write_text("slots = 'four'\nslotz = 2\n")
    warned = ampsm("ls").err
    assert "hint: Did you mean slots?" in warned
    assert "hint: ampsm config set slots 4" in warned
    assert ampsm("config", "set", "slots", "4").code == 0
    assert "'four'" not in ampsm("ls").err


def test_unquoted_prompts_are_explained(ampsm: Ampsm) -> None:
    assert "quotes" in ampsm("new", "fix", "it").err


def test_likely_commands_are_named(ampsm: Ampsm) -> None:
    assert "Did you mean iterate?" in ampsm("iterte", "x").err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_fault_is_one_sentence_and_a_private_report(hermetic: Path, *, as_json: bool) -> None:
    code = (
        "import sys; from ampsm_engine.cli import entry_point, sessions, main\n"
        "import ampsm_engine.cli.engine_access as a\n"
        "def broken(): raise RuntimeError('it broke')\n"
        "a.open_engine = broken\n"
        f"sys.argv = ['ampsm', 'show', 'x', *{['--json'] * as_json}]\n"
        "main()\n"
    )
    import sys

    secret = "hunter2hunter2hunter2"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MY_SECRET_TOKEN": secret},
    )
    assert done.returncode == 1
    if as_json:
        error = json.loads(done.stdout)["error"]
        assert (error["kind"], error["message"]) == ("failed", done.stderr.removeprefix("error: ").strip())
        answers.hold(("show", "x", "--json"), done.stdout)
    else:
        assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    (report,) = (hermetic / "ampsm").glob("fault-*.txt")
    assert str(report) in done.stderr
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert "it broke" in report.read_text()
    assert secret not in report.read_text()


def test_a_reader_that_leaves_is_no_failure(shelf: Shelf) -> None:
    for number in range(9):
        shelf.session(f"session {number}", notes="x" * 40_000)
    process = program("ls", "--json")
    assert process.stdout
    assert process.stderr
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_a_full_disk_is_told(shelf: Shelf) -> None:
    shelf.session()
    with Path("/dev/full").open("wb") as full:
        process = program("ls", stdout=full)
    _, err = process.communicate()
    assert process.returncode == 1
    assert b"Traceback" not in err
    assert b"No space left" in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_end_a_follower_cleanly(shelf: Shelf, number: signal.Signals, code: int) -> None:
    shelf.session()
    process = program("events", "--follow", "--json")
    assert process.stdout
    assert process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code
    assert b"Traceback" not in err


def test_ctrl_c_says_what_goes_on(shelf: Shelf) -> None:
    session = shelf.session()
    shelf.iteration(session, state=State.QUEUED)
    process = program("wait", session.id)
    assert process.stderr
    assert b"queued" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    err = process.stderr.read()
    assert process.wait() == 130
    assert f"ampsm log --follow {session.id}".encode() in err
    assert f"ampsm stop {session.id}".encode() in err


def test_what_takes_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()
    monkeypatch.setattr(diagnostics, "PATIENCE", 0.0)
    monkeypatch.setattr(diagnostics.ProgressLine, "show", lambda _, text: told.set() if text == "Comparing…" else None)
    with diagnostics.working("Comparing"):
        assert told.wait(60)


def test_progress_is_a_line_a_change_on_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    progress = diagnostics.ProgressLine()
    for text, detail in (("one", "a"), ("one", "b"), ("two\x1b[2J", "c")):
        progress.show(text, detail)
    progress.end()
    taken = capsys.readouterr()
    assert (taken.out, taken.err) == ("", "one\ntwo␛[2J\n")
