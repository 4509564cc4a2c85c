"""What there is besides the sessions, in a real repository."""

from pathlib import Path

from ampsm_engine.engine import repair, session_trash, sessions
from tests.conftest import git
from tests.worker.bench import Bench


def test_worktrees_of_nobody_can_be_adopted_wherever_they_are_and_sessions_cannot(bench: Bench) -> None:
    kept, gone = bench.new(None), bench.new(None)
    session_trash.remove(bench.engine, gone.id)
    beside = bench.repo.parent / "beside"
    git(bench.repo, "worktree", "add", "-q", str(beside), "-b", "mine")
    git(bench.repo, "worktree", "add", "-q", "--detach", str(bench.repo.parent / "detached"))
    lost = bench.repo.parent / "lost"
    git(bench.repo, "worktree", "add", "-q", str(lost), "-b", "gone")
    lost.rename(bench.repo.parent / "moved")
    (found,) = repair.survey(bench.engine, Path("/")).worktrees
    assert (found.path, found.branch) == (str(beside.resolve()), "mine")
    inside = bench.repo / ".worktrees" / ("k" * 10)
    git(bench.repo, "worktree", "add", "-q", str(inside), "-b", "amp/x/20260901-100001")
    assert any(f"adopt {inside}" in one.action for one in repair.find_disagreements(bench.engine))
    now = repair.survey(bench.engine, Path("/"))
    assert {one.branch for one in now.worktrees} == {"mine", "amp/x/20260901-100001"}
    assert now.findings == (), "what can be adopted is told once"
    assert [one.session.id for one in now.trash] == [gone.id]
    sessions.adopt(bench.engine, Path(found.path))
    assert {one.branch for one in repair.survey(bench.engine, Path("/")).worktrees} == {"amp/x/20260901-100001"}
    assert kept.worktree_path not in {one.path for one in now.worktrees}
