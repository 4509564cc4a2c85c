"""Batches in the store: what keeps an item from being run twice, and what is told of a run."""

from pathlib import Path

import pytest

from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Batch, BatchItem, BatchState, ItemState, Outcome, State, Status, TryKind
from ampsm_engine.store import Store
from ampsm_engine.store.batches import ItemAttempt
from tests.store.values import a_session, an_iteration, ended, start

SECRET = "sk-ant-api03-" + "a1B2" * 22 + "AA"


def a_batch(key: str = "b1", **columns: object) -> Batch:
    values = {
        "id": key,
        "name": f"name of {key}",
        "state": BatchState.RUNNING,
        "plan": "{}",
        "created_at": "2026-01-01T00:00:00.000Z",
        "concurrency": 2,
    }
    return Batch(**(values | columns))


def an_item(number: int = 1, batch: str = "b1", **columns: object) -> BatchItem:
    values = {
        "id": f"{batch}-{number}",
        "batch_id": batch,
        "number": number,
        "name": f"item {number}",
        "repo": "/repo",
        "prompt": "fix it",
        "spec": "{}",
    }
    return BatchItem(**(values | columns))


def test_a_batch_comes_back_as_it_went_in_but_for_secrets(store: Store) -> None:
    batch = a_batch(plan='{"limits": {"tokens": 5}}', wait_until="2026-01-02T00:00:00.000Z", wait_reason="limit")
    item = an_item(mode="smart", variant_of="b1-1", next_at="2026-01-02T00:00:00.000Z")
    secret = an_item(2, prompt=f"use {SECRET}", spec=f'{{"followUpPrompts": ["use {SECRET}"], "retries": 2}}')
    assert store.batches.start(batch, (item, secret)) == batch
    assert store.batches.items("b1")[0] == item
    kept = store.batches.item("b1-2")
    assert SECRET.encode() not in store.path.read_bytes() + store.path.with_name(store.path.name + "-wal").read_bytes()
    assert kept.spec.startswith('{"followUpPrompts": ["use [redacted:')
    with pytest.raises(Refused, match="already"):
        store.batches.start(batch, ())


