"""Marks of what is viewed belong to a content, wherever its file went."""

from ampsm_engine.review.annotations import Marks


def test_a_mark_holds_for_its_content_alone() -> None:
    marks = Marks().marked([("a.py", "k1"), ("b.py", "k2")], viewed=True)
    assert marks.viewed("a.py", "k1")
    assert not marks.viewed("a.py", "k2")
    assert not marks.viewed("b.py", "k1")
    assert marks.viewed("renamed.py", "k1", old_path="a.py")
    assert not marks.viewed("renamed.py", "k1")


def test_a_mark_under_a_path_that_is_gone_holds_for_any() -> None:
    marks = Marks(moved=frozenset({"k1"}))
    assert marks.viewed("anywhere.py", "k1")
    assert not marks.viewed("anywhere.py", "k2")
    more = marks.marked([("c.py", "k3")], viewed=True)
    assert more.viewed("anywhere.py", "k1")
    assert more.viewed("c.py", "k3")


def test_a_mark_that_is_taken_back_is_gone_and_the_others_stay() -> None:
    marks = Marks(frozenset({("a.py", "k1"), ("a.py", "k2")}), frozenset({"k3", "k4"}))
    less = marks.marked([("a.py", "k1"), ("a.py", "k3")], viewed=False)
    assert [less.viewed("a.py", key) for key in ("k1", "k2", "k3", "k4")] == [False, True, False, True]
