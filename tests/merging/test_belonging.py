"""What belongs to a session comes along, whatever it comes to; what is somebody else's is named, and asked about."""

import itertools
from pathlib import Path

import pytest

from ampsm_engine.engine import merges, sessions
from ampsm_engine.errors import Refused
from ampsm_engine.merging import open_conflict, operations, preflight
from ampsm_engine.merging.questions import Unanswered
from ampsm_engine.merging.results import Options
from ampsm_engine.model import Session
from tests.conftest import git
from tests.merging.desk import Desk, lines
from tests.soak import one_in

COLLEAGUE = ("-c", "user.name=Colleague", "-c", "user.email=colleague@example.org")


def commit(at: Path, path: str, content: str, subject: str) -> str:
    """A colleague's commit on what is checked out somewhere."""
    (at / path).write_text(content)
    git(at, "add", "--all")
    git(at, *COLLEAGUE, "commit", "-q", "-m", subject)
    return git(at, "rev-parse", "HEAD").strip()


def on_branch(desk: Desk, name: str, path: str, subject: str) -> str:
    """A branch of the colleague's, with a commit on what main is now."""
    git(desk.repo, "checkout", "-q", "-b", name)
    made = commit(desk.repo, path, f"{subject}\n", subject)
    git(desk.repo, "checkout", "-q", "main")
    return made


def brought(desk: Desk, onto: str, before: str) -> list[tuple[str, str]]:
    """Author and subject of what came to a branch, newest first."""
    log = git(desk.repo, "log", "--format=%an%x00%s", f"{before}..{onto}").splitlines()
    return [(author, subject) for author, _, subject in (line.partition("\0") for line in log)]


@pytest.fixture
def task(desk: Desk) -> Session:
    """A session from main, where a colleague's feature is that `release` does not have."""
    git(desk.repo, "branch", "release")
    commit(desk.repo, "feature.txt", "unreleased\n", "Unreleased feature")
    session = desk.session("fix")
    desk.amp(session, {"one.txt": lines(_3="fixed")}, "amp: fix the bug")
    return session


@pytest.mark.parametrize("more", one_in(2, [{}, {"squash": False}, {"fast_forward": False}, {"manual": "keep"}]))
def test_another_branch_gets_the_sessions_work_alone(desk: Desk, task: Session, more: dict[str, object]) -> None:
    release = desk.sha("release")
    found = merges.preflight(desk.engine, task.id, onto="release")
    assert [commit.subject for commit in found.commits] == ["amp: fix the bug"]
    assert any("Unreleased feature" in one.text and one.level == "ok" for one in found.findings)
    desk.merge(task, "Fix the bug", onto="release", **more)
    assert git(desk.repo, "diff", "--name-only", release, "release").split() == ["one.txt"]
    assert "Colleague" not in git(desk.repo, "log", "--format=%an %cn %B", f"{release}..release")
    assert brought(desk, "release", release)[-1][0] == "Some Body"
    desk.clean(task)
    desk.sound()


def test_a_rebase_takes_the_sessions_work_alone_and_it_comes_back(desk: Desk, task: Session) -> None:
    release, main = desk.sha("release"), desk.sha("main")
    desk.merge(task, "", kind="rebase", onto="release")
    assert brought(desk, task.branch_name, release) == [("Some Body", "amp: fix the bug")]
    assert desk.now(task).base_commit == release
    desk.merge(task, "Fix the bug")
    assert brought(desk, "main", main) == [("Some Body", "Fix the bug")]
    assert git(desk.repo, "diff", "--name-only", main, "main").split() == ["one.txt"]


def test_what_was_merged_is_ported_to_another_branch_too(desk: Desk, task: Session) -> None:
    release = desk.sha("release")
    desk.merge(task, "Fix the bug")
    desk.merge(task, "Fix the bug there, too", onto="release")
    assert git(desk.repo, "diff", "--name-only", release, "release").split() == ["one.txt"]


def test_a_patch_for_another_branch_holds_the_sessions_work_alone(desk: Desk, task: Session, tmp_path: Path) -> None:
    desk.merge(task, "Fix the bug", onto="release", patch=str(tmp_path / "p"))
    assert "feature.txt" not in (tmp_path / "p").read_text()


