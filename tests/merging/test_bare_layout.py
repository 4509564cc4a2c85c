"""A bare repository with worktrees side by side: all that a session does goes from the top folder and from each of them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ampsm_engine import config
from ampsm_engine.engine import bases, merged_elsewhere, repair, session_trash, sessions, views
from ampsm_engine.errors import Refused, Unfit
from ampsm_engine.git import repository, worktrees
from ampsm_engine.merging import preflight
from ampsm_engine.model import FILES_COPIED, LACKS, LEFT_BEHIND, Session
from tests.conftest import first_commits, git
from tests.merging.desk import Desk, lines


@pytest.fixture(params=[".bare", ".git", ""], ids=["a file leads there", "called .git", "by itself"])
def bare(request: pytest.FixtureRequest, desk: Desk) -> Desk:
    """A bare clone in the folder `top`, or as that folder, and a worktree of `dev` in there; `main` is in none."""
    top = desk.repo.parent / "top"
    git(desk.repo, "branch", "dev")
    git(desk.repo, "clone", "-q", "--bare", str(desk.repo), top / request.param)
    if request.param == ".bare":
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
    there = {".worktrees", *(path.name for path in top.iterdir())}
    session = bare.session(base=target)
    bare.amp(session, {"one.txt": lines(_3="three")})
    assert [one.path for one in views.show(bare.engine, session).files or ()] == ["one.txt"]
    assert [one for one in preflight.preflight(bare.engine, session.id).findings if one.level == "stop"] == []
    bare.merge(session)
    assert git(top, "show", f"{target}:one.txt") == lines(_3="three")
    assert (top / "dev" / "one.txt").read_text() == (lines(_3="three") if target == "dev" else lines())
    assert git(top / "dev", "status", "--porcelain") == ""
    assert [one.session_id for one in merged_elsewhere.find_merged(bare.engine).merged] == [session.id]
    (Path(session.worktree_path) / "loose.txt").write_text("loose\n")
    session_trash.remove(bare.engine, session.id)
    session_trash.restore(bare.engine, session.id)
    assert (Path(session.worktree_path) / "loose.txt").read_text() == "loose\n"
    session_trash.remove(bare.engine, session.id)
    session_trash.purge(bare.engine, session.id)
    assert {path.name for path in top.iterdir()} - there <= {"ampsm.lock", "logs"}, "what git has in its folder"


def shared(tree: Path, content: str) -> None:
    """A worktree whose commit shares a folder, that folder, and a file of secrets to copy."""
    files = {".gitignore": "cache\n.env\n", ".ampsm.toml": "share = 'cache'\n", "cache/a": content, ".env": "K=dull1\n"}
    for name, text in (*files.items(), (".worktreeinclude", ".env\n")):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(text)
    git(tree, "add", "--all")
    git(tree, "commit", "-q", "--allow-empty", "-m", "Share")


def told(bare: Desk, session: Session, *kinds: str) -> list[str]:
    return [fact.text for fact in bare.engine.store.facts.read(session_id=session.id, kinds=kinds)]


def test_what_is_copied_at_the_top_comes_from_the_worktree_of_the_base_or_of_head(bare: Desk) -> None:
    top, tree = bare.repo, bare.repo / "dev"
    shared(tree, "1\n")
    none = bare.session("none", base="dev~0")
    assert told(bare, none, "worktree")[0].startswith(
        f"Nothing was copied: {top} is bare, and neither the base nor HEAD"
    )
    (tree / "one.txt").write_text("uncommitted\n")
    ours = bare.session("ours", base="dev")
    assert (Path(ours.worktree_path) / "cache" / "a").read_text() == "1\n"
    assert (Path(ours.worktree_path) / ".env").read_text() == "K=dull1\n"
    assert told(bare, ours, FILES_COPIED) == [f"Copied from {tree}: 2 ignored files, 10 bytes."]
    assert told(bare, ours, LEFT_BEHIND) == ["What is uncommitted in your checkout stays there alone: one.txt."]
    # The worktree of a session is no checkout of a person's, even where another session begins from its branch.
    (Path(ours.worktree_path) / "cache" / "a").write_text("amp's\n")
    stacked = bare.session("stacked", base=ours.branch_name)
    assert not (Path(stacked.worktree_path) / "cache").exists()
    git(top, "worktree", "add", "-q", "main", "main")
    git(top / "main", "reset", "-q", "--hard", "dev")
    shared(top / "main", "2\n")
    for base in (stacked.branch_name, "main~0", "main", None):
        made = bare.session(base=base)
        assert (Path(made.worktree_path) / "cache" / "a").read_text() == "2\n"
    git(top, "update-ref", "refs/remotes/origin/dev", "dev")
    followed = bare.session("followed", base="origin/dev")
    assert (Path(followed.worktree_path) / "cache" / "a").read_text() == "1\n"
    inside, _ = sessions.new(bare.engine, path=tree, name="inside", run=False)
    assert told(bare, inside, FILES_COPIED) == [f"Copied from {tree}: 2 ignored files, 10 bytes."]


def test_submodules_are_filled_from_the_worktree_that_has_them(bare: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    library = bare.repo.parent / "library"
    first_commits(library, ({"lib.txt": "lib\n"}, "Begin"))
    tree = bare.repo / "dev"
    git(tree, "submodule", "--quiet", "add", str(library), "vendor/lib")
    git(tree, "commit", "-q", "-m", "A library")
    shutil.rmtree(library)
    session = bare.session(base="dev")
    assert (Path(session.worktree_path) / "vendor/lib/lib.txt").read_text() == "lib\n"
    assert told(bare, session, *LACKS) == []


def test_worktrees_outside_of_a_bare_repository_and_the_newest_base(desk: Desk) -> None:
    alone = desk.repo.parent / "alone.git"
    git(desk.repo, "clone", "-q", "--bare", str(desk.repo), str(alone))
    git(alone, "worktree", "add", "-q", "../beside", "main")
    newest = desk.base({"new.txt": "new"})
    config.store(desk.engine.config, "worktree.place", "../{repo}-{slug}")
    bare = Desk(desk.engine, alone)
    session, _ = sessions.new(desk.engine, path=alone.parent / "beside", name="x", base="main", run=False)
    assert (session.repo_root, session.worktree_path) == (str(alone), str(alone.parent / "alone.git-x"))
    second = bare.session("second", base=bases.fetched(alone, None))
    assert (second.base_branch, second.base_commit) == ("origin/main", newest)
    with pytest.raises(Refused, match="inside the worktree of session"):
        sessions.new(desk.engine, path=Path(second.worktree_path), name="y", run=False)
    config.store(desk.engine.config, "worktree.place", "../{repo}/{slug}")
    inside, _ = sessions.new(desk.engine, path=alone, name="inner", run=False)
    assert inside.worktree_path == str(alone / "inner")


def test_a_hidden_one_and_a_mirror_are_refused_with_a_way_that_works(desk: Desk) -> None:
    hidden, mirror = desk.repo.parent / "shop" / ".bare", desk.repo.parent / "mirror.git"
    git(desk.repo, "clone", "-q", "--bare", str(desk.repo), str(hidden))
    git(desk.repo, "clone", "-q", "--mirror", str(desk.repo), str(mirror))
    for place, says in ((hidden, "is bare and hidden"), (mirror, "is a mirror")):
        with pytest.raises(Unfit, match=says) as caught:
            sessions.new(desk.engine, path=place, name="x", run=False)
        subprocess.run(["sh", "-c", caught.value.hint.partition(", or: ")[0]], check=True)
        session, _ = sessions.new(desk.engine, path=place, name="x", run=False)
        assert Path(session.repo_root) == (hidden.parent if place == hidden else mirror)
