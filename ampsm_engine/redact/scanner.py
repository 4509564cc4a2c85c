"""Finds the anchors of all rules in one pass over a text, and asks the rules of an anchor only where it stands."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from ahocorasick import Automaton

from ampsm_engine.redact.rule import CROWDED, Finder, Rule, ScannedText, SecretSpan, Together, fitted
from ampsm_engine.redact.rule_parts import compiled

REACH = 80
"""Characters behind an anchor, and before the value that it is given: an anchor that stands farther from the end of a
secret that it is in gives nothing that goes beyond it."""

LONG = 256
"""Characters of a secret that ends for its length alone, maybe in the middle of a word."""

ENDS = " \t\r\n\"'`\\"
"""What no value without quotes goes beyond."""

MOST_ASKED = 2048
"""Anchors of a piece that are looked at closely.

Of 170 MB of programs, documents and data the most crowded file, botocore's paginators of EC2, needs two thirds of it
for its size.
"""

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
                yield from _asked(subject, found, min(first + PIECE, stop))

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


def _asked(subject: ScannedText, found: Iterable[AnchorPlace], stop: int) -> list[SecretSpan]:
    """What the finders of these anchors find; where they are too many all of the text up to `stop`."""
    text, lowered = subject.text, subject.lowered
    spans: list[SecretSpan] = []
    passed = asked = 0
    for position, end, _, anchor in found:
        if passed > -end:
            continue
        asked += 1
        if asked > MOST_ASKED:
            spans.append(SecretSpan(*fitted(text, position, stop), CROWDED))
            break
        for opens, finders in anchor.groups:
            if opens is None or opens(lowered, -end):
                for finder in finders:
                    if those := finder.find(subject, position, -end):
                        spans += those
                        last = those[-1].end
                        if last - REACH > passed and (text[last : last + 1] in ENDS or last - those[-1].start > LONG):
                            passed = last - REACH
    return spans


def _lowered(text: str) -> str:
    """The text in lower case and in the same length: one capital letter of Unicode becomes two characters."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.replace("\u0130", "i").lower()


Guard = Callable[[str, int], object]
"""Whether what stands around the place where an anchor ends, in a text in lower case, could be a secret's."""


class RuleAnchor:
    """A text that every secret of some finders has, and what is asked for around it before they are.

    All but its length is made when it is first found: most anchors never stand anywhere.
    """

    __slots__ = ("_given", "groups", "length", "opens")

    def __init__(self, length: int, finders: Sequence[Finder]) -> None:
        self.length = length
        self.groups: Sequence[tuple[Guard | None, Sequence[Finder]]] = ()
        """The finders behind the same guard, with it where others have another one."""
        self.opens: Guard = self._opens_first
        """The guards of all finders in one."""
        self._given = finders

    def _opens_first(self, lowered: str, end: int) -> object:
        by_guard: dict[str, list[Finder]] = {}
        for finder in self._given:
            by_guard.setdefault(finder.then, []).append(finder)
        anchor = lowered[end - self.length : end]
        self.groups = [
            (compiled(then).match if then and len(by_guard) > 1 else None, list(_together(anchor, then, finders)))
            for then, finders in by_guard.items()
        ]
        self.opens = compiled("" if "" in by_guard else "|".join(by_guard)).match
        return self.opens(lowered, end)


def _together(anchor: str, then: str, finders: Sequence[Finder]) -> Iterator[Finder]:
    """The finders behind one guard, the rules for what follows the anchor as one."""
    behind = [finder for finder in finders if isinstance(finder, Rule) and finder.behind]
    if behind:
        yield Together(anchor, behind, then)
    yield from (finder for finder in finders if finder not in behind)
