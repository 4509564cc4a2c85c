"""Marks, comments and rejections in the store: what is bound to an iteration, and what comes back from the queue."""

import os
from dataclasses import replace

import pytest

from ampsm_engine.diff.hunks import Side
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Status
from ampsm_engine.review.annotations import Comment, CommentAnswer, CommentState, PullRequest, Rejection
from ampsm_engine.store import Store
from tests.store.values import a_session, an_iteration

ODD = os.fsdecode(b"caf\xe9/x.py")


def a_comment(key: str = "c1", **columns: object) -> Comment:
    values: dict[str, object] = {
        "id": key, "session_id": "s1", "path": "app.py", "old_path": None, "side": Side.NEW, "line": 1, "line_end": 2,
        "quote": "q", "context": "c", "blob": "b", "other_blob": "", "text": "t", "state": CommentState.OPEN,
        "created_at": key, "updated_at": key,
    }  # fmt: skip
    return Comment(**(values | columns))


def a_rejection(key: str = "r1") -> Rejection:
    return Rejection(key, "s1", ODD, None, "why", "quote", "tree", key)


@pytest.fixture
def kept(store: Store) -> Store:
    store.sessions.add(a_session())
    store.reviews.add_comment(a_comment())
    store.reviews.add_rejection(a_rejection())
    return store


def test_what_goes_in_comes_out_also_under_names_that_are_no_text(kept: Store) -> None:
    assert kept.reviews.comment("c1") == a_comment()
    odd = a_comment("c2", path=ODD, old_path=ODD + "2", now_path=ODD, side=Side.OLD)
    assert kept.reviews.add_comment(odd) == odd
    assert kept.reviews.comments("s1") == (a_comment(), odd)
    assert kept.reviews.rejections("s1") == (a_rejection(),)
    kept.reviews.mark_viewed("s1", [(ODD, "k1"), ("a", "k1"), ("a", "k2")], viewed=True)
    kept.reviews.mark_viewed("s1", [("a", "k2")], viewed=True)
    assert Store(kept.path).reviews.viewed("s1") == {(ODD, "k1"), ("a", "k1"), ("a", "k2")}
    kept.reviews.mark_viewed("s1", [(ODD, "k1"), ("a", "k1")], viewed=False)
    assert kept.reviews.viewed("s1") == {("a", "k2")}
    many = [(f"path {number}", "k") for number in range(1000)]
    kept.reviews.mark_viewed("s1", many, viewed=True)
    assert len(kept.reviews.viewed("s1")) == 1001


def test_what_a_prompt_answers_is_bound_with_it_or_not_at_all(kept: Store) -> None:
    kept.sessions.add(a_session("s2"))
    kept.reviews.add_comment(a_comment("other", session_id="s2"))
    kept.queue.add(an_iteration("i1"), answers=["c1", "r1", "other", "nobody"])
    assert (kept.reviews.comment("c1").state, kept.reviews.comment("c1").iteration_id) == (CommentState.SENT, "i1")
    assert kept.reviews.rejection("r1").iteration_id == "i1"
    assert kept.reviews.comment("other").state is CommentState.OPEN, "it belongs to another session"
    with pytest.raises(Refused):
        kept.queue.add(an_iteration("i1"), answers=["other"])
    assert kept.reviews.comment("other").state is CommentState.OPEN


def test_rounds_are_numbered_in_their_session_and_one_that_never_began_is_none(kept: Store) -> None:
    kept.reviews.add_comment(a_comment("c2"))
    kept.queue.add(an_iteration("i1"), answers=["c1"])
    kept.queue.add(an_iteration("i2"), answers=["c2"])
    kept.queue.drop("i2")
    kept.queue.add(an_iteration("i3"), answers=["nobody"])
    kept.queue.add(an_iteration("i4"), answers=["c2", "c1"])
    assert [(one.number, one.iteration_id) for one in kept.reviews.rounds("s1")] == [(1, "i1"), (2, "i4")]
    assert [one.round for one in kept.reviews.comments("s1")] == [2, 2]
    kept.reviews.answer_comment("c1", CommentAnswer.NO, "because")
    kept.reviews.answer_comment("c2", CommentAnswer.DONE, None, "i1")
    answered = [(fact.iteration_id, fact.text) for fact in kept.facts.read() if fact.kind == "answered"]
    assert answered == [("i4", "app.py:1-2: no, because"), ("i1", "app.py:1-2: done")], "the one that says so"
    kept.queue.add(an_iteration("i5"), answers=["c1"])
    assert kept.reviews.comment("c1").answer is None, "it is asked once more"
    kept.sessions.remove("s1")


