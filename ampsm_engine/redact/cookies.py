"""The values of cookies that hold a session or a token, in a header or given to curl."""

import re
from collections.abc import Sequence

from ampsm_engine.redact.rule import Rule, ScannedText, SecretSpan, fitted
from ampsm_engine.redact.rule_parts import BLANK, QUOTE, compiled, is_given

_COOKIE = r"(?:[\w.!#$%&*+^|~-]{1,128}=[^\s;\"'`\\,]{0,4096};?[ ]?)"
_PAIR = r"([\w.!#$%&*+^|~-]{1,128})=([^\s;\"'`\\,]{6,4096})"
_OPENING = rf"(?:{QUOTE})?(?:[ \t]{{0,4}}[:=,][ \t]{{0,4}}|[ \t]{{1,4}}(?={QUOTE}|[\w.-]{{1,64}}=))(?:{QUOTE})?"
_SESSION = (
    r"(?i)sess|sid$|^sid|auth|token|jwt|csrf|xsrf|remember|login|secret|connect\.|_at$|_rt$|identity|ticket|\.aspx"
)
_TELLING = r"\d|[A-Za-z_-]{16}"
_ATTRIBUTES = frozenset({"path", "domain", "expires", "max-age", "samesite", "priority"})


class Cookies(Rule):
    """A rule whose secret is a list of cookies, of which choices such as a language stay."""

    __slots__ = ()

    def secrets(self, text: str, found: re.Match[str]) -> Sequence[SecretSpan]:
        """The values in the list that are secrets."""
        spans = []
        for pair in compiled(_PAIR).finditer(text, *found.span(1)):
            name, value = pair.groups()
            is_noise = len(value) >= 20 and compiled(r"\d").search(value) and compiled(r"[A-Za-z]").search(value)
            is_session = compiled(_SESSION).search(name) and compiled(_TELLING).search(value)
            if name.lower() not in _ATTRIBUTES and (is_session or is_noise) and is_given(value):
                spans.append(SecretSpan(*fitted(text, *pair.span(2)), self.name))
        return [span for span in spans if span.start < span.end]


OF_CURL = Cookies((), "cookie", rf"{BLANK}-b{BLANK}{{0,4}}(?:{QUOTE})?({_COOKIE}{{1,40}})")
"""What curl's option -b is given; matches from the blank before it on."""


class CookieHeader:
    """Finds what a header, or a member of JSON, called cookie holds."""

    anchors = ("cookie",)
    then = ""
    keeps_past = False

    def __init__(self) -> None:
        self._all = Cookies((), "cookie", rf"{_OPENING}({_COOKIE}{{1,40}})")
        self._first = Cookies((), "cookie", rf"{_OPENING}({_COOKIE})")

    def find(self, subject: ScannedText, position: int, end: int) -> Sequence[SecretSpan]:
        """The secrets of the header that begins at this position.

        Within a header that was looked through already only the first pair may be another one: those that follow end
        where those of the outer one do.
        """
        known: int = subject.memory.get(self, 0)  # type: ignore[assignment]
        rule = self._first if position < known else self._all
        found = rule.matched(subject.text, end)
        if found is None:
            return ()
        if rule is self._all:
            subject.memory[self] = found.end()
        spans = rule.secrets(subject.text, found)
        if not spans and _is_bare(subject.text, *found.span(1)):
            subject.past[self] = found.end(1)  # what begins later in there is less of the same
        return spans


def _is_bare(text: str, start: int, end: int) -> bool:
    """Whether a list of cookies that goes no further has nothing that a secret would have."""
    return not compiled(_COOKIE).match(text, end) and not compiled(_TELLING).search(text, start, end)
