"""What amp says that a thread cost: asked once at an iteration's end, never more often than the account allows."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ampsm_engine.engine import views
from ampsm_engine.metrics.summary import summarize
from ampsm_engine.store import Store
from ampsm_engine.store.costs import ALLOWED
from tests.store.values import a_session, an_iteration, ended, start
from tests.waiting import until
from tests.worker.bench import Bench

TURNS = ({"shell": "true"}, {"say": "Done."})


def answered(bench: Bench, many: int) -> list[int | None]:
    """The figures, once so many questions have been asked and the worker is gone."""
    until(lambda: len(bench.engine.store.costs.all()) >= many, f"{many} questions")
    until(lambda: not bench.workers(), "the worker to leave")
    return [query.micros for query in bench.engine.store.costs.all()]


@pytest.mark.usefixtures("workers_here")
def test_the_cost_of_each_iteration_is_how_much_amps_own_figure_grew(bench: Bench) -> None:
    bench.configure(cost__queries=60)
    bench.scenario(*TURNS)
    session = bench.new()
    bench.settled(session)
    first = answered(bench, 1)
    bench.iterate(session)
    bench.settled(session)
    second = answered(bench, 2)
    (thread,) = {query.thread_id for query in bench.engine.store.costs.all()}
    assert thread == bench.now(session).thread_id
    # The scripted amp asks a cent for each answer; the thread's figure counts from its beginning.
    assert first == [20_000]
    assert second == [20_000, 40_000]
    figures = [row.figures for row in summarize(bench.engine.store, "iteration").rows]
    assert [(one.cost_micros, one.unpriced) for one in figures] == [(20_000, 0), (20_000, 0)]
    assert views.show(bench.engine, bench.now(session)).cost_micros == 40_000


@pytest.mark.usefixtures("workers_here")
def test_an_amp_that_does_not_say_leaves_the_cost_unknown(bench: Bench) -> None:
    bench.configure(cost__queries=60)
    bench.monkeypatch.setenv("AMPSM_SCRIPTED_VERSION", "0.0.1767830505-ga62310")  # it has no `threads usage`
    bench.scenario({"say": "Done."})
    session = bench.new()
    assert bench.settled(session).error is None
    assert answered(bench, 1) == [None]
    total = summarize(bench.engine.store).total
    assert (total.cost_micros, total.unpriced) == (None, 1)


@pytest.mark.usefixtures("workers_here")
def test_nobody_asks_where_it_is_turned_off_or_amp_never_ran(bench: Bench) -> None:
    bench.scenario({"say": "Done."})
    bench.settled(bench.new())
    bench.configure(cost__queries=60)
    bench.repo.joinpath("not-amp").write_text("#!/bin/sh\nexit 1\n")
    bench.repo.joinpath("not-amp").chmod(0o700)
    bench.monkeypatch.setenv("AMP_CLI_PATH", str(bench.repo / "not-amp"))
    bench.settled(bench.new())
    until(lambda: not bench.workers(), "the worker to leave")
    assert bench.engine.store.costs.all() == ()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "home" / "ampsm.sqlite")
    made.open()
    made.sessions.add(a_session())
    made.queue.add(an_iteration())
    return made


def test_no_more_is_asked_in_an_hour_than_the_account_allows(store: Store) -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    asked = [store.costs.claim("T-1", "i1", most=100, now=now + timedelta(seconds=number)) for number in range(70)]
    assert [number is not None for number in asked] == [True] * ALLOWED + [False] * 10
    assert store.costs.claim("T-1", "i1", most=100, now=now + timedelta(minutes=59)) is None
    assert store.costs.claim("T-1", "i1", most=3, now=now + timedelta(hours=3)) is not None
    later = now + timedelta(hours=3, seconds=1)
    assert [store.costs.claim("T-1", "i1", most=3, now=later) is None for _ in range(3)] == [False, False, True]


def test_many_processes_share_what_is_allowed(store: Store) -> None:
    code = """
        from datetime import UTC, datetime
        store = Store(Path(sys.argv[1]))
        now = datetime(2026, 11, 30, 12, tzinfo=UTC)
        print(sum(store.costs.claim("T-1", "i1", most=60, now=now) is not None for _ in range(30)))
    """
    processes = [start(code, store.path) for _ in range(3)]
    assert sum(int(ended(process)) for process in processes) == ALLOWED


def test_a_purged_session_takes_its_costs_along_but_not_what_was_asked(store: Store) -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    number = store.costs.claim("T-1", "i1", most=60, now=now)
    store.costs.answer(number, 5)
    store.sessions.remove("s1")
    assert [query.iteration_id for query in store.costs.all()] == [None]
    assert summarize(store).total.cost_micros is None
    assert [store.costs.claim("T-1", "i1", most=1, now=now)] == [None]


def test_lines_scripts_and_tool_calls_are_measured_while_amp_works(bench: Bench) -> None:
    go = bench.flag("go")
    bench.scenario(
        {"create_file": "new.txt", "content": "one\ntwo\n"},
        {"shell": f"until test -e {go}; do sleep 0.05; done"},
        {"say": "Done."},
    )
    session = bench.new(script="true")
    calls = bench.engine.store.iterations.tool_calls
    until(lambda: [one for one in calls(bench.last(session).id) if one.started_at and one.success is None], "the call")
    go.touch()
    last = bench.settled(session)
    assert (last.lines_added, last.lines_deleted, last.changed_files) == (2, 0, 1)
    assert last.script_ms is not None
    shell = next(call for call in calls(last.id) if call.name == "shell_command")
    assert shell.duration_ms is not None
    assert shell.started_at is not None
    total = summarize(bench.engine.store).total
    assert (total.lines_added, total.scripts, total.scripts_passed) == (2, 1, 1)
    assert total.script_ms == last.script_ms
    assert json.loads(shell.arguments)["command"].startswith("until")
