"""What somebody does who means no good, or does not know better: nothing is lost by it, and nothing untrue is said."""

import shutil
from pathlib import Path

import pytest

from ampsm_engine.engine import merges, repair, session_trash
from ampsm_engine.errors import Refused
from ampsm_engine.merging import operations
from ampsm_engine.merging.results import Options
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import MergeState, Session
from tests.conftest import git
from tests.merging.desk import Desk, lines


@pytest.fixture
def stuck(desk: Desk) -> Session:
    """A session whose merge waits with a conflict."""
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="session")})
    desk.base({"one.txt": lines(_3="base")})
    with pytest.raises(ConflictsWait):
        desk.merge(session)
    return session


def test_an_abort_keeps_what_was_committed_on_the_branch_meanwhile(desk: Desk, stuck: Session) -> None:
    at = Path(stuck.worktree_path)
    git(at, "checkout", "-q", "-f", stuck.branch_name)
    late = desk.by_hand(stuck, {"late.txt": "late\n"})
    operations.abort(desk.engine, stuck.id)
    assert desk.tip(stuck) == late
    desk.clean(stuck)
    fact = desk.engine.store.facts.read(session_id=stuck.id)[-1]
    assert (fact.kind, f"moved meanwhile: it stays at {late[:12]}" in fact.text) == ("aborted", True)


def test_a_conflict_whose_worktree_is_gone_can_be_aborted(desk: Desk, stuck: Session) -> None:
    shutil.rmtree(stuck.worktree_path)
    operations.abort(desk.engine, stuck.id)
    fact = desk.engine.store.facts.read(session_id=stuck.id)[-1]
    assert ("its worktree is gone" in fact.text, "kept as" in fact.text) == (True, False)
    repair.find_disagreements(desk.engine, apply=True)
    desk.clean(stuck)
    assert repair.find_disagreements(desk.engine) == ()


def test_a_session_of_which_nothing_but_a_conflict_is_left_can_go(desk: Desk, stuck: Session) -> None:
    shutil.rmtree(stuck.worktree_path)
    git(desk.repo, "worktree", "prune")
    git(desk.repo, "branch", "-D", stuck.branch_name)
    operations.abort(desk.engine, stuck.id)
    session_trash.remove(desk.engine, stuck.id)
    assert desk.now(stuck).trashed_at
    session_trash.purge(desk.engine, stuck.id)
    assert repair.find_disagreements(desk.engine) == ()


def test_an_abort_makes_a_deleted_branch_again(desk: Desk, stuck: Session) -> None:
    tip = desk.tip(stuck)
    git(desk.repo, "branch", "-D", stuck.branch_name)
    merges_before = desk.last(stuck).branch_before
    assert merges_before == tip
    operations.abort(desk.engine, stuck.id)
    assert desk.tip(stuck) == tip
    desk.clean(stuck)


def test_a_preflight_knows_the_conflict_that_ampsm_laid_out(desk: Desk, stuck: Session) -> None:
    found = merges.preflight(desk.engine, stuck.id, run_script=False)
    (worktree,) = [finding for finding in found.findings if finding.kind == "worktree"]
    assert "did not begin" not in worktree.text
    assert worktree.hint == f"ampsm merge {stuck.id} --continue, or: ampsm merge {stuck.id} --abort"


@pytest.mark.parametrize("branch", ["there", "deleted"])
def test_commits_beside_the_branch_are_not_said_to_be_in_the_base(desk: Desk, branch: str) -> None:
    session = desk.session()
    at = Path(session.worktree_path)
    git(at, "checkout", "-q", "--detach")
    desk.write(at, {"only-here.txt": "only here\n"})
    git(at, "add", "--all")
    git(at, "commit", "-q", "-m", "Beside the branch")
    beside = git(at, "rev-parse", "HEAD").strip()
    with pytest.raises(Refused, match="on no branch") as refused:
        desk.merge(session)
    if branch == "deleted":
        git(desk.repo, "branch", "-D", session.branch_name)
    (finding,) = repair.find_disagreements(desk.engine)
    assert finding.action == refused.value.hint == f"git -C {at} switch -C {session.branch_name}"
    assert "1 commit that main does not have (only-here.txt)" in session_trash.describe_loss(desk.engine, session.id)
    gone = session_trash.remove(desk.engine, session.id)
    assert (gone.in_base, gone.unmerged_commits) == (False, 1)
    session_trash.restore(desk.engine, session.id)
    assert git(at, "rev-parse", "HEAD").strip() == beside


def test_the_way_back_to_the_branch_leaves_no_commit_behind(desk: Desk) -> None:
    session = desk.session()
    at = Path(session.worktree_path)
    git(at, "checkout", "-q", "--detach")
    git(at, "commit", "-q", "--allow-empty", "-m", "Beside the branch")
    beside = git(at, "rev-parse", "HEAD").strip()
    git(desk.repo, "update-ref", f"refs/heads/{session.branch_name}", desk.base({"base.txt": "base\n"}))
    (finding,) = repair.find_disagreements(desk.engine)
    for command in finding.action.split(" && "):
        git(at, *command.split()[3:])
    assert beside in git(desk.repo, "rev-list", "--branches").split()
    desk.clean(session)
    assert repair.find_disagreements(desk.engine) == ()


