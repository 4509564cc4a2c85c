"""The widget that shows a plot of figures."""

from typing import TYPE_CHECKING, ClassVar

from textual.strip import Strip
from textual.widget import Widget

from ampsm_engine.states import SHOWN
from ampsm_tui.theme import state_rules
from ampsm_tui.widgets import plot as plots
from ampsm_tui.widgets.line_widgets import BlendedStyles, Piece

if TYPE_CHECKING:
    from ampsm_engine.metrics.plots import Plot

_SERIES = tuple(f"series-{at}" for at in range(len(plots.FILLS)))


class PlotView(Widget):
    """A plot, drawn anew for its size; a note where there is nothing to draw."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"-{word}" for word in ("quiet", "name", "value", *_SERIES, *SHOWN)}
    DEFAULT_CSS = """
    PlotView {
        height: 1fr; padding: 0 1; background: $background;
        & > .-quiet { color: $foreground 50%; }
        & > .-name { color: $foreground 85%; }
        & > .-value { color: $foreground; }
        & > .-series-0 { color: $primary; }
        & > .-series-1 { color: $accent; }
        & > .-series-2 { color: $secondary; }
        & > .-series-3 { color: $primary 60%; }
    }
    """ + state_rules("PlotView", SHOWN)

    def __init__(self) -> None:
        super().__init__()
        self._blended = BlendedStyles(self)
        self._plot: Plot | None = None
        self._note = ""
        self._lines: list[plots.Line] = []

    def show(self, plot: "Plot | None", note: str) -> None:
        """Show a plot, or a note instead of one."""
        self._plot, self._note = plot, note
        self._draw()

    def on_resize(self) -> None:
        """Draw it for its new size."""
        self._draw()

    def notify_style_update(self) -> None:
        """Other colours: paint anew."""
        super().notify_style_update()
        self._blended.forget()

    def _draw(self) -> None:
        width, height = self.size
        lines: list[plots.Line] = [(Piece(self._note, "quiet"),)]
        if self._plot is not None:
            lines = plots.drawn(self._plot, width, height)
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the plot as cells."""
        return self._blended.strip(self._lines[y] if y < len(self._lines) else (), self.size.width)
