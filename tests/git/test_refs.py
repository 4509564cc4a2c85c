"""Refs and HEAD are git's business: none is touched as a file, so that it does not matter how a repository keeps them."""

import re
import subprocess
from pathlib import Path

import pytest

from ampsm_engine.context import Engine
from ampsm_engine.engine import session_trash, sessions
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.git import branch_files, changes, commits, program, repository
from ampsm_engine.merging import operations
from ampsm_engine.merging.results import Options
from ampsm_engine.merging.steps import ConflictsWait
from tests.conftest import git
from tests.merging.desk import LINES, lines

ROOT = Path(__file__).parents[2]

AS_FILES = re.compile(
    r"""/\s*f?["'](HEAD|ORIG_HEAD|CHERRY_PICK_HEAD|REVERT_HEAD|AUTO_MERGE|refs|logs|packed-refs|reftable)\b"""
    r"""|/\s*f?["']\{BRANCHES\}"""
)

TO_BE_WATCHED_OR_NAMED = {
    "ampsm_engine/git/repository.py": 2,  # whether refs are tables and a folder is a repository at all, and in a hint
    # Files that change when a branch moves; and what lists read where it is beyond doubt, whatever is not being git's.
    "ampsm_engine/git/branch_files.py": 7,
    "ampsm_engine/engine/diff_stat.py": 1,
    "ampsm_engine/git/worktree_preparation.py": 1,  # whether a folder is a repository at all
    "ampsm_engine/git/libgit2.py": 2,  # whether commits are replaced, where libgit2 has opened it: no tables
}


def test_no_ref_is_touched_as_a_file() -> None:
    found: dict[str, int] = {}
    for house in ("ampsm_engine", "ampsm_tui"):
        for path in sorted((ROOT / house).rglob("*.py")):
            if hits := AS_FILES.findall(path.read_text()):
                found[str(path.relative_to(ROOT))] = len(hits)
    assert found == TO_BE_WATCHED_OR_NAMED


@pytest.fixture
def reftable(tmp_path: Path) -> Path:
    """A repository whose refs are in tables."""
    root = tmp_path / "project"
    made = subprocess.run(["git", "init", "-q", "--ref-format=reftable", root], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this git does not have reftable")
    (root / "one.txt").write_text(LINES)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Begin")
    return root


@pytest.mark.parametrize("verb", ["cherry-pick", "revert"])
@pytest.mark.parametrize("has_tables", [False, True])
def test_git_is_asked_for_what_is_in_progress_only_where_refs_may_be_in_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, has_tables: bool
) -> None:
    git(tmp_path, "init", "-q")
    for text in ("one", "two", "three"):
        (tmp_path / "a.txt").write_text(f"{text}\n")
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-q", "-m", text)
    if has_tables:
        (tmp_path / ".git" / "reftable").mkdir()
    asked = []
    monkeypatch.setattr(
        repository.program, "read", lambda *words, ask=program.read: (asked.append(words), ask(*words))[1]
    )
    git(tmp_path, "branch", "CHERRY_PICK_HEAD")
    git(tmp_path, "branch", "REVERT_HEAD")
    assert repository.operation(tmp_path / ".git") is None
    command = ["git", "-C", tmp_path, verb, "HEAD~1"]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0, "it conflicts"
    assert repository.operation(tmp_path / ".git") == verb
    assert bool(asked) is has_tables


@pytest.fixture
def engine(hermetic: Path) -> Engine:
    return open_engine()


def test_a_whole_session_where_refs_are_in_tables(engine: Engine, reftable: Path) -> None:
    for name in ("pre-commit", "commit-msg"):
        hook = reftable / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ngit rev-parse HEAD >> {reftable.parent}/ran\n")
        hook.chmod(0o755)
    main = git(reftable, "rev-parse", "main").strip()
    session, _ = sessions.new(engine, path=reftable, name="fix", run=False)
    at = Path(session.worktree_path)
    (at / "one.txt").write_text(lines(_3="session"))
    made = commits.commit_all(at, branch=session.branch_name, subject="amp: x", body="", hooks=True)
    assert changes.ahead_behind(reftable, session.branch_name, "main") == (1, 0)
    assert branch_files.branch_log(at, session.branch_name).exists()
    (reftable.parent / "ran").unlink()
    assert operations.merge(engine, session.id, Options(message="Bring it in")).commits == 1
    # The hooks saw the commit that the squash was put onto.
    assert (reftable.parent / "ran").read_text().split() == [main, main]
    assert git(reftable, "show", "main:one.txt") == lines(_3="session")
    operations.undo(engine, session.id)
    assert git(reftable, "rev-parse", "main", session.branch_name).split() == [main, made.sha]
    session_trash.remove(engine, session.id)
    session_trash.restore(engine, session.id)
    assert git(at, "rev-parse", "HEAD").strip() == made.sha


def test_a_conflict_where_refs_are_in_tables(engine: Engine, reftable: Path) -> None:
    session, _ = sessions.new(engine, path=reftable, name="fix", run=False)
    at = Path(session.worktree_path)
    (at / "one.txt").write_text(lines(_3="session"))
    git(at, "commit", "-qam", "amp: one")
    tip = git(at, "rev-parse", "HEAD")
    (reftable / "one.txt").write_text(lines(_3="base"))
    git(reftable, "commit", "-qam", "base")
    with pytest.raises(ConflictsWait):
        operations.merge(engine, session.id, Options(message="Bring it in"))
    assert repository.is_busy(at) == "cherry-pick"
    operations.abort(engine, session.id)
    assert repository.is_busy(at) is None
    assert git(at, "rev-parse", session.branch_name) == tip
    with pytest.raises(ConflictsWait):
        operations.merge(engine, session.id, Options(message="Bring it in"))
    (at / "one.txt").write_text(lines(_3="both"))
    git(at, "add", "one.txt")
    operations.continue_(engine, session.id)
    assert git(reftable, "show", "main:one.txt") == lines(_3="both")
    assert "error" not in git(reftable, "fsck", "--strict", "--no-dangling")


def test_an_operation_is_no_branch_of_its_name(repo: Path) -> None:
    git(repo, "branch", "CHERRY_PICK_HEAD")
    assert repository.is_busy(repo) is None
    git(repo, "update-ref", "--no-deref", "REVERT_HEAD", "HEAD")
    assert repository.is_busy(repo) == "revert"
