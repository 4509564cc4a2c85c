"""Sorting candidates out by an oracle: what comes in has passed, what is left out has failed, and it takes few runs."""

from collections.abc import Sequence
from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.errors import Refused
from ampsm_engine.merging.fault_search import Fitting, Sorting, good_prefix, last_good, worst_case
from ampsm_engine.merging.forecast import proposed_order


class ScriptedOracle:
    """Numbers that land on each other: `bad` sets fail together, `overlaps` pairs conflict."""

    def __init__(self, bad: Sequence[frozenset[int]], overlaps: Sequence[frozenset[int]] = ()) -> None:
        self.bad, self.overlaps = bad, overlaps
        self.landed: tuple[int, ...] = ()
        self.stood: list[tuple[int, ...]] = [()]
        self.passed: list[tuple[int, ...]] = [()]
        self.runs = 0

    def fitting(self, candidates: Sequence[int]) -> Fitting[int]:
        chain: list[int] = []
        misfits: list[int] = []
        for one in candidates:
            below = {*self.landed, *chain}
            (misfits if any(one in pair and pair - {one} <= below for pair in self.overlaps) else chain).append(one)
        return Fitting(tuple(chain), tuple(misfits))

    def passes(self, candidates: Sequence[int]) -> bool:
        self.runs += 1
        now = (*self.landed, *candidates)
        if good := self.judged(frozenset(now)):
            self.passed.append(now)
        return good

    def judged(self, now: frozenset[int]) -> bool:
        return not any(bad <= now for bad in self.bad)

    def check(self) -> None:
        if not self.judged(frozenset(self.landed)):
            raise Refused("The base itself does not pass.")

    def land(self, candidates: Sequence[int]) -> None:
        self.landed = (*self.landed, *candidates)
        self.stood.append(self.landed)

    def sort_out(self, count: int) -> Sorting[int]:
        sorting = Sorting(tuple(range(count)))
        while sorting.waiting:
            sorting.round(self)
        return sorting


SIZES = st.integers(0, 70)


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, ScriptedOracle]:
    count = draw(SIZES)
    numbers = st.integers(0, max(count - 1, 0))
    several = st.lists(st.frozensets(numbers, min_size=1, max_size=4), max_size=6)
    pairs = st.lists(st.frozensets(numbers, min_size=2, max_size=2), max_size=4)
    return count, ScriptedOracle(draw(several), draw(pairs) if count > 1 else ())


@given(cases())
def test_what_comes_in_has_passed_and_none_that_could_is_left_out(case: tuple[int, ScriptedOracle]) -> None:
    count, oracle = case
    sorting = oracle.sort_out(count)
    assert set(oracle.stood) <= set(oracle.passed), "each place where the base stood passed just so"
    everyone = [*sorting.landed, *(one.candidate for one in sorting.faults), *sorting.misfits]
    assert sorted(everyone) == list(range(count)), "each one exactly once"
    assert list(oracle.landed) == sorting.landed
    for fault in sorting.faults:
        assert oracle.judged(frozenset(fault.below))
        assert not oracle.judged({*fault.below, fault.candidate})
    for one in sorting.misfits:
        assert any(one in pair and pair - {one} <= set(sorting.landed) for pair in oracle.overlaps)
    assert oracle.runs <= worst_case(count, len(sorting.faults))


@given(SIZES, st.integers(0, 10_000))
def test_an_oracle_that_contradicts_itself_lets_nothing_in_that_did_not_pass(count: int, seed: int) -> None:
    dice = Random(seed)
    oracle = ScriptedOracle(())
    oracle.judged = lambda now: not now or dice.random() < 0.6  # type: ignore[method-assign]
    oracle.check = lambda: None  # type: ignore[method-assign] - whether the base passes is another question
    sorting = oracle.sort_out(count)
    assert set(oracle.stood) <= set(oracle.passed)
    assert len(sorting.landed) + len(sorting.faults) == count
    assert oracle.runs <= worst_case(count, len(sorting.faults))


