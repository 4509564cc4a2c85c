"""A stop ends every phase of an iteration in the time that is stated, and its answer is what happened."""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ampsm_engine.engine import iterations
from ampsm_engine.git import lock, program, repository
from ampsm_engine.model import Iteration, Outcome, Session, State, Status
from ampsm_engine.store import PatientStore
from ampsm_engine.worker.phases import Phases, StopRequest
from tests.conftest import git
from tests.soak import one_in
from tests.waiting import until
from tests.worker.bench import Bench

WRITE = {"create_file": "work.txt", "content": "work\n"}
DONE = {"say": "Wrote the file that was wanted."}


def stopped(bench: Bench, session: Session) -> Iteration:
    """What became of the iteration that a stop asks to end; nothing of it is left."""
    touched = iterations.stop(bench.engine, session.id)
    (last,) = iterations.await_stop(bench.engine, [one for one in touched if one.state is not State.SETTLED])
    assert last.state is State.SETTLED
    bench.quiet()
    return last


def hanging(bench: Bench, *, deaf: bool = False) -> str:
    """A program that never ends, as a script."""
    ears = "trap '' TERM\n" if deaf else ""
    return f"#!/bin/sh\n{ears}touch {bench.flag('hangs')}\nwhile :; do sleep 0.05; done\n"


def hook(bench: Bench, text: str) -> Path:
    path = bench.repo / ".git" / "hooks" / "pre-commit"
    path.write_text(text)
    path.chmod(0o755)
    return path


def by_hook(bench: Bench) -> str:
    hook(bench, hanging(bench))
    return "pre-commit"


def by_deaf_hook(bench: Bench) -> str:
    hook(bench, hanging(bench, deaf=True))
    return "pre-commit"


def by_signer(bench: Bench) -> str:
    program = bench.flag("signer")
    program.write_text(hanging(bench))
    program.chmod(0o755)
    for name, value in (("gpg.program", str(program)), ("commit.gpgSign", "true"), ("user.signingKey", "x")):
        git(bench.repo, "config", name, value)
    return "signer"


def by_filter(bench: Bench) -> str:
    program = bench.flag("cleaner")
    program.write_text(hanging(bench))
    program.chmod(0o755)
    (bench.repo / ".git" / "info" / "attributes").write_text("work.txt filter=slow\n")
    git(bench.repo, "config", "filter.slow.clean", str(program))
    return "cleaner"


@pytest.mark.parametrize("way", one_in(2, [by_deaf_hook, by_hook, by_filter, by_signer]))
def test_a_commit_that_hangs(bench: Bench, way: Callable[[Bench], str]) -> None:
    bench.configure(stop__commit=0.5)
    bench.scenario(WRITE, DONE)
    what = way(bench)
    session = bench.new(script="echo checked")
    until(bench.flag("hangs").exists)
    until(lambda: what in (bench.last(session).activity or ""), "the list to say what hangs")
    assert (bench.last(session).activity or "").startswith("committing since ")
    last = stopped(bench, session)
    assert (last.outcome, last.commit_sha, last.test_result) == (Outcome.STOPPED, None, None)
    assert bench.now(session).status is Status.AWAITING_INPUT
    assert what in bench.fact(session, "stopped")
    assert (Path(session.worktree_path) / "work.txt").read_text() == "work\n"
    assert bench.fact(session, "not-committed")


def test_a_script_that_runs(bench: Bench) -> None:
    bench.scenario(WRITE, DONE)
    session = bench.new(script=f"touch {bench.flag('hangs')}; while :; do sleep 0.05; done")
    until(bench.flag("hangs").exists)
    last = stopped(bench, session)
    assert (last.outcome, last.test_result) == (Outcome.STOPPED, None)
    assert last.commit_sha
    assert bench.now(session).status is Status.IDLE
    assert bench.fact(session, "stopped") == "iteration 1 stopped: the script was stopped"


def test_a_commit_by_hand_that_hangs_before_amp_begins(bench: Bench) -> None:
    bench.configure(stop__commit=0.5)
    bench.scenario(WRITE, DONE)
    session = bench.new(None)
    (Path(session.worktree_path) / "mine.txt").write_text("mine\n")
    hook(bench, hanging(bench))
    bench.iterate(session)
    until(bench.flag("hangs").exists)
    last = stopped(bench, session)
    assert (last.outcome, last.attempts, last.commit_sha) == (Outcome.STOPPED, 0, None)
    assert (Path(session.worktree_path) / "mine.txt").exists()
    assert not (Path(session.worktree_path) / "work.txt").exists()


