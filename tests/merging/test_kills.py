"""kill -9 at every step: the base is before or after, the work is reachable, the next start says what it did."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import program
from ampsm_engine.git.integrate import branch_move, conflict_checkout, laid_conflict
from ampsm_engine.merging import journal, operations, recovery
from ampsm_engine.merging import steps as merge_steps
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import MergeState, Session, Status
from ampsm_engine.store.merges import Merges
from tests.conftest import git
from tests.merging.desk import Desk, lines

Act = Callable[[], object]

JOURNAL = ("begin", "take", "step", "end")
MOVES = (
    *((branch_move, name) for name in ("move_target", "move_together")),
    *((conflict_checkout, name) for name in ("lay_out", "settle", "abort", "finish")),
)


class Counter:
    """Kills this process at the n-th of the moments that it counts."""

    def __init__(self, at: int) -> None:
        self.left = at

    def tick(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def around(self, function: Callable[..., Any], *, before: bool = True) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            if before:
                self.tick()
            value = function(*args, **kwargs)
            self.tick()
            return value

        return counted


def killed(act: Act, at: int, *, whole: bool = True, each_git: bool = False, may_refuse: bool = False) -> bool:
    """Do it in a process that dies at a moment; whether it lived that long. Not `whole`: after journal steps only."""
    child = os.fork()
    if not child:
        counter = Counter(at)
        for name in JOURNAL:
            setattr(Merges, name, counter.around(getattr(Merges, name), before=whole))
        for module, name in MOVES if whole else ():
            setattr(module, name, counter.around(getattr(module, name)))
        if each_git:
            program.start = counter.around(program.start)
        code = 0
        try:
            act()
        except ConflictsWait:
            code = 4
        except AmpsmError:
            code = 4 if may_refuse else 9
        except BaseException:  # noqa: BLE001 - told by the exit code
            code = 9
        os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) in (0, 4)
    return False


class Play:
    """One scene, over and over: what was there before, and what has to hold after."""

    def __init__(self, desk: Desk, *, conflict: bool) -> None:
        self.desk, self.conflict, self.number = desk, conflict, 0
        self.session: Session
        self.main = self.tip = ""

    def begin(self) -> None:
        """A fresh session beside a base that has moved on."""
        self.number += 1
        desk, mark = self.desk, f"s{self.number}"
        desk.base({"one.txt": lines(_3=f"old {mark}"), "two.txt": lines(_3=f"old {mark}")}, f"Before {mark}")
        self.session = desk.session(mark)
        desk.amp(self.session, {"one.txt": lines(_3=mark)})
        self.tip = desk.amp(self.session, {f"{mark}.txt": "new\n"})
        self.main = desk.base({"one.txt" if self.conflict else "two.txt": lines(_3=f"base {mark}")}, f"Beside {mark}")

    def merge(self) -> object:
        return self.desk.merge(self.session, f"Bring in {self.session.name}")

    def resolve(self) -> None:
        at = Path(self.session.worktree_path)
        (at / "one.txt").write_text(lines(_3=f"both s{self.number}"))
        git(at, "add", "one.txt")

    def step(self) -> str:
        """Where the journal stands."""
        entries = self.desk.engine.store.merges.of(self.session.id)
        return entries[0].step if entries else ""

    def recovered(self) -> tuple[str, ...]:
        engine = self.desk.engine
        return recovery.recover(engine)

    def holds(self) -> MergeState | None:
        """Whatever the moment was: nothing is between, nothing is lost, nothing is at work."""
        desk, session = self.desk, self.session
        store = desk.engine.store
        assert store.merges.working() == ()
        state = store.merges.of(session.id)[0].state if store.merges.of(session.id) else None
        main = desk.sha("main")
        if main != self.main:
            assert desk.sha("main~1") == self.main
            assert desk.shown("main", f"s{self.number}.txt") == "new\n"
            assert state is MergeState.DONE
            assert desk.now(session).status is Status.DONE
        assert git(desk.repo, "status", "--porcelain") == ""
        assert git(desk.repo, "symbolic-ref", "HEAD").strip() == "refs/heads/main"
        assert git(desk.repo, "for-each-ref", "--contains", self.tip)
        if state is not MergeState.CONFLICTED:
            desk.clean(session)
            assert laid_conflict.laid(Path(session.worktree_path)) is None
        return state


def moments(limit: int = 200) -> Iterator[int]:
    yield from range(limit)
    pytest.fail("it has more moments than any merge has")


WHOLE = pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.soak)])
"""A death after each step that is written; or before and after everything that moves, too."""


@WHOLE
@pytest.mark.parametrize("together", [True, False])
def test_a_merge(desk: Desk, monkeypatch: pytest.MonkeyPatch, together: bool, whole: bool) -> None:
    if not together:  # something is in the way of one of the two
        monkeypatch.setattr(merge_steps, "moved_together", lambda *_: None)
    play, seen, steps = Play(desk, conflict=False), set(), set()
    for moment in moments():
        play.begin()
        died = killed(play.merge, moment, whole=whole)
        steps.add(play.step())
        told = play.recovered()
        state = play.holds()
        seen.add(state)
        if not died:
            break
        assert len(told) <= 1  # none where it died before its first or after its last step
        assert all("rolled back" in text if state is MergeState.ROLLED_BACK else "finished" in text for text in told)
        if state is not MergeState.DONE:
            play.merge()
            assert play.holds() is MergeState.DONE
    assert seen - {None} == {MergeState.ROLLED_BACK, MergeState.DONE}
    assert steps >= {journal.BEGUN, journal.TARGET, journal.END, *(() if together else (journal.BRANCH,))}
    desk.sound()


@WHOLE
def test_a_conflict_and_going_on(desk: Desk, whole: bool) -> None:
    play, steps = Play(desk, conflict=True), set()
    for moment in moments():
        play.begin()
        died = killed(play.merge, moment, whole=whole)
        steps.add(play.step())
        play.recovered()
        state = play.holds()
        assert desk.sha("main") == play.main
        if state is not MergeState.CONFLICTED:
            with pytest.raises(ConflictsWait):
                play.merge()
        if not died:
            break
        operations.abort(desk.engine, play.session.id)
        assert play.holds() is MergeState.ABORTED
        assert desk.tip(play.session) == play.tip
    for moment in moments():
        play.begin()
        with pytest.raises(ConflictsWait):
            play.merge()
        play.resolve()
        died = killed(lambda: operations.continue_(desk.engine, play.session.id), moment, whole=whole)
        steps.add(play.step())
        play.recovered()
        if play.holds() is MergeState.CONFLICTED:
            operations.continue_(desk.engine, play.session.id)
            assert play.holds() is MergeState.DONE
        assert desk.shown("main", "one.txt") == lines(_3=f"both s{play.number}")
        if not died:
            break
    assert steps >= {journal.LAY, journal.WAIT, journal.RESUME, journal.TARGET, journal.BRANCH, journal.END}
    desk.sound()


@WHOLE
@pytest.mark.parametrize("way", ["abort", "undo"])
def test_taking_back(desk: Desk, way: str, whole: bool) -> None:
    play, steps = Play(desk, conflict=way == "abort"), set()
    verb = operations.abort if way == "abort" else operations.undo
    for moment in moments():
        play.begin()
        if way == "abort":
            with pytest.raises(ConflictsWait):
                play.merge()
        else:
            play.merge()
        died = killed(lambda: verb(desk.engine, play.session.id), moment, whole=whole)
        steps.add(play.step())
        play.recovered()
        state = play.holds()
        if state in (MergeState.CONFLICTED, MergeState.DONE):
            verb(desk.engine, play.session.id)
            state = play.holds()
        assert state is (MergeState.ABORTED if way == "abort" else MergeState.UNDONE)
        assert (desk.sha("main"), desk.tip(play.session)) == (play.main, play.tip)
        assert desk.now(play.session).status is Status.IDLE
        if not died:
            break
    assert steps >= ({journal.ABORT} if way == "abort" else {journal.UNDO_TARGET, journal.UNDO_BRANCH})
    desk.sound()


@pytest.mark.soak
@pytest.mark.parametrize("conflict", [False, True])
def test_before_and_after_every_git(desk: Desk, conflict: bool) -> None:
    play = Play(desk, conflict=conflict)
    for moment in moments(400):
        play.begin()
        died = killed(play.merge, moment, each_git=True)
        play.recovered()
        state = play.holds()
        if not died:
            break
        if state is MergeState.CONFLICTED:
            operations.abort(desk.engine, play.session.id)
        elif state is not MergeState.DONE and not conflict:
            play.merge()
            assert play.holds() is MergeState.DONE
    desk.sound()
