"""A long text without its secrets, piece by piece: a window moves over it, and a secret may cross its border."""

from ampsm_engine.redact.rule import SecretSpan, besides_markers, merged, replaced
from ampsm_engine.redact.scanner import Scanner

BEFORE = 4 * 1024
"""Characters before an anchor at which its secret may begin, or which its rule may look at."""


class Window:
    """Takes in a text in pieces and gives back what no later piece can change; `widest`: characters a secret spans."""

    def __init__(self, scanner: Scanner, widest: int) -> None:
        self._scanner = scanner
        self._widest = widest
        self._text = ""
        self._scanned = 0
        self._spans: list[SecretSpan] = []
        self.found = 0
        """Secrets in what was given back."""

    def moved(self, piece: str, *, at_end: bool = False) -> str:
        """What is known to be without secrets once this piece is there; all of it at the end."""
        self._text += piece
        text = self._text
        stop = len(text) if at_end else len(text) - self._widest - BEFORE
        if stop > self._scanned:
            self._spans += self._scanner.spans(text, self._scanned, stop)
            self._scanned = stop
        # An anchor that is still to come cannot have its secret begin before this place.
        known = len(text) if at_end else max(0, self._scanned - BEFORE)
        spans = list(besides_markers(text, merged(self._spans)))
        ready = [span for span in spans if span.end <= known]
        held = [span for span in spans if span.end > known]
        cut = min([known, *(span.start for span in held)])
        if cut < known - 2 * self._widest:
            # Secrets that overlap without end, which only malice writes: what is known goes now.
            ready.append(SecretSpan(cut, known, held[0].name))
            held = [SecretSpan(known, span.end, span.name) for span in held]
            cut = known
        cut = _beside_marker(text, cut, ready)
        self._text, self._scanned = text[cut:], self._scanned - cut
        self._spans = [SecretSpan(span.start - cut, span.end - cut, span.name) for span in held]
        self.found += len(ready)
        return "".join(replaced(text, 0, cut, ready))


def _beside_marker(text: str, cut: int, ready: list[SecretSpan]) -> int:
    """The place to cut, moved back to before a marker that it would cut in two."""
    marker = text.rfind("[redacted:", max(0, cut - 80, *(span.end for span in ready)), cut)
    return cut if marker < 0 or cut == len(text) else marker


class SafeStream:
    """A text that comes piece by piece, without its secrets, also those that hide behind secrets."""

    def __init__(self, windows: list[Window]) -> None:
        self._windows = windows

    @property
    def found(self) -> int:
        """How many secrets have been found so far."""
        return sum(window.found for window in self._windows)

    def feed(self, piece: str) -> str:
        """What is known to be without secrets once this piece is there; may be empty."""
        for window in self._windows:
            piece = window.moved(piece)
        return piece

    def finish(self) -> str:
        """The redacted rest of the stream: nothing follows."""
        piece = ""
        for window in self._windows:
            piece = window.moved(piece, at_end=True)
        return piece
