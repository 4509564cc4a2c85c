"""A report as one file of HTML: no script, nothing from outside, light and dark, for wide and for narrow pages.

Every text is escaped, and the page itself forbids scripts and loading (its Content-Security-Policy), so that a text
which slipped through could do nothing.
"""

from collections.abc import Iterable
from html import escape

from ampsm_engine.metrics.charts import svg
from ampsm_engine.metrics.plots import Plot
from ampsm_engine.metrics.report import Report, ReportSection

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
th, td { padding: .25rem .4rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { background: var(--card); font-weight: 600; } tr:last-child td { border-bottom: 0; }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 9rem; max-width: 22rem; }
@media (max-width: 40rem) { svg.wide { display: none; } svg.narrow { display: block; } body { padding: .75rem; }
  dl { grid-template-columns: 1fr 1fr; } }
@media print { .table { overflow: visible; } figure, tr { break-inside: avoid; } }
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html(report: Report) -> str:
    """A report as a whole page."""
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
