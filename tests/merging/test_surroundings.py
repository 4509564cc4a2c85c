"""Repositories as they are in life: the right result, or a refusal with its reason and nothing changed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ampsm_engine.engine import merges
from ampsm_engine.errors import AmpsmError, NotFound, Refused
from ampsm_engine.git.integrate import laid_conflict
from ampsm_engine.merging import operations
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import MergeState, Session, Status
from tests.conftest import git
from tests.merging.desk import Desk, lines, refused
from tests.soak import one_in


def test_a_checkout_of_another_branch_is_not_touched(desk: Desk, task: Session) -> None:
    git(desk.repo, "switch", "-q", "-c", "mine")
    (desk.repo / "one.txt").write_text("my own work\n")
    (desk.repo / "two.txt").write_text(lines(_9="staged"))
    git(desk.repo, "add", "two.txt")
    (desk.repo / "three.txt").write_text("untracked\n")
    git(desk.repo, "status")
    checkout = desk.checkout()
    assert desk.merge(task).checkouts == ()
    assert desk.checkout() == checkout
    assert desk.shown("main", "one.txt") == lines(_3="session")


def test_changes_elsewhere_in_the_checkout_stay(desk: Desk, task: Session) -> None:
    (desk.repo / "two.txt").write_text(lines(_9="mine"))
    (desk.repo / "three.txt").write_text("untracked\n")
    desk.merge(task)
    assert (desk.repo / "one.txt").read_text() == lines(_3="session")
    assert (desk.repo / "two.txt").read_text() == lines(_9="mine")
    assert git(desk.repo, "status", "--porcelain") == " M two.txt\n?? three.txt\n"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["changed", "untracked", "locked"])
def test_what_is_in_the_way_in_the_checkout_is_named(desk: Desk, task: Session, kind: str) -> None:
    if kind == "changed":
        (desk.repo / "one.txt").write_text("my own work\n")
    elif kind == "untracked":
        desk.amp(task, {"new.txt": "of amp\n"})
        (desk.repo / "new.txt").write_text("mine\n")
    else:
        (desk.repo / ".git" / "index.lock").touch()
    refused(desk, task, {"changed": r"one\.txt", "untracked": r"new\.txt", "locked": r"index\.lock"}[kind])
    assert desk.last(task).state is MergeState.ROLLED_BACK
    desk.clean(task)


@pytest.mark.parametrize("kind", one_in(2, ["rebasing", "bisecting", "changed", "merging"]))
def test_a_base_that_cannot_move_is_refused_before_a_conflict_is_laid_out(desk: Desk, task: Session, kind: str) -> None:
    git(desk.repo, "branch", "side")
    desk.base({"one.txt": lines(_3="base")})
    if kind == "rebasing":
        git(desk.repo, "switch", "-q", "side")
        desk.base({"one.txt": lines(_3="side")})
        git(desk.repo, "switch", "-q", "main")
        assert subprocess.run(
            ["git", "rebase", "-q", "side"], cwd=desk.repo, capture_output=True, check=False
        ).returncode
    elif kind == "bisecting":
        git(desk.repo, "bisect", "start", "main", "main~1")
    elif kind == "merging":
        git(
            desk.repo,
            "merge",
            "-q",
            "--no-ff",
            "--no-commit",
            "-s",
            "ours",
            git(desk.repo, "commit-tree", "-m", "x", "main^{tree}").strip(),
            "--allow-unrelated-histories",
        )
    else:
        (desk.repo / "one.txt").write_text("mine\n")
    words = {"rebasing": "main is being rebased", "bisecting": "bisect", "merging": "A merge is in progress"}
    word = words.get(kind, r"in the way in .*: one\.txt")
    assert any(
        (one.kind, one.level) == ("checkout", "stop") and re.search(word, one.text)
        for one in merges.preflight(desk.engine, task.id).findings
    )
    refused(desk, task, word)
    assert laid_conflict.laid(Path(task.worktree_path)) is None
    desk.clean(task)


@pytest.mark.parametrize("kind", ["dirty", "untracked", "detached", "switched", "rebasing", "gone", "cut off"])
def test_a_worktree_that_is_not_ready(desk: Desk, task: Session, kind: str) -> None:
    at = Path(task.worktree_path)
    if kind == "dirty":
        (at / "one.txt").write_text("not committed\n")
    elif kind == "untracked":
        (at / "new.txt").write_text("not committed\n")
    elif kind == "detached":
        git(at, "checkout", "-q", "--detach")
    elif kind == "switched":
        git(at, "switch", "-q", "-c", "elsewhere")
    elif kind == "rebasing":
        desk.base({"one.txt": lines(_3="base")})
        assert subprocess.run(["git", "rebase", "-q", "main"], cwd=at, capture_output=True, check=False).returncode
    elif kind == "gone":
        shutil.rmtree(at)
    else:
        (at / ".git").unlink()
    words = {"rebasing": "rebase is in progress", "gone": "is gone", "cut off": "lost its link to git"}
    words |= {"detached": "on no branch", "switched": "on elsewhere"}
    with pytest.raises(AmpsmError, match=words.get(kind, "not committed")) as caught:
        desk.merge(task)
    assert caught.value.hint
    assert desk.engine.store.merges.of(task.id) == ()


def test_secrets_files_that_git_does_not_track_are_no_reason(desk: Desk, task: Session) -> None:
    (Path(task.worktree_path) / ".env").write_text("TOKEN=x\n")
    findings = merges.preflight(desk.engine, task.id).findings
    assert next(finding.text for finding in findings if finding.kind == "left-out").endswith(": .env")
    desk.merge(task)
    assert (Path(task.worktree_path) / ".env").read_text() == "TOKEN=x\n"


def test_a_locked_worktree_merges(desk: Desk, task: Session) -> None:
    git(desk.repo, "worktree", "lock", task.worktree_path)
    assert desk.merge(task).merge.state is MergeState.DONE


def test_a_base_that_was_renamed(desk: Desk, task: Session) -> None:
    git(desk.repo, "branch", "-m", "main", "trunk")
    assert desk.merge(task).merge.target == "trunk", "it is followed"
    assert desk.shown("trunk", "one.txt") == lines(_3="session")


def test_a_session_branch_that_was_renamed(desk: Desk, task: Session) -> None:
    git(desk.repo, "branch", "-m", task.branch_name, "mine")
    with pytest.raises(NotFound, match="is not there any more"):
        desk.merge(task)


def test_a_base_that_is_no_branch(desk: Desk) -> None:
    git(desk.repo, "tag", "v1")
    session = desk.session(base="v1")
    desk.amp(session, {"one.txt": lines(_3="session")})
    refused(desk, session, "no branch of this repository")
    assert desk.merge(session, onto="main").merge.target == "main"


def test_a_shallow_clone(desk: Desk, task: Session) -> None:
    desk.base({"two.txt": lines(_1="later")})
    fork = git(desk.repo, "merge-base", "main", task.branch_name).strip()
    assert fork != desk.sha("main")
    # The history is cut between the two and what they share.
    (desk.repo / ".git" / "shallow").write_text(f"{desk.sha('main')}\n{desk.tip(task)}\n")
    refused(desk, task, "shallow")
    (desk.repo / ".git" / "shallow").unlink()
    desk.merge(task)


def test_an_upstream_that_was_force_pushed(desk: Desk, task: Session, tmp_path: Path) -> None:
    git(desk.repo, "clone", "-q", "--bare", str(desk.repo), str(tmp_path / "remote.git"))
    git(desk.repo, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(tmp_path, "clone", "-q", str(tmp_path / "remote.git"), "other")
    git(tmp_path / "other", "commit", "-q", "--amend", "-m", "Rewritten")
    git(tmp_path / "other", "push", "-q", "--force", "origin", "HEAD:main")
    git(desk.repo, "config", "branch.main.remote", "origin")
    git(desk.repo, "config", "branch.main.merge", "refs/heads/main")
    found = merges.preflight(desk.engine, task.id, fetch=True)
    told = {finding.kind: finding for finding in found.findings}
    assert told["fetch"].level == "ok"
    assert (told["upstream"].level, "force-pushed" in told["upstream"].text) == ("warn", True)
    refused(desk, task, "would be rejected", push=True)
    assert desk.merge(task).merge.state is MergeState.DONE


def test_a_merge_beside_an_iteration_is_refused(desk: Desk, task: Session) -> None:
    from ampsm_engine.model import Iteration, State

    store = desk.engine.store
    store.queue.add(Iteration("i1", task.id, 0, "More", State.QUEUED, ""))
    assert "ampsm stop" in refused(desk, task, "is queued").hint
    store.queue.claim()
    refused(desk, task, "is running")
    stop = merges.preflight(desk.engine, task.id).findings[0]
    assert (stop.kind, stop.level) == ("session", "stop")


def test_git_taking_the_conflict_back_does_not_lose_the_work(desk: Desk, task: Session) -> None:
    desk.base({"one.txt": lines(_3="base")})
    at = Path(task.worktree_path)
    for command in (("cherry-pick", "--abort"), ("cherry-pick", "--skip"), ("checkout", "-qf", task.branch_name)):
        tip = desk.tip(task)
        with pytest.raises(ConflictsWait):
            desk.merge(task)
        git(at, *command)
        with pytest.raises(Refused, match=r"taken back|any more|elsewhere|left"):
            operations.continue_(desk.engine, task.id)
        operations.abort(desk.engine, task.id)
        assert desk.tip(task) == tip
        desk.clean(task)


def test_the_base_may_move_while_a_conflict_waits(desk: Desk, task: Session) -> None:
    desk.base({"one.txt": lines(_3="base")})
    with pytest.raises(ConflictsWait):
        desk.merge(task)
    later = desk.base({"two.txt": lines(_7="later")})
    at = Path(task.worktree_path)
    (at / "one.txt").write_text(lines(_3="both"))
    git(at, "add", "one.txt")
    operations.continue_(desk.engine, task.id)
    assert desk.sha("main~1") == later
    assert desk.shown("main", "one.txt") == lines(_3="both")
    assert desk.shown("main", "two.txt") == lines(_7="later")
    desk.clean(task)


def test_a_checkout_in_the_way_keeps_a_resolved_conflict(desk: Desk, task: Session) -> None:
    base = desk.base({"one.txt": lines(_3="base")})
    with pytest.raises(ConflictsWait):
        desk.merge(task)
    at = Path(task.worktree_path)
    (at / "one.txt").write_text(lines(_3="both"))
    git(at, "add", "one.txt")
    (desk.repo / "one.txt").write_text("mine\n")
    with pytest.raises(Refused, match=r"one\.txt"):
        operations.continue_(desk.engine, task.id)
    assert desk.sha("main") == base
    assert desk.last(task).state is MergeState.CONFLICTED
    assert desk.now(task).status is Status.AWAITING_INPUT
    git(desk.repo, "restore", "one.txt")
    operations.continue_(desk.engine, task.id)
    assert desk.shown("main", "one.txt") == lines(_3="both")
