"""The report: the figures of the store, in a page that no text can turn into anything else."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from ampsm_engine.metrics import report
from ampsm_engine.metrics.html_report import html, svg
from ampsm_engine.metrics.plots import Plot, PlotSeries, plots
from ampsm_engine.metrics.summary import summarize
from ampsm_engine.model import Outcome
from tests.amp.recorded import recorded
from tests.metrics.conftest import Ledger

HOSTILE = [
    "</title><script>alert(1)</script>",
    '"><img src=https://evil.example/x onerror=alert(1)>',
    "\x1b]0;title\x07 \u202ereversed \0nul",
    "a | b ` c `` d \\| e",
    "]]></style><svg onload=alert(1)>",
    "[link](javascript:alert(1)) {{ style }} &amp; \ud800",
]
KEY = "sk-ant-api03-" + "a1B2" * 22 + "AA"


@pytest.fixture
def hostile(ledger: Ledger) -> Ledger:
    for number, text in enumerate(HOSTILE):
        session = ledger.session(f"s{number}", name=text, repo_root=f"/code/{text.encode('utf-8', 'replace').decode()}")
        ledger.iteration(session, recorded("09-tools"), mode=text, outcome=[Outcome.DONE, Outcome.FAILED][number % 2])
    ledger.iteration(ledger.session("key", name=f"with {KEY}"), recorded("01-subagent"))
    return ledger


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_no_text_becomes_a_script_an_address_or_an_order(hostile: Ledger) -> None:
    written = html(report.build(hostile.engine.store))
    page = Page(written)
    assert {"svg", "table", "style", "h1"} <= set(page.tags)
    assert not {"script", "img", "iframe", "link", "object", "foreignobject", "a", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href", "xlink:href")]
    assert not re.search(r"url\(|@import", written)
    assert (
        "content",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    ) in page.attributes
    assert not any(letter in written for letter in "\x00\x1b\x07\u202e\ud800")
    written.encode()
    assert "</title><script>alert(1)</script>" in page.words, "it is shown as what it is"


def test_no_secret_is_in_a_report(hostile: Ledger) -> None:
    built = report.build(hostile.engine.store, about=f"session {KEY}")
    for text in (html(built), report.markdown(built)):
        assert KEY not in text
        assert "[redacted" in text


def test_it_says_the_figures_of_the_store(hostile: Ledger) -> None:
    store = hostile.engine.store
    total = summarize(store).total
    built = report.build(store, now=datetime(2026, 11, 30, 12, tzinfo=UTC))
    page, text = Page(html(built)), report.markdown(built)
    for words in (page.words, text):
        assert f"{total.token_usage:,}" in words
        assert "made 2026-11-30 12:00 UTC" in words
    by_tool = next(section for section in built.sections if section.key == "tool")
    assert {row[0]: row[1] for row in by_tool.rows} == {
        tool.name: str(tool.calls) for tool in summarize(store, "tool").tools
    }
    assert [section.key for section in built.sections] == ["day", "mode", "repo", "session", "tool"], (
        "there is no batch, and no host"
    )
    session = store.sessions.all()[0]
    store.sessions.update(session.id, host="web|1")
    (by_host,) = (one for one in report.build(store).sections if one.key == "host")
    assert {row[0] for row in by_host.rows} == {"this machine", "web|1"}


def test_every_row_of_a_markdown_table_has_all_cells(hostile: Ledger) -> None:
    text = report.markdown(report.build(hostile.engine.store))
    assert "\x1b" not in text
    for table in re.findall(r"(?:^\|.*\|$\n)+", text, re.MULTILINE):
        cells = [len(re.split(r"(?<!\\)\|", line)) for line in table.splitlines()]
        assert len(set(cells)) == 1, table
    assert "<script>" not in re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text), "outside of code"


def test_an_empty_store_has_a_report_too(ledger: Ledger) -> None:
    built = report.build(ledger.engine.store)
    assert "There is no iteration to report on." in html(built)
    assert "There is no iteration to report on." in report.markdown(built)
    assert "nan" not in report.markdown(built).lower().replace("finance", "")


def test_a_plot_shows_each_value_and_its_own_colours(hostile: Ledger) -> None:
    drawn = {plot.key: plot for plot in plots(summarize(hostile.engine.store, "mode"))}
    assert {"tokens", "iterations", "success", "time"} <= set(drawn)
    assert "cost" not in drawn, "nothing is known of it, so nothing is drawn"
    page = Page(svg(drawn["iterations"], wide=True))
    assert page.tags.count("rect") > len(HOSTILE)
    assert "var(--good)" in page.words
    assert ("aria-label", "Iterations by mode") in page.attributes


def test_a_value_that_is_not_known_is_not_drawn() -> None:
    plot = Plot("time", "Time by mode", "minutes", ("a", "b"), (PlotSeries("amp", (None, 3.5)),))
    text = svg(plot, wide=False)
    assert "3.5 min" in text
    assert not re.search(r"\bnan\b|None|\binf\b", text)


@pytest.mark.parametrize("wide", [True, False])
def test_the_marks_of_an_axis_are_told_apart(hostile: Ledger, wide: bool) -> None:
    for plot in plots(summarize(hostile.engine.store, "mode")):
        marks = re.findall(r">(\$?[0-9][^<]*?)</text>", svg(plot, wide=wide))
        assert len(marks) > 1, plot.title
        assert len(set(marks)) == len(marks), f"{plot.title}: {marks}"
    (success,) = (plot for plot in plots(summarize(hostile.engine.store, "mode")) if plot.unit == "%")
    assert all(f">{mark}%</text>" in svg(success, wide=wide) for mark in (0, 25, 50, 75, 100))
    few, many = (Plot("time", "Time", unit, ("a",), (PlotSeries("amp", (2.0,)),)) for unit in ("seconds", "minutes"))
    assert ("sec" in svg(few, wide=wide), "min" in svg(many, wide=wide)) == (True, True)


@pytest.mark.parametrize("wide", [True, False])
def test_the_legend_of_few_series_is_not_cut_off(wide: bool) -> None:
    series = tuple(PlotSeries(name, (1.0, 2.0)) for name in ("amp", "script"))
    text = svg(Plot("time", "Time by day", "minutes", ("2026-01-01", "2026-01-02"), series), wide=wide)
    height, at = re.search(r'viewBox="0 0 \d+ (\d+)"', text), re.search(r', (\d+)\)" class="legends"', text)
    assert height is not None
    assert at is not None
    assert int(at[1]) + 10 <= int(height[1])


def test_the_same_report_is_the_same_file(hostile: Ledger) -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert html(report.build(hostile.engine.store, now=now)) == html(report.build(hostile.engine.store, now=now))


def test_a_name_in_the_title_is_no_markdown_and_no_html(hostile: Ledger) -> None:
    text = report.markdown(report.build(hostile.engine.store, about="batch <script>x</script> [a](b)"))
    assert text.splitlines()[0] == r"# ampsm: batch \<script\>x\</script\> \[a\](b)"
