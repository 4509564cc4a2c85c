"""A bare repository with worktrees side by side: all that a session does goes from the top folder and from each of them."""

from pathlib import Path

import pytest

from ampsm_engine.engine import landed, repair, session_trash, sessions, views
from ampsm_engine.errors import Unfit
from ampsm_engine.git import repository, worktrees
from ampsm_engine.merging import preflight
from tests.conftest import git
from tests.merging.desk import Desk, lines


@pytest.fixture
def bare(desk: Desk) -> Desk:
    """`top/.bare`, a `.git` file that leads there, and a worktree of `dev`; the branch `main` is in none."""
    top = desk.repo.parent / "top"
    top.mkdir()
    git(desk.repo, "branch", "dev")
    git(top, "clone", "-q", "--bare", str(desk.repo), ".bare")
    (top / ".git").write_text("gitdir: ./.bare\n")
    git(top, "worktree", "add", "-q", "dev", "dev")
    return Desk(desk.engine, top)


def test_sessions_begin_at_the_top_and_in_each_worktree(bare: Desk) -> None:
    top = bare.repo
    first = bare.session("first")
    second, _ = sessions.new(bare.engine, path=top / "dev", name="second", run=False)
    assert [(one.repo_root, one.base_branch) for one in (first, second)] == [(str(top), "main"), (str(top), "dev")]
    assert Path(first.worktree_path) == top / ".worktrees" / first.id
    listed = worktrees.listed(repository.around(top))
    assert [tree.branch for tree in listed if tree.path == top] == [""], "nothing is checked out at the top"
    assert git(top / "dev", "status", "--porcelain") == ""
    assert repair.find_disagreements(bare.engine, path=top) == ()


@pytest.mark.parametrize("target", ["main", "dev"], ids=["in no worktree", "in one"])
def test_a_session_is_merged_and_cleaned_up(bare: Desk, target: str) -> None:
    top = bare.repo
    session = bare.session(base=target)
    bare.amp(session, {"one.txt": lines(_3="three")})
    assert [one.path for one in views.show(bare.engine, session).files or ()] == ["one.txt"]
    assert [one for one in preflight.preflight(bare.engine, session.id).findings if one.level == "stop"] == []
    bare.merge(session)
    assert git(top, "show", f"{target}:one.txt") == lines(_3="three")
    assert (top / "dev" / "one.txt").read_text() == (lines(_3="three") if target == "dev" else lines())
    assert git(top / "dev", "status", "--porcelain") == ""
    assert [one.session_id for one in landed.find_landed(bare.engine).landed] == [session.id]
    (Path(session.worktree_path) / "loose.txt").write_text("loose\n")
    session_trash.remove(bare.engine, session.id)
    session_trash.restore(bare.engine, session.id)
    assert (Path(session.worktree_path) / "loose.txt").read_text() == "loose\n"
    session_trash.remove(bare.engine, session.id)
    session_trash.purge(bare.engine, session.id)
    assert sorted(path.name for path in top.iterdir()) == [".bare", ".git", ".worktrees", "dev"]


def test_a_bare_repository_that_no_folder_is_the_top_of_is_refused(desk: Desk) -> None:
    alone = desk.repo.parent / "alone.git"
    git(desk.repo, "clone", "-q", "--bare", str(desk.repo), str(alone))
    git(alone, "worktree", "add", "-q", "../beside", "main")
    for place in (alone, alone.parent / "beside"):
        with pytest.raises(Unfit, match="is bare") as caught:
            sessions.new(desk.engine, path=place, name="x", run=False)
        assert "git clone" in caught.value.hint