def test_of_many_who_take_one_step_one_is_told_that_it_may(store: Store) -> None:
    store.batches.start(a_batch(), (an_item(),))
    take = """
        from ampsm_engine.model import ItemState
        sys.stdin.readline()
        store = Store(Path(sys.argv[1]))
        print(store.batches.move_item("b1-1", [ItemState.QUEUED], ItemState.RUNNING, at="", step="prompt"))
    """
    processes = [start(take, store.path) for _ in range(4)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sorted(ended(process).strip() for process in processes) == ["False", "False", "False", "True"]
    assert store.batches.item("b1-1").step == "prompt"


def test_an_item_has_one_session_for_ever(store: Store) -> None:
    store.batches.start(a_batch(), (an_item(),))
    store.sessions.add(a_session("s1", origin="b1-1"))
    with pytest.raises(Refused):
        store.sessions.add(a_session("s2", origin="b1-1"))
    assert store.batches.session_of("b1-1") == "s1"
    store.sessions.add(a_session("s3"))
    store.sessions.add(a_session("s4"))


def test_each_try_is_a_row_and_ends_once(store: Store) -> None:
    store.batches.start(a_batch(), (an_item(state=ItemState.RUNNING, step="prompt"),))
    store.sessions.add(a_session())
    attempt = ItemAttempt("b1-1", "prompt", TryKind.PROMPT)
    store.queue.add(an_iteration(), attempt=attempt)
    with pytest.raises(Refused, match="already"):
        store.queue.add(an_iteration("i2"), attempt=attempt)
    assert [one.id for one in store.iterations.of("s1")] == ["i1"]
    (first,) = store.batches.tries("b1-1")
    assert store.batches.end_try(first, "error", "overloaded", step="merge")
    assert not store.batches.end_try(first, "pass")
    with pytest.raises(Refused, match="step"):
        store.queue.add(an_iteration("i2"), attempt=attempt)
    store.batches.begin_try(ItemAttempt("b1-1", "merge", TryKind.MERGE))
    assert [(one.number, one.kind, one.outcome) for one in store.batches.tries("b1-1")] == [
        (1, TryKind.PROMPT, "error"),
        (2, TryKind.MERGE, None),
    ]
    assert store.batches.item("b1-1").tries == 2
    store.queue.drop("i1")
    assert store.batches.tries("b1-1")[0].iteration_id is None, "the history of the try stays"


def queue_three(store: Store, **batch: object) -> None:
    """Two items of a batch, queued before what a person asked for."""
    items = [an_item(number, state=ItemState.RUNNING, step="prompt") for number in (1, 2)]
    store.batches.start(a_batch(**batch), items)
    for number in (1, 2, 3):
        store.sessions.add(a_session(f"s{number}"))
    for number in (1, 2):
        attempt = ItemAttempt(f"b1-{number}", "prompt", TryKind.PROMPT)
        store.queue.add(an_iteration(f"i{number}", f"s{number}"), attempt=attempt)
    store.queue.add(an_iteration("i3", "s3"))


def claimed(store: Store) -> list[str]:
    return [one.id for one in iter(store.queue.claim, None)]


def test_a_person_comes_before_a_batch_which_keeps_to_its_concurrency(store: Store) -> None:
    queue_three(store, concurrency=1)
    assert claimed(store) == ["i3", "i1"]
    store.iterations.begin_settling("i1", outcome=Outcome.DONE)
    assert not store.queue.has_claimable()
    store.iterations.settle("i1", status=Status.IDLE)
    assert claimed(store) == ["i2"]


@pytest.mark.parametrize("rest", [{"wait_until": "2999-01-01T00:00:00.000Z"}, {"state": BatchState.STOPPING}])
def test_nothing_of_a_batch_that_waits_or_stops_is_begun(store: Store, rest: dict[str, object]) -> None:
    queue_three(store)
    assert store.batches.change("b1", [BatchState.RUNNING], **rest)
    assert claimed(store) == ["i3"]
    assert store.batches.sessions_in_queue("b1") == ("s1", "s2")


def test_a_purged_session_leaves_its_item(store: Store) -> None:
    store.batches.start(a_batch(), (an_item(session_id=None),))
    store.sessions.add(a_session(origin="b1-1"))
    store.batches.move_item("b1-1", [ItemState.QUEUED], ItemState.SUCCESS, session_id="s1")
    store.sessions.remove("s1")
    assert store.batches.item("b1-1").session_id is None


def test_an_item_is_moved_from_the_state_and_the_step_that_it_was_seen_in(store: Store) -> None:
    store.batches.start(a_batch(), (an_item(),))
    assert not store.batches.move_item("b1-1", [ItemState.RUNNING], ItemState.FAIL), "it is queued"
    assert store.batches.move_item("b1-1", [ItemState.QUEUED], ItemState.RUNNING, step="script")
    assert not store.batches.move_item("b1-1", [ItemState.RUNNING], ItemState.SUCCESS, at="prompt"), "it went on"
    found = store.batches.item("b1-1")
    assert (found.state, found.step) == (ItemState.RUNNING, "script")
    assert store.batches.move_item("b1-1", [ItemState.RUNNING], ItemState.SUCCESS, at="script")


def test_no_try_begins_in_a_run_that_is_being_stopped(store: Store) -> None:
    store.batches.start(a_batch(), (an_item(),))
    store.batches.move_item("b1-1", [ItemState.QUEUED], ItemState.RUNNING, step="merge")
    assert store.batches.change("b1", [BatchState.RUNNING], state=BatchState.STOPPING)
    with pytest.raises(Refused, match="being stopped"):
        store.batches.begin_try(ItemAttempt("b1-1", "merge", TryKind.MERGE))
    assert store.batches.tries("b1-1") == ()


def test_a_session_that_was_made_ahead_changes_no_state(store: Store) -> None:
    store.batches.start(a_batch(), (an_item(),))
    store.sessions.add(a_session(origin="b1-1"))
    store.batches.move_item("b1-1", [ItemState.QUEUED], ItemState.RUNNING, step="prompt")
    store.batches.bind_session("b1-1", "s1")
    found = store.batches.item("b1-1")
    assert (found.state, found.step, found.session_id) == (ItemState.RUNNING, "prompt", "s1")


def test_a_run_does_not_end_while_an_item_was_taken_up_again(store: Store) -> None:
    store.batches.start(a_batch(), (an_item(state=ItemState.FAIL),))
    store.batches.move_item("b1-1", [ItemState.FAIL], ItemState.QUEUED)
    assert not store.batches.end("b1", BatchState.ENDED)
    assert store.batches.get("b1").state is BatchState.RUNNING
    assert store.batches.end("b1", BatchState.STOPPED)


def test_progress_counts_and_estimates_by_what_has_ended(store: Store) -> None:
    at = "2026-01-01T00:{:02}:00.000Z".format
    done = {"state": ItemState.SUCCESS, "started_at": at(0), "ended_at": at(10)}
    items = [an_item(number, **done) for number in (1, 2)] + [an_item(number) for number in range(3, 8)]
    store.batches.start(a_batch(ended_at=at(30)), items)
    store.sessions.add(a_session(origin="b1-1"))
    store.batches.move_item("b1-1", [ItemState.SUCCESS], ItemState.SUCCESS, session_id="s1")
    store.queue.add(an_iteration())
    assert store.queue.claim().state is State.RUNNING
    store.iterations.record("i1", tally=type(an_iteration().tally)(10, 20), offset=1, activity=None, thread_id=None)
    told = store.batches.progress("b1")
    assert (told.total, told.ended, told.tokens, told.seconds, told.seconds_left) == (7, 2, 30, 1800.0, None)
    store.batches.move_item("b1-3", [ItemState.QUEUED], ItemState.FAIL, started_at=at(0), ended_at=at(10))
    assert store.batches.progress("b1").seconds_left == 4 * 600 / 2


def test_a_batch_is_found_by_what_a_person_calls_it(store: Store) -> None:
    store.batches.start(a_batch("abcd1", name="nightly"), ())
    store.batches.start(a_batch("abcd2", name="nightly two"), ())
    assert store.batches.resolve("nightly").id == "abcd1"
    assert store.batches.resolve("nightly t").id == "abcd2"
    with pytest.raises(Refused, match="2 batches"):
        store.batches.resolve("abcd")
    with pytest.raises(NotFound):
        store.batches.resolve("abc")


def test_what_is_removed_takes_its_own_rows_and_no_session(store: Store, tmp_path: Path) -> None:
    store.batches.start(a_batch(), (an_item(),))
    store.batches.start(a_batch("b2"), (an_item(batch="b2"),))
    store.sessions.add(a_session(origin="b1-1"))
    store.batches.move_item("b1-1", [ItemState.QUEUED], ItemState.RUNNING, step="merge")
    store.batches.begin_try(ItemAttempt("b1-1", "merge", TryKind.MERGE))
    with pytest.raises(Refused, match="running"):
        store.batches.remove("b1")
    assert [batch.id for batch in store.batches.active()] == ["b1", "b2"]
    assert store.batches.end("b1", BatchState.STOPPED)
    store.batches.remove("b1")
    assert store.sessions.get("s1").origin is None
    assert [batch.id for batch in store.batches.all()] == ["b2"]
    assert store.batches.item("b2-1").batch_id == "b2"
