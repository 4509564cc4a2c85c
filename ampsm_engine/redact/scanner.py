"""Finds the places in a text where a secret could be: one pass over the text for all anchors of all rules.

No rule's pattern is compiled or tried elsewhere, so ordinary text costs one search and hostile text stays linear.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from ampsm_engine.redact.rule import Finder
from ampsm_engine.redact.spans import Span

SHORT = 4096
"""Characters of a text that is looked through anchor by anchor while the one search is not compiled yet."""

FEW = 24
"""Texts after which the search is compiled: anchor by anchor costs 0.1 ms a text, compiled it is 0.01 ms."""


class Scanner:
    """All anchors, in lower case, as one search, and who waits for each."""

    def __init__(self, anchored: Iterable[tuple[str, Finder]]) -> None:
        self._waiting: dict[str, tuple[Finder, ...]] = {}
        for anchor, finder in anchored:
            self._waiting[anchor] = (*self._waiting.get(anchor, ()), finder)
        self._hearing = self._waiting
        self._longest = max(map(len, self._waiting))
        self._compiled: Callable[..., re.Match[str] | None] | None = None
        self._looked_through = 0

    def _compile(self) -> "Callable[..., re.Match[str] | None]":
        search = re.compile(_pattern(self._waiting)).search
        # The search answers the longest anchor at a place; those who wait for its beginnings must hear of it too.
        # Set in this order, and never changed in place: another thread may be looking.
        self._hearing = {
            anchor: tuple(f for length in range(len(anchor), 0, -1) for f in self._waiting.get(anchor[:length], ()))
            for anchor in self._waiting
        }
        self._compiled = search
        return search

    def spans(self, text: str, start: int = 0, stop: int | None = None) -> Iterator[Span]:
        """The secrets whose anchors stand in `text[start:stop]`, in no order; they may overlap.

        A finder is not asked again inside what it found: a chain of anchors would cost the square of its length.
        """
        lowered = _lowered(text)
        search = self._compiled
        if search is None:
            # 15 ms of compiling that a command with a harmless name and prompt need not pay.
            self._looked_through += 1
            is_little = len(text) <= SHORT and self._looked_through <= FEW
            if is_little and not any(anchor in lowered for anchor in self._waiting):
                return
            search = self._compile()
        past: dict[Finder, int] = {}
        stop = len(text) if stop is None else stop
        end = min(len(text), stop + self._longest)
        found = search(lowered, start, end)
        while found and found.start() < stop:
            position = found.start()
            for finder in self._hearing[found.group()]:
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
