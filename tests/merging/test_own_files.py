"""ampsm's own files in a repository: unseen whatever its ignore rules say, and in no merge whoever committed them."""

import json
import subprocess
from pathlib import Path

import pytest

from ampsm_engine.engine import merges, sessions
from ampsm_engine.merging import operations
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import Session
from ampsm_engine.worker import agent_context
from tests.conftest import git
from tests.merging.desk import LINES, Desk, lines, options
from tests.soak import one_in

NEGATED = "*\n!*/\n!*.md\n!*.json\n!*.txt\n!.gitignore\n!AGENT_CONTEXT/**\n!.worktrees/**\n"


def own(desk: Desk, *span: str) -> str:
    """What of ours any commit of a span touches."""
    return git(desk.repo, "log", "-m", "--format=", "--name-only", *span, "--", "AGENT_CONTEXT", ".worktrees")


def forced(desk: Desk, session: Session, files: dict[str, str | bytes | None], message: str) -> str:
    """A commit of everything there is, by `git add --all --force`."""
    at = Path(session.worktree_path)
    desk.write(at, files)
    git(at, "add", "--all", "--force")
    git(at, "commit", "-q", "-m", message)
    return desk.tip(session)


def test_no_ignore_rule_of_the_repository_uncovers_them(desk: Desk) -> None:
    desk.base({".gitignore": NEGATED})
    session = desk.session()
    at = Path(session.worktree_path)
    for place in (at, desk.repo):
        assert git(place, "status", "--porcelain", "--untracked-files=all") == ""
        git(place, "add", "--all")
        assert git(place, "diff", "--cached", "--name-only") == ""


def test_sessions_of_an_older_ampsm_are_hidden_before_amp_begins(desk: Desk, task: Session) -> None:
    at = Path(task.worktree_path)
    (at / "AGENT_CONTEXT" / ".gitignore").unlink()
    (desk.repo / ".worktrees" / ".gitignore").unlink()
    agent_context.hide(task)
    desk.base({".gitignore": NEGATED})
    desk.amp(task, {".gitignore": NEGATED})
    assert own(desk, "--all") == ""
    assert git(desk.repo, "status", "--porcelain") == git(at, "status", "--porcelain") == ""


WAYS: dict[str, dict[str, object]] = {
    "squash": {},
    "keep": {"manual": "keep"},
    "no-squash": {"squash": False},
    "no-squash no-ff": {"squash": False, "fast_forward": False},
}


@pytest.mark.parametrize("way", one_in(2, ["squash", "keep", "no-squash no-ff", "no-squash"]))
def test_no_merge_carries_them(desk: Desk, task: Session, way: str, tmp_path: Path) -> None:
    forced(desk, task, {"a.txt": "1\n"}, "By hand, all of it")
    forced(desk, task, {"AGENT_CONTEXT/more.md": "x\n", ".worktrees/x/y": "z\n"}, "Nothing but ours")
    desk.by_hand(task, {"b.txt": "2\n"})
    if way in ("squash", "no-squash no-ff"):
        desk.base({"two.txt": lines(_9="base")})
    tip, start = desk.tip(task), desk.sha("main")
    found = merges.preflight(desk.engine, task.id).findings
    left = next(one for one in found if one.kind == "left-out" and "AGENT_CONTEXT" in one.text)
    assert "not part of a merge" in left.text
    patch = tmp_path / "out.patch"
    desk.merge(task, patch=str(patch), **WAYS[way])
    assert own(desk, f"{start}..main") == ""
    assert own(desk, f"{start}..{task.branch_name}") == ""
    assert b"AGENT_CONTEXT" not in patch.read_bytes()
    assert (desk.shown("main", "a.txt"), desk.shown("main", "b.txt")) == ("1\n", "2\n")
    authors = git(desk.repo, "log", "--format=%s", f"{start}..main")
    assert "Nothing but ours" not in authors
    at = Path(task.worktree_path)
    assert (at / "AGENT_CONTEXT" / "SESSION.md").exists()
    desk.clean(task)
    desk.sound()
    # Nothing of what was committed is lost: taken back, the branch holds it as before.
    operations.undo(desk.engine, task.id)
    assert git(desk.repo, "merge-base", "--is-ancestor", tip, task.branch_name) == ""
    assert own(desk, "main") == ""
    desk.clean(task)


