"""A patch on its way to a person: without secrets, control characters made visible, in colour; piece by piece.

Nothing here holds more than a few hundred thousand characters, however long a patch, a file or a line is.
"""

import codecs
import re
from collections.abc import Iterable, Iterator

from ampsm_engine import redact
from ampsm_engine.cli import output
from ampsm_engine.cli.output import Styled, clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ampsm_engine.redact.window import SafeStream

HEADER = "\ndiff --git "
"""What begins a file's patch: no line of a content can look like it."""

LARGE = 512 * 1024
"""Characters of a file's patch that are looked through at once for secrets; a longer one is in windows."""

LONG = 64 * 1024
"""Characters of a line that are painted at once."""

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_STYLES = {"+": "green", "-": "red"}


class PatchText:
    """Makes a patch fit to be shown, and knows afterwards in what it differs from what git gave."""

    def __init__(self) -> None:
        self.hides_secrets = False
        self.shows_pictures = False
        """Whether control characters, or bytes that are no text, were made visible."""

    def pieces(self, parts: Iterable[bytes]) -> Iterator[str]:
        """The patch as text, each file as soon as the next one begins."""
        for text in self._without_secrets(parts):
            shown = clean(text, lines=True)
            self.shows_pictures |= shown != text
            if shown:
                yield shown

    def _without_secrets(self, parts: Iterable[bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        held, stream = "", None
        for part in parts:
            held += decoder.decode(part)
            end = held.rfind(HEADER) + 1
            if end:
                yield self._redacted(held[:end], stream)
                held, stream = held[end:], None
            elif len(held) > LARGE:
                stream = stream or redact.stream()
                yield stream.feed(held)
                held = ""
        yield self._redacted(held + decoder.decode(b"", final=True), stream)

    def _redacted(self, text: str, stream: "SafeStream | None") -> str:
        """The text that ends a file's patch, whose beginning may be in a stream."""
        if stream is not None:
            safe = stream.feed(text) + stream.finish()
            self.hides_secrets |= stream.found > 0
            return safe
        safe = redact.text(text)
        self.hides_secrets |= safe != text
        return safe


def coloured(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces of a patch with the colours of its lines."""
    painter = _Painter()
    for piece in pieces:
        yield from filter(None, (painter.painted(piece),))
    yield from filter(None, (painter.rest(),))


class _Painter:
    """Knows in which line of which hunk a patch is."""

    def __init__(self) -> None:
        self._old = self._new = 0
        """Lines of the two sides that the hunk still has."""
        self._begun = ""
        self._style: str | None = None
        """That of a line whose beginning is painted already."""

    def painted(self, piece: str) -> str:
        *lines, self._begun = (self._begun + piece).split("\n")
        done = [f"{self._line(line)}\n" for line in lines]
        if len(self._begun) > LONG:
            style = self._style if self._style is not None else self._style_of(self._begun)
            done.append(output.styled(Styled(self._begun, style)))
            self._begun, self._style = "", style
        return "".join(done)

    def rest(self) -> str:
        return f"{self._line(self._begun)}\n" if self._begun else ""

    def _line(self, line: str) -> str:
        style, self._style = self._style, None
        return output.styled(Styled(line, self._style_of(line) if style is None else style))

    def _style_of(self, line: str) -> str:
        if self._old > 0 or self._new > 0:
            if line[:1] != "\\":  # which says that the line before has no end: it is no line itself
                self._old -= line[:1] != "+"
                self._new -= line[:1] != "-"
            return _STYLES.get(line[:1], "")
        if header := _HUNK.match(line):
            self._old, self._new = (1 if count is None else int(count) for count in header.groups())
            return "cyan"
        return "" if line[:1] == "\\" else "bold"
