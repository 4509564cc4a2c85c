"""Slots and the queue: who runs, who waits, in which order, and who is ended."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ampsm_engine import failed_starts
from ampsm_engine.engine import iterations
from ampsm_engine.errors import Refused
from ampsm_engine.model import Outcome, State, Status
from ampsm_engine.worker import launch, locks
from ampsm_engine.worker.iteration_directory import IterationLimits
from tests.waiting import until
from tests.worker.bench import Bench

SAY = {"say": "Something was done here."}


def test_five_at_once_on_one_session_run_one_after_the_other_in_order(bench: Bench) -> None:
    bench.scenario({"shell": "echo {prompt} >> order.txt"}, {"touch": str(bench.flag("one"))}, SAY)
    session = bench.new(None)
    code = (
        "import sys; from ampsm_engine.engine import iterations; from ampsm_engine.engine.startup import open_engine;"
        "iterations.iterate(open_engine(), sys.argv[1], sys.argv[2])"
    )
    asked = [subprocess.Popen([sys.executable, "-c", code, session.id, f"p{n}"]) for n in range(5)]
    assert [one.wait() for one in asked] == [0] * 5
    bench.settled(session)
    iterations = bench.engine.store.iterations.of(session.id)
    assert [one.number for one in iterations] == list(range(1, 6))
    assert all(one.outcome is Outcome.DONE for one in iterations)
    starts = [one.start_time or "" for one in iterations]
    ends = [one.end_time or "" for one in iterations]
    assert starts == sorted(starts)
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False)), "two ran at once"
    bench.quiet()


def test_no_more_run_than_there_are_slots(bench: Bench) -> None:
    bench.configure(slots=2)
    bench.scenario({"touch": str(bench.flag("run"))}, {"wait_for": str(bench.flag("go"))}, SAY)
    sessions = [bench.new(f"task {n}") for n in range(3)]
    store = bench.engine.store
    until(lambda: len(store.iterations.unsettled()) == 2, "two to run")
    bench.sweep()
    until(lambda: len(bench.workers()) == 2, "the workers without a slot to leave")
    assert len(store.iterations.unsettled()) == 2
    assert store.queue.count() == 1
    (waiting,) = [one for one in sessions if bench.last(one).state is State.QUEUED]
    assert bench.now(waiting).status is Status.IDLE, "what waits for a slot is not called running"
    bench.flag("go").touch()
    assert all(bench.settled(one).outcome is Outcome.DONE for one in sessions)
    bench.quiet()


def test_sweeping_again_and_again_starts_no_second_worker_beside_one_on_its_way(bench: Bench) -> None:
    """A waiter sweeps on and on; a worker that cannot start, or not soon, must not fill the machine with its like."""
    bench.scenario(SAY)
    session = bench.new(None)
    bench.iterate(session, launch_worker=False)
    with locks.claiming(
        bench.engine.home, 5
    ) as alone:  # the worker waits here: it is on its way for as long as we hold this
        assert alone
        assert [bench.sweep() for _ in range(5)] == [1, 0, 0, 0, 0]
    assert bench.settled(session).outcome is Outcome.DONE
    bench.quiet()


def test_stop_ends_what_runs_and_empties_the_queue(bench: Bench) -> None:
    bench.scenario({"create_file": "half.txt", "content": "half"}, {"touch": str(bench.flag("on"))}, {"hang": True})
    session = bench.new()
    bench.iterate(session, "later")
    until(bench.flag("on").exists)
    assert len(iterations.stop(bench.engine, session.id)) == 2
    bench.settled(session)
    first, second = bench.engine.store.iterations.of(session.id)
    assert (first.outcome, second.outcome) == (Outcome.STOPPED, Outcome.STOPPED)
    assert first.commit_sha, "what amp changed before it was stopped is committed"
    assert second.attempts == 0
    assert bench.now(session).status is Status.IDLE
    bench.quiet()


def test_stop_reaches_an_amp_that_ignores_signals_and_its_tools(bench: Bench) -> None:
    bench.configure(stop__interrupt=0.2, stop__terminate=0.2)
    bench.scenario(
        {"ignore_signals": True},
        {"background": "sleep 4243"},
        {"touch": str(bench.flag("on"))},
        {"shell": "sleep 4244"},
    )
    session = bench.new()
    until(bench.flag("on").exists)
    iterations.stop(bench.engine, session.id)
    assert bench.settled(session).outcome is Outcome.STOPPED
    bench.quiet()


def test_amp_can_be_interrupted_though_ampsm_was_started_in_the_background(bench: Bench) -> None:
    """A shell lets what it puts there ignore these signals, and a program inherits what is ignored."""
    numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
    bench.scenario({"touch": str(bench.flag("on"))}, {"wait_for": str(bench.flag("go"))}, SAY)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        session = bench.new()
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    until(bench.flag("on").exists)
    (worker,) = bench.workers()
    status = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
    ignored = int(next(line for line in status if line.startswith("SigIgn")).split()[1], 16)
    assert not any(ignored & (1 << (number - 1)) for number in numbers)
    bench.flag("go").touch()
    assert bench.settled(session).outcome is Outcome.DONE


def test_stop_with_nothing_to_stop_is_refused(bench: Bench) -> None:
    session = bench.new(None)
    with pytest.raises(Refused, match="Nothing of session"):
        iterations.stop(bench.engine, session.id)


def test_an_iteration_over_its_time_is_ended_and_its_work_kept(bench: Bench) -> None:
    bench.configure(iteration__timeout=3)  # amp has written its file by then, on a busy machine, too
    bench.scenario({"create_file": "half.txt", "content": "half"}, {"hang": True})
    session = bench.new()
    last = bench.settled(session)
    assert (last.outcome, last.failure) == (Outcome.FAILED, "timeout")
    assert last.commit_sha
    assert bench.now(session).status is Status.ERROR


def test_a_session_that_an_agent_starts_outlives_the_agents_own_iteration(bench: Bench) -> None:
    """The inner worker must not carry the outer iteration's mark: it would be ended as its leftover."""
    code = (
        "import sys; from pathlib import Path; from ampsm_engine.engine import sessions;"
        "from ampsm_engine.engine.startup import open_engine;"
        "sessions.new(open_engine(), path=Path(sys.argv[1]), prompt='inner', name='inner')"
    )
    inner = f"env AMPSM_SCENARIO='{bench.inner_scenario()}' {sys.executable} -c \"{code}\" {bench.repo}"
    bench.scenario({"shell": inner}, SAY)
    outer = bench.new("outer")
    assert bench.settled(outer).outcome is Outcome.DONE
    (started,) = [session for session in bench.engine.store.sessions.all() if session.name == "inner"]
    assert bench.last(started).state is not State.SETTLED
    bench.flag("go").touch()
    assert bench.settled(started).outcome is Outcome.DONE


