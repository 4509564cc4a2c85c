"""The merge of an item whose base moves at the very moment: what is told of it is what stands in the branch."""

import pytest

from ampsm_engine import config
from ampsm_engine.batch import item_merge
from ampsm_engine.batch.item_merge import ItemMerge
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.context import Engine
from ampsm_engine.errors import Failed, Refused
from ampsm_engine.merging import operations
from ampsm_engine.merging.results import MergeResult, Options
from ampsm_engine.model import BatchItem, ItemState, Session
from tests.conftest import git
from tests.merging.conftest import desk
from tests.merging.desk import Desk
from tests.store.test_batches import a_batch, an_item
from tests.store.values import an_iteration

__all__ = ["desk"]


def merged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> BatchItem:
    """What becomes of an item when its base gets what its script does not pass with, just before it comes in."""
    session = desk.session(script="! test -e three.txt")
    desk.amp(session, {"one.txt": "changed\n"})
    item = an_item(state=ItemState.RUNNING, step="merge", session_id=session.id, repo=str(desk.repo))
    desk.engine.store.batches.start(a_batch(), (item,))
    real = operations.merge

    def overtaken(engine: Engine, session_id: str, options: Options) -> MergeResult:
        if not (desk.repo / "three.txt").exists():
            desk.base({"three.txt": "in the way\n"})
        return real(engine, session_id, options)

    monkeypatch.setattr(operations, "merge", overtaken)
    ItemMerge(desk.engine, item.id, ItemSpec(item.repo, item.prompt), lambda: False).until_ended()
    return desk.engine.store.batches.item(item.id)


def test_what_does_not_pass_on_a_base_that_moved_is_taken_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    item = merged(desk, monkeypatch)
    assert (item.state, item.reason) == (ItemState.FAIL, "On main as it is now: The script failed with exit code 1.")
    assert git(desk.repo, "log", "-1", "--format=%s", "main").strip() == "The base goes on"


def test_a_change_that_the_base_got_by_another_item_is_merged(desk: Desk) -> None:
    session = desk.session(script="true")
    desk.amp(session, {"one.txt": "changed\n"})
    desk.base({"one.txt": "changed\n"})
    item = an_item(state=ItemState.RUNNING, step="merge", session_id=session.id, repo=str(desk.repo))
    desk.engine.store.batches.start(a_batch(), (item,))
    ItemMerge(desk.engine, item.id, ItemSpec(item.repo, item.prompt), lambda: False).until_ended()
    now = desk.engine.store.batches.item(item.id)
    assert (now.state, now.reason) == (ItemState.SUCCESS, "There is nothing to merge that main lacks.")


