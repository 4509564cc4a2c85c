"""Lean dataclasses are as the standard library's: made, compared, shown, changed, pickled and copied alike."""

import copy
import dataclasses
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine import lean_dataclass


def classes(make: Any, field: Any) -> dict[str, Any]:
    """The kinds that there are here, made by one of the two."""

    @make(frozen=True, slots=True)
    class Frozen:
        number: int
        word: str = "a"
        many: tuple[int, ...] = ()

        @property
        def double(self) -> int:
            return self.number * 2

    @make(slots=True)
    class Open:
        number: int
        word: str = "a"
        many: list[int] = field(default_factory=list)

    @make
    class Plain:
        number: int
        word: str = field(default="a", repr=False)
        many: list[int] = field(default_factory=list)
        later: int = field(init=False)

        def __post_init__(self) -> None:
            self.later = self.number + 1

    @make(frozen=True)
    class Roomy:
        number: int
        word: str = "a"
        many: tuple[int, ...] = ()

    @make(eq=False, slots=True)
    class Alone:
        number: int
        word: str = "a"
        many: tuple[int, ...] = ()

    return {kind.__name__: kind for kind in (Frozen, Open, Plain, Roomy, Alone)}


LEAN = classes(lean_dataclass.dataclass, lean_dataclass.field)
STANDARD = classes(dataclasses.dataclass, dataclasses.field)
Frozen = lean_dataclass.dataclass(frozen=True, slots=True)(type("Frozen", (), {"__annotations__": {"number": int}}))
Frozen.__module__ = __name__

NUMBERS = st.integers(0, 2)
WORDS = st.sampled_from(["a", "b"])


def shown(work: Any) -> object:
    """What comes of a piece of work: its value as text, or the error's kind."""
    try:
        return repr(work())
    except (TypeError, AttributeError) as reason:
        return type(reason)


@pytest.mark.parametrize("name", LEAN)
@given(NUMBERS, WORDS, NUMBERS, WORDS)
def test_both_kinds_do_the_same(name: str, number: int, word: str, other_number: int, other_word: str) -> None:
    def told(kind: Any) -> list[object]:
        one, other = kind(number, word), kind(other_number, word=other_word)
        changed = lean_dataclass.replace(one, number=7) if kind is LEAN[name] else dataclasses.replace(one, number=7)
        return [
            repr(one).rpartition(".")[2],
            one == other,
            one != other,
            one == kind(number, word),
            one == (number, word, ()),
            shown(lambda: hash(one) == hash(kind(number, word))),
            shown(kind),
            shown(lambda: kind(1, "a", (), 4, 5)),
            shown(lambda: kind(1, nothing=2)),
            shown(lambda: setattr(one, "number", 9)),
            shown(lambda: delattr(other, "number")),
            repr(changed).rpartition(".")[2],
            kind.__match_args__,
            kind.__name__,
            getattr(kind(3), "later", None),
            dataclasses.is_dataclass(one),
            [(each.name, each.init, each.repr) for each in dataclasses.fields(kind)],
        ]

    assert told(LEAN[name]) == told(STANDARD[name])


def test_what_reads_dataclasses_reads_lean_ones() -> None:
    inner = LEAN["Frozen"](1, many=(2, 3))
    outer = LEAN["Open"](5, many=[inner, {"one": (inner,)}])
    assert lean_dataclass.asdict(outer) == dataclasses.asdict(outer)
    assert lean_dataclass.astuple(inner) == dataclasses.astuple(inner) == (1, "a", (2, 3))
    assert dataclasses.replace(inner, word="z") == lean_dataclass.replace(inner, word="z")
    standard = STANDARD["Frozen"](4)
    assert lean_dataclass.replace(standard, word="y") == dataclasses.replace(standard, word="y")
    assert [one.name for one in lean_dataclass.fields(standard)] == ["number", "word", "many"]


def test_copies_are_alike_and_what_is_shared_is_not_the_default() -> None:
    one = Frozen(4)
    assert pickle.loads(pickle.dumps(one)) == copy.copy(one) == copy.deepcopy(one) == one
    assert LEAN["Open"](1).many is not LEAN["Open"](1).many


def test_a_default_that_all_would_share_is_refused() -> None:
    with pytest.raises(ValueError, match="default_factory"):
        lean_dataclass.dataclass(type("Wrong", (), {"__annotations__": {"many": list}, "many": []}))
