"""Whatever `ampsm new` refuses is refused before anything is made, run or written in the repository."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ampsm_engine.batch import runs
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.engine import session_trash, startup
from ampsm_engine.worker import launch
from tests.cli.conftest import Ampsm
from tests.conftest import git
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]


THREAD = "T-5928a90d-d53b-488f-a829-4e36442142ee"


def program(bench: Bench, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ampsm_tui", *arguments]
    return subprocess.run(command, cwd=bench.repo, capture_output=True, text=True, check=False)


def everything_below(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, time of change and content of every path: a file that was made and removed again shows in its folder's."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        info = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(folder))] = (info.st_mode, info.st_mtime_ns, content)
    return found


@pytest.fixture
def canary(bench: Bench) -> Path:
    """A file outside the repository that its hooks and filters write."""
    written = bench.folder / "hook-ran"
    git(bench.repo, "config", "filter.traced.smudge", f"echo smudge >> '{written}'; cat")
    (bench.repo / ".git" / "info").mkdir(exist_ok=True)
    (bench.repo / ".git" / "info" / "attributes").write_text("* filter=traced\n")
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        hook = bench.repo / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\necho {name} >> '{written}'\n")
        hook.chmod(0o755)
    return written


def in_the_way(bench: Bench) -> None:
    (bench.repo / ".worktrees").symlink_to(bench.folder)


def blocking_branch(bench: Bench) -> None:
    git(bench.repo, "-c", "core.hooksPath=/dev/null", "branch", "amp")


def missing_amp(bench: Bench) -> None:
    os.environ["AMP_CLI_PATH"] = str(bench.folder / "missing")


def newer_store(bench: Bench) -> None:
    startup.make_ready(bench.engine)
    connection = sqlite3.connect(bench.engine.home.database)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()


def settings_of(**values: str) -> Callable[[Bench], None]:
    """Settings that a person has written by hand, as `worktree__place`."""

    def prepare(bench: Bench) -> None:
        lines = (f"{name.replace('__', '.')} = {json.dumps(value)}\n" for name, value in values.items())
        bench.engine.config.write_text("".join(lines) + bench.engine.config.read_text())

    return prepare


def checked_in_setup(bench: Bench) -> None:
    (bench.repo / ".ampsm.toml").write_text('setup = "make"\n')
    git(bench.repo, "-c", "core.hooksPath=/dev/null", "add", ".ampsm.toml")
    git(bench.repo, "-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "Set up")


def branches(bench: Bench) -> None:
    """One that is free, and one that is checked out elsewhere."""
    quiet = ("-c", "core.hooksPath=/dev/null")
    git(bench.repo, *quiet, "branch", "free")
    git(bench.repo, *quiet, "worktree", "add", "-q", "-b", "taken", str(bench.folder / "elsewhere"))


def secret_in_checkout(bench: Bench) -> None:
    (bench.repo / ".env").write_text("SHOP_TILL=velvet9quartz\n")


def other_session(bench: Bench) -> None:
    """One that works on a branch of the user's and goes on with a thread."""
    branches(bench)
    git(bench.repo, "config", "core.hooksPath", "/dev/null")
    bench.new(None, branch="free", thread=THREAD)
    git(bench.repo, "config", "--unset", "core.hooksPath")


def nothing(_bench: Bench) -> None:
    """The arguments alone are wrong."""


