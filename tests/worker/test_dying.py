"""Workers and amps are killed at any moment: everything settles, nothing is lost or counted twice, nobody is left."""

import asyncio
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ampsm_engine import file_lock
from ampsm_engine.home import open_private
from ampsm_engine.model import Iteration, Outcome, Session, State, Status
from ampsm_engine.store import PatientStore
from ampsm_engine.store.iterations import Iterations
from ampsm_engine.worker import locks
from ampsm_engine.worker.__main__ import Worker
from tests.conftest import git
from tests.soak import one_in
from tests.waiting import until
from tests.worker.bench import Bench, kill, marked, subreaper, words

COUNTED = {"input_tokens": 1, "output_tokens": 10, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000}
ROOT = Path(__file__).parents[2]
STEPS = 30
"""Tool calls of the long scenario; each writes a line into a file and has its own usage."""


def long_scenario() -> list[dict[str, object]]:
    step = {"shell": "echo line >> work.txt", "usage": COUNTED}
    return [{"repeat": STEPS, "steps": [step, {"pause": 0.01}]}, {"say": "Wrote all of the lines.", "usage": COUNTED}]


WRITE = {"create_file": "work.txt", "content": "line\n", "usage": COUNTED}


def stream_size(bench: Bench, iteration: Iteration) -> int:
    path = bench.engine.home.iteration(iteration.id).stream
    return path.stat().st_size if path.exists() else 0


def kill_amp(bench: Bench, iteration: Iteration) -> None:
    """amp alone, as the kernel would under memory pressure: its tools stay."""
    path = bench.engine.home.iteration(iteration.id).process
    if path.exists() and psutil.pid_exists(pid := bench.amp(iteration)):
        kill(psutil.Process(pid))


def settles(bench: Bench, session: Session) -> Iteration:
    """Any command's sweep brings it to its end, and nothing is left over."""

    def is_settled() -> bool:
        bench.sweep()
        return bench.last(session).state is State.SETTLED

    until(is_settled, "the iteration to settle")
    bench.quiet()
    last = bench.last(session)
    assert bench.now(session).status is not Status.RUNNING
    check_counts(bench, last)
    check_repository(bench, session, last)
    return last


def check_counts(bench: Bench, last: Iteration) -> None:
    """The store's figures are those of the file: each whole line once."""
    run = bench.engine.home.iteration(last.id)
    text = run.stream.read_bytes() if run.stream.exists() else b""
    answers = text.count(b'"type":"assistant"')
    assert last.tally.turns == answers
    assert last.tally.token_usage == (1111 * answers if answers else None)
    assert last.offset == len(text)
    calls = bench.engine.store.iterations.tool_calls(last.id)
    assert len(calls) == last.tally.tools == text.count(b'"type":"tool_use"')


def check_repository(bench: Bench, session: Session, last: Iteration) -> None:
    """Every line that was written is committed, once, on the session's branch."""
    worktree = Path(session.worktree_path)
    assert "error" not in git(bench.repo, "fsck", "--full")
    assert git(worktree, "status", "--porcelain") == ""
    if (worktree / "work.txt").exists():
        committed = git(worktree, "show", f"{session.branch_name}:work.txt")
        assert committed == (worktree / "work.txt").read_text()
        assert last.commit_sha == git(worktree, "rev-parse", session.branch_name).strip()
    assert git(bench.repo, "status", "--porcelain") == ""


def strike(bench: Bench, iteration: Iteration, who: str) -> None:
    if who in ("worker", "both"):
        bench.kill_workers()
    if who in ("amp", "both"):
        kill_amp(bench, iteration)


