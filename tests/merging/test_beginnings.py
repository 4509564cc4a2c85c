"""Sessions that begin otherwise than on a new branch in the usual place: what is made, what is refused, what stays."""

from pathlib import Path

import pytest

from ampsm_engine import config
from ampsm_engine.engine import repair, session_trash, sessions
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.errors import AmpsmError, Unfit
from ampsm_engine.git import worktrees
from ampsm_engine.git.worktrees import Pending
from ampsm_engine.merging import preflight, train
from ampsm_engine.merging.questions import ALL
from ampsm_engine.model import LACKS
from tests.conftest import git
from tests.merging.desk import Desk, options
from tests.merging.test_kills import killed, moments


def traces(desk: Desk) -> tuple[object, ...]:
    """Everything that a creation could leave behind."""
    around = sorted(path.name for path in desk.repo.parent.iterdir())
    hidden = desk.repo / ".worktrees"
    return (
        git(desk.repo, "for-each-ref"),
        git(desk.repo, "worktree", "list", "--porcelain"),
        (desk.repo / ".git" / "config").read_text(),
        sorted(path.name for path in hidden.iterdir()) if hidden.exists() else [],
        around,
        len(desk.engine.store.sessions.all()),
    )


@pytest.fixture
def feature(desk: Desk) -> Desk:
    """A branch of the user's with a commit of its own, and a remote with one that is nowhere else."""
    git(desk.repo, "switch", "-q", "-c", "feature")
    desk.base({"mine.txt": "mine\n"}, "By me")
    git(desk.repo, "switch", "-q", "main")
    remote = desk.repo.parent / "remote.git"
    git(desk.repo, "clone", "-q", "--bare", ".", str(remote))
    git(desk.repo, "remote", "add", "origin", str(remote))
    git(remote, "branch", "theirs", "feature")
    git(desk.repo, "fetch", "-q", "origin")
    return desk


def test_a_session_on_a_branch_that_is_there_begins_at_its_tip_and_leaves_it_behind(feature: Desk) -> None:
    desk, tip = feature, feature.sha("feature")
    session = desk.session(branch="feature")
    at = Path(session.worktree_path)
    assert (session.branch_name, session.base_branch, session.base_commit) == ("feature", "main", tip)
    assert git(at, "symbolic-ref", "--short", "HEAD").strip() == "feature"
    mine = desk.amp(session, {"amp.txt": "amp\n"})
    plan = preflight.preflight(desk.engine, session.id)
    assert [commit.subject for commit in plan.commits] == ["amp: work"]
    (at / "loose.txt").write_text("loose\n")
    session_trash.remove(desk.engine, session.id)
    session_trash.purge(desk.engine, session.id)
    assert desk.sha("feature") == mine


def test_a_branch_of_a_remote_is_followed(feature: Desk) -> None:
    session = feature.session(branch="origin/theirs")
    assert (session.branch_name, session.owns_branch) == ("theirs", False)
    assert git(feature.repo, "rev-parse", "--abbrev-ref", "theirs@{upstream}").strip() == "origin/theirs"


@pytest.mark.parametrize(
    ("wanted", "more", "says"),
    [
        ("main", {}, "main is checked out in"),
        ("main", {"base": "feature"}, "main is checked out in"),
        ("feature", {"base": "feature"}, "cannot be both"),
        ("v1", {}, "v1 is no branch"),
        ("featur", {}, "There is no branch"),
        ("HEAD~1", {}, "is no branch"),
        ("trunk", {}, "default branch"),
        ("origin/feature", {}, "is not where origin/feature is"),
    ],
)
def test_a_branch_that_is_not_free_is_refused(feature: Desk, wanted: str, more: dict[str, str], says: str) -> None:
    desk = feature
    git(desk.repo, "tag", "v1")
    git(desk.repo, "branch", "trunk")
    git(desk.repo, "branch", "-f", "feature", "main")
    before = traces(desk)
    with pytest.raises(AmpsmError, match=says) as caught:
        desk.session(branch=wanted, **more)
    assert caught.value.hint
    assert traces(desk) == before