def test_workers_that_cannot_start_are_put_off_and_told(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "pygit2.py").write_text("raise ImportError('no such library')\n")
    bench.scenario({"say": "Done."})
    session = bench.new(None)
    bench.iterate(session, launch_worker=False)
    bench.monkeypatch.setattr(failed_starts, "TOGETHER", 0.0)
    bench.monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    home = bench.engine.home

    def is_reported() -> bool:
        bench.sweep()
        return bool(failed_starts.trouble(home))

    until(is_reported, "workers to fail")
    assert bench.sweep() == 0, "the next one has to wait"
    assert bench.sweep() == 0
    told = [fact.text for fact in bench.engine.store.facts.read() if fact.kind == "no-worker"]
    assert told == [failed_starts.trouble(home)]
    bench.monkeypatch.delenv("PYTHONPATH")
    launch.launch(home)  # what a person starts is not put off
    assert bench.settled(session).outcome is Outcome.DONE
    assert failed_starts.trouble(home) == ""


def test_a_session_stops_at_its_limits(bench: Bench) -> None:
    bench.configure(cost__queries=60, session__tokens=1)
    bench.scenario({"say": "a"}, {"shell": "true"}, {"hang": True})
    session = bench.new()
    stopped = bench.settled(session)
    assert (stopped.outcome, stopped.failure) == (Outcome.STOPPED, "limit")
    assert stopped.hint == "ampsm config set session.tokens 0"
    until(lambda: not bench.workers(), "the worker to have asked what it cost")
    bench.iterate(session)
    assert "its limit is 1: amp was not started" in (bench.settled(session).error or "")
    bench.configure(session__tokens=0)
    iterations.iterate(bench.engine, session.id, "Go on", limits=IterationLimits({"session.tokens": 1}))
    assert "The plan of its batch sets it (maxTokens)" in (bench.settled(session).hint or "")
    bench.configure(session__amount=0.01)
    bench.iterate(session)
    assert bench.settled(session).outcome is Outcome.STOPPED
    assert "by amp's own figure, and its limit is $0.01: amp was not started" in (bench.last(session).error or "")


def test_a_limit_set_while_a_worker_lives_holds_for_the_next_iteration_it_takes(bench: Bench, tmp_path: Path) -> None:
    go = tmp_path / "go"
    bench.scenario({"wait_for": str(go)}, {"say": "a"})
    session = bench.new()
    until(lambda: bench.last(session).state is State.RUNNING, "the first to run")
    bench.iterate(session)
    bench.configure(session__tokens=1)
    go.touch()
    assert "its limit is 1: amp was not started" in (bench.settled(session).error or "")
    first, _ = bench.engine.store.iterations.of(session.id)
    assert first.outcome is Outcome.DONE
