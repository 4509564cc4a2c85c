"""Painting all of the screen anew, for a terminal on which another program wrote.

Frames leave out what stands there already, so nothing else would mend it.
"""

from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType


class Redrawing(App[int]):
    """An app that can paint anew."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "redraw", "Redraw", id="redraw", show=False, priority=True)
    ]

    def action_redraw(self) -> None:
        """Write every cell."""
        self.screen.refresh(layout=True)
