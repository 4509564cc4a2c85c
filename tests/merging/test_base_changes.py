"""A session's base changes, or is renamed: what belongs to the session stays its own, and is told."""

from pathlib import Path

import pytest

from ampsm_engine.engine import base_change, reviews, views
from ampsm_engine.errors import AmpsmError, NotFound, Refused
from ampsm_engine.merging import preflight
from ampsm_engine.model import Session, Status
from tests.conftest import git
from tests.merging.desk import Desk, lines


@pytest.fixture
def task(desk: Desk) -> Session:
    """A session from main, which has something that release does not have."""
    git(desk.repo, "branch", "release")
    desk.base({"feature.txt": "unreleased\n"}, "Unreleased")
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="fixed")})
    return session


def test_another_base_gets_and_shows_the_sessions_work_alone(desk: Desk, task: Session) -> None:
    release, tip = desk.sha("release"), desk.tip(task)
    changed = base_change.change_base(desk.engine, task.id, "release")
    assert changed.session.base_branch == "release"
    assert "bring 1 commit to release" in changed.text
    assert "'Unreleased'" in changed.text
    assert desk.tip(task) == tip
    now = desk.now(task)
    assert [one.path for one in views.diff(desk.engine, task.id).files()] == ["one.txt"]
    assert [one.path for one in views.show(desk.engine, now).files or ()] == ["one.txt"]
    assert reviews.resolve(desk.engine, task.id).old == task.base_commit
    desk.merge(now)
    assert git(desk.repo, "diff", "--name-only", release, "release").split() == ["one.txt"]


def test_a_base_that_cannot_be_is_refused(desk: Desk, task: Session) -> None:
    git(desk.repo, "switch", "-q", "--orphan", "other")
    git(desk.repo, "commit", "-q", "--allow-empty", "-m", "Of another history")
    git(desk.repo, "switch", "-q", "main")
    for wanted, says in (
        ("relase", "no branch"), (task.branch_name, "cannot be both"), ("other", "no common history"),
    ):  # fmt: skip
        with pytest.raises(AmpsmError, match=says) as caught:
            base_change.change_base(desk.engine, task.id, wanted)
        assert caught.value.hint
    foreseen = preflight.preflight(desk.engine, task.id, onto="other")
    assert [one.kind for one in foreseen.findings if one.level == "stop"] == ["base"]
    desk.engine.store.sessions.update(task.id, status=Status.RUNNING)
    with pytest.raises(Refused, match="is running"):
        base_change.change_base(desk.engine, task.id, "release")
    desk.engine.store.sessions.update(task.id, status=Status.IDLE)
    desk.base({"one.txt": lines(_3="otherwise")})
    with pytest.raises(AmpsmError):
        desk.merge(task)
    with pytest.raises(Refused, match="waits for its conflicts"):
        base_change.change_base(desk.engine, task.id, "release")
    assert desk.now(task).base_branch == "main"


def test_a_renamed_base_is_followed_and_told(desk: Desk, task: Session) -> None:
    git(desk.repo, "branch", "-m", "main", "trunk")
    git(desk.repo, "branch", "-m", "trunk", "devel")
    assert preflight.preflight(desk.engine, task.id).target == "devel"
    assert desk.now(task).base_branch == "devel"
    assert "its base main was renamed to devel" in [
        fact.text for fact in desk.engine.store.facts.read(session_id=task.id)
    ]
    desk.merge(task)
    assert git(desk.repo, "show", "devel:one.txt") == lines(_3="fixed")


def test_a_base_that_nothing_tells_of_is_asked_about_with_the_nearest(desk: Desk, task: Session) -> None:
    git(desk.repo, "branch", "mainline", "main")
    git(desk.repo, "switch", "-q", "mainline")
    git(desk.repo, "branch", "-D", "main")
    with pytest.raises(NotFound) as caught:
        desk.merge(task)
    assert f"ampsm edit {task.id} --base mainline" in caught.value.hint
    assert desk.now(task).base_branch == "main", "what its base was called is not forgotten"
    assert Path(task.worktree_path).is_dir()
