"""From a session to its base: what arrives there, what stays as it was, and what is kept."""

import contextlib
from pathlib import Path

import pytest

from ampsm_engine.errors import Refused
from ampsm_engine.merging import operations
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import Iteration, MergeState, Session, State, Status
from tests.conftest import git
from tests.merging.desk import Desk, lines, options


def test_a_session_comes_into_its_base_as_one_commit(desk: Desk) -> None:
    session = desk.session()
    first = desk.amp(session, {"one.txt": lines(_1="one")})
    second = desk.amp(session, {"new.txt": "new\n"}, "amp: more")
    before = desk.sha("main")
    done = desk.merge(session, "Fix the login\n\nAll of it.")
    assert done.merge.state is MergeState.DONE
    assert (done.commits, done.checkouts) == (1, (str(desk.repo),))
    assert git(desk.repo, "rev-list", "--count", f"{before}..main").strip() == "1"
    assert git(desk.repo, "log", "-1", "--format=%s%n%b", "main").startswith("Fix the login\nAll of it.\n")
    assert desk.shown("main", "one.txt") == lines(_1="one")
    assert (desk.repo / "new.txt").read_text() == "new\n"
    assert git(desk.repo, "status", "--porcelain") == ""
    assert desk.now(session).status is Status.DONE
    assert desk.tip(session) == desk.sha("main") == desk.now(session).base_commit
    desk.clean(session)
    kept = git(desk.repo, "for-each-ref", "--format=%(objectname)", f"refs/ampsm/backup/{session.id}/").split()
    assert {second, before} <= set(kept)
    assert git(desk.repo, "merge-base", "--is-ancestor", first, second) == ""
    desk.sound()


def test_two_sessions_that_touch_different_files_both_arrive(desk: Desk) -> None:
    one, other = desk.session("one"), desk.session("other")
    desk.amp(one, {"one.txt": lines(_1="one")})
    desk.amp(other, {"two.txt": lines(_1="two")})
    desk.merge(one)
    desk.merge(other)
    assert (desk.repo / "one.txt").read_text() == lines(_1="one")
    assert (desk.repo / "two.txt").read_text() == lines(_1="two")
    assert desk.shown("main", "one.txt") == lines(_1="one")
    desk.sound()


def test_a_conflict_leaves_the_base_untouched_and_can_be_resolved(desk: Desk) -> None:
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="session"), "two.txt": lines(_1="s")})
    base = desk.base({"one.txt": lines(_3="base")})
    checkout = desk.checkout()
    with pytest.raises(ConflictsWait, match=r"one\.txt"):
        desk.merge(session)
    assert desk.sha("main") == base
    assert desk.checkout() == checkout
    assert desk.now(session).status is Status.AWAITING_INPUT
    at = Path(session.worktree_path)
    assert git(at, "diff", "--name-only", "--diff-filter=U").split() == ["one.txt"]
    assert "<<<<<<<" in (at / "one.txt").read_text()
    assert "--continue" in (at / "AGENT_CONTEXT" / "REBASE_HELP.md").read_text()
    with pytest.raises(Refused, match=r"one\.txt"):
        operations.continue_(desk.engine, session.id)
    (at / "one.txt").write_text(lines(_3="both"))
    git(at, "add", "one.txt")
    done = operations.continue_(desk.engine, session.id)
    assert done.merge.state is MergeState.DONE
    assert desk.shown("main", "one.txt") == lines(_3="both")
    assert desk.shown("main", "two.txt") == lines(_1="s")
    assert not (at / "AGENT_CONTEXT" / "REBASE_HELP.md").exists()
    desk.clean(session)
    desk.sound()


def test_an_abort_brings_branch_and_worktree_back(desk: Desk) -> None:
    session = desk.session()
    tip = desk.amp(session, {"one.txt": lines(_3="session")})
    base = desk.base({"one.txt": lines(_3="base")})
    (Path(session.worktree_path) / "untracked.log").write_text("x")
    git(desk.repo, "config", "core.excludesFile", str(desk.repo.parent / "excluded"))
    (desk.repo.parent / "excluded").write_text("*.log\n")
    with pytest.raises(ConflictsWait):
        desk.merge(session)
    ended = operations.abort(desk.engine, session.id)
    assert ended.state is MergeState.ABORTED
    assert (desk.tip(session), desk.sha("main")) == (tip, base)
    desk.clean(session)
    assert (Path(session.worktree_path) / "untracked.log").read_text() == "x"
    assert desk.now(session).status is Status.IDLE
    with pytest.raises(Refused, match="waits for anything"):
        operations.abort(desk.engine, session.id)


