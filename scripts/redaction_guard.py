"""What stands around an anchor wherever its rule can match, as a pattern for text in lower case.

The search for anchors looks at it: a text that is full of anchors then costs the search alone. Left out where it would
say little.
"""

import re
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

MOST = 24
"""Characters after an anchor that are looked at."""

LEAST = 6
"""Fewer say little."""

_NAMED = r"[ \t\w.\-]{0,20}+(?:\\{0,4}['" + r'"\s`]){0,3}+'
_GIVEN = r"(?:\\{0,4}['\"\s`]){0,3}+[=>,:?|]{1,4}(?:\\{0,4}[`'\"\s=]|\\{1,4}[nrt]){0,5}[^\s\"'`\\]{8})"
_GAP = r"(?=[ \t\w.\-]{0,24}+" + _GIVEN
_WIDE_GAP = r"(?=[ \t\w.\-]{0,1024}+" + _GIVEN
"""Words may stand between the provider's name and what leads to the value, with any number of blanks."""

BEGINS = {
    "midtrans-production-server-client-key": "mid",
    "plaid-api-token": "plaid",
    "polymarket-passphrase": "poly",
}
"""What the matches of rules begin with whose anchor stands far from there."""

BY_HAND = {
    "salesforce-access-token": r"(?<=00[0-9a-z]{13}!)",
    "azure-ad-client-secret": r"(?<=[0-9a-z_~.]{3}[0-9]q~)(?=[0-9a-z_~.\-]{24})",
    "tableau-personal-access-token": r"(?<=[0-9a-z+/]{22}==:)(?=[0-9a-z]{24})",
    "azure-storage-account-key": r"(?=[^a-z0-9+/\"\\]{0,24}+[a-z0-9+/]{86}==)",
    "alibaba-sts-security-token": _GAP,
    "aws-secret-access-key": _GAP.replace("[^\\s\\\"'`\\\\]{8}", "[a-z0-9/+=]{40}"),
    "endorlabs-api-key": _GAP,
    "endorlabs-api-secret": _GAP,
    "aiven-auth-token": r"(?=[\s\S]{32}[a-z0-9/+=]{340,372}+(?:[^a-z0-9/+=\"\\]|\Z))",
    "amplitude-secret-key": r"(?=[\s\S]{0,64}?[a-f0-9]{32})",
    "bitly-access-token": r"(?=[\s\S]{0,72}?[a-f0-9]{40})",
    "cloudinary-api-secret": r"(?=[\s\S]{0,76}?[a-z0-9]{32})",
    "couchbase-capella-api-key": r"(?=[\s\S]{0,96}?[a-z0-9+/]{60})",
    "influxdb-api-token": r"(?=[\s\S]{0,66}?(?:token|api[_\-]?key))(?=[\s\S]{0,150}?[a-z0-9+/=_\-]{88})",
    "cloudflareapitoken": r"(?=(?:\\{0,4}[\"'])?\s{0,256}[=:].{0,20}?[a-z0-9_\-]{40})",
    "aws-session-token": r"(?:(?<=aws[_\-]session)|(?<=awssession)|(?<=aws[_\-]security)|(?<=awssecurity))",
    "kimi-api-key": r"(?=[\-0-9_a-z]{48}(?:[\\\"'`\s;]|\Z))",
    "voyageai-api-key": r"(?=[\-0-9_a-z]{43}(?:[\\\"'`\s;]|\Z))",
    "openai-api-key": r"(?:(?<=[jtn]-)(?=[0-9a-z_\-]{20})|(?=[0-9a-z]{20}t3blbkfj)|(?=(?:proj|svcacct|admin)-))",
    "snowflake-programmatic-access-token": r"(?=[_. \-]{0,256}(?:programmatic|access|token))",
    "microsoft-teams-webhook": r"(?=[a-z0-9]{1,256}\.webhook\.)",
    "fal-api-key": rf"(?:(?=[\s\S]?(?:ai|api|key))|{_GAP})",
    "polymarket-api-key": r"(?=.{0,20}key)",
    "polymarket-api-secret": r"(?=.{0,20}secret)",
    "polymarket-private-key": r"(?=.{0,20}private)",
    "scaleway-secret-key": r"(?=.{0,20}(?:secret|token))",
    "aws-access-token": r"(?=[a-z0-9]{16})",
    "authress-service-client-access-key": r"(?=[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc)",
    "square-access-token": r"(?:(?<=eaaa)(?=[\w\-]{60}(?!\w))|(?<!eaaa)(?=[\w\-]{22}))",
    "mux-access-token-secret": r"(?=[_.\-]?(?:access[_.\-]?)?token)",
    "ovh-application-secret": r"(?=(?:lication)?[_.\-]?secret)",
}
"""What is not to be read off a pattern as it stands."""


