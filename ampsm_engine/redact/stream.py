"""Redacts a file of any size, with lines of any length, in a window that moves over it.

Knows no rule. A secret may lie across the border of two windows, and across many lines.
"""

import codecs
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ampsm_engine import home
from ampsm_engine.errors import Failed
from ampsm_engine.redact.scanner import Scanner
from ampsm_engine.redact.spans import SecretSpan, besides_markers, merged, replaced

WINDOW = 256 * 1024
"""Bytes that are read at a time."""

BEFORE = 4 * 1024
"""Characters before an anchor at which its secret may begin, or which its rule may look at."""


def rewrite(path: Path, scanner: Scanner, widest: int) -> int:
    """Replace a file by one without secrets; answers how many there were, and with none leaves it alone."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.redacting")
    try:
        source = _open(path)
        if source is None:
            return 0
        with source:
            if not any(count for _, count in _parts(source, scanner, widest)):
                return 0
            source.seek(0)
            before = os.fstat(source.fileno())
            with os.fdopen(home.open_private(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as target:
                total = 0
                for part, count in _parts(source, scanner, widest):
                    target.write(part.encode("utf-8", "surrogateescape"))
                    total += count
                target.flush()
                os.fsync(target.fileno())
        os.utime(beside, ns=(before.st_atime_ns, before.st_mtime_ns))
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise Failed(f"Secrets in {path} could not be redacted: {error.strerror or error}", "ampsm doctor") from error
    return total


def _open(path: Path) -> BinaryIO | None:
    """The file, when it is one: a pipe in its place would never end, a link would lead elsewhere."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is not a regular file")
    return os.fdopen(descriptor, "rb")


def _parts(source: BinaryIO, scanner: Scanner, widest: int) -> Iterator[tuple[str, int]]:
    """The text of a file in parts without secrets, each with the number of its secrets."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    text, scanned, found, at_end = "", 0, list[SecretSpan](), False
    while not at_end:
        chunk = source.read(WINDOW)
        at_end = not chunk
        text += decoder.decode(chunk, at_end)
        stop = len(text) if at_end else len(text) - widest - BEFORE
        if stop > scanned:
            found += scanner.spans(text, scanned, stop)
            scanned = stop
        # An anchor that is still to come cannot have its secret begin before this place.
        known = len(text) if at_end else max(0, scanned - BEFORE)
        spans = list(merged(besides_markers(text, merged(found))))
        ready = [span for span in spans if span.end <= known]
        found = [span for span in spans if span.end > known]
        cut = min([known, *(span.start for span in found)])
        if cut < known - 2 * widest:
            # Secrets that overlap without end, which only malice writes: what is known goes now.
            ready.append(SecretSpan(cut, known, found[0].name))
            found = [SecretSpan(known, span.end, span.name) for span in found]
            cut = known
        cut = _beside_marker(text, cut, ready)
        yield "".join(replaced(text, 0, cut, ready)), len(ready)
        text, scanned = text[cut:], scanned - cut
        found = [SecretSpan(span.start - cut, span.end - cut, span.name) for span in found]


def _beside_marker(text: str, cut: int, ready: list[SecretSpan]) -> int:
    """The place to cut, moved back to before a marker that it would cut in two."""
    marker = text.rfind("[redacted:", max(0, cut - 80, *(span.end for span in ready)), cut)
    return cut if marker < 0 or cut == len(text) else marker
