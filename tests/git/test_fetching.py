"""A fetch beside somebody who makes a worktree."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ampsm_engine.git import fetching, lock
from tests.conftest import git

NO_COMMIT = "0" * 40


def test_a_fetch_that_meets_a_worktree_that_is_being_made_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, mine = tmp_path / "other", tmp_path / "mine"
    git(tmp_path, "init", "-q", "-b", "main", str(other))
    git(other, "commit", "-q", "--allow-empty", "-m", "one")
    git(tmp_path, "clone", "-q", str(other), str(mine))
    git(other, "commit", "-q", "--allow-empty", "-m", "two")
    made = mine / ".git/worktrees/new"  # as `git worktree add` leaves it for a moment
    made.mkdir(parents=True)
    (made / "commondir").write_text("../..\n")
    (made / "gitdir").write_text(f"{tmp_path}/new/.git\n")
    (made / "HEAD").write_text(f"{NO_COMMIT}\n")

    @contextlib.contextmanager
    def writer(_common_dir: Path, _who: str) -> Iterator[bool]:
        (made / "HEAD").write_text("ref: refs/heads/main\n")
        yield True

    monkeypatch.setattr(lock, "writer", writer)
    assert fetching.fetch(mine, "--quiet", "--no-tags", "--", "origin").ok
    assert git(mine, "rev-parse", "origin/main") == git(other, "rev-parse", "main")


def test_why_a_fetch_failed_is_told(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", str(tmp_path / "mine"))
    answer = fetching.fetch(tmp_path / "mine", "--quiet", "--", str(tmp_path / "nowhere"))
    assert not answer.ok
    assert "nowhere" in answer.reason
