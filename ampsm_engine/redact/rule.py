"""A rule, and the span of a text that it finds: a regular expression that is tried only where its anchor stands.

Also what may be cut out without breaking the text around it (most of what is redacted are lines of JSON), and what is
never redacted on a rule's word alone: the ids that ampsm and git work with.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import NamedTuple, Protocol

from ampsm_engine.redact.rule_parts import compiled, count_groups

MARKER = r"\[redacted:[a-z0-9-]{1,64}\]"
"""What stands where a secret stood."""

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_ESCAPE = r"\\u[0-9a-fA-F]{4}"
_UNQUOTED = r'[^"]+'

_OURS = rf"T-[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}|TU-\w+|toolu_\w+|{MARKER}"
"""Ids of threads and of tool uses, and what was redacted before."""

_PUBLIC = r"[0-9a-fA-F]{32}|[0-9a-f]{40}|[0-9a-f]{64}|(?:T-)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
"""Commit hashes, checksums, UUIDs: secrets only when the text before them says so."""

BEFORE = 256
"""Characters before a match that a rule may ask for."""

MOST_PAIRS = 4096
"""Spellings of an anchor and pairs of characters behind it that are remembered."""

_CONFIDING = "(?i)secret|token|passw|api|auth|access|private|credential|key"


class SecretSpan(NamedTuple):
    """From `start` up to `end` stands a secret that the rule `name` found."""

    start: int
    end: int
    name: str


def fitted(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the halves of JSON escapes at its two ends; may come out empty."""
    if text.find("\\", max(0, start - 6), end) < 0:
        return start, end
    opened = _escape_around(text, start)
    if opened is not None:
        start = opened[1]
    closed = _escape_around(text, end)
    if closed is not None:
        end = closed[0]
    return start, max(start, end)


def _escape_around(text: str, position: int) -> tuple[int, int] | None:
    """The JSON escape that a position lies inside of."""
    for back in range(1, 6):
        first = position - back
        if first < 0 or text[first] != "\\" or not _is_escape(text, first):
            continue
        whole = compiled(_ESCAPE).match(text, first)
        end = whole.end() if whole else first + 2
        return (first, min(end, len(text))) if end > position else None
    return None


def _is_escape(text: str, position: int) -> bool:
    """Whether the backslash at a position begins an escape, and is not itself escaped."""
    first = position
    while first > 0 and text[first - 1] == "\\":
        first -= 1
    return (position - first) % 2 == 0


def is_bare_number(text: str, start: int, end: int) -> bool:
    """Whether a JSON reader would take it for a number: cutting it out would break the line."""
    if not compiled(_NUMBER).fullmatch(text, start, end):
        return False
    before = text[max(0, start - 8) : start].rstrip(" ")[-1:]
    return before in {":", ",", "["} and text[end : end + 1] in {",", "}", "]", " ", "\n", ""}


