"""What a list shows of changes: counted against the base, uncommitted work included, and never an error for all."""

from pathlib import Path
from typing import Any

import pytest

from ampsm_engine.engine import diff_stat, views
from ampsm_engine.git import program
from tests.conftest import git
from tests.worker.bench import Bench

KNOWN = {"status", "update-index", "diff-index", "diff-tree", "write-tree", "rev-parse", "cat-file", "config"}


def test_committed_and_uncommitted_work_is_counted_by_few_questions(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    start = program.Running.__init__

    def counted(self: program.Running, arguments: tuple[str, ...], *more: Any) -> None:
        asked.append(next(word for word in arguments if word in KNOWN))
        start(self, arguments, *more)

    session = bench.new(None, name="one")
    worktree = Path(session.worktree_path)
    assert diff_stat.changes(bench.engine, [session.id]) == {session.id: diff_stat.ChangeCounts()}
    found, seconds = diff_stat.measured_changes(bench.engine, [session.id])
    assert (found, seconds > 0) == ({session.id: diff_stat.ChangeCounts()}, True)
    (worktree / "new.py").write_text("a\nb\n")
    git(worktree, "add", "-A")
    git(worktree, "commit", "-qm", "Add")
    counts = diff_stat.changes(bench.engine, [session.id])[session.id]
    assert (counts.additions, counts.deletions, counts.files, counts.ahead, counts.behind) == (2, 0, 1, 1, 0)
    (worktree / "loose.txt").write_text("c\n")
    diff_stat.changes(bench.engine, [session.id])
    with monkeypatch.context() as patch:
        patch.setattr(program.Running, "__init__", counted)
        diff_stat.changes(bench.engine, [session.id])
    assert asked == ["status", "update-index", "diff-index"], "every edit by hand costs them"
    (bench.repo / "README.md").write_text("Other\n")
    git(bench.repo, "commit", "-qam", "Move on")
    counts = diff_stat.changes(bench.engine, [session.id])[session.id]
    assert (counts.additions, counts.files, counts.ahead, counts.behind, counts.uncommitted) == (3, 2, 1, 1, 1)
    assert [file.path for file in counts.listed] == ["loose.txt", "new.py"]


def test_a_broken_session_spoils_only_its_own_counts(bench: Bench) -> None:
    good, bad = bench.new(None, name="good"), bench.new(None, name="bad")
    git(bench.repo, "worktree", "remove", "--force", bad.worktree_path)
    git(bench.repo, "branch", "-D", bad.branch_name)
    counts = diff_stat.changes(bench.engine, [good.id, bad.id, "gone"])
    assert set(counts) == {good.id, bad.id}
    assert counts[good.id].trouble is None
    assert counts[bad.id].trouble
    assert (counts[good.id].missing, counts[bad.id].missing) == ("", "worktree gone")


def test_ignored_folders_are_not_watched(bench: Bench) -> None:
    session = bench.new(None, name="one")
    worktree = Path(session.worktree_path)
    (worktree / ".gitignore").write_text("node_modules/\n")
    for name in ("node_modules/a", "src/deep", "empty"):
        (worktree / name).mkdir(parents=True)
    (worktree / "node_modules" / "a" / "x.js").write_text("x")
    (worktree / "src" / "deep" / "x.py").write_text("x")
    told = {Path(folder) for folder in diff_stat.folders(bench.engine, [session.id])[session.id]}
    inside = {str(folder.relative_to(worktree)) for folder in told if folder.is_relative_to(worktree)}
    assert inside == {".", "src", "src/deep"}
    assert {folder.relative_to(bench.repo / ".git").as_posix() for folder in told - {worktree / i for i in inside}} == {
        f"worktrees/{session.id}",
        f"worktrees/{session.id}/logs",
        "refs/heads",
        f"refs/heads/{session.branch_name}".rpartition("/")[0],
    }


def test_a_filter_that_hangs_does_not_hold_up_what_else_is_known(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    session = bench.new(None, name="x")
    worktree = Path(session.worktree_path)
    git(bench.repo, "config", "filter.slow.clean", "sleep 600")
    (worktree / ".gitattributes").write_text("*.py filter=slow\n")
    (worktree / "app.py").write_text("changed\n")
    monkeypatch.setattr(program, "SHOW_LIMIT", 0.2)
    shown = views.show(bench.engine, session)
    assert "a filter, a hook or the disk may hang" in str(shown.trouble)
    assert (shown.session, shown.files) == (session, None)
    assert "may hang" in str(diff_stat.changes(bench.engine, [session.id])[session.id].trouble)