@pytest.mark.parametrize("how", ["merge", "rebase"])
def test_taking_in_the_base_by_hand_moves_the_start_along(desk: Desk, task: Session, how: str) -> None:
    commit(desk.repo, "later.txt", "later\n", "Later feature")
    git(Path(task.worktree_path), how, "-q", "main")
    desk.amp(task, {"two.txt": lines(_9="more")}, "amp: more")
    release = desk.sha("release")
    desk.merge(task, "Fix the bug", onto="release")
    assert git(desk.repo, "diff", "--name-only", release, "release").split() == ["one.txt", "two.txt"]
    assert brought(desk, "release", release) == [("Some Body", "Fix the bug")]


def test_a_base_that_was_force_pushed_does_not_come_back(desk: Desk, task: Session) -> None:
    git(desk.repo, "reset", "-q", "--hard", "release")
    main = commit(desk.repo, "other.txt", "other\n", "The feature is taken out of the history")
    desk.merge(task, "Fix the bug")
    assert git(desk.repo, "diff", "--name-only", main, "main").split() == ["one.txt"]
    assert brought(desk, "main", main) == [("Some Body", "Fix the bug")]


def test_a_start_that_is_no_ancestor_any_more(desk: Desk, task: Session) -> None:
    at = Path(task.worktree_path)
    git(desk.repo, "reset", "-q", "--hard", "release")
    main = commit(desk.repo, "other.txt", "other\n", "The feature is taken out of the history")
    git(at, "rebase", "-q", "--onto", "main", task.base_commit)
    release = desk.sha("release")
    desk.merge(task, "Fix the bug", onto="release")
    assert git(desk.repo, "diff", "--name-only", release, "release").split() == ["one.txt"]
    assert desk.sha("main") == main


def test_a_conflict_on_another_branch_is_of_the_sessions_work_alone(desk: Desk, task: Session) -> None:
    git(desk.repo, "checkout", "-q", "release")
    release = desk.base({"one.txt": lines(_3="as released")})
    git(desk.repo, "checkout", "-q", "main")
    assert [file.path for file in preflight.plan(desk.engine, task.id, onto("release")).conflicts] == ["one.txt"]
    with pytest.raises(Refused, match="conflict"):
        desk.merge(task, "Fix the bug", onto="release")
    open_conflict.resolve(desk.engine, task.id, "one.txt", "theirs")
    operations.continue_(desk.engine, task.id)
    assert git(desk.repo, "diff", "--name-only", release, "release").split() == ["one.txt"]


HOWS = ("merge", "fast-forward", "cherry-pick")
KINDS = ("merge", "squash", "rebase")


@pytest.mark.parametrize("ways", one_in(4, itertools.product(HOWS, KINDS)))  # each of the six is among them
def test_work_of_others_on_the_branch_is_asked_about(desk: Desk, ways: tuple[str, str]) -> None:
    how, kind = ways
    on_branch(desk, "feature-x", "x.txt", "Feature X")
    session = desk.session("fix")
    at = Path(session.worktree_path)
    if how != "fast-forward":
        desk.amp(session, {"one.txt": lines(_3="fixed")}, "amp: fix the bug")
    if how == "cherry-pick":
        git(at, "cherry-pick", "feature-x")
        git(desk.repo, "branch", "-q", "-D", "feature-x")
    else:
        git(at, "merge", "-q", *(["--no-ff", "-m", "Take in X"] if how == "merge" else []), "feature-x")
    desk.amp(session, {"two.txt": lines(_3="more")}, "amp: more")
    main, tip = desk.sha("main"), desk.tip(session)
    assert any(one.kind == "others" for one in merges.preflight(desk.engine, session.id).findings)
    with pytest.raises(Unanswered, match="'Feature X' by Colleague") as asked:
        desk.merge(session, "Fix" if kind != "rebase" else "", kind=kind)
    assert (desk.sha("main"), desk.tip(session), desk.engine.store.merges.of(session.id)) == (main, tip, ())
    assert asked.value.hint.endswith(" --yes")
    desk.merge(session, "Fix" if kind != "rebase" else "", kind=kind, answered=asked.value.answers)
    where = "main" if kind == "merge" else session.branch_name
    assert "x.txt" in git(desk.repo, "diff", "--name-only", main, where)
    if kind != "rebase":
        assert brought(desk, where, main) == [("Some Body", "Fix")]
        assert "Co-authored-by: Colleague" in git(desk.repo, "log", "-1", "--format=%B", where)


