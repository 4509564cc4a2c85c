"""A report as one file of HTML, with its plots as SVG drawn by pygal.

It has no script and nothing from outside, and reads in light and dark, on wide and on narrow pages.

Every text is escaped, and the page itself forbids scripts and loading (its Content-Security-Policy), so that a text
which slipped through could do nothing.
"""

import sys
from collections.abc import Iterable
from html import escape
from xml.etree import ElementTree as ET

import pygal
from pygal.style import Style

from ampsm_engine import labels
from ampsm_engine.metrics.plots import Plot
from ampsm_engine.metrics.report import Report, ReportSection, one_line

_CSS = """
:root { color-scheme: light dark; --back: #ffffff; --card: #f6f7f9; --text: #1b1f24; --muted: #57606a; --line: #d0d7de;
  --good: #1a7f37; --bad: #cf222e; --c1: #0969da; --c2: #8250df; --c3: #bf8700; --c4: #8cbcec; --c5: #8c959f;
  --c6: #6e3b11; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --card: #161b22; --text: #e6edf3; --muted: #9198a1;
  --line: #3d444d; --good: #3fb950; --bad: #ff7b72; --c1: #58a6ff; --c2: #bc8cff; --c3: #d29922; --c4: #1f4f86;
  --c5: #6e7681; --c6: #f0a875; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 1rem; background: var(--back); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: .5rem 0 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p.about, p.note, ul.notes { color: var(--muted); font-size: .875rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .5rem; margin: 1rem 0; }
dl > div { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .4rem .7rem; }
dt { color: var(--muted); font-size: .8rem; } dd { margin: 0; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; } figcaption { font-weight: 600; font-size: .9rem; }
figcaption span { color: var(--muted); font-weight: 400; }
svg { display: block; width: 100%; height: auto; } svg.narrow { display: none; }
.table { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .3rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { background: var(--card); font-weight: 600; } tr:last-child td { border-bottom: 0; }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 9rem; max-width: 22rem; }
@media (max-width: 40rem) { svg.wide { display: none; } svg.narrow { display: block; } body { padding: .75rem; }
  dl { grid-template-columns: 1fr 1fr; } }
@media print { .table { overflow: visible; } figure, tr { break-inside: avoid; } }
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html(report: Report) -> str:
    """A report as a complete HTML page."""
    overview = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>\n" for name, text in report.overview)
    sections = "".join(map(_section, report.sections)) or "<p>There is no iteration to report on.</p>\n"
    notes = "".join(f"<li>{escape(note)}</li>\n" for note in report.notes)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(report.title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f'<h1>{escape(report.title)}</h1>\n<p class="about">{escape(report.subtitle)}</p>\n'
        f'<dl>\n{overview}</dl>\n{sections}<ul class="notes">\n{notes}</ul>\n</body>\n</html>\n'
    )


def _section(section: ReportSection) -> str:
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in section.head)
    body = "".join(f"<tr>{_row(cells)}</tr>\n" for cells in section.rows)
    note = f'<p class="note">{escape(section.note)}</p>\n' if section.note else ""
    return (
        f'<section id="by-{section.key}">\n<h2>{escape(section.title)}</h2>\n{"".join(map(_figure, section.plots))}'
        f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n{note}'
        "</section>\n"
    )


def _row(cells: Iterable[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _figure(plot: Plot) -> str:
    drawn = "".join(
        svg(plot, wide=wide).replace('class="', f'class="{"wide" if wide else "narrow"} ', 1) for wide in (True, False)
    )
    note = f" ({escape(plot.note)})" if plot.note else ""
    caption = f"<figcaption>{escape(plot.title)} <span>{escape(plot.unit)}{note}</span></figcaption>"
    return f"<figure>\n{caption}\n{drawn}\n</figure>\n"


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
        margin_right=24,  # half of the last mark's text stands beyond the axis
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
    if plot.unit == "%":
        chart.y_labels = [0, 25, 50, 75, 100]
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
        return labels.dollars(value)
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
