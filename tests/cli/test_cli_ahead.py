"""The head start of `ampsm new`: it is taken when it fits, and leaves nothing when it does not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ampsm_engine.cli import ahead
from ampsm_engine.git import headstart
from tests.conftest import git
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]


def ampsm(bench: Bench, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ampsm_tui", *arguments]
    return subprocess.run(command, cwd=bench.repo, capture_output=True, text=True, check=False)


def traces(bench: Bench) -> tuple[str, str, list[str]]:
    folder = bench.repo / ".worktrees"
    listed = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    return git(bench.repo, "for-each-ref"), git(bench.repo, "worktree", "list", "--porcelain"), listed


def test_one_session_is_made_and_no_second_worktree(bench: Bench) -> None:
    done = ampsm(bench, "new", "--no-run", "--name", "one", "--json")
    session = json.loads(done.stdout)["session"]
    assert [path.name for path in (bench.repo / ".worktrees").iterdir()] == [session["id"]]
    assert git(bench.repo, "branch", "--list", "amp/*", "--format=%(refname:short)").strip() == session["branchName"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["new", "--no-run", "--name", "one", "--wait"],
        ["new", "Do it", "--base", "nowhere"],
        ["new", "Do it", "--script", "deploy ghp_" + "1aB2" * 9],
        ["new", "Do it", "--mode", "\x1b"],
        ["new", "Do it", "--name", "x", "--no-such-option"],
        ["new", "--help"],
    ],
)
def test_what_ends_otherwise_leaves_nothing(bench: Bench, arguments: list[str]) -> None:
    before = traces(bench)
    ampsm(bench, *arguments)
    assert traces(bench) == before


def test_without_amp_nothing_is_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMP_CLI_PATH", str(bench.folder / "missing"))
    before = traces(bench)
    assert ampsm(bench, "new", "Do it").returncode == 5
    assert traces(bench) == before


def test_a_name_that_is_no_plain_word_waits_for_the_rules(bench: Bench) -> None:
    before = traces(bench)
    ahead.start(["--no-run", "--name", "ghp_1aB21aB21aB2", "--repo", str(bench.repo)])
    ahead.start(["--prompt-file", "x", "--repo", str(bench.repo)])
    ahead.start(["--no-run", "--repo", str(bench.repo)])
    assert traces(bench) == before


def test_what_was_begun_for_other_words_is_undone(bench: Bench) -> None:
    headstart.begin(Path(bench.repo), None, "one")
    taken = headstart.take(Path(bench.repo), None, "two")
    taken.pending.finish()
    assert [path.name for path in (bench.repo / ".worktrees").iterdir()] == [taken.session_id]


def test_a_secret_made_of_words_is_in_no_branch_name(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_PASSWORD", "correct horse battery")
    done = ampsm(bench, "new", "--no-run", "--name", "correct horse battery", "--json")
    assert "horse" not in done.stdout
    assert "horse" not in git(bench.repo, "for-each-ref")
    assert len(list((bench.repo / ".worktrees").iterdir())) == 1
