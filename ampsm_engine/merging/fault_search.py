"""Which of several candidates, taken in order, do not go with the others: found with few runs, by an oracle. Pure.

A list of n candidates is run once as a whole. Where it fails, halving finds the first that the others before it do not
stand with, in at most ceil(log2 n) extra runs; it is set aside, and what is left is a list of its own, which is run
once as a whole, as any is that is to land, unless nothing is left. So a fault costs at most ceil(log2 n) extra runs,
and `worst_case` has the most runs in all: 1 for the whole, and for the k-th fault ceil(log2 (n - k + 1)) and the run of
what is left. One of the base itself comes on top where the very first does not pass.

No search does with less for one fault, however clever: n answers are possible, and before each the n - 1 that are left
must have passed together, a run that tells but one of them apart from the others. A run that is not the last one halves
what is possible at best; so after the whole it takes 1 + ceil(log2 n), whatever is kept of earlier runs.

What the halving comes to holds for any oracle, one that contradicts itself included: what is landed has passed, and
what is set aside has failed on top of that.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, Protocol, TypeVar

from ampsm_engine.lean_dataclass import dataclass, field

T = TypeVar("T", bound=Hashable)
"""A candidate: no two are equal."""


def good_prefix(count: int, passes: Callable[[int], bool]) -> int:
    """How many candidates from the first on pass together: all `count`, or so many that with one more they do not.

    `passes(n)` runs the first n, with 1 <= n <= count; none of them is taken to pass. It is asked at most
    1 + ceil(log2 count) times, and each answer above zero that is given was one of its own.
    """
    return count if count == 0 or passes(count) else last_good(count, passes)


def last_good(count: int, passes: Callable[[int], bool]) -> int:
    """How many candidates from the first on pass together, where it is known that all `count` do not.

    At most ceil(log2 count) questions.
    """
    good, bad = 0, count
    while bad - good > 1:
        middle = (good + bad) // 2
        if passes(middle):
            good = middle
        else:
            bad = middle
    return good


def worst_case(count: int, faults: int) -> int:
    """The most runs that `count` candidates take of which `faults` are set aside, as the module's text works out."""
    if not count:
        return 0
    left = range(count, max(count - faults, 0), -1)  # candidates among which each fault is looked for
    return 1 + sum((number - 1).bit_length() + (number > 1) for number in left)


@dataclass(frozen=True, slots=True)
class Fitting(Generic[T]):
    """What of the candidates can be put onto each other."""

    chain: tuple[T, ...]
    misfits: tuple[T, ...] = ()
    """Candidates that conflict with what comes before them: they get another chance when one of that is set aside."""
    gone: tuple[T, ...] = ()
    """Candidates that are out for good, for whatever reason of their own."""


class Oracle(Protocol[T]):
    """Says which candidates fit and pass: on a base that moves as they land, or on a stand-in for one."""

    def fitting(self, candidates: Sequence[T]) -> Fitting[T]:
        """Put candidates onto what has landed, in order."""

    def passes(self, candidates: Sequence[T]) -> bool:
        """Whether these, on top of what has landed, pass."""

    def check(self) -> None:
        """Raise an error when what they are put onto does not pass by itself: then none of them is at fault."""

    def land(self, candidates: Sequence[T]) -> None:
        """Land candidates that have passed together."""


@dataclass(frozen=True, slots=True)
class Fault(Generic[T]):
    """A candidate that does not pass on those that landed before it, while they pass without it."""

    candidate: T
    below: tuple[T, ...]


@dataclass
class Sorting(Generic[T]):
    """How far candidates are sorted out. An error of the oracle leaves it as it was before the round."""

    waiting: tuple[T, ...]
    landed: list[T] = field(default_factory=list)
    faults: list[Fault[T]] = field(default_factory=list)
    misfits: list[T] = field(default_factory=list)

    def round(self, oracle: Oracle[T]) -> None:
        """Run what waits; land what passes, and set aside what does not go with it."""
        fit = oracle.fitting(self.waiting)
        good = good_prefix(len(fit.chain), lambda count: oracle.passes(fit.chain[:count]))
        if fit.chain and good == 0:
            oracle.check()
        if good:
            oracle.land(fit.chain[:good])
            self.landed += fit.chain[:good]
        if good == len(fit.chain):
            self.misfits += fit.misfits
            self.waiting = ()
            return
        fault = fit.chain[good]
        self.faults.append(Fault(fault, tuple(self.landed)))
        out = {*fit.chain[:good], fault, *fit.gone}
        self.waiting = tuple(one for one in self.waiting if one not in out)
