"""Variants of one prompt compared: what each changed, where they overlap, and the diff between two of them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ampsm_engine.batch import overview
from ampsm_engine.engine import reviews, session_trash
from ampsm_engine.errors import Refused
from ampsm_engine.git import changes
from ampsm_engine.model import Batch, BatchItem, BatchState, ItemState, Iteration, Session, State, Tally
from tests.merging.conftest import desk
from tests.merging.desk import Desk

__all__ = ["desk"]

STAMP = "2026-09-14T10:00:00.000Z"


def a_run(desk: Desk, *sessions: Session | None) -> None:
    """A run of variants, one for each session; None has not begun."""
    batch = Batch("b1", "three ways", BatchState.RUNNING, "{}", STAMP, 2)
    items = [
        BatchItem(
            id=f"b1-{number}",
            batch_id="b1",
            number=number,
            name=f"way {number}",
            repo=str(desk.repo),
            prompt="Cache it",
            spec="{}",
            state=ItemState.SUCCESS if session else ItemState.QUEUED,
            session_id=session.id if session else None,
            variant_of="b1-1",
        )
        for number, session in enumerate(sessions, 1)
    ]
    alone = replace(items[0], id="b1-9", number=9, name="alone", session_id=None, variant_of=None)
    desk.engine.store.batches.start(batch, [*items, alone])


def test_variants_are_compared_by_what_they_changed(desk: Desk) -> None:
    first, second = desk.session("first"), desk.session("second")
    desk.amp(first, {"cache.py": "one\n", "search.py": "1\n2\n"})
    desk.amp(second, {"cache.py": "two\n"})
    Path(second.worktree_path, "not_committed.py").write_text("still open\n")
    a_run(desk, first, second, None)

    found = overview.compare_variants(desk.engine, "b1", "b1-1")

    assert [(one.letter, sorted(one.paths), one.trouble) for one in found.variants] == [
        ("A", ["cache.py", "search.py"], ""),
        ("B", ["cache.py", "not_committed.py"], ""),
        ("C", [], "not begun"),
    ]
    assert (found.variants[0].additions, found.variants[0].deletions) == (3, 0)
    assert [found.shared(one) for one in found.variants] == [1, 1, 0]
    assert [(file.path, sorted(file.lines)) for file in found.files()] == [
        ("cache.py", ["A", "B"]),
        ("not_committed.py", ["B"]),
        ("search.py", ["A"]),
    ]


def test_one_in_the_trash_is_said_to_be_there_and_still_counts(desk: Desk) -> None:
    first, second = desk.session("first"), desk.session("second")
    desk.amp(first, {"cache.py": "one\n"})
    a_run(desk, first, second)
    session_trash.remove(desk.engine, first.id)

    found = overview.compare_variants(desk.engine, "b1", "b1-1")

    assert [(one.session is None, one.trouble) for one in found.variants] == [(True, "in the trash"), (False, "")]
    assert [line.item.name for line in overview.run_view(desk.engine, "b1").items] == ["way 1", "way 2", "alone"]


def test_what_has_no_variants_is_refused(desk: Desk) -> None:
    a_run(desk, desk.session("first"))
    with pytest.raises(Refused):
        overview.compare_variants(desk.engine, "b1", "b1-1")


def test_the_diff_between_two_sessions_goes_from_one_tip_to_the_other(desk: Desk) -> None:
    first, second = desk.session("first"), desk.session("second")
    desk.amp(first, {"cache.py": "one\n", "search.py": "1\n"})
    desk.amp(second, {"cache.py": "two\n"})

    ends = reviews.resolve(desk.engine, second.id, f"against:{first.id}")

    assert (ends.old, ends.new, ends.label) == (desk.tip(first), None, "against first")
    files = changes.files(Path(second.worktree_path), ends.old, ends.new)
    assert sorted((file.path, file.kind) for file in files) == [("cache.py", "modified"), ("search.py", "deleted")]


def test_there_is_no_diff_between_two_repositories(desk: Desk) -> None:
    first, second = desk.session("first"), desk.session("second")
    desk.engine.store.sessions.update(first.id, repo_root="/elsewhere")
    with pytest.raises(Refused, match="elsewhere"):
        reviews.resolve(desk.engine, second.id, f"against:{first.id}")


def test_a_run_that_is_taken_up_again_is_looked_at_anew(desk: Desk) -> None:
    a_run(desk, desk.session("first"), None)
    batches = desk.engine.store.batches
    assert batches.end("b1", BatchState.STOPPED)
    (line,) = overview.run_lines(desk.engine)
    assert (line.batch.state, line.progress.ended, line.progress.total) == (BatchState.STOPPED, 2, 3)
    batches.change("b1", (BatchState.STOPPED,), state=BatchState.RUNNING, ended_at=None)
    assert batches.move_item("b1-2", (ItemState.QUEUED,), ItemState.FAIL)
    assert [one.progress.ended for one in overview.run_lines(desk.engine)] == [3]
    assert batches.end("b1", BatchState.ENDED)
    assert [one.progress.counts[ItemState.FAIL] for one in overview.run_lines(desk.engine)] == [1]


def test_the_cost_of_a_run_is_amps_own_figure_or_not_known(desk: Desk) -> None:
    first, second = desk.session("first"), desk.session("second")
    a_run(desk, first, second)
    store = desk.engine.store
    assert overview.run_view(desk.engine, "b1").cost == ""
    for session, micros in ((first, 1_200_000), (second, None)):
        queued = Iteration(f"i-{session.id}", session.id, 1, "Do it", State.QUEUED, STAMP)
        iteration = store.queue.add(queued)
        assert store.queue.claim()
        thread, tally = f"T-{session.id}", Tally(10, 20)
        store.iterations.record(iteration.id, tally=tally, offset=0, activity=None, thread_id=thread)
        if micros is not None:
            number = store.costs.claim(thread, iteration.id, most=9, now=datetime.now(UTC))
            assert number is not None
            store.costs.answer(number, micros)
    found = overview.run_view(desk.engine, "b1")
    assert (found.cost, [line.tokens for line in found.items]) == ("$1.20+", [30, 30, None])