def test_a_look_at_the_repository_that_hangs_before_amp_begins(bench: Bench) -> None:
    bench.configure(stop__commit=0.5)
    bench.scenario(WRITE, DONE)
    session = bench.new(None)
    mine = bench.repo / "work.txt"
    mine.write_text("one\n")
    git(bench.repo, "add", "work.txt")
    by_filter(bench)
    mine.write_text("two\n")  # of the same size: git has to look into it
    bench.iterate(session)
    until(bench.flag("hangs").exists)
    until(lambda: "cleaner" in (bench.last(session).activity or ""), "the list to say what hangs")
    last = stopped(bench, session)
    assert (last.outcome, last.attempts) == (Outcome.STOPPED, 0)
    assert not (Path(session.worktree_path) / "work.txt").exists()


def test_waiting_for_a_review(bench: Bench) -> None:
    bench.scenario(WRITE, DONE)
    session = bench.new(None)
    with lock.still(repository.git_dir(Path(session.worktree_path)), "a review"):
        bench.iterate(session)
        until(lambda: bench.last(session).state is State.RUNNING, "the claim")
        last = stopped(bench, session)
    assert (last.outcome, last.attempts) == (Outcome.STOPPED, 0)


def test_waiting_for_another_try(bench: Bench) -> None:
    bench.configure(iteration__retry_delay=1000)
    bench.scenario({"fail_times": {"n": 9, "state": str(bench.flag("tries"))}})
    session = bench.new()
    until(lambda: "retry" in bench.facts(session), "a retry")
    assert stopped(bench, session).outcome is Outcome.STOPPED


def test_a_worker_that_hangs_itself_is_ended_by_force(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iterations, "STOP_MARGIN", 1.0)
    bench.configure(stop__commit=0.5, stop__interrupt=0.5, stop__terminate=0.5)
    bench.scenario(WRITE, {"touch": str(bench.flag("on"))}, {"hang": True})
    session = bench.new()
    until(bench.flag("on").exists)
    (worker,) = bench.workers()
    with bench.engine.store.writing():  # not in the middle of a write: nobody else could write until it goes on
        os.kill(worker.pid, signal.SIGSTOP)
        until(lambda: psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED)
    monkeypatch.setattr(iterations, "STOP_MARGIN", 5.0)
    last = stopped(bench, session)
    assert last.outcome is Outcome.STOPPED
    assert last.commit_sha


def test_a_stop_ends_the_amp_that_makes_a_thread_active_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.scenario({"say": "{prompt}"})
    session = bench.new("first")
    thread = bench.settled(session).thread_id
    assert thread
    scripted, asked = os.environ["AMP_CLI_PATH"], bench.flag("asked")
    subprocess.run([scripted, "threads", "archive", thread], check=True)
    amp = bench.folder / "slow-amp"
    amp.write_text(f"""#!/bin/sh
case "$*" in *--unarchive*) echo $$ > {asked}; exec sleep 600;; esac
exec {scripted} "$@"
""")
    amp.chmod(0o755)
    monkeypatch.setenv("AMP_CLI_PATH", str(amp))
    bench.iterate(session, "second")
    pid = int(until(lambda: asked.exists() and asked.read_text(), "amp to be asked"))
    iterations.stop(bench.engine, session.id)
    assert bench.settled(session).outcome is Outcome.STOPPED
    assert not psutil.pid_exists(pid)


def test_a_phase_that_is_cancelled_goes_on_to_who_cancelled_it_once_its_git_has_ended(bench: Bench) -> None:
    """A timeout around it is a timeout, and nothing of its work is left running."""
    session = bench.new(None)
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        program.write(bench.repo, "-c", "alias.hang=!exec sleep 600", "hang")
        ended.set()

    async def cancelled() -> None:
        stop = StopRequest(PatientStore(bench.engine.home.database), bench.iterate(session, launch_worker=False).id)
        task = asyncio.create_task(Phases(stop, bench.engine.settings).run("to wait", work))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert ended.is_set()
