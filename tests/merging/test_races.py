"""Two at once: one does it, and the other is told what became of it. The second has looked before the first is done."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.git import lock
from ampsm_engine.merging import journal, operations, recovery, situation, steps
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import Iteration, MergeState, Session, State, Status
from tests.conftest import git
from tests.merging.desk import Desk, lines, options


def overtaken(desk: Desk, slow: Callable[[], object], quick: Callable[[], object]) -> str:
    """What `slow` is told, in a process of its own, when `quick` has the repository from its first look to its end."""
    waits, said = os.pipe(), os.pipe()
    common = desk.repo / ".git"
    with lock.writer(common, "a quick one"):
        child = os.fork()
        if not child:
            _be_slow(slow, waits[1], said[1])
        os.close(said[1])
        assert os.read(waits[0], 1) == b"x"
        quick()
    with os.fdopen(said[0], "rb") as told:
        words = told.read().decode()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return words


def _be_slow(act: Callable[[], object], waits: int, said: int) -> None:
    words = "done"
    writer = lock.writer

    def waiting(*args: Any, **more: Any) -> Any:
        os.write(waits, b"x")
        return writer(*args, **more)

    for descriptor in lock._held.__dict__.pop(str(os.getppid())).values():
        os.close(descriptor)  # what the parent holds is not ours
    operations.lock.writer = waiting
    try:
        act()
    except ConflictsWait:
        words = "conflicts"
    except AmpsmError as reason:
        words = f"{reason.message} | {reason.hint}"
    except BaseException as reason:  # noqa: BLE001 - told to the parent
        words = f"{type(reason)} {reason}"
    os.write(said, words.encode())
    os._exit(0)


def test_a_command_that_starts_beside_a_merge_leaves_it_alone(
    desk: Desk, task: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What every start looks after is what a dead process left, and not what a living one is at."""
    looked_after: list[tuple[str, ...]] = []
    make = steps.make

    def while_another_starts(*args: Any) -> Any:
        looked_after.append(recovery.recover(desk.engine))
        assert desk.last(task).state is MergeState.WORKING
        return make(*args)

    monkeypatch.setattr(steps, "make", while_another_starts)
    desk.merge(task)
    assert looked_after == [()]
    assert desk.last(task).state is MergeState.DONE
    assert desk.shown("main", "one.txt") == lines(_3="session")


def test_what_a_dead_process_left_is_looked_after_and_told(desk: Desk, task: Session) -> None:
    store, main = desk.engine.store, desk.sha("main")
    store.merges.begin(journal.new(situation.look(store, task.id), options(), moved="main"))
    told = recovery.recover(desk.engine)
    assert told == ("The merge of fix login was rolled back: main is as it was before.",)
    facts = [fact.text for fact in store.facts.read(session_id=task.id) if fact.kind == "recovered"]
    assert (facts, desk.last(task).state, desk.sha("main")) == ([*told], MergeState.ROLLED_BACK, main)
    assert recovery.recover(desk.engine) == ()


def test_two_merges_of_one_session(desk: Desk, task: Session) -> None:
    desk.base({"two.txt": lines(_3="base")})
    told = overtaken(desk, lambda: desk.merge(task, "Slow"), lambda: desk.merge(task, "Quick"))
    assert told.startswith("fix login was merged by another ampsm meanwhile.")
    assert git(desk.repo, "log", "--format=%s", "-2", "main").splitlines() == ["Quick", "The base goes on"]
    desk.clean(task)
    desk.sound()


@pytest.mark.parametrize("before", ["the lock", "the branches move"])
def test_a_commit_by_hand_meanwhile_is_told_and_nothing_moves(
    desk: Desk, task: Session, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    room, name = (operations.lock, "writer") if before == "the lock" else (steps, "moved_together")
    act, base = getattr(room, name), desk.sha("main")

    def late(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(room, name, act)
        desk.by_hand(task, {"late.txt": "late\n"})
        return act(*args, **more)

    monkeypatch.setattr(room, name, late)
    with pytest.raises(Refused, match="moved meanwhile"):
        desk.merge(task)
    assert desk.sha("main") == base
    assert desk.now(task).status is not Status.DONE
    assert desk.shown(desk.tip(task), "late.txt") == "late\n"
    desk.merge(task)
    assert desk.shown("main", "late.txt") == "late\n"
    desk.sound()


def test_two_sessions_into_one_base(desk: Desk, task: Session) -> None:
    other = desk.session("other")
    desk.amp(other, {"two.txt": lines(_3="other")})
    assert overtaken(desk, lambda: desk.merge(task, "Slow"), lambda: desk.merge(other, "Quick")) == "done"
    assert git(desk.repo, "log", "--format=%s", "-2", "main").splitlines() == ["Slow", "Quick"]
    assert git(desk.repo, "status", "--porcelain") == ""
    desk.sound()


def test_an_undo_while_another_session_comes_in(desk: Desk, task: Session) -> None:
    other = desk.session("other")
    desk.amp(other, {"two.txt": lines(_3="other")})
    desk.merge(task)
    told = overtaken(desk, lambda: operations.undo(desk.engine, task.id), lambda: desk.merge(other, "Quick"))
    assert told.startswith("other was merged into main after fix login: that one is undone first.")
    assert desk.last(task).state is MergeState.DONE


def test_two_undos(desk: Desk, task: Session) -> None:
    desk.merge(task)
    told = overtaken(desk, lambda: operations.undo(desk.engine, task.id), lambda: operations.undo(desk.engine, task.id))
    assert told.startswith("The merge of fix login is undone by now.")
    desk.clean(task)


def test_two_that_go_on(desk: Desk, task: Session) -> None:
    desk.base({"one.txt": lines(_3="base")})
    with pytest.raises(ConflictsWait):
        desk.merge(task)
    at = Path(task.worktree_path)
    (at / "one.txt").write_text(lines(_3="both"))
    git(at, "add", "one.txt")
    go_on = lambda: operations.continue_(desk.engine, task.id)  # noqa: E731
    told = overtaken(desk, go_on, go_on)
    assert told.startswith("The merge of fix login is done by now.")
    assert desk.shown("main", "one.txt") == lines(_3="both")
    desk.clean(task)


def test_an_iteration_that_begins_between_the_look_and_the_step(desk: Desk, task: Session) -> None:
    """The store decides, in one transaction, whether a session is amp's or a merge's."""
    before = desk.sha("main"), desk.tip(task)
    store = desk.engine.store
    check = operations.steps.refuse_nothing

    def then_amp(*said: Any) -> None:
        check(*said)
        if not store.iterations.of(task.id):
            store.queue.add(Iteration("i1", task.id, 0, "More", State.QUEUED, ""))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(operations.steps, "refuse_nothing", then_amp)
        with pytest.raises(Refused, match=r"is queued|running or queued"):
            desk.merge(task)
    assert (desk.sha("main"), desk.tip(task)) == before
    assert store.merges.of(task.id) == ()


def test_no_iteration_begins_while_a_merge_is_at_work(desk: Desk, task: Session) -> None:
    refusals: list[str] = []
    make = operations.steps.make

    def amp_tries(*said: Any) -> object:
        with pytest.raises(Refused) as refused:
            desk.engine.store.queue.add(Iteration("i1", task.id, 0, "More", State.QUEUED, ""))
        refusals.append(refused.value.message)
        return make(*said)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(operations.steps, "make", amp_tries)
        desk.merge(task)
    assert refusals
    assert desk.engine.store.iterations.of(task.id) == ()
