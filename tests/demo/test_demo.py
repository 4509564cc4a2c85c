"""The demo's own promises: its repository, its sessions, its shipped scenarios, and an amp that starts anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ampsm_engine import demo
from ampsm_engine.demo.scripted import scenario
from ampsm_engine.errors import Failed, Refused
from tests.soak import one_in

SHIPPED = sorted(path.stem for path in scenario.SHIPPED.glob("*.json"))


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_the_repository_is_the_same_everywhere(tmp_path, monkeypatch):
    hostile = tmp_path / "gitconfig"
    hostile.write_text(
        "[commit]\n\tgpgSign = true\n[core]\n\tautocrlf = true\n\thooksPath = /nonexistent\n[init]\n\tdefaultBranch = x\n"
        "[user]\n\tname = Secret Person\n"
    )
    plain = demo.repository(tmp_path / "plain")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(hostile))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    other = demo.repository(tmp_path / "a b'c" / "other")
    monkeypatch.delenv("GIT_DIR")
    assert git(plain, "rev-parse", "main") == git(other, "rev-parse", "main")
    assert git(plain, "status", "--porcelain") == ""
    assert git(plain, "fsck", "--strict") == ""
    authors = git(other, "log", "--format=%an").split("\n")
    assert "Secret Person" not in authors
    assert len(git(other, "rev-list", "main").split()) == 4
    assert len(git(plain, "ls-files").split()) >= 12


def test_the_repositorys_tests_pass_and_its_program_runs(tmp_path):
    folder = demo.repository(tmp_path / "it")
    subprocess.run([sys.executable, "-m", "unittest", "-q"], cwd=folder, check=True, capture_output=True)
    said = subprocess.run(
        [sys.executable, "-m", "pocketbook", "examples/september.txt"], cwd=folder, check=False, capture_output=True
    )
    assert said.returncode == 0, said
    assert b"total" in said.stdout


def test_commits_work_in_it_without_any_configuration_of_the_user(tmp_path, monkeypatch):
    folder = demo.repository(tmp_path / "it")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git(folder, "commit", "-q", "--allow-empty", "-m", "by a session")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Refused):
        demo.repository(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_every_shipped_scenario_is_well_formed():
    for name in SHIPPED:
        played = scenario.load(name)
        assert played["about"], name
        waiting = [*scenario.steps(played, 0), *scenario.steps(played, 9), *played.get("before_handlers", [])]
        while waiting:
            step = waiting.pop()
            assert scenario.verb_of(step), name
            waiting += step.get("steps", []) + step.get("message", [])


def play(amp, folder: Path, prompt: str, thread: str = ""):
    amp.folder = folder
    options = ["--execute", "--stream-json-thinking", "--no-archive-after-execute"]
    words = ["threads", "continue", thread] if thread else []
    return amp.run(None, [*words, *options], prompt=prompt.encode(), AMPSM_SCRIPTED_PACE="0")


def passes(session: demo.DemoSession, folder: Path) -> bool:
    return (
        session.script is None
        or not subprocess.run(["sh", "-c", session.script], cwd=folder, check=False, capture_output=True).returncode
    )


@pytest.mark.parametrize("session", one_in(2, demo.plan()), ids=[session.scenario for session in demo.plan()])
def test_every_session_of_the_demo_tells_its_story(amp, tmp_path, session):
    folder = demo.repository(tmp_path / "project")
    first = play(amp, folder, f"Some words before.\n{session.prompt}\nand after")
    assert first.code == 0
    fails = [text for text in first.contents if text.startswith(("ENOENT", "Could not", "Found", "Failed"))]
    assert not fails, "every edit finds its place"
    assert git(folder, "status", "--porcelain")
    assert first.result["is_error"] is (session.scenario == "out-of-credits")
    assert passes(session, folder) is (session.scenario not in ("tests-fail-first", "asks-back"))
    for comment in session.comments:
        assert comment.line_with in (folder / comment.path).read_text()
    if session.rival:
        assert session.rival.old in git(folder, "show", f"main:{session.rival.path}")
    if session.follow_up or session.scenario == "asks-back":
        second = play(amp, folder, session.follow_up or "Always the euro.", first.thread)
        assert second.result["is_error"] is False
        assert passes(session, folder)


def test_the_plan_shows_each_way_a_session_can_end():
    plan = demo.plan()
    assert len({session.name for session in plan}) == len(plan) >= 4
    assert {session.scenario for session in plan} <= set(SHIPPED)
    assert any(session.follow_up for session in plan)


@pytest.mark.parametrize("name", ["bin", "with space", 'it\'s $HOME `x` "q"', "déjà", "x" * 200])
def test_the_program_starts_from_any_folder(tmp_path, name):
    amp = demo.install(tmp_path / name, state=tmp_path / "the 'state'")
    said = subprocess.run(
        [amp, "-x", "hi", "--stream-json"],
        cwd="/",
        env={
            "AMPSM_SCENARIO": "ok",
            "PYTHONHOME": "/nonexistent",
            "PYTHONPATH": "/nonexistent",
            "PATH": os.environ["PATH"],
        },
        stdin=subprocess.DEVNULL,
        check=True,
        capture_output=True,
    )
    assert said.stdout.count(b"\n") == 4
    assert list((tmp_path / "the 'state'").glob("T-*.json"))


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Failed):
        demo.install(tmp_path / "file")


def test_the_program_needs_nothing_of_ampsm_and_little_of_python(tmp_path):
    code = "import sys; sys.argv = ['amp']; import scripted.program; print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-S", "-E", "-c", code],
        cwd=Path(demo.__file__).parent,
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = set(said.stdout.split())
    assert not loaded & {
        "ampsm_engine",
        "subprocess",
        "dataclasses",
        "argparse",
        "inspect",
        "difflib",
        "asyncio",
        "tempfile",
    }


def test_the_agents_commits_carry_its_trailers(amp, tmp_path):
    amp.folder = demo.repository(tmp_path / "project")
    thread = amp.run("commits").thread
    message = git(amp.folder, "log", "-1", "--format=%B")
    assert message.startswith("feat: the agent's own commit\n")
    assert git(amp.folder, "log", "-1", "--format=%(trailers:key=Amp-Thread-ID,valueonly)").strip().endswith(thread)
    assert "?? rest.txt" in git(amp.folder, "status", "--porcelain")


def test_the_agent_can_leave_its_branch(amp, tmp_path):
    amp.folder = demo.repository(tmp_path / "project")
    amp.run("switches")
    assert git(amp.folder, "branch", "--show-current").strip() == "agents-own"
    amp.run("detaches")
    assert git(amp.folder, "branch", "--show-current") == ""
    assert git(amp.folder, "log", "-1", "--format=%s").strip() == "feat: on no branch"