def test_the_author_is_the_sessions_where_own_files_are_taken_out(desk: Desk) -> None:
    on_branch(desk, "feature-x", "x.txt", "Feature X")
    session = desk.session("fix")
    at = Path(session.worktree_path)
    (at / "AGENT_CONTEXT" / "SESSION.md").write_text("mine\n")
    git(at, "add", "--force", "AGENT_CONTEXT/SESSION.md")
    git(at, "commit", "-q", "-m", f"amp: notes\n\nAmpsm-Session: {session.id}")
    git(at, "cherry-pick", "feature-x")
    desk.amp(session, {"one.txt": lines(_3="fixed")}, "amp: fix the bug")
    main = desk.sha("main")
    desk.merge(session, "Fix the bug", answered=("*",))
    assert brought(desk, "main", main) == [("Some Body", "Fix the bug")]
    assert git(desk.repo, "diff", "--name-only", main, "main").split() == ["one.txt", "x.txt"]


def test_what_the_target_has_by_another_name_is_not_asked_about(desk: Desk) -> None:
    """And it makes nobody else the author."""
    session = desk.session("fix")
    theirs = commit(desk.repo, "feature.txt", "feature\n", "Feature")
    git(Path(session.worktree_path), "cherry-pick", theirs)
    desk.amp(session, {"one.txt": lines(_3="fixed")}, "amp: fix the bug")
    desk.merge(session, "Fix the bug")
    assert brought(desk, "main", theirs) == [("Some Body", "Fix the bug")]
    assert git(desk.repo, "diff", "--name-only", theirs, "main").split() == ["one.txt"]


def test_a_session_of_a_session_is_not_the_other_ones_work(desk: Desk) -> None:
    first = desk.session("first")
    desk.amp(first, {"one.txt": lines(_3="first")}, "amp: first")
    second, _ = sessions.new(desk.engine, path=desk.repo, prompt=None, name="second", base=first.branch_name, run=False)
    desk.amp(second, {"two.txt": lines(_3="second")}, "amp: second")
    by_hand = desk.by_hand(second, {"hand.txt": "mine\n"})
    git(desk.repo, "branch", "stacked", by_hand)
    main = desk.sha("main")
    desk.merge(second, "Second alone", onto="main", answered=("*",))
    assert git(desk.repo, "diff", "--name-only", main, "main").split() == ["hand.txt", "two.txt"]


def test_work_of_ones_own_is_not_asked_about(desk: Desk, task: Session) -> None:
    """By hand, by amp on a branch of its own making that is gone, pushed, and gone on with in another session."""
    at = Path(task.worktree_path)
    desk.by_hand(task, {"hand.txt": "mine\n"})
    git(desk.repo, "update-ref", f"refs/remotes/origin/{task.branch_name}", task.branch_name)
    sessions.new(desk.engine, path=desk.repo, prompt=None, name="next", base=task.branch_name, run=False)
    git(at, "commit", "-q", "--allow-empty", "--amend", "--no-edit")
    main = desk.sha("main")
    desk.merge(task, "All of it", squash=False)
    assert [subject for _, subject in brought(desk, "main", main)] == ["By hand", "amp: fix the bug"]


def test_what_the_remote_took_already_comes_here_too(desk: Desk, task: Session) -> None:
    """By a pull request, say; and a remote of the base's own name has no other branch of the base."""
    desk.by_hand(task, {"hand.txt": "mine\n"})
    git(desk.repo, "update-ref", "refs/remotes/origin/main", task.branch_name)
    git(desk.repo, "update-ref", f"refs/remotes/main/{task.branch_name}", task.branch_name)
    main = desk.sha("main")
    desk.merge(task, "All of it")
    assert git(desk.repo, "diff", "--name-only", main, "main").split() == ["hand.txt", "one.txt"]


def test_nothing_of_its_own_is_nothing_to_merge(desk: Desk, task: Session) -> None:
    empty = desk.session("empty")
    with pytest.raises(Refused, match="no commit of its own that release does not have"):
        desk.merge(empty, "Nothing", onto="release")


def onto(branch: str) -> Options:
    return Options(message="x", onto=branch)