def test_one_branch_is_one_sessions(feature: Desk) -> None:
    first = feature.session("first", branch="feature")
    with pytest.raises(AmpsmError, match="the branch of session first") as caught:
        feature.session("second", branch="feature")
    assert first.id in caught.value.hint


def configure(desk: Desk, **settings: str) -> None:
    for name, value in settings.items():
        config.store(desk.engine.config, name.replace("_", "."), value)


def test_worktrees_and_branches_are_where_the_templates_have_them(desk: Desk) -> None:
    configure(desk, worktree_place="../trees of {repo}/{slug}", branch_name="feature/{slug}")
    first, second = desk.session(), desk.session()
    trees = desk.repo.parent / f"trees of {desk.repo.name}"
    assert [one.worktree_path for one in (first, second)] == [str(trees / "fix-login"), str(trees / "fix-login-2")]
    assert [one.branch_name for one in (first, second)] == ["feature/fix-login", "feature/fix-login-2"]
    assert git(desk.repo, "status", "--porcelain") == ""
    assert repair.find_disagreements(desk.engine) == ()
    desk.amp(second, {"amp.txt": "amp\n"})
    (trees / "fix-login-2" / "loose.txt").write_text("loose\n")
    session_trash.remove(desk.engine, second.id)
    session_trash.restore(desk.engine, second.id)
    assert (trees / "fix-login-2" / "loose.txt").read_text() == "loose\n"
    (trees / "fix-login-2" / "loose.txt").unlink()
    assert desk.merge(second).merge.base_after == desk.sha("main")
    for one in (first, second):
        session_trash.remove(desk.engine, one.id)
        session_trash.purge(desk.engine, one.id)
    assert git(desk.repo, "for-each-ref", "refs/heads/feature") == ""


def test_what_the_store_lost_is_found_wherever_it_lies(desk: Desk) -> None:
    configure(desk, worktree_place="../{slug}", branch_name="x-{slug}")
    session = desk.session()
    desk.amp(session, {"amp.txt": "amp\n"})
    desk.engine.store.sessions.remove(session.id, with_facts=True)
    told = repair.find_disagreements(desk.engine, path=desk.repo, apply=True)
    assert [one.kind for one in told if not one.mended] == []
    back = desk.now(session)
    assert (back.worktree_path, back.branch_name) == (session.worktree_path, session.branch_name)


def test_a_place_that_is_taken_or_among_the_files_is_refused(desk: Desk) -> None:
    top = desk.repo
    desk.base({"src/a.txt": "a\n"})
    (top / "docs").mkdir()
    (top / "docs" / "notes.txt").write_text("mine\n")
    (top / "leads").symlink_to(top.parent)
    git(top, "worktree", "add", "-q", "--detach", "mine/tree")
    before = traces(desk)
    for place, says in (
        (f"{top}/{{id}}", "among the files"),
        (f"{top}/.git/trees/{{id}}", r"\.git is not for worktrees"),
        ("src/{id}", r"git tracks files in src \(src/a.txt\)"),
        ("docs/{id}", r"docs has files that git would not show any more \(docs/notes.txt\)"),
        ("leads/{id}", "leads is a link"),
        ("mine/tree/{id}", "mine/tree is a worktree"),
    ):
        configure(desk, worktree_place=place)
        with pytest.raises(AmpsmError, match=says):
            desk.session()
    assert traces(desk) == before


@pytest.mark.parametrize("place", [".trees/{id}", "wt [a]/{slug}/tree", "mine/{slug}"])
def test_worktrees_in_a_folder_of_the_repository_are_hidden_from_git_and_leave_nothing(desk: Desk, place: str) -> None:
    git(desk.repo, "worktree", "add", "-q", "--detach", "mine/tree")
    top = place.partition("/")[0]
    configure(desk, worktree_place=place)
    first, second = desk.session(), desk.session()
    assert Path(first.worktree_path).is_relative_to(desk.repo / top)
    for where in (desk.repo, Path(first.worktree_path)):
        assert git(where, "status", "--porcelain", "--", f":(top,literal){top}") == ""
    told = [fact.text for fact in desk.engine.store.facts.read(session_id=second.id, kinds=LACKS)]
    assert [text for text in told if f"{top}/" in text] == []
    desk.amp(second, {"amp.txt": "amp\n"})
    assert desk.merge(second).merge.base_after == desk.sha("main")
    git(desk.repo, "clean", "-dfq")  # what git shows as nobody's
    assert Path(first.worktree_path).is_dir()
    assert repair.find_disagreements(desk.engine) == ()


