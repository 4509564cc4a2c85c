"""One rule: a regular expression that is compiled when it is first needed and tried only where its anchor stands.

Knows what may never be redacted on a rule's word alone: the ids that ampsm and git work with.
"""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from ampsm_engine.redact.pattern import compiled
from ampsm_engine.redact.spans import SecretSpan, fitted, is_bare_number

_OURS = r"T-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|TU-\w+|toolu_\w+"
"""Ids of threads and of tool uses."""

_PUBLIC = r"[0-9a-fA-F]{32}|[0-9a-f]{40}|[0-9a-f]{64}|(?:T-)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
"""Commit hashes, checksums, UUIDs: secrets only when the text before them says so."""

BEFORE = 256
"""Characters before a match that a rule may ask for."""

_CONFIDING = "(?i)secret|token|passw|api|auth|access|private|credential|key"


class Finder(Protocol):
    """Looks for one kind of secret at a place where one of its anchors stands."""

    def find(self, text: str, position: int) -> Sequence[SecretSpan]:
        """The secrets that belong to the anchor at this position."""
        ...


class Rule:
    """A finder made of a pattern; its last group that matched is the secret, or the whole match."""

    __slots__ = ("_before", "_compiled", "_is_secret", "_pattern", "back", "name", "near")

    def __init__(
        self,
        name: str,
        pattern: str,
        *,
        back: tuple[int, int] = (0, 0),
        near: bool = False,
        before: str = "",
        is_secret: Callable[[str], bool] | None = None,
    ) -> None:
        self.name = name
        self.back = back
        """How many characters of a match stand before its anchor: at least, at most."""
        self.near = near
        """The secret has no shape of its own: a provider's name stands before it."""
        self._before = before
        self._pattern = pattern
        self._is_secret = is_secret
        self._compiled: re.Pattern[str] | None = None

    def find(self, text: str, position: int) -> Sequence[SecretSpan]:
        """The secret that belongs to the anchor at this position."""
        if self._compiled is None:
            self._compiled = compiled(self._pattern)
        low, high = self.back
        for start in range(max(0, position - high), position - low + 1):
            found = self._compiled.match(text, start)
            if found and self._follows(text, start):
                return self._secret(text, found)
        return ()

    def _follows(self, text: str, start: int) -> bool:
        """Whether what has to stand before a match does; only looked at where there is one."""
        return not self._before or bool(compiled(self._before).search(text[max(0, start - BEFORE) : start]))

    def _secret(self, text: str, found: re.Match[str]) -> Sequence[SecretSpan]:
        start, end = fitted(text, *found.span(found.lastindex or 0))
        secret = text[start:end]
        if not secret or is_bare_number(text, start, end) or compiled(_OURS).fullmatch(secret):
            return ()
        if self._is_secret is not None and not self._is_secret(secret):
            return ()
        if self.near and not _is_likely(text[found.start() : start], secret):
            return ()
        return (SecretSpan(start, end, self.name),)


def _is_likely(before: str, secret: str) -> bool:
    """Whether what stands after a provider's name is a key of it, and neither a word nor a checksum."""
    if not compiled(r"\d").search(secret) or compiled(r"sha\d{1,3}[=-]").match(secret):
        return False
    return not compiled(_PUBLIC).fullmatch(secret) or (
        not before.endswith("T-") and bool(compiled(_CONFIDING).search(before))
    )


class Gate:
    """Several rules that share what stands before the secret; it is looked at once."""

    def __init__(self, pattern: str, rules: Sequence[Rule]) -> None:
        self._pattern = pattern
        self._rules = rules

    def find(self, text: str, position: int) -> Sequence[SecretSpan]:
        """The secrets that any of the rules finds, when the gate opens."""
        if not compiled(self._pattern).match(text, position):
            return ()
        return [span for rule in self._rules for span in rule.find(text, position)]
