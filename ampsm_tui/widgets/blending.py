"""Styles for widgets that draw their own lines: component classes laid one over the other, transparency worked out."""

from rich.style import Style
from textual.widget import Widget


class Blending:
    """The styles of one widget by the names of its component classes, worked out once; `forget` when they changed."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._known: dict[tuple[str, ...], Style] = {}

    def forget(self) -> None:
        """Other colours: work them out anew."""
        self._known.clear()

    def style(self, *names: str) -> Style:
        """The style of these component classes over the widget's own; a later one lies over an earlier one."""
        found = self._known.get(names)
        if found is None:
            found = self._known[names] = _blended(self._widget, names)
        return found


def _blended(widget: Widget, names: tuple[str, ...]) -> Style:
    _, _, ground, ink = widget.colors
    style = Style()
    for name in filter(None, names):
        styles = widget.get_component_styles(name)
        if styles.has_rule("background"):
            ground += styles.background
        if styles.has_rule("color"):
            ink = styles.color
        if styles.has_rule("text_style"):
            style += styles.text_style
    return style + Style(color=(ground + ink).rich_color, bgcolor=ground.rich_color)