def test_what_judges_a_merge_lies_beside_the_sessions_and_not_in_the_usual_folder(desk: Desk) -> None:
    configure(desk, worktree_place=".trees/{id}")
    seen = desk.repo.parent / "seen"
    session = desk.session()
    desk.amp(session, {"amp.txt": "amp\n"})
    train.run(desk.engine, [session.id], options("", answered=(ALL,)), script=f"pwd > {seen}")
    assert Path(seen.read_text().strip()).parent == desk.repo / ".trees"
    assert not (desk.repo / ".worktrees").exists()


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("worktree.place", "../{repo}.{slugs}", "{slug}"),
        ("worktree.place", "{id}", "../{repo}.{slug}"),
        ("worktree.place", "{slug}/{id}", "../{repo}.{slug}"),
        ("worktree.place", ".Git/{id}", "../{repo}.{slug}"),
        ("worktree.place", "../{repo}", "{slug}"),
        ("worktree.place", "../a/../../{id}", "{slug}"),
        ("branch.name", "amp/{sulg}/{time}", "{slug}"),
        ("branch.name", "amp..{slug}", "feature/"),
        ("branch.name", "{slug", "feature/"),
        ("commit.subject", "feat: {subjekt}", "{subject}"),
    ],
)
def test_a_template_that_makes_no_name_is_refused_when_it_is_set(
    tmp_path: Path, name: str, value: str, hint: str
) -> None:
    with pytest.raises(Unfit) as caught:
        config.store(tmp_path / "config.toml", name, value)
    assert hint in caught.value.hint
    assert not (tmp_path / "config.toml").exists()


def test_what_fails_on_its_way_leaves_nothing_behind(feature: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(feature, worktree_place="../trees/{slug}")
    before = traces(feature)

    def fail(_: Pending) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(worktrees.Pending, "finish", fail)
    for branch in (None, "feature", "origin/theirs"):
        with pytest.raises(KeyboardInterrupt):
            feature.session(branch=branch)
        assert traces(feature) == before


def test_a_beginning_killed_at_each_of_its_gits_leaves_nothing_behind(feature: Desk) -> None:
    configure(feature, worktree_place="../trees/{slug}")
    feature.session("known")
    before = traces(feature)
    for moment in moments():
        died = killed(
            lambda: sessions.new(feature.engine, path=feature.repo, name="half", branch="theirs", run=False),
            moment,
            each_git=True,
        )
        open_engine()
        if not died:
            break
        assert traces(feature) == before
    assert [one.name for one in feature.engine.store.sessions.all()] == ["half", "known"]


def test_a_session_begins_in_no_worktree_of_another_wherever_that_lies(desk: Desk) -> None:
    configure(desk, worktree_place="../{slug}")
    first = desk.session("first")
    for again in (False, True):
        if again:
            session_trash.remove(desk.engine, first.id)
            session_trash.restore(desk.engine, first.id)
        with pytest.raises(AmpsmError, match=f"worktree of session {first.id}"):
            sessions.new(desk.engine, path=Path(first.worktree_path), name="inner", run=False)


def test_a_moved_repository_finds_its_worktrees_outside_again(desk: Desk) -> None:
    configure(desk, worktree_place="../trees/{slug}")
    session = desk.session()
    moved = desk.repo.parent / "moved"
    desk.repo.rename(moved)
    told = repair.find_disagreements(desk.engine, path=moved, apply=True)
    assert [one.kind for one in told] == ["moved"]
    back = desk.now(session)
    assert (back.repo_root, back.worktree_path) == (str(moved), session.worktree_path)
    assert git(Path(back.worktree_path), "rev-parse", "--show-toplevel").strip() == session.worktree_path