def test_an_undo_brings_base_and_session_back(desk: Desk) -> None:
    session = desk.session()
    tip = desk.amp(session, {"one.txt": lines(_3="session")})
    base = desk.base({"two.txt": lines(_3="base")})
    desk.merge(session)
    undone = operations.undo(desk.engine, session.id)
    assert undone.state is MergeState.UNDONE
    assert "note" not in desk.facts(session), "nothing of it was pushed"
    assert (desk.tip(session), desk.sha("main")) == (tip, base)
    assert git(desk.repo, "status", "--porcelain") == ""
    assert (desk.repo / "one.txt").read_text() == lines()
    desk.clean(session)
    assert desk.now(session).status is Status.IDLE
    desk.merge(session)
    desk.base({"two.txt": lines(_4="later")})
    with pytest.raises(Refused, match="moved on"):
        operations.undo(desk.engine, session.id)


def test_a_merge_commit_has_the_words_that_were_given_for_it(desk: Desk, task: Session) -> None:
    tip = desk.tip(task)
    desk.merge(task, "Bring in the login", squash=False, fast_forward=False)
    assert git(desk.repo, "log", "-1", "--format=%P%n%B", "main").split("\n")[1] == "Bring in the login"
    assert desk.sha("main^2") == tip


def test_an_undo_is_refused_whole_while_something_of_the_session_is_in_its_way(desk: Desk, task: Session) -> None:
    desk.merge(task)
    merged, file = desk.sha("main"), Path(task.worktree_path) / "two.txt"
    before = file.read_text()
    file.write_text("not committed\n")
    with pytest.raises(Refused, match="not committed"):
        operations.undo(desk.engine, task.id)
    file.write_text(before)
    desk.engine.store.queue.add(Iteration("i1", task.id, 0, "Go on", State.QUEUED, ""))
    with pytest.raises(Refused, match="is queued"):
        operations.undo(desk.engine, task.id)
    assert (desk.sha("main"), desk.last(task).state) == (merged, MergeState.DONE)


def test_a_session_without_work_is_rebased_to_where_its_base_is(desk: Desk) -> None:
    session = desk.session()
    tip = desk.base({"one.txt": lines(_3="base")})
    desk.merge(session, "", kind="rebase")
    assert desk.tip(session) == desk.now(session).base_commit == tip
    assert (Path(session.worktree_path) / "one.txt").read_text() == lines(_3="base")
    desk.clean(session)
    with pytest.raises(Refused, match="has no commit"):
        desk.merge(session, "", kind="rebase")


def test_the_commit_that_is_kept_of_a_session_goes_along_with_a_rebase_and_its_undo(desk: Desk, task: Session) -> None:
    kept, before = f"refs/ampsm/tip/{task.id}", desk.tip(task)
    desk.base({"two.txt": lines(_3="base")})
    operations.merge(desk.engine, task.id, options(kind="rebase"))
    assert desk.sha(kept) == desk.tip(task) != before
    operations.undo(desk.engine, task.id)
    assert desk.sha(kept) == desk.tip(task) == before


def test_a_merge_that_is_refused_has_merged_nothing(desk: Desk) -> None:
    """No merge driver of the user's has run, and no object was written: what is refused is refused first."""
    trace = desk.repo.parent / "driver-ran"
    git(desk.repo, "config", "merge.traced.driver", f"touch {trace} && false")
    desk.base({".gitattributes": "*.txt merge=traced\n"})
    task = desk.session()
    desk.amp(task, {"one.txt": lines(_3="session")})
    desk.base({"one.txt": lines(_9="base")})
    git(desk.repo, "bisect", "start")
    before = git(desk.repo, "count-objects", "-v")
    with pytest.raises(Refused, match="bisect"):
        desk.merge(task)
    assert not trace.exists()
    assert git(desk.repo, "count-objects", "-v") == before
    git(desk.repo, "bisect", "reset")
    with contextlib.suppress(ConflictsWait):
        desk.merge(task)
    assert trace.exists()