def guard(rule: dict[str, object]) -> str:
    """The pattern for the anchors of a rule; empty for anything."""
    name, pattern, words = str(rule["name"]), str(rule["pattern"]), [str(word) for word in rule["anchors"]]  # type: ignore[attr-defined]
    if name in BY_HAND:
        return BY_HAND[name]
    if "back" in rule:
        return ""
    if rule.get("near"):
        starts = pattern.removeprefix("(?i)").removeprefix("(?i:").startswith(re.escape(words[0]) + _NAMED)
        return _GAP if len(words) == 1 and starts else _WIDE_GAP
    if len({len(word) for word in words}) > 1:
        return ""
    return _following(pattern, len(words[0]))


def _following(pattern: str, skipped: int) -> str:
    """A look at the characters of known kinds behind the first ones of a pattern."""
    found: list[str] = []
    total = 0
    for kind, value in _items(parser.parse(pattern)):
        if skipped:
            width = _width(kind, value)
            if width is None or width > skipped:
                return ""
            skipped -= width
            continue
        low, high, letters = _run(kind, value)
        if not letters or not low:
            break
        count = min(low, MOST - total)
        found.append(_class(letters) + (f"{{{count}}}" if count > 1 else ""))
        total += count
        if low != high or total >= MOST:
            break
    return f"(?={''.join(found)})" if total >= LEAST else ""


def _items(tree: object) -> list[tuple[object, object]]:
    """The items of a pattern with those of its groups among them, without what has no width."""
    found: list[tuple[object, object]] = []
    for kind, value in tree:  # type: ignore[attr-defined]
        if kind is sre.SUBPATTERN:
            found += _items(value[3])
        elif parser.SubPattern(parser.State(), [(kind, value)]).getwidth()[1]:
            found.append((kind, value))
    return found


def _width(kind: object, value: object) -> int | None:
    low, high = parser.SubPattern(parser.State(), [(kind, value)]).getwidth()
    return low if low == high else None


def _run(kind: object, value: object) -> tuple[int, int, set[str]]:
    """How often at least and at most one of which letters stands there; no letters for anything else."""
    if kind in {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}:
        low, high, inner = value  # type: ignore[misc]
        return low, high, _letters(*inner[0]) if len(inner) == 1 else set()
    return 1, 1, _letters(kind, value)


def _letters(kind: object, value: object) -> set[str]:
    """What one item may match, in lower case; nothing where it is more than a class of ASCII."""
    if kind is sre.LITERAL:
        return {chr(value).lower()}  # type: ignore[arg-type]
    if kind is not sre.IN:
        return set()
    found: set[str] = set()
    for inner, what in value:  # type: ignore[attr-defined]
        if inner is sre.LITERAL:
            found.add(chr(what).lower())
        elif inner is sre.RANGE and what[1] < 128:
            found |= {chr(code).lower() for code in range(what[0], what[1] + 1)}
        elif inner is sre.CATEGORY and what is sre.CATEGORY_DIGIT:
            found |= set("0123456789")
        elif inner is sre.CATEGORY and what is sre.CATEGORY_WORD:
            found |= set("abcdefghijklmnopqrstuvwxyz0123456789_")
        else:
            return set()
    return found


def _class(letters: set[str]) -> str:
    if len(letters) == 1:
        return re.escape(letters.pop())
    text = re.escape("".join(sorted(letters)))
    for run in ("0123456789", "abcdefghijklmnopqrstuvwxyz", "abcdef"):
        text = text.replace(run, f"{run[0]}-{run[-1]}")
    return f"[{text}]"