@pytest.mark.parametrize("kind", ["squash", "rebase"])
def test_no_squash_and_no_rebase_carries_them(desk: Desk, task: Session, kind: str) -> None:
    forced(desk, task, {"a.txt": "1\n"}, "By hand, all of it")
    desk.base({"two.txt": lines(_9="base")})
    start = desk.sha("main")
    operations.merge(desk.engine, task.id, options(kind=kind))
    assert own(desk, f"{start}..{task.branch_name}") == ""
    assert desk.shown(task.branch_name, "a.txt") == "1\n"
    desk.clean(task)


@pytest.mark.parametrize("commits", [False, True], ids=["added", "committed"])
def test_a_resolution_carries_none(desk: Desk, task: Session, *, commits: bool) -> None:
    desk.base({"one.txt": lines(_3="base")})
    with pytest.raises(ConflictsWait):
        desk.merge(task)
    at = Path(task.worktree_path)
    (at / "one.txt").write_text(lines(_3="both"))
    git(at, "add", "--all", "--force")
    if commits:
        git(at, "-c", "core.editor=true", "cherry-pick", "--continue")
    operations.continue_(desk.engine, task.id)
    assert own(desk, "main") == ""
    assert desk.shown("main", "one.txt") == lines(_3="both")
    desk.clean(task)


def test_a_merge_inside_the_session_keeps_its_form(desk: Desk, task: Session) -> None:
    at = Path(task.worktree_path)
    forced(desk, task, {"a.txt": "1\n"}, "By hand, all of it")
    desk.base({"two.txt": lines(_9="base")})
    git(at, "merge", "-q", "--no-edit", "main")
    desk.by_hand(task, {"b.txt": "2\n"})
    desk.merge(task, squash=False)
    assert own(desk, "main") == ""
    assert (desk.shown("main", "a.txt"), desk.shown("main", "two.txt")) == ("1\n", lines(_9="base"))


def test_a_repository_with_a_folder_of_that_name_keeps_it(desk: Desk) -> None:
    theirs = {"AGENT_CONTEXT/guide.md": LINES, "AGENT_CONTEXT/SESSION.md": "theirs\n", ".worktrees/README": "x\n"}
    desk.base(theirs, "Theirs")
    session = desk.session()
    at = Path(session.worktree_path)
    assert (at / "AGENT_CONTEXT" / "SESSION.md").read_text() == "theirs\n"
    assert "SESSION.md" in next(
        one.text
        for one in desk.engine.store.facts.read(session_id=session.id)
        if one.kind == "worktree" and "SESSION.md" in one.text
    )
    assert git(at, "status", "--porcelain") == git(desk.repo, "status", "--porcelain") == ""
    forced(desk, session, {"AGENT_CONTEXT/guide.md": lines(_3="more"), ".worktrees/README": "y\n"}, "By hand")
    desk.merge(session, squash=False)
    assert desk.shown("main", "AGENT_CONTEXT/guide.md") == lines(_3="more")
    assert desk.shown("main", ".worktrees/README") == "y\n"
    listed = git(desk.repo, "ls-tree", "-r", "--name-only", "main", "AGENT_CONTEXT", ".worktrees").split()
    assert sorted(listed) == sorted(theirs)
    desk.clean(session)


def test_an_adopted_worktree_is_hidden_too(desk: Desk, tmp_path: Path) -> None:
    git(desk.repo, "worktree", "add", "-q", "-b", "mine", str(tmp_path / "mine"))
    sessions.adopt(desk.engine, tmp_path / "mine", base="main")
    (tmp_path / "mine" / ".gitignore").write_text(NEGATED)
    subprocess.run(["git", "add", "--all"], cwd=tmp_path / "mine", check=True)
    assert git(tmp_path / "mine", "diff", "--cached", "--name-only") == ".gitignore\n"


def test_the_last_status_is_that_of_the_store_after_a_merge_and_after_its_undo(desk: Desk, task: Session) -> None:
    """Scripts read it to learn how a session stands."""
    file = Path(task.worktree_path) / "AGENT_CONTEXT" / "LAST_STATUS.json"
    desk.amp(task, {"a.txt": "1\n"})
    desk.merge(task)
    assert json.loads(file.read_text())["status"] == "done"
    operations.undo(desk.engine, task.id)
    assert json.loads(file.read_text())["status"] == "idle"
    desk.base({"a.txt": "other\n"})
    with pytest.raises(ConflictsWait):
        desk.merge(desk.now(task))
    assert json.loads(file.read_text())["status"] == "awaiting-input"
