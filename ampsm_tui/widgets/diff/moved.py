"""Lines that were moved: removed in one place of a diff and added in another, as they were or indented otherwise. Pure.

A run of them counts from `LEAST` letters and digits on, as git's own --color-moved has it: single brackets and blank
lines are everywhere. What stays in its place and is only indented otherwise is no move.
"""

from collections.abc import Iterator, Sequence

from ampsm_tui.widgets.diff.patch import MINUS, PLUS, Body

LEAST = 20
"""Letters and digits of a run of lines that counts as moved."""

MOST = 400_000
"""Changed lines of a diff beyond which nobody looks for moves."""

MOST_STARTS = 64
"""Places with the same line at which a run may begin."""

STEP = 512
"""Lines that are looked at between two chances for a key."""


class MovedLines:
    """Finds the moved lines of a whole diff; `steps` until it ends, and `rows` is complete."""

    def __init__(self, bodies: Sequence[Body | None]) -> None:
        self._bodies = bodies
        self.rows: dict[int, frozenset[int]] = {}
        """The moved rows of each file's patch; files without any are left out."""
        self._texts: dict[int, dict[int, bytes]] = {MINUS: {}, PLUS: {}}
        """The stripped text of each changed line, by sign and by a number in which lines below each other follow."""
        self._places: dict[int, dict[bytes, list[int]]] = {MINUS: {}, PLUS: {}}
        self._runs: dict[int, int] = {}
        """Which run of changed lines each is in: the one that a run begins with."""
        self._files: dict[int, int] = {}
        """The number of each file's first row."""

    def steps(self) -> Iterator[None]:
        """Look for them, some lines at a time."""
        if sum(body.additions + body.deletions for body in self._bodies if body is not None) > MOST:
            return
        first = 0
        for index, body in enumerate(self._bodies):
            self._files[index] = first
            if body is not None:
                yield from self._read(body, first)
                first += len(body.kinds)
            first += 1
        found: set[int] = set()
        for sign, other in ((MINUS, PLUS), (PLUS, MINUS)):
            yield from self._match(sign, other, found)
        for index, body in enumerate(self._bodies):
            start = self._files[index]
            rows = frozenset(row for row in range(len(body.kinds)) if start + row in found) if body is not None else ()
            if rows:
                self.rows[index] = frozenset(rows)
            yield

    def _read(self, body: Body, first: int) -> Iterator[None]:
        kinds, run = body.kinds, first
        lines = body.data.split(b"\n")
        for row, kind in enumerate(kinds):
            if not row % STEP:
                yield
            if kind not in (MINUS, PLUS):
                run = first + row + 1
                continue
            number, text = first + row, lines[row][1:].strip()
            self._texts[kind][number] = text
            self._runs[number] = run
            if text:
                places = self._places[kind].setdefault(text, [])
                if len(places) < MOST_STARTS:
                    places.append(number)

    def _match(self, sign: int, other: int, found: set[int]) -> Iterator[None]:
        """The lines of one sign that stand in a run that the other sign has, too."""
        texts, places = self._texts[other], self._places[other]
        block: list[int] = []
        letters, last = 0, -2
        ends: list[int] = []
        for at, (number, text) in enumerate(self._texts[sign].items()):
            if not at % STEP:
                yield
            going = [end + 1 for end in ends if texts.get(end + 1) == text] if number == last + 1 else []
            if not going:
                if letters >= LEAST:
                    found.update(block)
                block, letters = [], 0
                going = [one for one in places.get(text, ()) if self._runs[one] != self._runs[number]] if text else []
            ends, last = going, number
            if going:
                block.append(number)
                letters += sum(map(_is_letter, text))
        if letters >= LEAST:
            found.update(block)


def _is_letter(byte: int) -> bool:
    return byte >= 0x80 or chr(byte).isalnum()
