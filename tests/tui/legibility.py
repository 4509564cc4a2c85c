"""What a person could not read of a screen: text too near to its background, widgets wider than the screen, cut buttons."""

import re
from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.screen import ModalScreen
from textual.widgets import Button

from ampsm_tui.theme import TEXT, contrast

GLYPH = 3.0
"""The contrast that a sign without letters needs (WCAG 2, non-text contrast)."""

_DRAWN = re.compile(r"[\s\u2500-\u259f]*")
"""Lines, bars and shades: they show where something ends, and are not read."""


def faults(app: App[int]) -> list[str]:
    """What is wrong with the screen that is on top, a sentence each."""
    return [*unreadable(app), *too_wide(app), *cut_buttons(app)]


def unreadable(app: App[int]) -> Iterator[str]:
    """Pieces of text with too little contrast; what a box covers and dims is not meant to be read."""
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        x = 0
        for segment in strip:
            found = _contrast(segment)
            if found is not None and found < (TEXT if re.search(r"\w", segment.text) else GLYPH):
                lead = len(segment.text) - len(segment.text.lstrip())
                widget, _ = app.screen.get_widget_at(x + lead, y)
                if not isinstance(widget, ModalScreen):
                    style = segment.style
                    yield f"{app.theme}: {segment.text.strip()!r} of {widget!r} has {found:.2f} ({style})"
            x += segment.cell_length


def _contrast(segment: Segment) -> float | None:
    """The contrast of its text; None where there is nothing to read, or the terminal has its own colours."""
    style = segment.style or Style()
    if _DRAWN.fullmatch(segment.text) or style.color is None or style.bgcolor is None:
        return None
    if style.color.triplet is None or style.bgcolor.triplet is None:
        return None
    return contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor))


def too_wide(app: App[int]) -> Iterator[str]:
    """Widgets that reach over an edge of the screen at the left or the right."""
    width = app.screen.size.width
    for widget in app.screen.walk_children():
        if widget.is_on_screen and widget.display and not 0 <= widget.region.x <= widget.region.right <= width:
            yield f"{widget!r} is at {widget.region} in {width} columns"


def cut_buttons(app: App[int]) -> Iterator[str]:
    """Buttons that are not wholly seen."""
    for button in app.screen.query(Button):
        if button.display and app.screen.find_widget(button).visible_region.size != button.outer_size:
            yield f"{button!r} is cut at {app.screen.size}"
