"""Setup and trust as typed: asked at the terminal, refused without one, told, run again, left out."""

from pathlib import Path

import pytest

from ampsm_engine.cli import diagnostics
from tests.cli.conftest import Ampsm
from tests.conftest import git
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]


@pytest.fixture
def project(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose `.ampsm.toml` says how it is set up, as the working folder."""
    (bench.repo / ".ampsm.toml").write_text('setup = "echo set up; test -e fixed"\nstup = 1\n')
    git(bench.repo, "add", ".ampsm.toml")
    git(bench.repo, "commit", "-q", "-m", "Set up")
    monkeypatch.chdir(bench.repo)
    return bench.repo


def test_nobody_at_a_terminal_is_told_how_to_say_yes_and_what_is_told_works(project: Path, ampsm: Ampsm) -> None:
    refused = ampsm("new", "--no-run", "--name", "x", "--json")
    assert (refused.code, refused.json["error"]["kind"]) == (4, "refused")
    way = refused.json["error"]["hint"].partition(", or: ")[0]
    assert "not trusted yet: echo set up" in refused.err
    assert "not trusted yet" in ampsm("doctor").out
    refused = ampsm("trust")
    assert (refused.code, "ampsm trust --yes" in refused.err) == (4, True)
    trusted = ampsm(*way.split()[1:], "--yes", "--json")
    assert (trusted.code, trusted.json["command"]) == (0, "echo set up; test -e fixed")
    made = ampsm("new", "--no-run", "--name", "x", "--json")
    assert made.json["readiness"]["setup"] == "waits"
    assert "no setting 'stup' (line 2 of .ampsm.toml). Did you mean setup?" in made.json["readiness"]["lacks"][0]
    assert ampsm("trust", "--forget").out == "Forgotten: 1.\n"
    assert ampsm("new", "--no-run", "--name", "y").code == 4
    assert ampsm("new", "--no-run", "--name", "y", "--no-setup", "--json").json["readiness"]["setup"] is None
    assert ampsm("new", "--no-run", "--name", "z", "--trust-setup", "--json").json["readiness"]["setup"] == "waits"


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 4)])
def test_at_a_terminal_the_command_is_shown_and_asked_about_once(
    project: Path, ampsm: Ampsm, monkeypatch: pytest.MonkeyPatch, answer: bool, code: int
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(diagnostics, "confirmed", lambda text: asked.append(text) or answer)
    assert ampsm("new", "--no-run", "--name", "x").code == code
    assert "    echo set up; test -e fixed\n" in asked[0]
    assert asked[0].startswith(f".ampsm.toml, line 1 says how a new worktree of {project} is set up:")
    assert ampsm("new", "--no-run", "--name", "y").code == code
    assert len(asked) == (1 if answer else 2)


def test_a_setup_that_failed_is_run_again_or_left_out(project: Path, ampsm: Ampsm, bench: Bench) -> None:
    bench.scenario({"say": "Done."})
    made = ampsm("new", "Do it", "--name", "x", "--trust-setup", "--wait")
    assert made.code == 1
    assert "The setup command failed with exit code 1; amp was not started. It said: set up" in made.err
    assert "ampsm setup" in made.err
    shown = ampsm("log", "x")
    assert "  set up\n" in shown.out
    assert ampsm("log", "x", "--json").json["setup"] == "set up"
    again = ampsm("setup", "x")
    assert (again.code, again.out) == (1, "set up\n")
    assert ampsm("setup", "x", "--json").json["exitCode"] == 1
    assert ampsm("setup", "x", "--skip").code == 0
    assert ampsm("show", "x", "--json").json["readiness"]["setup"] == "skipped"
    assert ampsm("retry", "x", "--wait").code == 0
    (Path(bench.engine.store.sessions.all()[0].worktree_path) / "fixed").touch()
    assert ampsm("setup", "x").code == 0
    assert ampsm("show", "x", "--json").json["readiness"]["setup"] == "passed"


def test_variants_and_plans_are_refused_before_anything_is_entered(project: Path, ampsm: Ampsm, bench: Bench) -> None:
    refused = ampsm("new", "Do it", "--copies", "2")
    assert (refused.code, "not trusted yet" in refused.err) == (4, True)
    assert bench.engine.store.batches.active() == ()
    assert ampsm("new", "Do it", "--copies", "2", "--no-setup").code == 2


def test_without_a_setup_command_it_says_how_to_have_one(bench: Bench, ampsm: Ampsm) -> None:
    session = bench.new(None)
    ran = ampsm("setup", session.id)
    assert ran.code == 4
    assert f"hint: git -C {bench.repo} config ampsm.setup 'COMMAND'" in ran.err