@pytest.mark.parametrize("case", one_in(4, [(who, part) for part in range(4) for who in ("worker", "amp", "both")]))
def test_killed_at_a_random_point_of_the_stream(bench: Bench, case: tuple[str, int]) -> None:
    """The point is a size of the stream file: anywhere from before its first byte to its last."""
    who, part = case
    draw = random.Random(f"{who}{part}")
    bench.scenario(*long_scenario())
    session = bench.new()
    first = bench.last(session)
    size = int((part + draw.random()) / 4 * 11_000)
    until(lambda: stream_size(bench, first) >= size or bench.last(session).state is not State.RUNNING, "the stream")
    strike(bench, first, who)
    last = settles(bench, session)
    if who == "worker":
        assert last.outcome is Outcome.DONE
        assert last.tally.turns == STEPS + 1
    else:
        assert last.outcome in (Outcome.DONE, Outcome.CRASHED)


@pytest.mark.parametrize("moment", ["claimed", "started", "settling", "again"])
def test_the_worker_is_killed_at_each_step_of_its_life(bench: Bench, moment: str) -> None:
    bench.scenario({"create_file": "work.txt", "content": "line\n", "usage": COUNTED}, {"touch": str(bench.flag("on"))})
    go = bench.flag("go")
    script = f"touch {bench.flag('script')}; until test -e {go}; do sleep 0.02; done"
    session = bench.new(None, script=script)
    iteration = bench.iterate(session, launch_worker=moment != "claimed")
    run = bench.engine.home.iteration(iteration.id)
    if moment == "claimed":
        # What a worker leaves that dies between claiming and starting amp.
        assert bench.engine.store.queue.claim() is not None
        assert bench.last(session).state is State.RUNNING
    elif moment == "started":
        until(run.process.exists)
        bench.kill_workers()
    elif moment == "settling":
        until(lambda: bench.last(session).state is State.SETTLING, "settling")
        bench.kill_workers()
    else:
        for _ in range(2):
            until(lambda: bench.sweep() is not None and bench.flag("script").exists(), "the script")
            bench.kill_workers()
            bench.flag("script").unlink()
    go.touch()
    last = settles(bench, session)
    assert last.outcome is Outcome.DONE
    assert last.test_exit_code == 0
    assert git(Path(session.worktree_path), "log", "--format=%s", "main..").count("amp: ") == 1


def test_amp_killed_leaves_its_tool_which_is_ended_too(bench: Bench) -> None:
    bench.scenario(
        {"create_file": "work.txt", "content": "x", "usage": COUNTED},
        {"touch": str(bench.flag("on"))},
        {"shell": "sleep 4245", "usage": COUNTED},
    )
    session = bench.new()
    first = bench.last(session)
    until(bench.flag("on").exists)
    until(lambda: any("4245" in " ".join(words(one)) for one in marked("AMPSM_RUN_ID", first.id)), "the tool")
    kill_amp(bench, first)
    last = settles(bench, session)
    assert (last.outcome, last.failure) == (Outcome.CRASHED, "killed")
    assert bench.now(session).status is Status.ERROR
    assert last.commit_sha


def test_all_workers_die_and_one_sweep_brings_all_sessions_home(bench: Bench) -> None:
    bench.scenario({"touch": str(bench.flag("on"))}, {"wait_for": str(bench.flag("go"))}, *long_scenario())
    sessions = [bench.new(f"task {number}") for number in range(2)]
    until(lambda: len(bench.engine.store.iterations.unsettled()) == 2, "all to run")
    for session in sessions:
        bench.amp(bench.last(session))
    bench.kill_workers()
    assert bench.sweep() == 2
    bench.flag("go").touch()
    for session in sessions:
        assert settles(bench, session).outcome is Outcome.DONE


def test_what_was_settled_between_the_look_and_the_lease_is_not_adopted(bench: Bench) -> None:
    """Its worker settles it and lets go in between; the next iteration's files must not be committed as this one's."""
    bench.scenario(WRITE)
    session = bench.new(None)
    bench.iterate(session, launch_worker=False)
    store = PatientStore(bench.engine.home.database)
    stale = store.queue.claim()
    assert stale is not None
    looks = [(stale,), ()]
    worker = Worker(bench.engine.home, store, bench.engine.config)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Iterations, "unsettled", lambda _: looks.pop(0))
        assert worker._orphan() is None
    assert not bench.leased(stale)
    assert settles(bench, session).outcome is Outcome.DONE


