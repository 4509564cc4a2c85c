"""What the painter of a diff asks for: colours, words, grown lines, matches, notes. What is not here yet is nothing.

The diff process is behind it; nothing is computed here.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ampsm_engine.differ.protocol import CUT

if TYPE_CHECKING:
    from ampsm_engine.differ.protocol import FileEntry
    from ampsm_tui.differ.arriving_diff import ArrivingDiff
Matches = Callable[[bytes, str], Iterable[tuple[int, int]]]
"""The places in a line, in letters of the raw line, that are looked for; and what it is in, where not UTF-8."""


class Note(NamedTuple):
    """A comment as it is shown."""

    id: str
    title: str
    text: str
    mark: str
    """`note`, `open`, `sent`, `submitted`, `resolved`, `touched`, `untouched`, `gone`, `differs`."""


def nowhere(_: bytes, _encoding: str) -> tuple[tuple[int, int], ...]:
    """No matches: nothing is searched for."""
    return ()


class DiffSource:
    """Colours, words, grown lines, matches and notes of a review, by file."""

    def __init__(self, review: "ArrivingDiff | None" = None) -> None:
        self.review = review
        self.matches: Matches = nowhere
        self.here: tuple[int, int, int] | None = None
        """The match that one stands on: file, row of its patch, which of the line's."""
        self.notes: dict[int, tuple[Note, ...]] = {}
        self._words: dict[int, dict[int, list[tuple[int, int]]]] = {}
        self._grown: dict[int, dict[int, bytes]] = {}
        self.with_words = True

    def entry(self, file: int) -> "FileEntry | None":
        """What the list of files says."""
        return self.review.files[file] if self.review else None

    def spans(self, file: int, *, is_new: bool, number: int) -> Sequence[int]:
        """The coloured spans of a line, counted from 1."""
        colours = self.review.colours(file, "new" if is_new else "old") if self.review else None
        return colours.line(number - 1) if colours is not None else ()

    def words(self, file: int, row: int) -> Sequence[tuple[int, int]]:
        """The changed words of a row."""
        if not self.with_words:
            return ()
        known = self._words.get(file)
        if known is None:
            words = self.review.words(file) if self.review else None
            if words is None:
                return ()
            known = self._words[file] = words.rows()
        return known.get(row, ())

    def forget(self, files: Iterable[int]) -> None:
        """Forget what is known of files that have changed."""
        for file in files:
            self._words.pop(file, None)
            self._grown.pop(file, None)

    def forget_words(self, files: Iterable[int]) -> None:
        """Other words may have come for these files."""
        for file in files:
            self._words.pop(file, None)

    def grown(self, file: int, new: int) -> bytes | None:
        """A line of the new side that the patch does not have; None when it is not here yet."""
        return self._grown.get(file, {}).get(new)

    def keep(self, file: int, first: int, lines: Sequence[bytes]) -> None:
        """Lines of the new side have come; `first` counts from 1."""
        known = self._grown.setdefault(file, {})
        known.update(enumerate(lines, first))

    def grown_of(self, file: int) -> dict[int, bytes]:
        """All lines that came for a file."""
        return self._grown.get(file, {})

    def keep_all(self, file: int, lines: dict[int, bytes]) -> None:
        """Lines that another source had for the same file."""
        if lines:
            self._grown[file] = lines


def uncut(raw: bytes) -> tuple[bytes, int]:
    """A line and its true length, where the diff process has cut it."""
    at = raw.rfind(CUT)
    if at < 0:
        return raw, len(raw)
    return raw[:at], int(raw[at + len(CUT) :].split(b":")[0])
