"""Styles for widgets that draw their own lines: component classes laid one over the other, transparency worked out."""

from rich.style import Style
from textual.widget import Widget


def blended(widget: Widget, *names: str) -> Style:
    """The style of these component classes over the widget's own; a later one lies over an earlier one."""
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