def test_a_renamed_branch_is_found_and_its_name_brought_back(desk: Desk) -> None:
    session = desk.session()
    at = Path(session.worktree_path)
    git(at, "branch", "-m", "mine")
    (finding,) = repair.find_disagreements(desk.engine)
    assert "which is not there any more" in finding.text
    git(at, *finding.action.split()[3:])
    desk.clean(session)
    assert repair.find_disagreements(desk.engine) == ()


def test_what_the_trash_does_not_keep_is_told_before(desk: Desk) -> None:
    session = desk.session()
    at = Path(session.worktree_path)
    desk.amp(session, {".gitignore": "*.db\n.env\n"})
    desk.write(at, {"precious.db": "data\n", ".env": "KEY=1\n"})
    desk.merge(session)
    told = session_trash.describe_loss(desk.engine, session.id)
    assert "nothing is lost" not in told
    assert told.endswith("What git ignores in it is not kept: precious.db (5 bytes).")
    assert session_trash.remove(desk.engine, session.id).ignored == 1


def test_an_expression_is_no_branch_to_merge_into(desk: Desk) -> None:
    session = desk.session()
    desk.amp(session, {"new.txt": "new\n"})
    before = desk.base({"base.txt": "base\n"})
    for onto in ("main~1", "main^", "main@{0}", "main^{commit}"):
        with pytest.raises(Refused, match="no branch of this repository") as refused:
            desk.merge(session, onto=onto)
        assert refused.value.hint.endswith("--onto BRANCH -m MESSAGE")
    assert desk.sha("main") == before


def test_an_undo_says_what_stays_pushed(desk: Desk, tmp_path: Path) -> None:
    git(desk.repo, "init", "-q", "--bare", str(tmp_path / "there.git"))
    git(desk.repo, "remote", "add", "origin", str(tmp_path / "there.git"))
    session = desk.session()
    desk.amp(session, {"new.txt": "new\n"})
    done = desk.merge(session, push=True)
    assert [one.ok for one in done.published] == [True]
    assert operations.undo(desk.engine, session.id).state is MergeState.UNDONE
    notes = [fact.text for fact in desk.engine.store.facts.read(session_id=session.id) if fact.kind == "note"]
    assert notes == ["main was pushed: what the remote has of it stays there"]


def test_a_patch_with_the_line_ends_of_windows_says_how_to_apply_it(desk: Desk, tmp_path: Path) -> None:
    session = desk.session()
    desk.amp(session, {"windows.txt": "one\r\ntwo\r\n"})
    patch = tmp_path / "out.patch"
    before = desk.sha("main")
    options = Options(message="Windows", patch=str(patch))
    (published,) = operations.merge(desk.engine, session.id, options).published
    git(desk.repo, "checkout", "-q", "-b", "other", before)
    git(desk.repo, *published.hint.split()[1:])
    assert desk.sha("other^{tree}") == desk.sha("main^{tree}")


@pytest.mark.parametrize("way", ["merged", "picked"])
def test_work_that_the_base_took_back_is_not_said_to_be_in_it(desk: Desk, way: str) -> None:
    session = desk.session()
    desk.base({"base.txt": "the base goes on\n"})
    tip = desk.amp(session, {"one.txt": lines(_3="session"), "two.txt": lines(_5="session"), "new.txt": "new\n"})
    if way == "picked":
        git(desk.repo, "cherry-pick", tip)
    else:
        desk.merge(session)
    assert "nothing is lost" in session_trash.describe_loss(desk.engine, session.id)
    desk.base({"one.txt": lines(_3="and on", _9="on and on")}, "What came is built upon")
    assert "nothing is lost" in session_trash.describe_loss(desk.engine, session.id)
    desk.base({"two.txt": lines(_12="others"), "new.txt": None}, "I did not like it")
    told = session_trash.describe_loss(desk.engine, session.id)
    assert "nothing is lost" not in told
    assert "work that main has in its history alone: it took new.txt, two.txt back since" in told
    gone = session_trash.remove(desk.engine, session.id)
    assert (gone.in_base, gone.taken_back) == (True, ("new.txt", "two.txt"))


def test_a_revert_is_seen(desk: Desk) -> None:
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="session")})
    desk.merge(session)
    git(desk.repo, "revert", "--no-edit", "HEAD")
    assert "it took one.txt back since" in session_trash.describe_loss(desk.engine, session.id)
    git(desk.repo, "revert", "--no-edit", "HEAD")
    assert "nothing is lost" in session_trash.describe_loss(desk.engine, session.id)
