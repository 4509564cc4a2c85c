"""Lines too long to read: how a patch holds them, so that whoever computes, keys and shows it agree. Pure."""

import hashlib
import re

LINE_LIMIT = 16_384
"""Bytes of a line that a patch holds; what is longer is cut there and ends with its CUT mark."""

CUT = b"\0cut:"
"""What ends a cut line: this, the line's length in bytes, a colon, and the first 16 digits of its SHA-1."""

_LONG = re.compile(rb"^[^\n]{%d}[^\n]+" % LINE_LIMIT, re.MULTILINE)


def cut(content: bytes | memoryview) -> bytes | None:
    """The content with its long lines cut and marked; None when none is long.

    A line keeps its identity: equal lines are cut to equal ones, others to others.
    """
    if len(content) <= LINE_LIMIT or _LONG.search(content) is None:
        return None
    pieces, at = [], 0
    for found in _LONG.finditer(content):
        start, end = found.span()
        mark = f"{end - start}:{hashlib.sha1(content[start:end], usedforsecurity=False).hexdigest()[:16]}"
        pieces += [bytes(content[at : start + LINE_LIMIT]), CUT + mark.encode()]
        at = end
    return b"".join([*pieces, bytes(content[at:])])
