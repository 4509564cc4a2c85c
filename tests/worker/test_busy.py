"""A database that is busy for longer than anybody waits at once: finished work is written down when it is free."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from ampsm_engine.errors import Failed, Unfit
from ampsm_engine.model import Outcome, ScriptResult
from ampsm_engine.store import PatientStore, database_files
from tests.conftest import git
from tests.waiting import until
from tests.worker.bench import Bench

USAGE = {"input_tokens": 1, "output_tokens": 10, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000}
WRITE = {"create_file": "work.txt", "content": "line\n", "usage": USAGE}


@contextmanager
def busy(bench: Bench) -> Iterator[None]:
    """Another program that writes, and does not come to its end."""
    held = sqlite3.connect(bench.engine.home.database, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        held.execute("ROLLBACK")
        held.close()


def waits(bench: Bench) -> bool:
    """Whether a worker has waited in vain at least once, and goes on waiting."""
    return "is busy" in bench.engine.home.worker_log.read_text().rpartition(" worker runs ")[2]


def test_when_amp_ends(bench: Bench) -> None:
    bench.scenario(
        WRITE,
        {"touch": str(bench.flag("on"))},
        {"wait_for": str(bench.flag("go"))},
        {"say": "Wrote it.", "usage": USAGE},
    )
    session = bench.new(script="echo checked")
    until(bench.flag("on").exists)
    amp = bench.amp(bench.last(session))
    with busy(bench):
        bench.flag("go").touch()
        until(lambda: not Path(f"/proc/{amp}/fd").exists() or not any(Path(f"/proc/{amp}/fd").iterdir()), "amp's end")
        until(lambda: waits(bench), "the worker to wait")
    last = bench.settled(session)
    assert (last.outcome, last.error, last.test_result) == (Outcome.DONE, None, ScriptResult.PASS)
    assert last.tally.token_usage == 2222
    assert git(Path(session.worktree_path), "rev-parse", session.branch_name).strip() == last.commit_sha
    bench.quiet()


def test_when_an_iteration_is_claimed(bench: Bench) -> None:
    bench.scenario(WRITE)
    session = bench.new(None)
    bench.iterate(session, launch_worker=False)
    with busy(bench):
        bench.sweep()
        until(lambda: bench.engine.home.worker_log.exists() and waits(bench), "the worker to wait")
        assert len(bench.workers()) == 1
    assert bench.settled(session).outcome is Outcome.DONE
    bench.quiet()


def test_a_full_disk_is_waited_for_and_an_error_that_stays_comes_out(bench: Bench) -> None:
    session = bench.new(None)
    store = PatientStore(bench.engine.home.database, patience=0.5)
    (pages,) = store.select("PRAGMA page_count")[0]
    store.select(f"PRAGMA max_page_count = {pages}")
    calls: list[int] = []

    def much() -> None:
        calls.append(1)
        store.facts.add("much", "x" * 100_000, session_id=session.id)

    store.tried(much)  # it was opened again, without the limit
    assert len(calls) == 2
    with pytest.raises(Failed, match="is busy"), busy(bench):
        store.facts.add("never", "it stays busy")
    store.path.rename(store.path.with_suffix(".gone"))
    store.close()
    with pytest.raises((Failed, Unfit)):
        store.sessions.board()
    store.path.with_suffix(".gone").rename(store.path)
    assert "much" in bench.facts(session)
    assert "never" not in bench.facts(session)


@pytest.mark.parametrize("verb", ["open", "check", "data_version"])
def test_what_a_worker_asks_the_database_itself_is_asked_again_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    bench.engine.store.close()
    held = sqlite3.connect(bench.engine.home.database, isolation_level=None)
    held.execute("PRAGMA locking_mode = EXCLUSIVE")
    held.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(database_files, "BUSY_SECONDS", 0.01)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        held.close()

    # Of the store alone: other threads of this process sleep, too.
    monkeypatch.setattr("ampsm_engine.store.store.time", SimpleNamespace(monotonic=time.monotonic, sleep=pause))
    getattr(PatientStore(bench.engine.home.database), verb)()
    assert len(pauses) == 1