def test_who_looks_after_a_lost_iteration_lets_the_next_worker_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That may take hours, and what waits has a free slot all the while."""
    session = bench.new(None)
    bench.iterate(session, launch_worker=False)
    store = PatientStore(bench.engine.home.database)
    lost = store.queue.claim()
    assert lost is not None
    path = bench.engine.home.slots / "starting"
    starting = open_private(path, os.O_RDWR | os.O_CREAT)
    assert file_lock.acquire(starting, 0)
    worker = Worker(bench.engine.home, store, bench.engine.config, starting)
    looks = [(lost,), (lost,), ()]
    is_held: list[bool] = []

    async def look_after(*_: object, **__: object) -> None:
        is_held.append(file_lock.is_held(path))

    monkeypatch.setattr(Worker, "_run_and_settle", look_after)
    monkeypatch.setattr(Iterations, "unsettled", lambda _: looks.pop(0))
    asyncio.run(worker._adopt_orphans())
    assert is_held == [False]


def test_nobody_looks_after_an_iteration_without_its_lease(bench: Bench) -> None:
    """Who asks for a moment whether it is leased, or puts it back into the queue, is waited for."""
    bench.scenario(WRITE)
    session = bench.new(None)
    first = bench.iterate(session, launch_worker=False)
    held = locks.take_lease(bench.engine.home.iteration(first.id))
    assert held is not None
    bench.sweep()
    until(lambda: bench.last(session).state is State.RUNNING, "the claim")
    assert bench.sweep() == 0
    assert not bench.engine.home.iteration(first.id).stream.exists()
    held.release()
    assert settles(bench, session).outcome is Outcome.DONE
    assert bench.engine.home.worker_log.read_text().count(first.id) == 2


def test_a_commit_that_outlives_its_worker_is_waited_for(bench: Bench) -> None:
    """Whoever gets the orphan as a child: it commits, and the next worker neither says so before nor does it again."""
    bench.scenario(WRITE)
    hook = bench.repo / ".git" / "hooks" / "pre-commit"
    hook.write_text(f"#!/bin/sh\ntouch {bench.flag('hook')}\nuntil test -e {bench.flag('go')}; do sleep 0.02; done\n")
    hook.chmod(0o755)
    with subreaper():
        session = bench.new()
        until(bench.flag("hook").exists)
        bench.kill_workers()
        bench.sweep()
        until(lambda: "killed worker" in (bench.last(session).activity or ""), "the next worker to wait")
        bench.flag("go").touch()
        last = settles(bench, session)
    assert last.outcome is Outcome.DONE
    assert git(Path(session.worktree_path), "log", "--format=%s", "main..").count("amp: ") == 1
    assert "not-committed" not in bench.facts(session)


FAILING = """
import asyncio, sys
from pathlib import Path
from ampsm_engine.amp import process
from ampsm_engine.home import IterationDirectory
from ampsm_engine.worker.__main__ import work

class Failing:
    async def work(self):
        folder = Path(sys.argv[1])
        await process.start(["/bin/sleep", "1000"], IterationDirectory(folder), folder, {})
        raise OSError("the home cannot be used")

asyncio.run(work(Failing()))
"""


def test_amp_outlives_a_worker_that_fails(tmp_path: Path) -> None:
    """The end of an event loop ends its children; amp is the next worker's."""
    (tmp_path / "prompt.txt").write_text("Do it")
    done = subprocess.run(
        [sys.executable, "-c", FAILING, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    amp = psutil.Process(json.loads((tmp_path / "process.json").read_text())["pid"])
    assert amp.status() == psutil.STATUS_SLEEPING
    kill(amp)
    assert (done.returncode, "the home cannot be used" in done.stderr) == (1, True)