@pytest.mark.parametrize("way", ["drop", "stop"])
def test_what_leaves_the_queue_opens_again(kept: Store, way: str) -> None:
    kept.queue.add(an_iteration("i1"), answers=["c1", "r1"])
    if way == "drop":
        kept.queue.drop("i1")
    else:
        kept.queue.ask_to_stop("s1")
    assert kept.reviews.comment("c1") == a_comment()
    assert kept.reviews.rejection("r1").iteration_id is None


def test_what_began_stays_sent(kept: Store) -> None:
    kept.queue.add(an_iteration("i1"), answers=["c1"])
    kept.queue.claim()
    kept.queue.requeue("i1")
    assert kept.reviews.comment("c1").state is CommentState.SENT
    kept.queue.claim()
    kept.queue.ask_to_stop("s1")
    assert kept.reviews.comment("c1").state is CommentState.SENT


def test_comments_change_and_go(kept: Store) -> None:
    changed = kept.reviews.change_comment("c1", text="better")
    assert (changed.text, changed.created_at) == ("better", "c1")
    assert changed.updated_at > "2"
    for columns in ({"state": "sent"}, {"iteration_id": "x"}, {"id": "x"}):
        with pytest.raises(TypeError):
            kept.reviews.change_comment("c1", **columns)
    for text in ("", " \n"):
        with pytest.raises(Refused):
            kept.reviews.change_comment("c1", text=text)
        with pytest.raises(Refused):
            kept.reviews.add_comment(a_comment("c9", text=text))
    assert kept.reviews.set_comment_state("c1", CommentState.RESOLVED).state is CommentState.RESOLVED
    kept.reviews.delete_comment("c1")
    for verb in (
        kept.reviews.comment,
        kept.reviews.delete_comment,
        kept.reviews.change_comment,
        kept.reviews.rejection,
        kept.reviews.delete_rejection,
    ):
        with pytest.raises(NotFound):
            verb("c1")
    with pytest.raises(NotFound):
        kept.reviews.add_comment(a_comment("c2", session_id="nobody"))
    with pytest.raises(NotFound):
        kept.reviews.mark_viewed("nobody", [("a", "k")], viewed=True)


def test_a_rejection_changes_and_goes_alone(kept: Store) -> None:
    other = kept.reviews.add_rejection(a_rejection("r2"))
    done = kept.reviews.change_rejection("r1", ("rejected", "a hunk of app.py"), commit_sha="c" * 40)
    assert kept.reviews.rejections("s1") == (done, other)
    assert (done.commit_sha, done.reason) == ("c" * 40, "why")
    assert [fact.text for fact in kept.facts.read(session_id="s1") if fact.kind == "rejected"] == ["a hunk of app.py"]
    kept.reviews.delete_rejection("r1")
    assert kept.reviews.rejections("s1") == (other,)


def test_all_of_it_goes_with_the_session(kept: Store) -> None:
    kept.reviews.mark_viewed("s1", [("a", "k")], viewed=True)
    kept.reviews.set_looked_tree("s1", "1" * 40)
    kept.reviews.set_looked_tree("s1", "2" * 40)
    assert kept.reviews.looked_tree("s1").tree == "2" * 40
    kept.queue.add(an_iteration("i1"), answers=["c1", "r1"])
    kept.sessions.update("s1", status=Status.IDLE)
    kept.sessions.remove("s1")
    assert (
        kept.reviews.comments("s1"),
        kept.reviews.rejections("s1"),
        kept.reviews.viewed("s1"),
        kept.reviews.looked_tree("s1"),
    ) == (
        (),
        (),
        frozenset(),
        None,
    )


def a_pull_request(number: int) -> PullRequest:
    texts = ("title", "body", "ada", "main", f"head {number}", "base", "", "gh", "github.com", "some/where", "origin")
    return PullRequest(number, f"https://github.com/some/where/pull/{number}", *texts)


def test_a_pull_request_that_moved_on_is_noted_for_its_own_session(store: Store) -> None:
    for key, number in (("s1", 7), ("s2", 8)):
        store.sessions.add(a_session(key), pull_request=a_pull_request(number))
    moved = replace(a_pull_request(7), head_sha="newer")
    store.reviews.follow_pull_request("s1", moved, base_commit="b" * 40)
    assert store.reviews.pull_request("s1") == moved
    assert store.reviews.pull_request("s2") == a_pull_request(8)
    assert store.sessions.get("s1").base_commit == "b" * 40
    assert store.sessions.get("s2").base_commit != "b" * 40


def test_a_comment_that_is_not_there_is_neither_changed_nor_answered(kept: Store) -> None:
    for verb in (
        lambda: kept.reviews.change_comment("nobody", line=3),
        lambda: kept.reviews.set_comment_state("nobody", CommentState.RESOLVED),
        lambda: kept.reviews.answer_comment("nobody", CommentAnswer.DONE, None),
    ):
        with pytest.raises(NotFound, match="nobody"):
            verb()
