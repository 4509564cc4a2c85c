"""The content of a file: binary or not, its lines, and how a patch holds those that are too long to read. Pure.

Whoever compares, keys and shows a content goes by these rules, so that they agree.
"""

import re

LINE_LIMIT = 16_384
"""Bytes of a line that a patch holds; what is longer is cut there and ends with its CUT mark."""

CUT = b"\0cut:"
"""What ends a cut line: this, the line's length in bytes, a colon, and the first 16 digits of its SHA-1."""

_LONG = re.compile(rb"^[^\n]{%d}[^\n]+" % LINE_LIMIT, re.MULTILINE)


BINARY_HEAD = 8_000
"""Bytes that git looks at to tell binary files."""


def is_binary(content: bytes | memoryview) -> bool:
    """Whether git would call it binary when no attribute says otherwise."""
    return 0 in bytes(content[:BINARY_HEAD])


def lines_of(content: bytes) -> list[bytes]:
    """The lines of a content with their line feeds; a carriage return alone ends none."""
    parts = content.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def cut(content: bytes | memoryview) -> bytes | None:
    """The content with its long lines cut and marked; None when none is long.

    A line keeps its identity: equal lines are cut to equal ones, others to others.
    """
    if len(content) <= LINE_LIMIT or _LONG.search(content) is None:
        return None
    import hashlib  # OpenSSL, and hardly a line is that long

    pieces, at = [], 0
    for found in _LONG.finditer(content):
        start, end = found.span()
        mark = f"{end - start}:{hashlib.sha1(content[start:end], usedforsecurity=False).hexdigest()[:16]}"
        pieces += [bytes(content[at : start + LINE_LIMIT]), CUT + mark.encode()]
        at = end
    return b"".join([*pieces, bytes(content[at:])])
