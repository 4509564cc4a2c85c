"""A killed ampsm leaves a git that runs on: whatever is recovered comes after that has ended."""

import os
import signal
from pathlib import Path

import pytest

from ampsm_engine import private_folder
from ampsm_engine.engine import repair, sessions
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.git import orphaned_processes
from ampsm_engine.merging import recovery
from ampsm_engine.model import MergeState, Session
from tests.conftest import git
from tests.merging.desk import Desk
from tests.merging.test_kills import Act, killed, moments
from tests.waiting import until
from tests.worker.bench import subreaper


def killed_at(act: Act, flag: Path) -> None:
    """Do it in a process that is killed as soon as a file is there."""
    child = os.fork()
    if not child:
        act()
        os._exit(0)
    until(flag.exists, "the git that hangs")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.fixture
def slow(desk: Desk, tmp_path: Path) -> tuple[Path, Path]:
    """Filling in slow.txt hangs until the second file is there; the first says that it began."""
    hangs, go = tmp_path / "hangs", tmp_path / "go"
    desk.base({".gitattributes": "slow.txt filter=slow\n"}, "A filter")
    smudge = f"touch {hangs}; until test -e {go}; do sleep 0.02; done; cat"
    git(desk.repo, "config", "filter.slow.smudge", smudge)
    git(desk.repo, "config", "filter.slow.clean", "cat")
    return hangs, go


@pytest.mark.parametrize("ends", [True, False], ids=["awaited", "ended"])
def test_a_merge_whose_checkout_is_still_being_filled(
    desk: Desk, slow: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    hangs, go = slow
    session = desk.session()
    desk.amp(session, {"slow.txt": "slow\n"})
    before = desk.sha("main")
    wait = orphaned_processes.wait

    def watched(*places: object, **more: object) -> None:
        assert orphaned_processes.found((desk.repo,)), "the orphan is known"
        if ends:
            go.touch()
        wait(*places, **more)
        assert not orphaned_processes.found((desk.repo, Path(session.worktree_path)))
        go.touch()

    monkeypatch.setattr(orphaned_processes, "wait", watched)
    if not ends:
        monkeypatch.setattr(recovery, "PATIENCE", 0.1)
    with subreaper():
        killed_at(lambda: desk.merge(session), hangs)
        engine = desk.engine
        (told,) = recovery.recover(engine)
    state = desk.last(session).state
    assert state in (MergeState.DONE, MergeState.ROLLED_BACK)
    assert ("rolled back" in told) == (state is MergeState.ROLLED_BACK)
    assert (desk.sha("main") == before) == (state is MergeState.ROLLED_BACK)
    assert git(desk.repo, "status", "--porcelain") == ""
    desk.sound()


def nothing_left(desk: Desk, known: list[Session]) -> None:
    """What is there belongs to a session, and repair finds nothing to do."""
    places = {str(desk.repo), *(session.worktree_path for session in known)}
    listed = git(desk.repo, "worktree", "list", "--porcelain").splitlines()
    assert {line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")} == places
    branches = git(desk.repo, "for-each-ref", "--format=%(refname:short)", "refs/heads/amp").split()
    assert sorted(branches) == sorted(session.branch_name for session in known)
    assert not list(desk.engine.home.creations.iterdir())
    assert repair.find_disagreements(desk.engine) == ()


def test_a_new_session_killed_at_each_of_its_gits(desk: Desk) -> None:
    desk.session("known")  # so that the repository is known
    for moment in moments():
        died = killed(lambda: sessions.new(desk.engine, path=desk.repo, name="half", run=False), moment, each_git=True)
        open_engine()
        nothing_left(desk, list(desk.engine.store.sessions.all()))
        if not died:
            break
    assert [session.name for session in desk.engine.store.sessions.all()] == ["half", "known"]


def test_a_new_session_whose_worktree_is_still_being_filled(desk: Desk, slow: tuple[Path, Path]) -> None:
    known = desk.session("known")
    desk.base({"slow.txt": "slow\n"})
    with subreaper():
        killed_at(lambda: sessions.new(desk.engine, path=desk.repo, name="half", run=False), slow[0])
        open_engine()
    nothing_left(desk, [known])


def test_what_somebody_worked_on_since_is_not_taken_back(desk: Desk, slow: tuple[Path, Path]) -> None:
    desk.session("known")
    desk.base({"slow.txt": "slow\n"})
    killed_at(lambda: sessions.new(desk.engine, path=desk.repo, name="half", run=False), slow[0])
    (branch,) = git(desk.repo, "for-each-ref", "--format=%(refname)", "refs/heads/amp/half").split()
    commit = git(desk.repo, "commit-tree", "-p", "HEAD", "-m", "By hand", "HEAD^{tree}").strip()
    slow[1].touch()
    orphaned_processes.wait((desk.repo,))
    git(desk.repo, "update-ref", branch, commit)
    open_engine()
    assert git(desk.repo, "rev-parse", branch).strip() == commit
    assert [finding.action.split()[:2] for finding in repair.find_disagreements(desk.engine)] == [["ampsm", "adopt"]]


def test_folders_of_the_killed_do_not_stay(hermetic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(hermetic))
    child = os.fork()
    if not child:
        with private_folder.private_folder("live") as folder:
            (folder / "objects").mkdir()
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(list(hermetic.glob("ampsm-live-*"))) == 1
    with private_folder.private_folder("trash") as held:
        private_folder.remove_abandoned()
        assert list(hermetic.glob("*ampsm-*")) == [held]
    assert list(hermetic.glob("*ampsm-*")) == []
