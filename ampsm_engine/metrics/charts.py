"""Plots as SVG for a page: drawn by pygal, coloured by the page's own variables, without a script.

Days stand side by side; what has a name (a mode, a repository, a tool) has its bars one below the other, so that
the name can be read. Each value can be read by pointing at its bar.
"""

import sys
from xml.etree import ElementTree as ET

import pygal
from pygal.style import Style

from ampsm_engine import labels
from ampsm_engine.metrics.markdown_text import one_line
from ampsm_engine.metrics.plots import Plot

# pygal leaves a finder for plugins of its own behind, which every later import of the process would ask, and warn of.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

_COLOURS = {
    "input": "var(--c1)",
    "output": "var(--c2)",
    "cache write": "var(--c3)",
    "cache read": "var(--c4)",
    "succeeded": "var(--good)",
    "worked": "var(--good)",
    "failed": "var(--bad)",
    "stopped": "var(--c5)",
    "crashed": "var(--c6)",
    "unfinished": "var(--c5)",
    "script": "var(--c2)",
}
_SVG = "{http://www.w3.org/2000/svg}"
_LABEL_LENGTH = {True: 28, False: 14}
"""Characters of a name beside its bar, on a wide page and on a narrow one."""


def svg(plot: Plot, *, wide: bool) -> str:
    """A plot as an SVG element, for a page of 900 pixels or more, or for a narrow one."""
    by_day = plot.title.endswith("by day")
    names = [
        _label(one.removeprefix(f"{plot.labels[-1][:4]}-") if by_day else one, _LABEL_LENGTH[wide])
        for one in plot.labels
    ]
    kind = pygal.StackedBar if by_day else pygal.HorizontalStackedBar
    width = 860 if wide else 360
    height = 260 if by_day else 90 + 22 * len(names)
    chart = kind(
        width=width,
        height=height + (0 if wide else 40),
        explicit_size=False,
        style=_style(plot, wide=wide),
        js=[],
        legend_at_bottom=True,
        # With more columns than series pygal leaves no room for the legend, and it is cut off.
        legend_at_bottom_columns=min(4 if wide else 2, max(len(plot.series), 1)),
        legend_box_size=10,
        show_legend=len(plot.series) > 1,
        value_formatter=lambda value: _value(value, plot.unit),
        margin=4,
        spacing=8,
        min_scale=2,
        max_scale=6 if wide else 4,
        range=(0, 100) if plot.unit == "%" else None,
        include_x_axis=True,
        show_minor_x_labels=not by_day,
        no_data_text="",
        truncate_label=-1,
        truncate_legend=-1,
    )
    chart.uuid = f"{plot.key}-{'-'.join(plot.title.lower().split())}-{'wide' if wide else 'narrow'}".replace("'", "")
    order = slice(None) if by_day else slice(None, None, -1)  # pygal counts from below
    chart.x_labels = names[order]
    if by_day:
        step = max(1, -(-len(names) // (10 if wide else 4)))
        chart.x_labels_major = names[::-1][::step]
    for one in plot.series:
        chart.add(
            one.name, [{"value": value, "label": name} for value, name in zip(one.values, names, strict=True)][order]
        )
    return _element(chart.render_tree(), plot)


def _style(plot: Plot, *, wide: bool) -> Style:
    colours = tuple(_COLOURS.get(one.name, "var(--c1)") for one in plot.series)
    return Style(
        background="transparent",
        plot_background="transparent",
        foreground="var(--text)",
        foreground_strong="var(--text)",
        foreground_subtle="var(--muted)",
        guide_stroke_color="var(--line)",
        major_guide_stroke_color="var(--line)",
        font_family="system-ui, sans-serif",
        label_font_size=12,
        major_label_font_size=12,
        legend_font_size=12 if wide else 11,
        opacity="1",
        opacity_hover=".8",
        stroke_opacity="1",
        transition="0s",
        colors=colours,
        value_colors=colours,
    )


def _label(text: str, length: int) -> str:
    shown = one_line(text) or "?"
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def _value(value: float, unit: str) -> str:
    if unit == "%":
        return f"{value:.0f}%"
    if unit == "dollars":
        return f"${value:,.2f}"
    if unit in ("minutes", "seconds"):
        return f"{value:,.0f} {unit[:3]}" if value >= 10 or not value else f"{value:.1f} {unit[:3]}"
    return labels.count(round(value)) if value >= 1 or not value else f"{value:.1f}"


def _element(root: ET.Element, plot: Plot) -> str:
    """The drawing alone: pygal's scripts and comments are taken out, its values become what a pointer shows."""
    root.attrib.pop("xmlns", None)
    root.set("role", "img")
    root.set("aria-label", plot.title)
    for parent in list(root.iter()):
        for child in list(parent):
            tag = child.tag if isinstance(child.tag, str) else ""
            if not tag or tag == "script" or (tag == "desc" and child.get("class") != "value"):
                parent.remove(child)
            elif tag == "title":
                child.text = plot.title
            elif tag == "desc":
                child.tag = "title"
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)