@pytest.mark.parametrize(
    ("arguments", "prepare", "code"),
    [
        (["--no-run", "--name", "one", "--wait"], nothing, 2),
        ([], nothing, 2),
        (["  "], nothing, 2),
        (["Do it", "--base", "nowhere"], nothing, 3),
        (["Do it", "--script", "deploy ghp_" + "1aB2" * 9], nothing, 4),
        (["Do it", "--mode", "\x1b"], nothing, 4),
        (["Do it", "--name", "\u200b"], nothing, 2),
        (["Do it", "--name", "x", "--no-such-option"], nothing, 2),
        (["Do it", "--repo", "nowhere"], nothing, 3),
        (["Do it", "--prompt-file", "nowhere"], nothing, 2),
        (["--help"], nothing, 0),
        (["Do it"], missing_amp, 5),
        (["Do it"], in_the_way, 4),
        (["Do it"], blocking_branch, 4),
        (["Do it"], newer_store, 5),
        (["Do it", "--thread", "none of amp's"], nothing, 4),
        (["Do it", "--thread", THREAD], other_session, 4),
        (["Do it", "--branch", "free"], other_session, 4),
        (["Do it", "--branch", "nowhere"], branches, 3),
        (["Do it", "--branch", "main"], branches, 4),
        (["Do it", "--branch", "taken"], branches, 4),
        (["Do it", "--in", "nowhere"], nothing, 3),
        (["Do it", "--in", "/"], nothing, 4),
        (["Do it", "--pr", "12"], nothing, 4),
        (["Do it", "--script", "test velvet9quartz"], secret_in_checkout, 4),
        (["Do it"], checked_in_setup, 4),
        (["Do it"], settings_of(worktree__place="{nobody}"), 5),
        (["Do it"], settings_of(worktree__place=".git/{id}"), 5),
        (["Do it"], settings_of(branch__name="a..b/{slug}"), 5),
    ],
)
def test_what_is_refused_leaves_the_repository_untouched(
    bench: Bench,
    canary: Path,
    ampsm: Ampsm,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    prepare: Callable[[Bench], None],
    code: int,
) -> None:
    monkeypatch.setenv("AMP_CLI_PATH", os.environ["AMP_CLI_PATH"])
    prepare(bench)
    canary.unlink(missing_ok=True)
    before = everything_below(bench.repo)
    monkeypatch.chdir(bench.repo)
    ran = ampsm("new", *arguments)
    assert (ran.code, "Traceback" in ran.err) == (code, False), ran
    assert everything_below(bench.repo) == before
    assert not canary.exists(), canary.read_text()


def test_one_session_is_made_and_no_second_worktree(bench: Bench) -> None:
    done = program(bench, "new", "--no-run", "--name", "one", "--json")
    session = json.loads(done.stdout)["session"]
    assert [path.name for path in (bench.repo / ".worktrees").glob("[!.]*")] == [session["id"]]
    assert git(bench.repo, "branch", "--list", "amp/*", "--format=%(refname:short)").strip() == session["branchName"]


def test_a_secret_made_of_words_is_in_no_branch_name(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_PASSWORD", "correct horse battery")
    done = program(bench, "new", "--no-run", "--name", "correct horse battery", "--json")
    assert "horse" not in done.stdout
    assert "horse" not in git(bench.repo, "for-each-ref")
    assert len(list((bench.repo / ".worktrees").glob("[!.]*"))) == 1


@pytest.mark.parametrize("place", [".env", "deploy/prod/.env", "src/.env.local"])
def test_a_value_of_a_secrets_file_in_the_checkout_is_in_no_name_and_in_no_store(bench: Bench, place: str) -> None:
    (bench.repo / ".gitignore").write_text("/.env\n/deploy/\n")  # the one below src is not even ignored
    (bench.repo / place).parent.mkdir(parents=True, exist_ok=True)
    (bench.repo / place).write_text("SHOP_TILL=velvet9quartz\n")
    made = program(bench, "new", "--no-run", "Log in with velvet9quartz at the till", "--json")
    session = json.loads(made.stdout)["session"]
    bench.monkeypatch.setattr(launch, "sweep_batches", lambda *_, **__: None)  # nobody is to work at it
    item = ItemSpec(repo=str(bench.repo), prompt="Log in with velvet9quartz again")
    assert runs.fan_out(bench.engine, item, copies=2).name.startswith("Log in with [redacted")
    refused = program(bench, "new", "--no-run", "--name", "x", "--script", "test velvet9quartz")
    assert "The script holds a secret" in refused.stderr
    assert "velvet9quartz" not in made.stdout + made.stderr + git(bench.repo, "for-each-ref")
    folders = (".git", ".worktrees")
    kept = [path for name in folders for path in (bench.repo / name).rglob("*") if path.is_file()]
    kept += [bench.engine.home.database, *bench.engine.home.secret_files.iterdir()]
    assert [path for path in kept if b"velvet9" in path.read_bytes() or "velvet9" in path.name] == []
    session_trash.remove(bench.engine, session["id"])
    session_trash.purge(bench.engine, session["id"])
    assert list(bench.engine.home.secret_files.iterdir()) == []
