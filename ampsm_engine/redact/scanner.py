"""Finds the places in a text where a secret could be: one pass over the text for all anchors of all rules.

No rule's pattern is compiled or tried elsewhere, so ordinary text costs one search and hostile text stays linear.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from ampsm_engine.redact.rule import Finder
from ampsm_engine.redact.spans import SecretSpan

SHORT = 4096
"""Characters of a text that is looked through anchor by anchor while the one search is not compiled yet."""

FEW = 64
"""Texts after which the search is compiled, for 20 ms: anchor by anchor costs up to 0.3 ms a text, compiled 0.01 ms."""


class Scanner:
    """All anchors, in lower case, as one search, and who waits for each."""

    def __init__(self, anchored: Iterable[tuple[str, Finder]]) -> None:
        self._waiting: dict[str, tuple[Finder, ...]] = {}
        for anchor, finder in anchored:
            self._waiting[anchor] = (*self._waiting.get(anchor, ()), finder)
        self._hearing: dict[str, tuple[Finder, ...]] = {}
        self._longest = max(map(len, self._waiting))
        self._compiled: Callable[..., re.Match[str] | None] | None = None
        self._looked_through = 0

    def _search(self, lowered: str) -> "Callable[..., re.Match[str] | None] | None":
        """The search for all anchors, or for those that stand in a short text; None where none does."""
        if self._compiled is not None:
            return self._compiled
        self._looked_through += 1
        if len(lowered) > SHORT or self._looked_through > FEW:
            self._compiled = re.compile(_pattern(self._waiting)).search
            return self._compiled
        there = [anchor for anchor in self._waiting if anchor in lowered]
        return re.compile(_pattern(there)).search if there else None

    def _heard_by(self, anchor: str) -> tuple[Finder, ...]:
        """Who waits for the anchor or its beginnings: the search answers the longest one at a place."""
        known = self._hearing.get(anchor)
        if known is None:
            lengths = range(len(anchor), 0, -1)
            known = tuple(finder for length in lengths for finder in self._waiting.get(anchor[:length], ()))
            self._hearing[anchor] = known
        return known

    def spans(self, text: str, start: int = 0, stop: int | None = None) -> Iterator[SecretSpan]:
        """The secrets whose anchors stand in `text[start:stop]`, in no order; they may overlap.

        A finder is not asked again inside what it found: a chain of anchors would cost the square of its length.
        """
        lowered = _lowered(text)
        search = self._search(lowered)
        if search is None:
            return
        past: dict[Finder, int] = {}
        stop = len(text) if stop is None else stop
        end = min(len(text), stop + self._longest)
        found = search(lowered, start, end)
        while found and found.start() < stop:
            position = found.start()
            for finder in self._heard_by(found.group()):
                if past.get(finder, 0) > position:
                    continue
                for span in finder.find(text, position):
                    past[finder] = span.end
                    yield span
            found = search(lowered, position + 1, end)


def _lowered(text: str) -> str:
    """The text in lower case and in the same length: one capital letter of Unicode becomes two characters."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.replace("\u0130", "i").lower()


def _pattern(anchors: Iterable[str]) -> str:
    """One pattern for all anchors, the longest first: a tree, so that a letter is looked at once."""
    by_letter: dict[str, list[str]] = {}
    for anchor in anchors:
        by_letter.setdefault(anchor[:1], []).append(anchor[1:])
    may_end = by_letter.pop("", None) is not None
    by_rest: dict[str, str] = {}
    for letter, rest in sorted(by_letter.items()):
        pattern = _pattern(rest)
        by_rest[pattern] = by_rest.get(pattern, "") + letter
    branches = [_one_of(letters) + rest for rest, letters in by_rest.items()]
    if not branches:
        return ""
    pattern = branches[0] if len(branches) == 1 and not may_end else f"(?:{'|'.join(branches)})"
    return f"{pattern}?" if may_end else pattern


def _one_of(letters: str) -> str:
    return re.escape(letters) if len(letters) == 1 else f"[{re.escape(letters)}]"
