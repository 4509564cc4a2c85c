"""Private keys in PEM's armour: the whole block, also one that was cut off, numbered, quoted or escaped."""

from collections.abc import Sequence

from ampsm_engine.redact.pattern import compiled
from ampsm_engine.redact.spans import SecretSpan, unquoted

ANCHOR = "-----begin"
NAME = "private-key"
LONGEST = 48 * 1024
"""Characters of a block that are looked at: an RSA key of 16,384 bits is a quarter of it."""

_BEGIN = "(?i)-----BEGIN[ A-Z0-9_-]{0,64}PRIVATE KEY(?: BLOCK)?-----"
_END = "(?i)-----END[ A-Z0-9_-]{0,64}KEY(?: BLOCK)?-----"
_RUN = "[A-Za-z0-9+/=]{16,}"
_ESCAPED = r"\\+[nrt]|[\s\"'+,]"
_LINE = r"(?:\\{1,6}[nrt]|\s){1,8}(?:\d{1,6}[:|→\t ]{1,4}|[>+|*# ]{1,4})?"
_CUT_OFF = (
    rf"(?:{_LINE}[A-Za-z-]{{3,20}}: [\w,. -]{{1,120}}){{0,4}}(?:{_LINE}[A-Za-z0-9+/=]{{16,160}}(?![\w.])){{0,600}}"
    rf"(?:{_LINE}[A-Za-z0-9+/=]{{1,80}}(?![\w.]))?"
)


class PrivateKey:
    """Finds blocks with a private key in a text, each string of a block as a span of its own."""

    def find(self, text: str, position: int) -> Sequence[SecretSpan]:
        """The block that begins at this position, in as many parts as it has strings."""
        begin = compiled(_BEGIN).match(text, position)
        if not begin:
            return ()
        end = _end(text, begin.end())
        if end == begin.end():
            return ()
        parts = unquoted(text, position, end)
        return tuple(SecretSpan(*part, NAME) for part in parts if _holds_key(text, part, begin.end()))


def _holds_key(text: str, part: tuple[int, int], body: int) -> bool:
    """Whether a part of the block holds any of the key; strings between its lines may be anything."""
    return bool(compiled(_RUN).search(text, *part)) or part[0] < body < part[1]


def _end(text: str, body: int) -> int:
    """Where the block ends: at its last line when all before that reads like a key, else where it stops to."""
    limit = min(len(text), body + LONGEST)
    another = text.find("-----BEGIN", body, limit)
    closing = compiled(_END).search(text, body, limit if another < 0 else another)
    if closing:
        inside = text[body : closing.start()]
        encoded = sum(len(run) for run in compiled(_RUN).findall(inside))
        bare = compiled(_ESCAPED).sub("", inside)
        if encoded * 2 > len(inside) or (
            len(inside) < 400 and len(bare) >= 8 and compiled("[A-Za-z0-9+/=]+").fullmatch(bare)
        ):
            return closing.end()
    cut_off = compiled(_CUT_OFF).match(text, body, limit)
    return cut_off.end() if cut_off else body
