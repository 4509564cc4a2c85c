"""Finds the anchors of all rules in one pass over a text, and asks the rules of an anchor only where it stands."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ahocorasick import Automaton

from ampsm_engine.redact.rule import Finder, ScannedText, SecretSpan
from ampsm_engine.redact.rule_parts import compiled

PIECE = 64 * 1024
"""Characters whose anchors are held at a time, so that a long text that is full of them takes no more memory."""


class Scanner:
    """Looks for the anchors of some finders, and asks these."""

    def __init__(self, *anchors: "Anchors") -> None:
        self._anchors = [one for one in anchors if one.longest]
        self._longest = max((one.longest for one in anchors), default=0)

    def spans(self, text: str, start: int = 0, stop: int | None = None) -> Iterator[SecretSpan]:
        """The secrets whose anchors stand in `text[start:stop]`, in no order; they may overlap."""
        lowered, subject = _lowered(text), None
        stop = len(text) if stop is None else min(stop, len(text))
        for first in range(start, stop, PIECE):
            found = self._found(lowered, first, min(first + PIECE, stop))
            if found:
                subject = subject or ScannedText(text, lowered)
                yield from _asked(subject, found)

    def _found(self, lowered: str, start: int, stop: int) -> "list[AnchorPlace]":
        """The anchors that begin in a part of a text, in order.

        Of two that begin at one place the longer comes first.
        """
        part = lowered[start : stop + self._longest - 1]
        found: list[AnchorPlace] = []
        for number, anchors in enumerate(self._anchors):
            for last, anchor in anchors.iter(part):
                end = start + last + 1
                position = end - anchor.length
                if position < stop and anchor.opens(lowered, end):
                    found.append((position, -end, number, anchor))
        found.sort()  # no two have the same first three
        return found


AnchorPlace = tuple[int, int, int, "RuleAnchor"]
"""Where an anchor begins, where it ends with a minus, which anchors of a scanner it is one of, and the anchor."""


class Anchors:
    """The anchors of some finders, in lower case, as one automaton that reads each letter once."""

    def __init__(self, finders: Iterable[Finder]) -> None:
        by_anchor: dict[str, list[Finder]] = {}
        for finder in finders:
            for anchor in finder.anchors:
                by_anchor.setdefault(anchor, []).append(finder)
        automaton = Automaton()
        for anchor, those in by_anchor.items():
            automaton.add_word(anchor, RuleAnchor(len(anchor), those))
        automaton.make_automaton()
        self.iter = automaton.iter
        """Each anchor in a text, with the place of its last letter."""
        self.longest = max(map(len, by_anchor), default=0)


def _asked(subject: ScannedText, found: Iterable[AnchorPlace]) -> list[SecretSpan]:
    """What the finders of these anchors find."""
    past = subject.past
    spans: list[SecretSpan] = []
    for position, end, _, anchor in found:
        for finder in anchor.finders:
            if past.get(finder, 0) <= position and (those := finder.find(subject, position, -end)):
                spans += those
                if not finder.keeps_past:
                    past[finder] = those[-1].end
    return spans


def _lowered(text: str) -> str:
    """The text in lower case and in the same length: one capital letter of Unicode becomes two characters."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.replace("\u0130", "i").lower()


class RuleAnchor:
    """A text that every secret of some finders has, and what is asked for around it before they are.

    All but its length is made when it is first found: most anchors never stand anywhere.
    """

    __slots__ = ("_given", "finders", "length", "opens")

    def __init__(self, length: int, finders: Sequence[Finder]) -> None:
        self.length = length
        self.finders: tuple[Finder, ...] = ()
        self.opens: Callable[[str, int], object] = self._opens_first
        """Whether what stands around the anchor that ends here, in lower case, could be a secret of any of them."""
        self._given = finders

    def _opens_first(self, lowered: str, end: int) -> object:
        self.finders = tuple(_guarded(self._given))
        thens = dict.fromkeys(finder.then for finder in self._given)
        self.opens = compiled("").match if "" in thens else re.compile("|".join(thens), re.ASCII).match
        return self.opens(lowered, end)


def _guarded(finders: Sequence[Finder]) -> Iterator[Finder]:
    """The finders of one anchor, those behind the same guard as one, where other finders have none."""
    groups: dict[str, list[Finder]] = {}
    for finder in finders:
        groups.setdefault(finder.then, []).append(finder)
    for then, group in groups.items():
        if then and len(groups) > 1:
            yield Guarded(then, group)
        else:
            yield from group


class Guarded:
    """Finders of one anchor that have nothing to find but where the same pattern matches."""

    keeps_past = True

    def __init__(self, then: str, finders: Sequence[Finder]) -> None:
        self.anchors = tuple(finders[0].anchors)
        self.then = then
        self._match = compiled(then).match
        self._finders = finders

    def find(self, subject: ScannedText, position: int, end: int) -> Sequence[SecretSpan]:
        """What each of them finds."""
        if not self._match(subject.lowered, end):
            return ()
        found: list[SecretSpan] = []
        past = subject.past
        for finder in self._finders:
            if past.get(finder, 0) <= position and (those := finder.find(subject, position, end)):
                past[finder] = those[-1].end
                found += those
        return found
