"""Coloured blobs, the latest ones: by content and language, so that every review that shows one finds it."""

from array import array
from collections import OrderedDict

from ampsm_engine.differ.protocol import Colours

KEPT = 12 << 20
"""Bytes of coloured spans that are kept."""

Key = tuple[str, str]


class Shelf:
    """Blobs by oid and language."""

    def __init__(self) -> None:
        self._found: OrderedDict[Key, Colours] = OrderedDict()
        self._size = 0

    def get(self, key: Key) -> Colours | None:
        """The colours of a blob as far as they are here."""
        return self._found.get(key)

    def take(self, key: Key, first: int, lines: int, body: bytes, *, is_complete: bool) -> None:
        """A piece of a blob's colours: the lines from `first` on; what follows on nothing that is here is left."""
        known = self._found.get(key)
        offsets, spans = array("I", body[: 4 * (lines + 1)]), array("H", body[4 * (lines + 1) :])
        if first:
            if known is None or known.lines != first:
                return
            base = known.offsets[-1]
            offsets = known.offsets + array("I", [base + one for one in offsets[1:]])
            spans = known.spans + spans
        if known is not None:
            self._size -= _size(self._found.pop(key))
        self._found[key] = Colours(offsets, spans, is_complete)
        self._size += _size(self._found[key])
        while self._size > KEPT and len(self._found) > 1:
            self._size -= _size(self._found.popitem(last=False)[1])


def _size(colours: Colours) -> int:
    return 4 * len(colours.offsets) + 2 * len(colours.spans)