@given(st.integers(1, 5000), st.data())
def test_the_first_that_does_not_go_along_is_found_in_the_logarithm(count: int, data: st.DataObject) -> None:
    good = data.draw(st.integers(0, count))
    asked: list[int] = []

    def passes(number: int) -> bool:
        asked.append(number)
        return number <= good

    assert good_prefix(count, passes) == good
    assert len(asked) <= 1 + (count - 1).bit_length()
    assert len(set(asked)) == len(asked)
    assert all(1 <= number <= count for number in asked)
    if good < count:
        asked.clear()
        assert last_good(count, passes) == good
        assert len(asked) <= (count - 1).bit_length()


def test_a_base_that_does_not_pass_makes_nobody_guilty() -> None:
    oracle = ScriptedOracle([frozenset()])
    with pytest.raises(Refused, match="itself"):
        oracle.sort_out(9)
    assert oracle.landed == ()


@given(st.integers(0, 12), st.data())
def test_the_order_has_everyone_once_and_those_first_that_meet_nobody_before_them(
    count: int, data: st.DataObject
) -> None:
    numbers = [str(number) for number in range(count)]
    pairs = data.draw(
        st.lists(st.tuples(st.sampled_from(numbers or ["x"]), st.sampled_from([*numbers, ""])), max_size=12)
    )
    order = proposed_order(numbers, pairs)
    assert sorted(order) == sorted(numbers)
    overlaps = {frozenset(pair) for pair in pairs if pair[1] and pair[0] != pair[1]}
    with_base = {one for one, other in pairs if not other}
    free = [
        place
        for place, one in enumerate(order)
        if one not in with_base and not any(frozenset((one, other)) in overlaps for other in order[:place])
    ]
    if any(one not in with_base for one in order):
        assert free
        assert free[0] == 0
    if not pairs:
        assert order == tuple(numbers)


@pytest.mark.parametrize(
    ("count", "faults", "runs"),
    [
        (0, 0, 0), (0, 3, 0), (1, 0, 1), (1, 1, 1), (2, 1, 3), (2, 2, 3), (8, 0, 1), (8, 1, 5), (9, 2, 10), (32, 3, 19),
        (3, 7, 6),
    ],
)  # fmt: skip
def test_the_most_runs_are_told_to_the_letter(count: int, faults: int, runs: int) -> None:
    assert worst_case(count, faults) == runs


@given(st.integers(1, 32), st.data())
def test_faults_in_combination_alone_cost_no_more_than_the_bound(count: int, data: st.DataObject) -> None:
    groups = st.frozensets(st.integers(0, count - 1), min_size=min(2, count), max_size=3)
    oracle = ScriptedOracle(data.draw(st.lists(groups, max_size=5)))
    sorting = oracle.sort_out(count)
    assert oracle.runs <= worst_case(count, len(sorting.faults))
    assert set(oracle.stood) <= set(oracle.passed), "each base in between has passed"


def test_no_search_finds_one_fault_with_fewer_runs() -> None:
    """All searches at once: any set of candidates may be run, and the end is a run that passed of all but the fault."""

    @cache
    def least(possible: int) -> int:
        """The runs that the best search takes in the worst case, so many candidates being possibly at fault."""
        if possible == 1:
            return 1  # the others have yet to pass together
        # Of those that are possible some are in the run: it fails where the fault is one of them. It was the last run
        # where it passes and there was one other alone, for all the others can be in it then.
        ways = (
            (least(inside), least(possible - inside) if possible - inside > 1 else 0) for inside in range(1, possible)
        )
        return 1 + min(max(fails, passes) for fails, passes in ways)

    for count in range(2, 130):
        assert worst_case(count, 1) == 1 + least(count)


def test_without_candidates_nothing_runs() -> None:
    assert good_prefix(0, lambda _: pytest.fail("nothing is there to run")) == 0
