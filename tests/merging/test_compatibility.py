"""Does all that is ready work together: the pair, its lines, the order, and how long an answer holds. Nothing moves."""

from pathlib import Path

import pytest

from ampsm_engine.errors import Refused
from ampsm_engine.merging import compatibility, forecast
from ampsm_engine.merging.compatibility import Compatibility, ReadyGroup
from ampsm_engine.model import Session
from tests.conftest import git
from tests.merging.desk import Desk, lines
from tests.merging.yard import Yard

BOTH = "! grep -q left one.txt || ! grep -q right two.txt"


def ready(desk: Desk) -> ReadyGroup:
    (group,) = compatibility.ready_groups(desk.engine, desk.engine.store.sessions.all())
    return group


def check(desk: Desk) -> Compatibility:
    """The answer; no ref, no file and no session is another one after it."""

    def everything() -> tuple[object, ...]:
        return git(desk.repo, "for-each-ref"), git(desk.repo, "worktree", "list"), desk.checkout()

    before = everything()
    answer = compatibility.check(desk.engine, ready(desk))
    assert everything() == before
    assert compatibility.kept_answer(desk.engine, ready(desk)) == answer
    return answer


def test_an_answer_is_kept_until_a_commit_moves(yard: Yard) -> None:
    desk = yard.desk
    first, second = yard.sessions("a b")
    answer = check(desk)
    assert answer.is_good
    assert answer.order == (first.id, second.id)
    assert answer.runs == 1
    assert [one.checked_at for one in compatibility.look(desk.engine)] == [answer.checked_at]
    compatibility.check_ready(desk.engine)
    assert len(yard.runs) == 1
    desk.amp(second, {"more": "x\n"})
    assert compatibility.kept_answer(desk.engine, ready(desk)) is None
    assert check(desk).runs == 1
    desk.base({"theirs": "x\n"})
    assert [one.checked_at for one in compatibility.look(desk.engine)] == [""]
    (desk.engine.home.cache / next(iter(_kept(desk))).name).write_text("[1]")
    assert compatibility.kept_answer(desk.engine, ready(desk)) is None


def _kept(desk: Desk) -> list[Path]:
    return list(desk.engine.home.cache.glob("together-*.json"))


def test_the_guilty_pair_is_named_and_the_lines_of_both(yard: Yard) -> None:
    desk = yard.desk
    one = yard.session("one", {"one.txt": lines(_3="first", _9="left", _15="last"), "fine": "x\n"}, BOTH)
    (beside,) = yard.sessions("beside", BOTH)
    two = yard.session("two", {"two.txt": lines(_5="other", _12="right", _18="end")}, BOTH)
    answer = check(desk)
    (culprit,) = answer.culprits
    assert {culprit.session_id, culprit.partner} == {one.id, two.id}
    assert culprit.is_pair
    found = {culprit.session_id: culprit.lines, culprit.partner: culprit.partner_lines}
    left, right = found[one.id], found[two.id]
    assert left is not None
    assert (left.path, left.line, left.lines) == ("one.txt", 9, ("left",))
    assert right is not None
    assert (right.path, right.line, right.lines) == ("two.txt", 12, ("right",))
    assert answer.order == (one.id, beside.id)
    assert not answer.is_good
    assert "exit code 1" in culprit.reason
    assert Path(culprit.log).exists()


def test_one_that_is_at_fault_alone_and_one_that_takes_two_others(yard: Yard) -> None:
    script = "test -e bad && exit 1; test -e a && test -e b && test -e c && exit 2; exit 0"
    a, bad, b, c = yard.sessions("a bad b c", script)
    answer = check(yard.desk)
    alone, third = sorted(answer.culprits, key=lambda one: one.partner)
    assert (alone.session_id, alone.partner) == (bad.id, "")
    assert alone.lines is not None
    assert (alone.lines.path, alone.lines.line) == ("bad", 0)
    assert (third.session_id, third.partner, third.is_pair) == (c.id, b.id, False)
    assert answer.order == (a.id, b.id)


def test_what_conflicts_and_what_is_not_ready_is_told(yard: Yard) -> None:
    desk = yard.desk
    first = yard.session("first", {"one.txt": lines(_3="first")})
    second = yard.session("second", {"one.txt": lines(_3="second")})
    dirty = yard.session("dirty", {"dirty": "x\n"})
    desk.write(Path(dirty.worktree_path), {"left": "over\n"})
    desk.session("empty", script="true")
    answer = check(desk)
    assert answer.order == (first.id,)
    assert [(one.session_id, one.files) for one in answer.conflicts] == [(second.id, ("one.txt",))]
    assert "first" in answer.conflicts[0].reason
    assert [(one.session_id, "not committed" in one.reason) for one in answer.left_out] == [(dirty.id, True)]


def test_a_red_base_is_no_sessions_fault(yard: Yard) -> None:
    yard.sessions("a b", "exit 3")
    with pytest.raises(Refused, match=r"main itself does not pass .* exit code 3"):
        compatibility.check(yard.desk.engine, ready(yard.desk))
    with pytest.raises(Refused, match="itself"):
        compatibility.check_ready(yard.desk.engine)


def test_without_a_script_there_is_no_answer_but_how_to_get_one(desk: Desk) -> None:
    desk.amp(desk.session(), {"a": "a\n"})
    with pytest.raises(Refused, match="None of these sessions has a script") as caught:
        compatibility.check(desk.engine, ready(desk))
    assert "ampsm edit" in caught.value.hint
    assert [one.checked_at for one in compatibility.look(desk.engine)] == [""]


def test_the_radar_counts_hunks_that_overlap_and_no_files(desk: Desk) -> None:
    def work(name: str, files: dict[str, str | bytes | None]) -> Session:
        session = desk.session(name)
        desk.amp(session, files)
        return session

    one = work("one", {"one.txt": lines(_3="one", _9="one", _15="one"), "bin": b"\0one"})
    two = work("two", {"one.txt": lines(_3="two", _12="two", _15="two"), "bin": b"\0two"})
    far = work("far", {"one.txt": lines(_6="far", _19="far")})
    desk.base({"one.txt": lines(_19="base")})
    found = forecast.radar(desk.engine)
    assert [session.name for session in found.sessions] == ["one", "two", "far"]
    counts = forecast.counts(found.pairs)
    assert counts == {(far.id, ""): 1, (one.id, two.id): 3, (two.id, one.id): 3}
    (pair,) = (pair for pair in found.pairs if pair.other)
    assert {file.path: file.lines for file in pair.files} == {"one.txt": ((3, 3), (15, 15)), "bin": ()}
    assert forecast.radar(desk.engine, budget=0) == found, "all of it is known by its commits"
    assert forecast.radar(desk.engine, repo_root="/elsewhere").sessions == ()
    assert forecast.forecast_conflicts(desk.engine).sessions == tuple(
        session.id for session in desk.engine.store.sessions.all()
    )
