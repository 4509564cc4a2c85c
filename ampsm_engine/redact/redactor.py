"""Puts markers where secrets stand: in a text, in bytes, in a file of any size. Knows no rule.

One pass over the text finds the anchors of all rules; no pattern is compiled or tried elsewhere, so ordinary text costs
one pass. Where more anchors would have to be looked at than any honest text has, what follows is taken unseen: hostile
text stays linear. A file is read in a window that moves over it; a secret may cross its border.
"""

import codecs
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

from ampsm_engine.errors import Failed
from ampsm_engine.home import open_private
from ampsm_engine.redact import environment, own_rules
from ampsm_engine.redact.rule import Finder, Rule, SecretSpan, besides_markers, merged, replaced
from ampsm_engine.redact.scanner import Anchors, Scanner
from ampsm_engine.redact.window import BEFORE, SafeStream, Window

SHORTEST = 8
"""Characters of a text that could hold a secret."""

ROUNDS = 4
"""How often a text is looked through again after something was found: secrets hide behind secrets."""

WINDOW = 256 * 1024
"""Bytes that are read at a time."""


class Redactor:
    """Redacts by the rules, by the secret values of one environment, and by further values."""

    def __init__(self, environ: Mapping[str, str], values: Iterable[str] = ()) -> None:
        secrets = {*environment.secrets(environ), *values}
        texts = {form for value in secrets for form in environment.forms(value)}
        self._scanner = Scanner(_anchors(), Anchors(environment.finders(texts)))
        self._widest = max(own_rules.LONGEST, own_rules.WIDEST, *map(len, texts), 0)

    def text(self, text: str) -> str:
        """The text with a marker `[redacted:<rule>]` in place of each secret; markers stay as they are."""
        if len(text) < SHORTEST:
            return text
        areas = [(0, len(text))]
        for _ in range(ROUNDS):
            spans = self._spans(text, areas)
            if not spans:
                break
            parts = list(replaced(text, 0, len(text), spans))
            areas = self._around(parts)
            text = "".join(parts)
        return text

    def _around(self, parts: Sequence[str]) -> list[tuple[int, int]]:
        """Where in a text with its markers anchors stand that may mean something else now; without overlaps.

        `parts`: what stays and the markers by turns.
        """
        areas: list[tuple[int, int]] = []
        end = 0
        for kept, marker in zip(parts[::2], parts[1::2], strict=False):
            start = end + len(kept)
            end = start + len(marker)
            first, last = max(0, start - BEFORE), end + BEFORE
            if areas and first <= areas[-1][1]:
                first = areas.pop()[0]
            areas.append((first, last))
        return areas

    def bytes_(self, content: bytes) -> bytes:
        """The bytes with markers in place of secrets; what is not UTF-8 stays as it is."""
        text = content.decode("utf-8", "surrogateescape")
        cleaned = self.text(text)
        return content if cleaned is text else cleaned.encode("utf-8", "surrogateescape")

    def found(self, content: bytes) -> frozenset[str]:
        """The secrets in a content, as they are written there; never to be shown."""
        text = content.decode("utf-8", "surrogateescape")
        return frozenset(text[span.start : span.end] for span in self._spans(text, [(0, len(text))]))

    def file(self, path: Path) -> int:
        """Redact a file in place, atomically, private to its owner; the number of secrets found.

        A file without any, or that is not there, is left alone. Memory does not grow with the file or its
        lines. Nobody may write to it meanwhile. Raises Failed when it cannot be read or replaced.
        """
        total = 0
        for _ in range(ROUNDS):
            count = _rewrite(path, self._scanner, self._widest)
            total += count
            if not count:
                break
        return total

    def stream(self) -> SafeStream:
        """A redactor for a text that comes in pieces and is too long to be held; its output is as `text` has it."""
        return SafeStream([Window(self._scanner, self._widest) for _ in range(ROUNDS)])

    def _spans(self, text: str, areas: Iterable[tuple[int, int]]) -> list[SecretSpan]:
        found = [span for start, stop in areas for span in self._scanner.spans(text, start, min(stop, len(text)))]
        return list(besides_markers(text, merged(found))) if found else []


@cache
def _rules() -> tuple[Finder, ...]:
    """All rules that do not depend on the environment."""
    return (*_maintained(), *own_rules.rules())


@cache
def _anchors() -> Anchors:
    return Anchors(_rules())


def _maintained() -> Iterator[Finder]:
    """The rules of the maintained set, as `scripts/update_redaction_rules.py` wrote them."""
    content = Path(__file__).with_name("rules.json").read_text(encoding="utf-8")
    for entry in json.loads(content)["rules"]:
        low, high = entry.get("back", (0, 0))
        yield Rule(
            entry["anchors"],
            entry["name"],
            entry["pattern"],
            back=(low, high),
            begins=entry.get("begins", ""),
            near=entry.get("near", False),
            then=entry.get("then", ""),
        )


def _rewrite(path: Path, scanner: Scanner, widest: int) -> int:
    """Replace a file by one without secrets; how many there were, and with none it is left alone."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.redacting")
    try:
        source = regular_file(path)
        if source is None:
            return 0
        with source:
            window = Window(scanner, widest)
            for _ in _pieces(source, window):
                if window.found:
                    break
            else:
                return 0
            source.seek(0)
            before = os.fstat(source.fileno())
            with os.fdopen(open_private(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as target:
                window = Window(scanner, widest)
                for piece in _pieces(source, window):
                    target.write(piece.encode("utf-8", "surrogateescape"))
                target.flush()
                os.fsync(target.fileno())
        os.utime(beside, ns=(before.st_atime_ns, before.st_mtime_ns))
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise Failed(f"Secrets in {path} could not be redacted: {error.strerror or error}", "ampsm doctor") from error
    return window.found


def regular_file(path: Path) -> BinaryIO | None:
    """The file, opened, if it is there; OSError where it is none: a pipe would not end, a link would lead elsewhere."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is not a regular file")
    return os.fdopen(descriptor, "rb")


def _pieces(source: BinaryIO, window: Window) -> Iterator[str]:
    """The text of a file as the window gives it back."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    at_end = False
    while not at_end:
        chunk = source.read(WINDOW)
        at_end = not chunk
        yield window.moved(decoder.decode(chunk, at_end), at_end=at_end)
