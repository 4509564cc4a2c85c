"""Prompts in the queue: what is edited is what amp gets, and once it runs nothing changes any more."""

import pytest

from ampsm_engine.engine import iterations
from ampsm_engine.errors import NotFound, Refused
from tests.waiting import until
from tests.worker.bench import Bench

SECRET = "sk-ant-api03-" + "aB3" * 31 + "-AA"


def test_amp_gets_the_edited_prompt_as_typed(bench: Bench) -> None:
    bench.scenario({"wait_for": str(bench.flag("go"))}, {"say": "{prompt}"})
    session = bench.new("First")
    second = bench.iterate(session, "Second")
    iterations.edit_queued(bench.engine, second.id, f"Other, with {SECRET}")
    stored = bench.engine.store.iterations.get(second.id).prompt
    assert stored.startswith("Other, with")
    assert SECRET not in stored
    assert iterations.queued_prompt(bench.engine, second.id) == f"Other, with {SECRET}"
    assert bench.engine.home.iteration(second.id).prompt.stat().st_mode & 0o777 == 0o600
    bench.flag("go").touch()
    bench.settled(session)
    stream = bench.engine.home.iteration(second.id).stream.read_text()
    assert "Other, with" in stream
    assert "Second" not in stream


def test_a_dropped_prompt_never_runs_and_leaves_nothing(bench: Bench) -> None:
    bench.scenario({"wait_for": str(bench.flag("go"))}, {"say": "{prompt}"})
    session = bench.new("First")
    second = bench.iterate(session, "Second")
    iterations.drop_queued(bench.engine, second.id)
    bench.flag("go").touch()
    assert bench.settled(session).number == 1
    assert not bench.engine.home.iteration(second.id).path.exists()
    with pytest.raises(NotFound):
        bench.engine.store.iterations.get(second.id)


def test_what_runs_is_neither_edited_nor_dropped(bench: Bench) -> None:
    bench.scenario({"wait_for": str(bench.flag("go"))}, {"say": "Done"})
    session = bench.new("First")
    first = bench.last(session)
    until(lambda: bench.last(session).state == "running", "the first to run")
    before = bench.engine.home.iteration(first.id).prompt.read_text()
    for late in (
        lambda: iterations.edit_queued(bench.engine, first.id, "x"),
        lambda: iterations.drop_queued(bench.engine, first.id),
    ):
        with pytest.raises(Refused):
            late()
    assert bench.engine.home.iteration(first.id).prompt.read_text() == before
    with pytest.raises(Refused):
        iterations.edit_queued(bench.engine, first.id, "  ")
    bench.flag("go").touch()
    bench.settled(session)
