"""A widget that is its lines and nothing else: no border, no padding, so Textual's cache of a look is passed by."""

from abc import abstractmethod
from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ampsm_tui.widgets.blending import Blending


class BareLines(Widget):
    """Heirs paint one line at a time; painted lines are theirs to keep."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.blending = Blending(self)

    def strip(self, line: Sequence[Segment], width: int) -> Strip:
        """A line of clean text of that width as a strip, with the filters of the app applied."""
        background = self.background_colors[1]
        told = list(line)
        for one in self.get_line_filters():
            told = one.apply(told, background)
        return Strip(told, width)

    @abstractmethod
    def paint(self, y: int) -> Strip:
        """One line, as wide as the widget."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a part of the widget."""
        strips = [self.paint(y) for y in crop.line_range]
        if crop.x or crop.width < self.size.width:
            return [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """One line of the widget as cells."""
        return self.paint(y)

    def refresh_line(self, y: int) -> None:
        """Repaint one line; one that is not on screen is left alone."""
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def notify_style_update(self) -> None:
        """Other colours: paint anew."""
        super().notify_style_update()
        self.blending.forget()
        self.forget()

    def forget(self) -> None:
        """What was painted is old."""