def unquoted(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a long span between its quotes: a string's end must stay where it is."""
    for part in compiled(_UNQUOTED).finditer(text, start, end):
        yield fitted(text, *part.span())


def merged(spans: Iterable[SecretSpan]) -> Iterator[SecretSpan]:
    """The spans in their order, those that overlap made one; the longest of these gives the name."""
    current: SecretSpan | None = None
    longest = 0
    for span in sorted(spans):
        if current is None or span.start >= current.end:
            if current is not None:
                yield current
            current, longest = span, span.end - span.start
            continue
        name = current.name
        if span.end - span.start > longest:
            name, longest = span.name, span.end - span.start
        current = SecretSpan(current.start, max(current.end, span.end), name)
    if current is not None:
        yield current


def besides_markers(text: str, spans: Iterable[SecretSpan]) -> Iterator[SecretSpan]:
    """Merged spans that hold more than what was redacted before, merged; one that cuts a marker takes it whole."""
    if "[redacted:" not in text:
        return iter(spans)
    markers = [found.span() for found in compiled(MARKER).finditer(text)]
    return merged(_widened(text, spans, markers))


def _widened(text: str, spans: Iterable[SecretSpan], markers: Sequence[tuple[int, int]]) -> Iterator[SecretSpan]:
    """The spans that hold more than markers, with the whole of each marker that they cut."""
    for start, end, name in spans:
        first = bisect_right(markers, start, key=lambda marker: marker[1])
        last = bisect_right(markers, end - 1, key=lambda marker: marker[0])
        if first >= last:
            yield SecretSpan(start, end, name)
            continue
        whole = SecretSpan(min(start, markers[first][0]), max(end, markers[last - 1][1]), name)
        if compiled(MARKER).sub("", text[whole.start : whole.end]):
            yield whole


CROWDED = "crowded-text"
"""The name of what is taken without a look at it: so many secrets may begin there that only malice writes it."""

_BETWEEN = (
    r"((?:[\"\r\n](?:(?![\d.eE+-]*[\"\r\n])(?:[\s:,{}\[\]\d.eE+-]|true|false|null)++(?=[\"\r\n]|\Z))?"
    r"|\\(?:u[0-9a-fA-F]{4}|[^u])?)+)"
)
"""What stays of a text that is taken without a look: quotes, escapes, line ends, what JSON has between its strings."""


def _unseen(text: str) -> str:
    """A text with a marker in place of all that could hold a secret; a line of JSON stays JSON."""
    parts = compiled(_BETWEEN).split(text)
    parts[::2] = [f"[redacted:{CROWDED}]" if len(part) > 2 else part for part in parts[::2]]
    return "".join(parts)


def replaced(text: str, start: int, end: int, spans: Iterable[SecretSpan]) -> Iterator[str]:
    """The parts of `text[start:end]` by turns: what stays, and what stands in place of the next span.

    The spans are in order and do not overlap.
    """
    for span in spans:
        yield text[start : span.start]
        yield _unseen(text[span.start : span.end]) if span.name == CROWDED else f"[redacted:{span.name}]"
        start = span.end
    yield text[start:end]


class ScannedText:
    """A text that is looked through once, and what its finders remember of it."""

    __slots__ = ("_backwards", "length", "lowered", "memory", "text")

    def __init__(self, text: str, lowered: str) -> None:
        self.text = text
        self.length = len(text)
        self._backwards = ""
        self.lowered = lowered
        """The text in lower case and in the same length."""
        self.memory: dict[object, object] = {}
        """What a finder, or one of its rules, keeps for the anchors that follow."""

    @property
    def backwards(self) -> str:
        """The text from its end to its beginning."""
        if not self._backwards:
            self._backwards = self.text[::-1]
        return self._backwards


class Finder(Protocol):
    """Looks for one kind of secret where one of its anchors is."""

    @property
    def anchors(self) -> Sequence[str]:
        """The texts, in lower case, of which a secret of this kind has one."""
        ...

    @property
    def then(self) -> str:
        """A pattern of what stands around every anchor of it, in lower case; empty for anything."""
        ...

    def find(self, subject: ScannedText, position: int, end: int) -> Sequence[SecretSpan]:
        """The secrets that belong to the anchor from this position to its end."""
        ...


class Rule:
    """A finder made of a pattern; its last group that matched is the secret, or the whole match."""

    __slots__ = (
        *(
            "_backwards",
            "_begins",
            "_is_elsewhere",
            "_is_secret",
            "_match",
            "pattern",
            "_spelt",
            "_what_stands_before",
        ),
        *("anchors", "back", "behind", "name", "near", "then"),
    )

    def __init__(
        self,
        anchors: str | Sequence[str],
        name: str,
        pattern: str,
        *,
        back: tuple[int, int] = (0, 0),
        begins: str = "",
        near: bool = False,
        backwards: str = "",
        then: str = "",
        behind: bool = False,
        spelt: Callable[[str], str] | None = None,
        is_secret: Callable[[str], bool] | None = None,
    ) -> None:
        self.anchors: Sequence[str] = (anchors,) if isinstance(anchors, str) else anchors
        self.name = name
        self.back = back
        """How many characters of a match stand before its anchor: at least, at most."""
        self._begins = begins
        """The text, in lower case, that each match begins with, where it may stand at many places before an anchor."""
        self.near = near
        """The secret has no shape of its own: a provider's name stands before it."""
        self._backwards = backwards
        """What has to stand before a match, as it is read from there backwards: so that it is tried at one place."""
        self.then = then
        self.behind = behind
        """The pattern is for what follows the anchor, and asked together with all others of these (`Together`)."""
        self._spelt = spelt
        """Makes the anchor as it has to be written of it in lower case."""
        self.pattern = pattern
        self._is_secret = is_secret and _remembered(is_secret)
        self._is_elsewhere = back[1] > 0
        self._match: Callable[[str, int], re.Match[str] | None] = self._match_first
        """Compiled when it is first used: most rules never are."""
        self._what_stands_before: Callable[[str, int, int], re.Match[str] | None] | None = None

    def find(self, subject: ScannedText, position: int, end: int) -> Sequence[SecretSpan]:  # noqa: ARG002 a Finder's
        """The secret that belongs to the anchor at this position."""
        if self._is_elsewhere:
            return self._found_before(subject, position)
        found = self._match(subject.text, position)
        return self.secrets(subject.text, found) if found and self.follows(subject, position) else ()

    def is_spelt(self, anchor: str) -> bool:
        """Whether an anchor has the upper and lower case that the rule requires."""
        return self._spelt is None or (anchor.isascii() and self._spelt(anchor) == anchor)

    def _found_before(self, subject: ScannedText, position: int) -> Sequence[SecretSpan]:
        for start in self._starts(subject, position):
            found = self._match(subject.text, start)
            if found and self.follows(subject, start):
                return self.secrets(subject.text, found)
        return ()

    def matched(self, text: str, position: int) -> re.Match[str] | None:
        """The match of the pattern at a place."""
        return self._match(text, position)

    def _match_first(self, text: str, position: int) -> re.Match[str] | None:
        self._match = compiled(self.pattern).match
        return self._match(text, position)

    def _starts(self, subject: ScannedText, position: int) -> Iterable[int]:
        low, high = self.back
        first, last = max(0, position - high), position - low
        return places(subject.lowered, self._begins, first, last) if self._begins else range(first, last + 1)

    def follows(self, subject: ScannedText, start: int) -> bool:
        """Whether what has to stand before a match does; only looked at where there is one."""
        if not self._backwards:
            return True
        before = self._what_stands_before
        if before is None:
            before = self._what_stands_before = compiled(rf"\n?(?:{self._backwards})").match
        first = subject.length - start
        return before(subject.backwards, first, first + BEFORE) is not None

    def secrets(self, text: str, found: re.Match[str]) -> Sequence[SecretSpan]:
        """The secret of a match, unless it is none when it is looked at."""
        return self.secret(text, found.start(), *found.span(found.lastindex or 0))

    def secret(self, text: str, begin: int, start: int, end: int) -> Sequence[SecretSpan]:
        """What a match that begins somewhere holds from `start` to `end`, unless it is none when it is looked at."""
        if text.find("\\", max(0, start - 6), end) >= 0:
            start, end = fitted(text, start, end)
        secret = text[start:end]
        if not secret:
            return ()
        first = secret[0]
        if first in "-0123456789" and is_bare_number(text, start, end):
            return ()
        if first in "[Tt" and compiled(_OURS).fullmatch(secret):
            return ()
        if self._is_secret is not None and not self._is_secret(secret):
            return ()
        if self.near and not _is_likely(text[begin:start], secret):
            return ()
        return (SecretSpan(start, end, self.name),)


@cache
def _remembered(test: Callable[[str], bool]) -> Callable[[str], bool]:
    """A test that knows its latest answers: a value often stands in a text many times, and behind one name often."""
    return lru_cache(1024)(test)


def _is_likely(before: str, secret: str) -> bool:
    """Whether what stands after a provider's name is a key of it, and neither a word nor a checksum."""
    if not compiled(r"\d").search(secret) or compiled(r"sha\d{1,3}[=-]").match(secret):
        return False
    return not compiled(_PUBLIC).fullmatch(secret) or (
        not before.endswith("T-") and bool(compiled(_CONFIDING).search(before))
    )


def places(text: str, word: str, first: int, last: int) -> Iterator[int]:
    """Where a word begins in a text, from `first` to `last`."""
    at = text.find(word, first, last + len(word))
    while at >= 0:
        yield at
        at = text.find(word, at + 1, last + len(word))


class Together:
    """Rules for what follows one anchor, asked as one pattern: one look, and most texts are out."""

    __slots__ = ("_by_spelling", "_rules", "anchors", "then")

    def __init__(self, anchor: str, rules: Iterable[Rule], then: str) -> None:
        self.anchors = (anchor,)
        self.then = then
        self._rules = sorted(rules, key=lambda rule: rule.name)
        self._by_spelling: dict[tuple[bool, bool, bool], JoinedRules] = {}
        """The joined rules that hold for a spelling of the anchor: in capitals, in small letters, in ASCII."""

    def find(self, subject: ScannedText, position: int, end: int) -> Sequence[SecretSpan]:
        """The secrets at a place that any of the rules finds."""
        anchor = subject.text[position:end]
        spelling = anchor.isupper(), anchor.islower(), anchor.isascii()
        joined = self._by_spelling.get(spelling)
        if joined is None:
            joined = self._by_spelling[spelling] = _joined(tuple(rule for rule in self._rules if rule.is_spelt(anchor)))
        return joined.find(subject, position, end)


class JoinedRules:
    """The pattern of several rules in one, each a look ahead that may fail."""

    __slots__ = ("_match", "_of_group")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._match = compiled("".join(f"(?=(?:{rule.pattern})|)" for rule in rules)).match
        self._of_group = [rule for rule in rules for _ in range(count_groups(rule.pattern))]

    def find(self, subject: ScannedText, position: int, end: int) -> Sequence[SecretSpan]:
        """The secrets that the rules find behind the anchor from this position to its end."""
        text = subject.text
        match = self._match(text, end)
        if match is None or match.lastindex is None:
            return ()
        found: list[SecretSpan] = []
        begin = stop = -1
        for rule, (first, last) in zip(self._of_group, match.regs[1:], strict=True):
            if first < 0 or (begin <= first and last <= stop):  # what one rule has found is no other's
                continue
            if rule.follows(subject, position) and (those := rule.secret(text, position, first, last)):
                found += those
                begin, stop = first, last
        return found


@cache
def _joined(rules: tuple[Rule, ...]) -> JoinedRules:
    return JoinedRules(rules)