def test_what_a_dead_coordinator_left_unjudged_is_judged_by_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The end of the process, in the middle."""

    judge = ItemMerge._script

    def killed(merge: ItemMerge, session: Session) -> tuple[bool, int]:
        if (desk.repo / "three.txt").exists():
            raise Killed
        return judge(merge, session)

    monkeypatch.setattr(ItemMerge, "_script", killed)
    with pytest.raises(Killed):
        merged(desk, monkeypatch)
    assert git(desk.repo, "log", "-1", "--format=%s", "main").strip() != "The base goes on", "it is in, and not judged"
    monkeypatch.setattr(ItemMerge, "_script", judge)
    (item,) = desk.engine.store.batches.items(desk.engine.store.batches.all()[0].id)
    ItemMerge(desk.engine, item.id, ItemSpec(item.repo, item.prompt), lambda: False).until_ended()
    now = desk.engine.store.batches.item(item.id)
    assert (now.state, now.reason) == (ItemState.FAIL, "On main as it is now: The script failed with exit code 1.")
    assert git(desk.repo, "log", "-1", "--format=%s", "main").strip() == "The base goes on"


def test_what_cannot_be_taken_back_is_told_to_be_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_engine: Engine, _session_id: str) -> None:
        raise Refused("Somebody has built on it.", "")

    monkeypatch.setattr(operations, "undo", refuse)
    item = merged(desk, monkeypatch)
    assert item.state is ItemState.FAIL
    assert item.reason is not None
    assert item.reason.endswith("the script does not pass there, and it was not undone: Somebody has built on it.")
    assert item.reason.startswith(f"Merged into main as {desk.sha('main')[:12]}.")


def test_tries_of_before_do_not_count_when_a_merge_is_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    session = desk.session()
    desk.amp(session, {"one.txt": "changed\n"})
    item = an_item(state=ItemState.RUNNING, step="merge", session_id=session.id)
    batches = desk.engine.store.batches
    batches.start(a_batch(), (item,))

    def busy(*_: object) -> None:
        raise Failed("The index is locked.", "")

    def tried(spec: str) -> ItemState:
        batches.move_item(item.id, tuple(ItemState), ItemState.RUNNING, spec=spec)
        ItemMerge(desk.engine, item.id, ItemSpec(item.repo, item.prompt), lambda: False).until_ended()
        return batches.item(item.id).state

    monkeypatch.setattr(operations, "merge", busy)
    assert [tried("{}") for _ in range(3)] == [ItemState.QUEUED, ItemState.QUEUED, ItemState.ERROR]
    assert tried('{"triesBefore": 3}') is ItemState.QUEUED


def test_the_script_has_the_time_that_its_item_gives_it(desk: Desk) -> None:
    config.store(desk.engine.config, "script.timeout", "1")
    session = desk.session(script="sleep 1.5")
    desk.amp(session, {"one.txt": "changed\n"})
    item = an_item(state=ItemState.RUNNING, step="merge", session_id=session.id, repo=str(desk.repo))
    desk.engine.store.batches.start(a_batch(), (item,))
    spec = ItemSpec(item.repo, item.prompt, script_timeout_sec=60)
    ItemMerge(desk.engine, item.id, spec, lambda: False).until_ended()
    assert desk.engine.store.batches.item(item.id).state is ItemState.SUCCESS


def test_an_item_says_what_became_of_its_work_after_its_run(desk: Desk) -> None:
    session = desk.session(script="true")
    desk.amp(session, {"one.txt": "changed\n"})
    item = an_item(state=ItemState.ERROR, step="merge", session_id=session.id, reason="It passed, and is not merged.")
    desk.engine.store.batches.start(a_batch(), (item,))

    def said() -> tuple[ItemState, str | None]:
        now = desk.engine.store.batches.item(item.id)
        return now.state, now.reason

    operations.merge(desk.engine, session.id, Options(message="By hand", answered=("*",)))
    assert said() == (ItemState.ERROR, "Merged since, into main.")
    operations.undo(desk.engine, session.id)
    assert said() == (ItemState.ERROR, "Its merge was undone since.")


def test_an_item_that_is_at_work_is_its_runs_alone(desk: Desk) -> None:
    session = desk.session(script="true")
    desk.amp(session, {"one.txt": "changed\n"})
    item = an_item(state=ItemState.RUNNING, step="merge", session_id=session.id)
    desk.engine.store.batches.start(a_batch(), (item,))
    operations.merge(desk.engine, session.id, Options(message="By hand", answered=("*",)))
    assert desk.engine.store.batches.item(item.id).reason is None


def test_what_was_sent_by_hand_comes_to_its_end_before_the_merge(desk: Desk) -> None:
    session = desk.session(script="true")
    desk.amp(session, {"one.txt": "changed\n"})
    item = an_item(state=ItemState.RUNNING, step="merge", session_id=session.id, repo=str(desk.repo))
    store = desk.engine.store
    store.batches.start(a_batch(), (item,))
    store.queue.add(an_iteration("hand", session.id))
    merge = ItemMerge(desk.engine, item.id, ItemSpec(item.repo, item.prompt), lambda: False)
    merge.until_ended()
    waiting = store.batches.item(item.id)
    assert (waiting.state, waiting.step) == (ItemState.QUEUED, "merge")
    assert waiting.next_at is not None
    store.queue.drop("hand")
    store.batches.move_item(item.id, (ItemState.QUEUED,), ItemState.RUNNING)
    merge.until_ended()
    assert store.batches.item(item.id).state is ItemState.SUCCESS


def test_a_base_that_moves_under_every_judgement_is_given_up_after_a_while(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_merge, "ROUNDS", 2)
    moves = f"git -C {desk.repo} commit -q --allow-empty -m 'The base goes on'"
    session = desk.session(script=moves)
    desk.amp(session, {"one.txt": "changed\n"})
    item = an_item(state=ItemState.RUNNING, step="merge", session_id=session.id, repo=str(desk.repo))
    desk.engine.store.batches.start(a_batch(), (item,))
    ItemMerge(desk.engine, item.id, ItemSpec(item.repo, item.prompt), lambda: False).until_ended()
    ended = desk.engine.store.batches.item(item.id)
    assert ended.state is ItemState.ERROR
    assert "main moved 2 times while the script judged it" in (ended.reason or "")
    assert git(desk.repo, "log", "--format=%s", "main").splitlines()[:2] == ["The base goes on"] * 2
