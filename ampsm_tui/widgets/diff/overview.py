"""The column beside a diff: which part is on the screen, where comments and matches are. Repainted cell by cell."""

from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.widgets.line_widgets import LineWidget


class Overview(LineWidget):
    """A column of cells, each for a part of the diff."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"-track", "-thumb", "-note", "-match"}
    DEFAULT_CSS = """
    Overview {
        width: 1; height: 1fr;
        & > .-track { background: $background; color: $border; }
        & > .-thumb { background: $foreground 28%; }
        & > .-note { color: $accent; }
        & > .-match { color: $accent; }
    }
    """

    @dataclass
    class Pressed(Message):
        """Posted when a part of the diff was clicked: 0 is the beginning, 1 the end."""

        part: float

    def __init__(self) -> None:
        super().__init__()
        self._cells: list[tuple[str, str, str]] = []
        self._matches: tuple[int, ...] = ()
        self._strips: dict[tuple[str, str, str], Strip] = {}

    def mark(self, matches: Iterable[int]) -> None:
        """What is looked for is on these rows; to be seen when it shows something next."""
        self._matches = tuple(matches)

    def show(self, first: int, shown: int, total: int, notes: Iterable[int] = ()) -> None:
        """Rows `first` to `first + shown` of `total` are on the screen; notes are on these rows."""
        height = self.size.height
        if not height:
            return
        track = ("-track", "", " ")
        cells = [track] * height
        if total > shown:
            length = max(1, round(height * shown / total))
            start = min(height - length, round(first * (height - length) / max(1, total - shown)))
            cells[start : start + length] = [("-track", "-thumb", " ")] * length
        for style, letter, rows in (("-match", "─", self._matches), ("-note", "◆", notes)):
            for row in rows:
                at = min(height - 1, row * height // max(1, total))
                cells[at] = (cells[at][1] or "-track", style, letter)
        before, self._cells = self._cells, cells
        for y, cell in enumerate(cells):
            if y >= len(before) or before[y] != cell:
                self.refresh_line(y)

    def paint(self, y: int) -> Strip:
        """The cell of the overview in a line."""
        cell = self._cells[y] if y < len(self._cells) else ("-track", "", " ")
        strip = self._strips.get(cell)
        if strip is None:
            background, over, letter = cell
            strip = self._strips[cell] = self.strip([Segment(letter, self.blended.style(background, over))], 1)
        return strip

    def forget(self) -> None:
        """Paint all cells again: the theme has changed."""
        self._strips.clear()

    def on_click(self, event: events.Click) -> None:
        """Ask to go to the part that is clicked."""
        self.post_message(self.Pressed(event.y / max(1, self.size.height - 1)))
