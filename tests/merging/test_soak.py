"""Hundreds of kills at random moments of everything that moves branches and worktrees: none stuck, lost or doubled."""

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from ampsm_engine.engine import repair, session_trash, sessions
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.merging import operations
from ampsm_engine.merging.results import Options
from ampsm_engine.model import MergeState, Session
from tests import soak
from tests.conftest import git
from tests.merging.desk import Desk, lines
from tests.merging.test_kills import killed
from tests.worker.bench import subreaper

WORK = "work.txt"
MINE = "mine.txt"


class Play:
    """Sessions that come, merge, go and come back, each step in a process that may die."""

    def __init__(self, desk: Desk, draw: random.Random) -> None:
        self.desk, self.draw = desk, draw
        self.limits: dict[str, int] = {}
        self.names = 0
        self.worked: set[str] = set()

    def step(self) -> bool:
        """One verb, killed at one of its moments; whether it died. What it left is looked after, and holds."""
        name = self.draw.choice(["new", "adopt", "merge", "squash", "rebase", "undo", "trash", "restore"])
        act = getattr(self, f"_{name}")()
        if act is None:
            return False
        limit = self.limits.setdefault(name, 40)
        moment = self.draw.randrange(limit)
        died = killed(act, moment, whole=self.draw.random() < 0.5, each_git=True, may_refuse=True)
        if not died:  # it has fewer moments than that, or is refused before
            self.limits[name] = max(moment, 4)
        open_engine()
        self.holds()
        return died

    def _new(self) -> Callable[[], object]:
        self.names += 1
        return lambda: sessions.new(self.desk.engine, path=self.desk.repo, name=f"s{self.names}", run=False)

    def _adopt(self) -> Callable[[], object]:
        self.names += 1
        at = self.desk.repo.parent / f"adopted-{self.names}"
        git(self.desk.repo, "worktree", "add", "-q", "-b", f"adopted-{self.names}", str(at))
        return lambda: sessions.adopt(self.desk.engine, at, name=f"s{self.names}")

    def _one(self, *, merged: bool = False) -> Session | None:
        """A living session whose last operation is done, or that has none."""
        store = self.desk.engine.store
        found = []
        for session in store.sessions.all():
            last = next(iter(store.merges.of(session.id)), None)
            if (last is not None and last.state is MergeState.DONE) == merged:
                found.append(session)
        return self.draw.choice(found) if found else None

    def _worked(self) -> Session | None:
        """One with a commit of its own that the base does not have, while the base has moved on."""
        session = self._one()
        if session is None:
            return None
        self.names += 1
        self.desk.amp(session, {f"{session.id}-{WORK}": f"{self.names}\n"}, f"amp: work {self.names}")
        self.worked.add(session.id)
        self.desk.base({"two.txt": lines(_3=f"base {self.names}")}, f"Base {self.names}")
        return session

    def _merge(self) -> Callable[[], object] | None:
        return self._integrated("merge")

    def _squash(self) -> Callable[[], object] | None:
        return self._integrated("squash")

    def _rebase(self) -> Callable[[], object] | None:
        return self._integrated("rebase")

    def _integrated(self, kind: str) -> Callable[[], object] | None:
        session = self._worked()
        options = Options(kind=kind, message="" if kind == "rebase" else f"Bring in {self.names}")
        return session and (lambda: operations.merge(self.desk.engine, session.id, options))

    def _undo(self) -> Callable[[], object] | None:
        session = self._one(merged=True)
        return session and (lambda: operations.undo(self.desk.engine, session.id))

    def _trash(self) -> Callable[[], object] | None:
        session = self._one(merged=self.draw.random() < 0.5)
        if session is None:
            return None
        (Path(session.worktree_path) / MINE).write_text(f"{session.id}\n")
        return lambda: session_trash.remove(self.desk.engine, session.id)

    def _restore(self) -> Callable[[], object] | None:
        trashed = self.desk.engine.store.sessions.all(trashed=True)
        session = self.draw.choice(trashed) if trashed else None
        return session and (lambda: session_trash.restore(self.desk.engine, session.id))

    def holds(self) -> None:
        """Nothing is between, nothing is lost, nothing came in twice, and repair knows of nothing."""
        desk, store = self.desk, self.desk.engine.store
        assert store.merges.working() == ()
        assert git(desk.repo, "status", "--porcelain") == ""
        assert git(desk.repo, "symbolic-ref", "HEAD").strip() == "refs/heads/main"
        subjects = git(desk.repo, "log", "--format=%s", "main").splitlines()
        brought = [subject for subject in subjects if subject.startswith("Bring in ")]
        assert len(brought) == len(set(brought))
        for session in store.sessions.all(trashed=True):
            self._is_kept(session)
        for session in store.sessions.all():
            self._is_whole(session)
        left = [finding for finding in repair.find_disagreements(desk.engine) if not self._is_adoptable(finding.text)]
        assert left == []

    def _is_adoptable(self, text: str) -> bool:
        """Worktrees of our own making that no session took in, because its process died before."""
        return "adopted-" in text

    def _is_kept(self, session: Session) -> None:
        """In the trash, or on its way there: it comes back whole, and goes on from there."""
        if Path(session.worktree_path).is_dir() or self.draw.random() < 0.3:
            session_trash.restore(self.desk.engine, session.id)
            assert (Path(session.worktree_path) / MINE).read_text() == f"{session.id}\n"

    def _is_whole(self, session: Session) -> None:
        at = Path(session.worktree_path)
        assert git(at, "symbolic-ref", "HEAD").strip() == f"refs/heads/{session.branch_name}"
        changed = git(at, "status", "--porcelain").splitlines()
        assert changed in ([], [f"?? {MINE}"])
        if changed:
            (at / MINE).unlink()
        store = self.desk.engine.store
        for merge in store.merges.of(session.id)[:1]:
            assert merge.state in (MergeState.DONE, MergeState.UNDONE, MergeState.ROLLED_BACK)
            if merge.kind == "merge":
                subjects = git(self.desk.repo, "log", "--format=%s", "main").splitlines()
                assert (merge.message in subjects) == (merge.state is MergeState.DONE)
        if session.id in self.worked:
            assert git(at, "ls-files", f"{session.id}-{WORK}"), "its work is there"


@pytest.mark.soak
@pytest.mark.parametrize(("number", "kills"), soak.shares(soak.MERGE_KILLS, 10))
def test_random_kills(desk: Desk, number: int, kills: int) -> None:
    with subreaper() if number % 2 else contextlib.nullcontext():
        play = Play(desk, soak.dice("merges", number))
        struck = 0
        while struck < kills:
            struck += play.step()
        desk.sound()
