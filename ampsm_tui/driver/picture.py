"""A picture: the cells of a terminal, as two strings a row."""

from typing import NamedTuple

from ampsm_tui.driver.frame_parser import RIGHT, PlacedCells
from ampsm_tui.driver.pens import DEFAULT

UNKNOWN = "\x01"
"""A cell of which nobody knows what it shows; it equals no other cell but its like."""


class Area(NamedTuple):
    """Rows from `top` to `bottom` and columns from `left` to `right`; all four belong to it."""

    top: int
    bottom: int
    left: int
    right: int


class Picture:
    """Rows of cells: `texts` and `pens`, each string as long as the picture is wide."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.texts = [UNKNOWN * width] * height
        self.pens = [DEFAULT * width] * height

    @property
    def is_whole(self) -> bool:
        """Whether all of it is known."""
        return not any(UNKNOWN in text for text in self.texts)

    @property
    def is_unknown(self) -> bool:
        """Whether nothing of it is known."""
        return self.texts == [UNKNOWN * self.width] * self.height

    def fill(self) -> None:
        """Take what is unknown for blank."""
        self.texts = [text.replace(UNKNOWN, " ") for text in self.texts]

    def forget(self) -> None:
        """Know nothing any more."""
        self.texts = [UNKNOWN * self.width] * self.height
        self.pens = [DEFAULT * self.width] * self.height

    def put(self, run: PlacedCells) -> None:
        """Put cells in their place; what does not fit is cut off, as a terminal does that does not wrap."""
        row, column, (text, pens, _) = run
        if not (0 <= row < self.height and 0 <= column < self.width and text):
            return
        room = self.width - column
        if len(text) > room:
            cut = text[room] == RIGHT
            text, pens = text[:room], pens[:room]
            if cut:
                text = text[:-1] + " "
        if len(text) == self.width:
            self.texts[row], self.pens[row] = text, pens
            return
        end = column + len(text)
        old, old_pens = self.texts[row], self.pens[row]
        before, after = old[:column], old[end:]
        if old[column] == RIGHT:  # the left half of a wide cell is overwritten in its right half
            before = before[:-1] + " "
        if after and after[0] == RIGHT:
            after = " " + after[1:]
        self.texts[row] = before + text + after
        self.pens[row] = old_pens[:column] + pens + old_pens[end:]

    def scroll(self, area: Area, by: int) -> "Picture":
        """A copy in which the cells of an area moved up by `by` lines, down where it is negative.

        What comes in is unknown.
        """
        top, bottom, left, right = area
        moved = Picture(self.width, self.height)
        moved.texts, moved.pens = self.texts.copy(), self.pens.copy()
        end = right + 1
        new, new_pens = UNKNOWN * (end - left), DEFAULT * (end - left)
        for row in range(top, bottom + 1):
            source = row + by
            known = top <= source <= bottom
            text, pens = (self.texts[source][left:end], self.pens[source][left:end]) if known else (new, new_pens)
            old, old_pens = self.texts[row], self.pens[row]
            moved.texts[row] = old[:left] + text + old[end:]
            moved.pens[row] = old_pens[:left] + pens + old_pens[end:]
        return moved
