"""Puts markers where secrets stand: in a text, in bytes, in a file of any size. Knows no rule.

One pass over the text finds the anchors of all rules; no pattern is compiled or tried elsewhere, so ordinary text costs
one search and hostile text stays linear. A file is read in a window that moves over it; a secret may cross its border.
"""

import codecs
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import BinaryIO

from ampsm_engine.errors import Failed
from ampsm_engine.home import open_private
from ampsm_engine.redact import environment, shapes
from ampsm_engine.redact.rule import Finder, Rule, SecretSpan, besides_markers, merged, replaced

SHORTEST = 8
"""Characters of a text that could hold a secret."""

ROUNDS = 4
"""How often a text is looked through again after something was found: secrets hide behind secrets."""

SHORT = 4096
"""Characters of a text that is looked through anchor by anchor while the one search is not compiled yet."""

FEW = 64
"""Texts after which the search is compiled, for 20 ms: anchor by anchor costs up to 0.3 ms a text, compiled 0.01 ms."""

WINDOW = 256 * 1024
"""Bytes that are read at a time."""

BEFORE = 4 * 1024
"""Characters before an anchor at which its secret may begin, or which its rule may look at."""


class Redactor:
    """Redacts by the rules and by the secret values of one environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        texts = {form for value in environment.secrets(environ) for form in environment.forms(value)}
        self._scanner = Scanner((*_rules(), *environment.finders(texts)))
        self._widest = max(shapes.LONGEST, shapes.WIDEST, *map(len, texts), 0)

    def text(self, text: str) -> str:
        """The text with a marker `[redacted:<rule>]` in place of each secret; markers stay as they are."""
        if len(text) < SHORTEST:
            return text
        for _ in range(ROUNDS):
            spans = self._spans(text)
            if not spans:
                break
            text = "".join(replaced(text, 0, len(text), spans))
        return text

    def bytes_(self, content: bytes) -> bytes:
        """The bytes with markers in place of secrets; what is not UTF-8 stays as it is."""
        text = content.decode("utf-8", "surrogateescape")
        cleaned = self.text(text)
        return content if cleaned is text else cleaned.encode("utf-8", "surrogateescape")

    def found(self, content: bytes) -> frozenset[str]:
        """The secrets in a content, as they are written there; never to be shown."""
        text = content.decode("utf-8", "surrogateescape")
        return frozenset(text[span.start : span.end] for span in self._spans(text))

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

    def _spans(self, text: str) -> list[SecretSpan]:
        found = list(self._scanner.spans(text))
        return list(merged(besides_markers(text, merged(found)))) if found else []


@cache
def _rules() -> tuple[Finder, ...]:
    """All rules that do not depend on the environment."""
    return (*_maintained(), *shapes.rules())


def _maintained() -> Iterator[Finder]:
    """The rules of the maintained set, as `scripts/update_redaction_rules.py` wrote them."""
    content = Path(__file__).with_name("rules.json").read_text(encoding="utf-8")
    for entry in json.loads(content)["rules"]:
        low, high = entry.get("back", (0, 0))
        yield Rule(entry["anchors"], entry["name"], entry["pattern"], back=(low, high), near=entry.get("near", False))


class Scanner:
    """All anchors, in lower case, as one search, and the finders of each."""

    def __init__(self, finders: Iterable[Finder]) -> None:
        self._by_anchor: dict[str, tuple[Finder, ...]] = {}
        for finder in finders:
            for anchor in finder.anchors:
                self._by_anchor[anchor] = (*self._by_anchor.get(anchor, ()), finder)
        self._finders: dict[str, tuple[Finder, ...]] = {}
        self._longest = max(map(len, self._by_anchor))
        self._compiled: Callable[..., re.Match[str] | None] | None = None
        self._searched = 0

    def _search(self, lowered: str) -> "Callable[..., re.Match[str] | None] | None":
        """The search for all anchors, or for those that stand in a short text; None where none does."""
        if self._compiled is not None:
            return self._compiled
        self._searched += 1
        if len(lowered) > SHORT or self._searched > FEW:
            self._compiled = re.compile(_pattern(self._by_anchor)).search
            return self._compiled
        there = [anchor for anchor in self._by_anchor if anchor in lowered]
        return re.compile(_pattern(there)).search if there else None

    def _finders_of(self, anchor: str) -> tuple[Finder, ...]:
        """The finders of an anchor and of its beginnings: the search gives the longest anchor at a place."""
        known = self._finders.get(anchor)
        if known is None:
            lengths = range(len(anchor), 0, -1)
            known = tuple(finder for length in lengths for finder in self._by_anchor.get(anchor[:length], ()))
            self._finders[anchor] = known
        return known

    def spans(self, text: str, start: int = 0, stop: int | None = None) -> Iterator[SecretSpan]:
        """The secrets whose anchors stand in `text[start:stop]`, in no order; they may overlap.

        A finder is not asked again inside what it found: a chain of anchors would cost the square of its length.
        """
        lowered = _lowered(text)
        search = self._search(lowered)
        if search is None:
            return
        past: dict[Finder, int] = {}
        stop = len(text) if stop is None else stop
        end = min(len(text), stop + self._longest)
        found = search(lowered, start, end)
        while found and found.start() < stop:
            position = found.start()
            for finder in self._finders_of(found.group()):
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


def _rewrite(path: Path, scanner: Scanner, widest: int) -> int:
    """Replace a file by one without secrets; how many there were, and with none it is left alone."""
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
            with os.fdopen(open_private(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as target:
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
