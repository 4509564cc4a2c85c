"""Finds the anchors of all rules in one pass over a text, and asks the rules of an anchor only where it stands."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter

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

    def _found(self, lowered: str, start: int, stop: int) -> "list[tuple[int, int, RuleAnchor]]":
        """The anchors that begin in a part of a text, in order, each with its place and its length with a minus.

        Of two that begin at one place the longer comes first.
        """
        part = lowered[start : stop + self._longest - 1]
        found = []
        for anchors in self._anchors:
            for last, anchor in anchors.iter(part):
                end = start + last + 1
                position = end - anchor.length
                if position < stop and anchor.opens(lowered, end):
                    found.append((position, -anchor.length, anchor))
        found.sort(key=_PLACE)
        return found


_PLACE = itemgetter(0, 1)


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


def _asked(subject: ScannedText, found: "Iterable[tuple[int, int, RuleAnchor]]") -> Iterator[SecretSpan]:
    """What the finders of these anchors find."""
    past = subject.past
    for position, length, anchor in found:
        for finder in anchor.finders:
            if past.get(finder, 0) <= position:
                for span in finder.find(subject, position, position - length):
                    if not finder.keeps_past:
                        past[finder] = span.end
                    yield span


def _lowered(text: str) -> str:
    """The text in lower case and in the same length: one capital letter of Unicode becomes two characters."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.replace("\u0130", "i").lower()


class RuleAnchor:
    """A text that every secret of some finders has, and what is asked for around it before they are."""

    __slots__ = ("_thens", "finders", "length", "opens")

    def __init__(self, length: int, finders: Sequence[Finder]) -> None:
        self.length = length
        self.finders = tuple(_guarded(finders))
        self._thens = dict.fromkeys(finder.then for finder in finders)
        self.opens: Callable[[str, int], object] = compiled("").match if "" in self._thens else self._opens_first
        """Whether what stands around the anchor that ends here, in lower case, could be a secret of any of them."""

    def _opens_first(self, lowered: str, end: int) -> object:
        # Compiled when it is first needed: most anchors never stand anywhere.
        self.opens = re.compile("|".join(self._thens), re.ASCII).match
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
        for finder in self._finders:
            if subject.past.get(finder, 0) <= position:
                for span in finder.find(subject, position, end):
                    subject.past[finder] = span.end
                    found.append(span)
        return found
