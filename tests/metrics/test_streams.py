"""The figures of recorded streams agree with a second count that shares no line with the product's."""

from collections.abc import Sequence

from ampsm_engine.metrics import GROUPINGS
from ampsm_engine.metrics.figures import Figures
from ampsm_engine.metrics.summary import Selection, summarize, summarized
from tests.amp.recorded import NAMES, STREAMS, recorded
from tests.metrics.conftest import Ledger
from tests.metrics.independent_count import IndependentCount

RECORDED = [name for name in NAMES if name.endswith(".jsonl")]


def four(figures: Figures) -> list[int | None]:
    return [
        *(figures.input_tokens, figures.output_tokens),
        *(figures.cache_creation_tokens, figures.cache_read_tokens),
    ]


def known_sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def test_each_recorded_stream_counts_as_in_the_second_count(ledger: Ledger) -> None:
    session = ledger.session("s1")
    streams = {ledger.iteration(session, (STREAMS / name).read_bytes()).id: name for name in RECORDED}
    rows = summarize(ledger.engine.store, "iteration").rows
    assert [row.key for row in rows] == list(streams)
    for row in rows:
        second = IndependentCount([(STREAMS / streams[row.key]).read_bytes()])
        name, tools = streams[row.key], second.tools()
        assert four(row.figures) == second.tokens(), name
        assert row.figures.token_usage == known_sum(second.tokens()), name
        assert (row.figures.turns, row.figures.tools) == (second.turns(), sum(one[0] for one in tools.values())), name
        assert row.figures.tool_errors == sum(one[1] for one in tools.values()), name


def test_all_streams_together_count_as_in_the_second_count(ledger: Ledger) -> None:
    sessions = [ledger.session(f"s{number}", repo_root=f"/r{number % 2}") for number in range(3)]
    for number, name in enumerate(RECORDED):
        ledger.iteration(sessions[number % 3], (STREAMS / name).read_bytes(), mode=("rush", None)[number % 2])
    second = IndependentCount((STREAMS / name).read_bytes() for name in RECORDED)
    measured = ledger.engine.store.measurements.read()
    for by in GROUPINGS:
        summary = summarized(measured, by)
        assert four(summary.total) == second.tokens()
        assert summary.total.turns == second.turns()
        assert {tool.name: (tool.calls, tool.errors, tool.unfinished) for tool in summary.tools} == second.tools()
        if by != "tool":
            for place in range(4):
                assert known_sum([four(row.figures)[place] for row in summary.rows]) == second.tokens()[place], by
            assert sum(row.figures.iterations for row in summary.rows) == len(RECORDED)


def test_sub_agents_are_in_the_sum_once_and_told_apart(ledger: Ledger) -> None:
    stream = recorded("01-subagent")
    session = ledger.session("s1")
    ledger.iteration(session, stream)
    ledger.iteration(ledger.session("s2"), recorded("09-tools"))
    second = IndependentCount([stream])
    figures = summarize(ledger.engine.store, "session", Selection(sessions=frozenset({session.id}))).total
    assert figures.subagent_tokens == known_sum(second.tokens(subagents_only=True))
    assert figures.subagent_tokens < figures.token_usage == known_sum(second.tokens())
    assert summarize(ledger.engine.store, "session").rows[1].figures.subagent_tokens is None
