"""iterate, wait, stop, run and --wait: with real workers, a real repository and the scripted amp."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ampsm, made, program
from tests.cli.test_cli_output import is_inert
from tests.conftest import git

Play = Callable[[str], None]


@pytest.fixture
def hold(scripted: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Iterations wait for the file `go` in this folder; give it, and they end."""
    folder = tmp_path / "hold"
    folder.mkdir()
    monkeypatch.setenv("AMPSM_HOLD", str(folder))
    scripted("hold")
    return folder


def test_new_and_wait_ends_in_a_commit(ampsm: Ampsm, repo: Path, scripted: Play) -> None:
    ran = ampsm("new", "Write a file", "--repo", str(repo), "--script", "test -f scripted.txt", "--wait", "--json")
    assert ran.code == 0, ran
    session = ran.json["session"]
    (iteration,) = session["iterations"]
    assert (iteration["state"], iteration["outcome"], iteration["testResult"]) == ("settled", "done", "pass")
    assert iteration["changedFiles"] == 1
    assert git(repo, "rev-parse", session["branchName"]).strip() == iteration["commitSha"]
    parts = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")
    assert iteration["tokenUsage"] == sum(iteration[part] for part in parts) > 0
    assert "iteration 1 done" in ran.err
    assert "scripted.txt" in ampsm("diff", session["id"], "--name-only").out


def test_a_prompt_from_standard_input_and_a_script_that_fails(ampsm: Ampsm, repo: Path, scripted: Play) -> None:
    """The script does not change the exit code."""
    prompt = "Zeile eins\n\nnaïve 日本\n".encode()
    new = ("new", "--prompt-file", "-", "--repo", str(repo), "--script", "exit 3", "--wait", "--json")
    ran = ampsm(*new, stdin=prompt)
    assert ran.code == 0, ran
    assert ran.json["session"]["ampPrompt"] == prompt.decode()
    assert ran.json["session"]["name"] == "Zeile eins"
    assert ran.json["session"]["status"] == "awaiting-input"
    assert ran.json["session"]["iterations"][0]["testExitCode"] == 3
    assert "script failed with exit code 3" in ran.err


def test_the_exit_code_is_that_of_the_outcome(ampsm: Ampsm, repo: Path, scripted: Play) -> None:
    session = made(ampsm, repo)
    scripted("error-after-work")
    ran = ampsm("iterate", session, "Go on", "--wait", "--json")
    assert (ran.code, ran.json["iteration"]["outcome"]) == (1, "failed"), ran
    assert ran.json["iteration"]["id"] == ran.json["session"]["iterations"][-1]["id"]
    assert ran.json["iteration"]["error"] in ran.err
    assert ampsm("wait", session).code == 1
    scripted("login")
    ran = ampsm("iterate", session, "Go on", "--wait")
    assert ran.code == 5, ran
    assert "amp login" in ran.err
    scripted("edit")
    ran = ampsm("iterate", session, "Go on", "--wait")
    assert (ran.code, "Iteration 3 of" in ran.out) == (0, True), ran


def test_stop(ampsm: Ampsm, repo: Path, hold: Path) -> None:
    session = made(ampsm, repo)
    assert ampsm("iterate", session, "Hold").code == 0
    ampsm("iterate", session, "Then this")
    follow = program("log", session, "--iteration", "1", "--follow")
    assert follow.stdout
    lines = iter(follow.stdout.readline, b"")
    assert any(b"working" in line for line in lines), "log --follow shows an iteration as it happens"
    assert ampsm("rm", session, "--yes").code == 4
    ran = ampsm("stop", session)
    assert ran.code == 0
    assert "Iteration 1 stopped; commit " in ran.out
    assert "Iteration 2 left the queue." in ran.out
    ran = ampsm("wait", session, "--json")
    assert ran.code == 1
    assert [one["outcome"] for one in ran.json["sessions"][0]["iterations"]] == ["stopped", "stopped"]
    assert b"iteration 1 stopped" in b"".join(lines)
    assert follow.wait() == 0
    assert ampsm("stop", session).code == 4


def test_a_stop_that_waits_for_nothing_says_what_it_asked_for(ampsm: Ampsm, repo: Path, hold: Path) -> None:
    session = made(ampsm, repo)
    ampsm("iterate", session, "Hold")
    ampsm("iterate", session, "Then this")
    with program("log", session, "--iteration", "1", "--follow") as follow:
        assert follow.stdout
        assert any(b"working" in line for line in iter(follow.stdout.readline, b""))
        follow.terminate()
    ran = ampsm("stop", session, "--no-wait")
    assert (ran.code, ran.out) == (0, "Iteration 1 is asked to end.\nIteration 2 left the queue.\n")
    assert f"ampsm wait {session}" in ran.err
    assert ampsm("wait", session).code == 1
    assert not (hold / "go").exists()


def test_waiting_has_a_limit(ampsm: Ampsm, repo: Path, hold: Path) -> None:
    session = made(ampsm, repo)
    ampsm("iterate", session, "Hold")
    ran = ampsm("wait", session, "--timeout", "0.2")
    assert (ran.code, ran.out) == (1, "")
    (hold / "go").touch()
    assert ampsm("wait", session).code == 0


def test_ctrl_c_leaves_the_iteration_alone(ampsm: Ampsm, repo: Path, hold: Path) -> None:
    session = made(ampsm, repo)
    waiting = program("iterate", session, "Hold", "--wait", start_new_session=True)
    assert waiting.stderr
    assert any(b"iteration 1 running" in line for line in iter(waiting.stderr.readline, b""))
    os.killpg(waiting.pid, signal.SIGINT)
    rest = waiting.stderr.read()
    assert waiting.wait() == 130
    assert f"ampsm stop {session}".encode() in rest
    (hold / "go").touch()
    assert ampsm("wait", session).code == 0
    assert "went on" in ampsm("log", session).out


def test_the_script_by_hand(ampsm: Ampsm, repo: Path, scripted: Play) -> None:
    session = made(ampsm, repo)
    assert ampsm("run", session).code == 4
    secret = "sgamp_" + "user_01SECRET_" + "0123456789abcdef" * 2
    (Path(ampsm("show", session, "--json").json["session"]["worktreePath"]) / "said").write_text(
        f"a\033[2Jb {secret}\n"
    )
    ampsm("edit", session, "--script", "cat said; exit 7")
    ran = ampsm("run", session)
    assert (ran.code, ran.out) == (1, "a␛[2Jb [redacted:amp-key]\n")
    assert "exit code 7" in ran.err
    ran = ampsm("run", session, "--json")
    assert (ran.code, ran.json["exitCode"], ran.json["result"]) == (1, 7, "fail")
    assert "a␛[2Jb" in ran.err
    assert is_inert(ran.err, "\n")
    ampsm("edit", session, "--script", "true")
    assert ampsm("run", session).code == 0
