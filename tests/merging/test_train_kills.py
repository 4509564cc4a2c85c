"""kill -9 at any moment of a train: the base stands where the script passed, nothing is lost, and it can be run again."""

import json
import os

import pytest

from ampsm_engine import private_folder
from ampsm_engine.amp import process
from ampsm_engine.engine import repair
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.merging import scratch, train
from ampsm_engine.merging.questions import ALL
from ampsm_engine.model import MergeState, Session, Status
from tests import soak
from tests.conftest import git
from tests.merging.desk import Desk, options
from tests.merging.test_kills import killed
from tests.merging.yard import Yard
from tests.soak import one_in


class Play:
    """One train after another, each killed at a moment, looked after, and run again."""

    def __init__(self, yard: Yard) -> None:
        self.yard, self.desk, self.number = yard, yard.desk, 0

    def sessions(self) -> list[Session]:
        """Three that pass and one in their middle that does not."""
        self.number += 1
        mark = f"r{self.number}"
        return self.yard.sessions(f"{mark}-a {mark}-b {mark}-bad {mark}-c", f"test ! -e {mark}-bad")

    def ride(self, sessions: list[Session]) -> object:
        ids = [session.id for session in sessions]
        return train.run(self.desk.engine, ids, options(""))

    def killed_at(self, moment: int, *, whole: bool, each_git: bool) -> bool:
        """Whether it died of it. What it left is looked after, and the same train again comes to the same end."""
        sessions = self.sessions()
        tips = [self.desk.tip(one) for one in sessions]
        died = killed(lambda: self.ride(sessions), moment, whole=whole, each_git=each_git)
        open_engine()
        self.yard.holds()
        self.holds(sessions, tips)
        self.ride(sessions)
        self.yard.holds()
        self.holds(sessions, tips)
        good, bad = [*sessions[:2], sessions[3]], sessions[2]
        assert [self.desk.now(one).status for one in good] == [Status.DONE] * 3
        assert self.desk.now(bad).status is not Status.DONE
        assert repair.find_disagreements(self.desk.engine) == ()
        return died

    def holds(self, sessions: list[Session], tips: list[str]) -> None:
        """Each session is in or out, whole, and what it was can be had."""
        for session, tip in zip(sessions, tips, strict=True):
            self.desk.clean(session)
            assert git(self.desk.repo, "for-each-ref", "--contains", tip)
            entries = self.desk.engine.store.merges.of(session.id)
            is_in = bool(entries) and entries[0].state is MergeState.DONE
            assert (session.name in git(self.desk.repo, "ls-tree", "--name-only", "main").split()) is is_in
            assert (self.desk.now(session).status is Status.DONE) is is_in


@pytest.fixture
def play(yard: Yard) -> Play:
    return Play(yard)


@pytest.mark.parametrize("moment", one_in(9, [3, *range(46)]))
def test_at_each_step_of_the_journal_and_around_each_move(play: Play, moment: int) -> None:
    play.killed_at(moment, whole=True, each_git=False)


@pytest.mark.soak
@pytest.mark.parametrize(("number", "kills"), soak.shares(soak.MERGE_KILLS // 3, 10))
def test_before_and_after_any_git(play: Play, number: int, kills: int) -> None:
    dice = soak.dice("train", number)
    limit = 400
    for _ in range(kills):
        moment = dice.randrange(limit)
        if not play.killed_at(moment, whole=dice.random() < 0.5, each_git=True):
            limit = max(moment, 20)
    play.desk.sound()


def test_while_the_script_runs(yard: Yard) -> None:
    desk = yard.desk
    sessions = yard.sessions("a b")
    pid = desk.repo.parent / "pid"
    ids = [session.id for session in sessions]
    script = f"echo $$ > {pid}; echo out; kill -KILL $PPID; exec sleep 600"
    assert killed(lambda: train.run(desk.engine, ids, options("", answered=(ALL,)), script=script), 9999)
    (left,) = (desk.repo / ".worktrees").glob("check-*")
    assert process.leftover_processes(left.name)
    open_engine()
    assert not process.leftover_processes(left.name)
    assert list((desk.engine.home.cache / scratch.LOGS).iterdir()) == []
    yard.holds()
    assert desk.sha("main") == yard.start


def test_what_the_home_does_not_know_of_any_more_is_found_by_repair(desk: Desk) -> None:
    made = desk.repo / ".worktrees" / "check-0123456789"
    session = desk.session()
    git(desk.repo, "worktree", "add", "-q", "--detach", str(made))
    (finding,) = repair.find_disagreements(desk.engine)
    assert "check-0123456789" in finding.text
    assert "repair --apply" in finding.action
    assert made.exists()
    held = private_folder.hold(made)
    assert repair.find_disagreements(desk.engine, apply=True) == (), "its process lives"
    os.close(held)
    (finding,) = repair.find_disagreements(desk.engine, apply=True)
    assert finding.mended
    assert not made.exists()
    assert "check-" not in git(desk.repo, "worktree", "list")
    desk.clean(session)


def test_a_start_that_cannot_clear_up_says_so_and_the_next_one_does(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    home = desk.engine.home
    home.scratch.mkdir()
    record = home.scratch / "check-0123456789"
    made = desk.repo / ".worktrees" / record.name
    record.write_text(json.dumps({"root": str(desk.repo), "path": str(made)}))
    made.parent.mkdir()
    git(desk.repo, "worktree", "add", "-q", "--detach", str(made))
    git_dir = desk.repo / ".git"
    aside = git_dir.rename(desk.repo / "aside")
    assert len(scratch.remove_abandoned(home)) == 1
    assert record.exists()
    aside.rename(git_dir)
    assert scratch.remove_abandoned(home) == ()
    assert not record.exists()
    assert not made.exists()
