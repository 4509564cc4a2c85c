"""What was moved is recognised and linked again, asked; no work is lost, and nothing is proposed that would lose it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ampsm_engine.engine import repair, session_trash, views
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Outcome
from tests.conftest import git
from tests.soak import one_in
from tests.worker.bench import Bench


def working(bench: Bench, name: str) -> Path:
    """A session with a commit and something that is not committed; answers its worktree."""
    session = bench.new(None, name=name)
    worktree = Path(session.worktree_path)
    git(worktree, "commit", "-q", "--allow-empty", "-m", f"Work of {name}")
    (worktree / "loose.txt").write_text(name)
    return worktree


def healed(bench: Bench, place: Path | None = None) -> None:
    """Repair offers to link and nothing else, does it when asked, and has nothing more to say."""
    findings = repair.find_disagreements(bench.engine, path=place)
    assert {finding.kind for finding in findings} == {"moved"}
    assert all("--apply" in finding.action for finding in findings)
    assert all(finding.mended for finding in repair.find_disagreements(bench.engine, path=place, apply=True))
    assert repair.find_disagreements(bench.engine) == ()


def whole(bench: Bench) -> None:
    for session in bench.engine.store.sessions.all():
        worktree = Path(session.worktree_path)
        assert git(worktree, "log", "-1", "--format=%s").strip() == f"Work of {session.name}"
        assert git(worktree, "symbolic-ref", "--short", "HEAD").strip() == session.branch_name
        assert (worktree / "loose.txt").read_text() == session.name
        assert git(worktree, "status", "--porcelain").strip() == "?? loose.txt"
        assert views.show(bench.engine, session).ahead == 1


@pytest.mark.parametrize("how", one_in(2, ["far away", "renamed", "below a renamed folder", "into a folder"]))
def test_a_repository_that_was_moved(bench: Bench, tmp_path: Path, how: str) -> None:
    inner = bench.repo.parent / "projects" / "inner"
    if how == "below a renamed folder":
        inner.parent.mkdir()
        bench.repo = bench.repo.rename(inner)
    for name in ("one", "two", "three"):
        working(bench, name)
    gone = bench.engine.store.sessions.resolve("three")
    session_trash.remove(bench.engine, gone.id)
    new = {
        "renamed": bench.repo.with_name("renamed"),
        "below a renamed folder": bench.repo.parent,
        "into a folder": bench.repo.parent / "folder" / bench.repo.name,
        "far away": tmp_path / "far" / "away" / "r",
    }[how]
    if how == "below a renamed folder":
        new = bench.repo.parent.rename(inner.parent.with_name("work")) / inner.name
    else:
        new.parent.mkdir(parents=True, exist_ok=True)
        bench.repo.rename(new)
    one = bench.engine.store.sessions.resolve("one")
    with pytest.raises(NotFound, match="is gone"):
        views.diff(bench.engine, one.id)
    healed(bench, new if how == "far away" else None)
    assert {session.repo_root for session in bench.engine.store.sessions.all()} == {str(new)}
    session_trash.restore(bench.engine, gone.id)
    whole(bench)
    session_trash.remove(bench.engine, one.id)


def test_links_that_were_pruned_after_a_move(bench: Bench) -> None:
    working(bench, "one")
    new = bench.repo.rename(bench.repo.with_name("renamed"))
    git(new, "worktree", "prune")
    healed(bench)
    whole(bench)


@pytest.mark.parametrize("how", ["by git", "by hand"])
def test_a_worktree_that_was_moved(bench: Bench, how: str) -> None:
    old = working(bench, "one")
    new = bench.repo.with_name("elsewhere") if how == "by git" else old.with_name("renamed")
    if how == "by git":
        git(bench.repo, "worktree", "move", str(old), str(new))
    else:
        old.rename(new)
    healed(bench)
    assert bench.engine.store.sessions.resolve("one").worktree_path == str(new)
    whole(bench)


@pytest.mark.parametrize("moved", ["a worktree", "the repository"])
def test_what_was_moved_hides_no_other_finding(bench: Bench, moved: str) -> None:
    """Before the links are made again, too: who asks sees all there is to mend."""
    working(bench, "one")
    gone = bench.new(None, name="gone")
    git(bench.repo, "branch", "amp/nobody/20260102-030405")
    worktree = Path(bench.engine.store.sessions.resolve("one").worktree_path)
    if moved == "a worktree":
        worktree.rename(worktree.with_name("renamed"))
        shutil.rmtree(gone.worktree_path)
    else:
        bench.repo.rename(bench.repo.with_name("renamed"))
    found = sorted((finding.kind, finding.mended) for finding in repair.find_disagreements(bench.engine))
    lost = ("worktree", False) if moved == "a worktree" else ("moved", False)
    assert found == sorted([("branch", False), ("moved", False), lost])
    mended = {(finding.kind, finding.mended) for finding in repair.find_disagreements(bench.engine, apply=True)}
    assert mended == {("branch", False), ("moved", True), (lost[0], True)}
    assert [finding.kind for finding in repair.find_disagreements(bench.engine)] == ["branch"]


@pytest.mark.parametrize("what", ["pointer", "register"])
def test_a_link_that_is_missing(bench: Bench, what: str) -> None:
    worktree = working(bench, "one")
    if what == "pointer":
        (worktree / ".git").unlink()
    else:
        shutil.rmtree(bench.repo / ".git/worktrees" / worktree.name)
    healed(bench)
    whole(bench)


def test_a_repository_behind_a_link(bench: Bench) -> None:
    working(bench, "one")
    real = bench.repo.rename(bench.repo.with_name("real"))
    bench.repo.symlink_to(real)
    assert repair.find_disagreements(bench.engine) == ()
    whole(bench)


def test_a_clone_is_not_the_repository(bench: Bench) -> None:
    """It has the commits and not the session: only its row goes, and the folder that git does not know stays."""
    worktree = working(bench, "one")
    clone = bench.repo.with_name("clone")
    git(bench.repo, "clone", "-q", str(bench.repo), str(clone))
    session = bench.engine.store.sessions.resolve("one")
    git(clone, "branch", "-q", session.branch_name, "HEAD")
    old = bench.repo.rename(bench.folder / "put-aside")
    shutil.rmtree(old / ".git")
    clone.rename(bench.repo)
    git(bench.repo, "branch", "-D", session.branch_name)
    shutil.copytree(old / ".worktrees", bench.repo / ".worktrees")
    findings = repair.find_disagreements(bench.engine)
    assert not [one for one in findings if "branch -D" in one.action or "remove it" in one.action]
    assert session_trash.remove(bench.engine, session.id).is_away
    assert (worktree / "loose.txt").read_text() == "one"
    session_trash.purge(bench.engine, session.id)
    assert (worktree / "loose.txt").read_text() == "one"


@pytest.mark.parametrize(
    ("lose", "says", "helps"),
    [
        (
            lambda repo, _: repo.rename(repo.with_name("elsewhere")),
            "The repository of session",
            "ampsm repair finds it",
        ),
        (lambda _, worktree: shutil.rmtree(worktree), "The worktree of session one is gone", "--apply makes it again"),
        (lambda _, worktree: (worktree / ".git").unlink(), "has lost its link to git", "--apply links it again"),
    ],
    ids=["repository", "worktree", "link"],
)
def test_who_would_work_there_hears_what_is_gone_and_what_helps(
    bench: Bench, lose: Callable[[Path, Path], object], says: str, helps: str
) -> None:
    session = bench.new(None, name="one")
    lose(bench.repo, Path(session.worktree_path))
    with pytest.raises(Refused) as refused:
        bench.iterate(session)
    assert says in refused.value.message
    assert helps in refused.value.hint
    assert repair.find_disagreements(bench.engine, apply=True)
    bench.scenario({"say": "Done."})
    bench.iterate(bench.now(session))
    assert bench.settled(session).outcome is Outcome.DONE


def test_a_copy_of_a_repository_takes_no_session_over(bench: Bench, tmp_path: Path) -> None:
    bench.scenario({"create_file": "hello.txt", "content": "one\n"}, {"say": "Added a greeting."})
    session = bench.new()
    bench.settled(session)
    rows = bench.engine.store.sessions.get(session.id), bench.engine.store.iterations.of(session.id)
    shutil.copytree(bench.repo, tmp_path / "copy", symlinks=True)
    findings = repair.find_disagreements(bench.engine, path=tmp_path / "copy", apply=True)
    assert not any(finding.mended or finding.kind == "lost" for finding in findings)
    assert (bench.engine.store.sessions.get(session.id), bench.engine.store.iterations.of(session.id)) == rows
