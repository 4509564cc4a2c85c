"""A picture: the cells of a terminal, as two strings a row."""

from typing import NamedTuple

from ampsm_tui.driver.cell_styles import DEFAULT
from ampsm_tui.driver.frame_parser import RIGHT, PlacedCells

UNKNOWN = "\x01"
"""A cell of unknown content; it equals other unknown cells alone."""


class Area(NamedTuple):
    """Rows from `top` to `bottom` and columns from `left` to `right`; all four belong to it."""

    top: int
    bottom: int
    left: int
    right: int


class Picture:
    """Rows of cells: `texts` and `styles` (keys of `StyleTable`), each string as long as the picture is wide."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.texts = [UNKNOWN * width] * height
        self.styles = [DEFAULT * width] * height

    @property
    def is_whole(self) -> bool:
        """Whether every cell of the picture is known."""
        return not any(UNKNOWN in text for text in self.texts)

    @property
    def is_unknown(self) -> bool:
        """Whether no cell of the picture is known."""
        return self.texts == [UNKNOWN * self.width] * self.height

    def fill(self) -> None:
        """Turn the unknown cells of the picture into blanks."""
        self.texts = [text.replace(UNKNOWN, " ") for text in self.texts]

    def forget(self) -> None:
        """Make every cell of the picture unknown."""
        self.texts = [UNKNOWN * self.width] * self.height
        self.styles = [DEFAULT * self.width] * self.height

    def put(self, run: PlacedCells) -> None:
        """Put cells in their place; what does not fit is cut off, as a terminal does that does not wrap."""
        row, column, (text, styles, _) = run
        if not (0 <= row < self.height and 0 <= column < self.width and text):
            return
        room = self.width - column
        if len(text) > room:
            cut = text[room] == RIGHT
            text, styles = text[:room], styles[:room]
            if cut:
                text = text[:-1] + " "
        if len(text) == self.width:
            self.texts[row], self.styles[row] = text, styles
            return
        end = column + len(text)
        old, old_styles = self.texts[row], self.styles[row]
        before, after = old[:column], old[end:]
        if old[column] == RIGHT:  # the left half of a wide cell is overwritten in its right half
            before = before[:-1] + " "
        if after and after[0] == RIGHT:
            after = " " + after[1:]
        self.texts[row] = before + text + after
        self.styles[row] = old_styles[:column] + styles + old_styles[end:]

    def scroll(self, area: Area, by: int) -> "Picture":
        """A copy in which the cells of an area moved up by `by` lines, down where it is negative.

        What comes in is unknown.
        """
        top, bottom, left, right = area
        moved = Picture(self.width, self.height)
        moved.texts, moved.styles = self.texts.copy(), self.styles.copy()
        end = right + 1
        new, new_styles = UNKNOWN * (end - left), DEFAULT * (end - left)
        for row in range(top, bottom + 1):
            source = row + by
            known = top <= source <= bottom
            text, styles = (self.texts[source][left:end], self.styles[source][left:end]) if known else (new, new_styles)
            old, old_styles = self.texts[row], self.styles[row]
            moved.texts[row] = old[:left] + text + old[end:]
            moved.styles[row] = old_styles[:left] + styles + old_styles[end:]
        return moved
