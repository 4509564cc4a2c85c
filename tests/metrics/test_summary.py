"""What the figures say: rates, first successes, costs by amp's own figure, days, and what is not known."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ampsm_engine.errors import Refused
from ampsm_engine.metrics import columns
from ampsm_engine.metrics.figures import Figures
from ampsm_engine.metrics.plots import plots
from ampsm_engine.metrics.summary import Selection, moment, summarized
from ampsm_engine.model import CostQuery
from ampsm_engine.store.measurements import Measured, MeasuredIteration, MeasuredTool


def an_iteration(key: str, session: str = "s1", number: int = 1, **more: Any) -> MeasuredIteration:
    at = f"2026-11-{10 + number:02}T12:00:00.000Z"
    values = dict.fromkeys(MeasuredIteration._fields) | {
        "id": key, "session_id": session, "number": number, "state": "settled", "outcome": "done", "attempts": 1,
        "queued_at": at, "start_time": at, "end_time": at, "changed_files": 0, "turns": 0, "tools": 0, "refusals": 0,
        "session_name": f"name of {session}", "repo_root": "/code/web", "thread_id": f"T-{session}",
    }  # fmt: skip
    return MeasuredIteration(**(values | more))


def total(*iterations: MeasuredIteration, costs: tuple[CostQuery, ...] = (), **wanted: Any) -> Figures:
    return summarized(Measured(iterations, (), costs), "session", Selection(**wanted)).total


def test_a_success_needs_amp_and_the_script() -> None:
    figures = total(
        an_iteration("a", test_result="pass"),
        an_iteration("b", number=2, test_result="fail"),
        an_iteration("c", number=3),
        an_iteration("d", number=4, outcome="failed"),
        an_iteration("e", number=5, outcome="stopped"),
        an_iteration("f", number=6, outcome="crashed"),
        an_iteration("g", number=7, state="running", outcome=None),
        an_iteration("h", number=8, state="settling", outcome="done"),
    )
    assert (figures.iterations, figures.ended, figures.succeeded) == (8, 6, 2)
    assert (figures.failed, figures.stopped, figures.crashed) == (2, 1, 1)
    assert figures.success_rate == 2 / 6
    assert (figures.scripts, figures.scripts_passed) == (2, 1)


def test_iterations_to_green_are_counted_over_the_whole_session() -> None:
    rows = (
        *(an_iteration(f"a{number}", number=number, test_result="fail") for number in (1, 2)),
        an_iteration("a3", number=3, test_result="pass"),
        an_iteration("a4", number=4, test_result="pass"),
        an_iteration("b1", "s2"),
        an_iteration("c1", "s3", outcome="failed"),
    )
    assert (total(*rows).green, total(*rows).iterations_to_green) == (2, 2.0)
    late = datetime(2026, 11, 13, tzinfo=UTC)
    assert total(*rows, since=late).iterations_to_green == 3, "those before the span count, too"
    assert total(*rows, sessions=frozenset({"s3"})).iterations_to_green is None


def test_nothing_is_unknown_and_not_zero_or_nan() -> None:
    for figures in (total(), total(an_iteration("a", state="queued", outcome=None, attempts=0))):
        assert (figures.token_usage, figures.cost_micros, figures.duration_ms) == (None, None, None)
        assert (figures.success_rate, figures.iterations_to_green) == (None, None)
    shown = " ".join(text for _, text in columns.overview(total(an_iteration("a"))))
    assert "nan" not in shown.lower()
    assert "None" not in shown
    assert dict(columns.overview(total(an_iteration("a"))))["cost"] == "unknown"


def test_a_sum_says_how_many_are_not_in_it() -> None:
    figures = total(an_iteration("a", input_tokens=5, cache_read_tokens=7), an_iteration("b", number=2))
    assert (figures.token_usage, figures.input_tokens, figures.output_tokens, figures.uncounted) == (12, 5, None, 1)
    texts = {column.key: column.text(figures) for column in columns.COLUMNS}
    assert (texts["tokenUsage"], texts["inputTokens"], texts["outputTokens"]) == ("12+", "5", "unknown")


def a_query(number: int, thread: str, day: int, micros: int | None, iteration: str | None) -> CostQuery:
    return CostQuery(number, thread, f"2026-11-{day:02}T12:00:09.000Z", iteration, micros)


def test_a_cost_is_how_much_the_threads_figure_grew() -> None:
    rows = (*(an_iteration(f"a{number}", number=number) for number in (1, 2, 3, 4)), an_iteration("b1", "s2"))
    costs = (
        a_query(1, "T-s1", 11, 320_000, "a1"),
        a_query(2, "T-s1", 12, None, "a2"),
        a_query(3, "T-s1", 13, 1_000_000, "a3"),
    )
    by_id = {
        row.key: row.figures for row in summarized(Measured(rows, (), costs), "iteration").rows
    }  # that of a2 is in the figure after a3
    assert [by_id[key].cost_micros for key in ("a1", "a2", "a3", "a4", "b1")] == [320_000, None, 680_000, None, None]
    assert [by_id[key].unpriced for key in ("a1", "a2", "a3", "a4", "b1")] == [0, 0, 0, 1, 1]
    assert (total(*rows, costs=costs).cost_micros, total(*rows, costs=costs).unpriced) == (1_000_000, 2)


def test_costs_read_as_amounts() -> None:
    assert [columns.cost(one) for one in (None, 0, 320_000, 1_234_560_000, 4_200)] == [
        "unknown", "$0.00", "$0.32", "$1,234.56", "$0.0042",
    ]  # fmt: skip
    assert columns.cost(320_000, partly=True) == "$0.32+"


@pytest.fixture
def in_tokyo() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.__setitem__("TZ", before)
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_days_are_those_of_this_machines_clock_and_no_day_between_is_missing_in_a_plot() -> None:
    rows = (
        an_iteration("a", start_time="2026-11-11T15:30:00.000Z", input_tokens=3),
        an_iteration("b", number=2, start_time="2026-11-13T14:59:00.000Z", input_tokens=4),
        an_iteration("c", number=3, start_time="some time ago", queued_at="2026"),
    )
    summary = summarized(Measured(rows, (), ()), "day")
    assert [row.key for row in summary.rows] == ["2026-11-12", "2026-11-13", "unknown"]
    (tokens,) = [plot for plot in plots(summary) if plot.key == "tokens"]
    assert tokens.labels == ("2026-11-12", "2026-11-13")
    wide = summarized(Measured((rows[0], rows[1]._replace(start_time="2026-11-15T00:00:00.000Z")), (), ()), "day")
    (tokens,) = [plot for plot in plots(wide) if plot.key == "tokens"]
    assert tokens.labels == tuple(f"2026-11-{day}" for day in (12, 13, 14, 15))
    assert tokens.series[0].values == (3, None, None, 4)


def test_repositories_of_one_name_are_told_apart() -> None:
    rows = (
        an_iteration("a", repo_root="/code/web"),
        an_iteration("b", "s2", repo_root="/old/web/"),
        an_iteration("c", "s3", repo_root="/code/api", input_tokens=1),
    )
    labels = [row.label for row in summarized(Measured(rows, (), ()), "repo").rows]
    assert labels == ["api", "/code/web", "/old/web/"]


def test_tools_are_those_of_the_chosen_iterations() -> None:
    rows = (an_iteration("a", tools=3), an_iteration("b", "s2", tools=1))
    tools = (
        MeasuredTool("a", "Read", 2, 1, 0, 300, 2),
        MeasuredTool("a", "Bash", 1, 0, 1, None, 0),
        MeasuredTool("b", "Read", 1, 0, 0, 100, 1),
    )
    everything = summarized(Measured(rows, tools, ()), "tool")
    assert [(one.name, one.calls, one.errors, one.duration_ms, one.mean_ms) for one in everything.tools] == [
        ("Read", 3, 1, 400, 400 / 3),
        ("Bash", 1, 0, None, None),
    ]
    assert everything.tools[1].error_rate is None
    one = summarized(Measured(rows, tools, ()), "tool", Selection(sessions=frozenset({"s2"})))
    assert [(tool.name, tool.calls) for tool in one.tools] == [("Read", 1)]
    assert everything.rows == ()


def test_moments_as_people_write_them() -> None:
    now = datetime(2026, 11, 30, 15, 30, tzinfo=UTC)
    assert now - moment("36h", now=now) == timedelta(hours=36)
    assert now - moment("2w", now=now) == timedelta(weeks=2)
    assert moment("today", now=now).astimezone().strftime("%H:%M:%S") == "00:00:00"
    assert moment("2026-11-01T12:30+02:00") == datetime(2026, 11, 1, 10, 30, tzinfo=UTC)
    for wrong in ("", "nonsense", "7", "2026-13-01", "7d ago"):
        with pytest.raises(Refused):
            moment(wrong, now=now)
