"""The journal of merges: one at a time, never beside an iteration, and nothing is queued while one is open."""

import pytest

from ampsm_engine import timestamps
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Merge, MergeState, Outcome, Status
from ampsm_engine.store import Store
from tests.store.values import a_session, an_iteration


def a_merge(key: str = "m1", session: str = "s1", **columns: object) -> Merge:
    values = {"kind": "merge", "state": MergeState.WORKING, "step": "begun", "started_at": timestamps.now()}
    return Merge(key, session, **(values | columns))


@pytest.fixture
def ready(store: Store) -> Store:
    store.sessions.add(a_session())
    return store


def test_a_merge_takes_its_steps_and_ends(ready: Store) -> None:
    begun = ready.merges.begin(a_merge(target="main", branch_before="b" * 40))
    assert ready.merges.open_of("s1") == begun
    with pytest.raises(Refused, match="going on"):
        ready.merges.refuse_open(ready.sessions.get("s1"))
    assert ready.merges.working() == (begun,)
    assert ready.merges.step("m1", "target", base_after="c" * 40).step == "target"
    ended = ready.merges.end(
        "m1", MergeState.DONE, facts=[("merged", "it is in main")], session={"status": Status.DONE}, branch_after="d"
    )
    assert (ended.state, ended.base_after, ended.branch_after) == (MergeState.DONE, "c" * 40, "d")
    assert ended.ended_at
    assert ready.sessions.get("s1").status is Status.DONE
    assert [fact.kind for fact in ready.facts.read()] == ["created", "merged"]
    assert (ready.merges.open_of("s1"), ready.merges.working(), ready.merges.all_open()) == (None, (), {})
    assert ready.merges.of("s1") == (ended,)


@pytest.mark.parametrize("column", ["id", "session_id", "kind", "started_at", "state", "no_such_column"])
def test_what_an_operation_is_stays_as_it_began(ready: Store, column: str) -> None:
    begun = ready.merges.begin(a_merge())
    with pytest.raises(TypeError, match=column):
        ready.merges.step("m1", "target", **{column: "x"})
    if column != "state":  # which is what an end is about
        with pytest.raises(TypeError, match=column):
            ready.merges.end("m1", MergeState.DONE, **{column: "x"})
    assert ready.merges.get("m1") == begun


def test_one_at_a_time(ready: Store) -> None:
    ready.merges.begin(a_merge())
    with pytest.raises(Refused, match="is going on"):
        ready.merges.begin(a_merge("m2"))
    ready.merges.end("m1", MergeState.CONFLICTED)
    with pytest.raises(Refused, match="waits for its conflicts"):
        ready.merges.begin(a_merge("m2"))
    with pytest.raises(Refused, match="waits for its conflicts"):
        ready.sessions.begin_trash("s1")


@pytest.mark.parametrize("state", ["queued", "running"])
def test_never_beside_an_iteration(ready: Store, state: str) -> None:
    ready.queue.add(an_iteration())
    if state == "running":
        ready.queue.claim()
    with pytest.raises(Refused, match="queue" if state == "queued" else "running"):
        ready.merges.begin(a_merge())
    assert ready.merges.of("s1") == ()


def test_nothing_is_queued_while_one_is_open_but_what_resolves_it(ready: Store) -> None:
    ready.merges.begin(a_merge())
    for resolves in (None, "m1"):
        with pytest.raises(Refused):
            ready.queue.add(an_iteration(), resolves=resolves)
    ready.merges.end("m1", MergeState.CONFLICTED)
    with pytest.raises(Refused, match="waits for its conflicts"):
        ready.queue.add(an_iteration())
    assert ready.queue.add(an_iteration(), resolves="m1").number == 1
    with pytest.raises(Refused, match="queue"):
        ready.merges.take("m1", MergeState.CONFLICTED, "resume")
    ready.queue.claim()
    ready.iterations.begin_settling("i1", outcome=Outcome.DONE)
    ready.iterations.settle("i1", status=Status.AWAITING_INPUT)
    assert ready.merges.take("m1", MergeState.CONFLICTED, "resume").state is MergeState.WORKING
    with pytest.raises(Refused, match="by now"):
        ready.merges.take("m1", MergeState.CONFLICTED, "resume")


def test_a_purged_session_takes_its_journal_along(ready: Store) -> None:
    ready.merges.begin(a_merge())
    ready.merges.end("m1", MergeState.DONE)
    ready.sessions.remove("s1")
    with pytest.raises(NotFound):
        ready.merges.get("m1")
