"""Many at once: processes that claim, threads, forks, and a feed that sees what others write."""

import asyncio
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ampsm_engine import inotify
from ampsm_engine.errors import Refused, Unfit
from ampsm_engine.model import Board, Outcome, State, Status
from ampsm_engine.store import Store, database_files, follow, records
from ampsm_engine.store.store import FileMark
from tests.store.values import a_session, an_iteration, ended, start
from tests.waiting import DEADLINE

CLAIM = """
    from ampsm_engine.model import Outcome, Status, Tally
    store = Store(Path(sys.argv[1]))
    store.open()
    print("ready", flush=True)
    sys.stdin.readline()
    while (iteration := store.queue.claim()) is not None:
        print(iteration.id, flush=True)
        store.iterations.record(iteration.id, tally=Tally(turns=1), offset=1, activity="x", thread_id=None)
        store.iterations.begin_settling(iteration.id, outcome=Outcome.DONE)
        store.iterations.settle(iteration.id, status=Status.IDLE, facts=[("done", "")])
"""


def test_processes_that_claim_at_once_take_each_iteration_once(store: Store) -> None:
    sessions = [f"s{number}" for number in range(10)]
    for session in sessions:
        store.sessions.add(a_session(session))
        for number in range(10):
            store.queue.add(an_iteration(f"{session}-{number}", session))
    processes = [start(CLAIM, store.path) for _ in range(4)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = [key for process in processes for key in ended(process).split()]
    assert Counter(taken) == Counter(f"{session}-{number}" for session in sessions for number in range(10))
    assert (store.queue.count(), store.iterations.unsettled()) == (0, ())
    for session in sessions:
        own = store.iterations.of(session)
        assert all(one.state is State.SETTLED for one in own)
        started = [fact.iteration_id for fact in store.facts.read(session_id=session) if fact.kind == "started"]
        assert started == [one.id for one in own], "in the order of the queue"
        kinds = [fact.kind for fact in store.facts.read(session_id=session) if fact.kind in ("started", "done")]
        assert kinds == ["started", "done"] * 10, "never two at once in one session"


def test_five_that_enqueue_at_once_are_numbered_without_a_gap(store: Store) -> None:
    store.sessions.add(a_session())
    code = """
        from ampsm_engine.model import Iteration, State
        store = Store(Path(sys.argv[1]))
        sys.stdin.readline()
        for number in range(5):
            store.queue.add(Iteration(f"{sys.argv[2]}-{number}", "s1", 0, "p", State.QUEUED, ""))
    """
    processes = [start(code, store.path, number) for number in range(5)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        ended(process)
    assert [one.number for one in store.iterations.of("s1")] == list(range(1, 26))


def test_sqlite_itself_holds_one_active_iteration_a_session(store: Store) -> None:
    """Whatever a program does wrong, the first law stands."""
    store.sessions.add(a_session())
    store.queue.add(an_iteration("i1"))
    store.queue.add(an_iteration("i2"))
    store.queue.claim()
    with pytest.raises(Refused), store.writing():
        records.change_iteration(store, "i2", state="running")


def test_what_was_written_survives_the_death_of_its_writer(store: Store) -> None:
    store.sessions.add(a_session())
    store.queue.add(an_iteration())
    code = """
        import os, signal
        from ampsm_engine.model import Tally
        store = Store(Path(sys.argv[1]))
        store.queue.claim()
        store.iterations.record("i1", tally=Tally(turns=7), offset=70, activity="x", thread_id="T-1")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    process = start(code, store.path)
    process.communicate(timeout=60)
    assert process.returncode == -9
    iteration = store.iterations.get("i1")
    assert (iteration.state, iteration.tally.turns, iteration.offset) == (State.RUNNING, 7, 70)
    store.iterations.begin_settling("i1", outcome=Outcome.CRASHED)
    assert store.iterations.settle("i1", status=Status.ERROR).outcome is Outcome.CRASHED


def test_a_writer_that_dies_in_a_transaction_leaves_nothing_of_it(store: Store) -> None:
    store.sessions.add(a_session())
    code = """
        import os, signal
        from ampsm_engine.store import records
        store = Store(Path(sys.argv[1]))
        with store.writing():
            records.change_session(store, "s1", name="half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    start(code, store.path).communicate(timeout=60)
    assert store.sessions.get("s1") == a_session()
    store.sessions.update("s1", name="whole")


def test_threads_have_connections_of_their_own(store: Store) -> None:
    errors: list[BaseException] = []

    def work(key: str) -> None:
        try:
            store.sessions.add(a_session(key))
            for number in range(10):
                store.queue.add(an_iteration(f"{key}-{number}", key))
                store.sessions.board()
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=work, args=(f"s{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert store.queue.count() == 80


def test_a_store_may_be_used_on_both_sides_of_a_fork(store: Store) -> None:
    store.sessions.add(a_session())
    store.data_version()
    child = os.fork()
    if child == 0:  # pragma: no cover - the child
        code = 1
        try:
            store.sessions.add(a_session("s2"))
            store.data_version()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert {session.id for session in store.sessions.all()} == {"s1", "s2"}
    store.sessions.add(a_session("s3"))
    assert store.select("PRAGMA integrity_check") == [("ok",)]


def test_the_version_changes_with_every_commit_and_only_then(store: Store) -> None:
    first = store.data_version()
    store.sessions.board()
    assert store.queue.claim() is None
    assert store.data_version() == first
    store.sessions.add(a_session())
    assert store.data_version() != first


async def test_a_feed_sees_what_another_process_writes(store: Store) -> None:
    store.sessions.add(a_session())
    feed = follow(store, interval=0.01)
    first = await anext(feed)
    assert [row.session.name for row in first.rows] == ["name of s1"]
    code = "Store(Path(sys.argv[1])).sessions.update('s1', name='another')"
    process = start(code, store.path)
    second = await asyncio.wait_for(anext(feed), 60)
    assert [row.session.name for row in second.rows] == ["another"]
    ended(process)
    await feed.aclose()


@pytest.mark.skipif(not inotify.is_reliable(), reason="elsewhere it looks again and again")
async def test_a_feed_is_woken_by_what_another_process_writes(store: Store) -> None:
    store.sessions.add(a_session())
    feed = follow(store, interval=3600)
    await after(feed)
    waiting = asyncio.ensure_future(anext(feed))
    process = start("Store(Path(sys.argv[1])).sessions.update('s1', name='another')", store.path)
    assert [row.session.name for row in (await asyncio.wait_for(waiting, DEADLINE)).rows] == ["another"]
    ended(process)
    await feed.aclose()


async def test_a_feed_is_silent_while_nobody_writes(store: Store) -> None:
    feed = follow(store, interval=0)
    await anext(feed)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(feed), 0.2)


def moved(store: Store, to: Path) -> None:
    """The database with its log somewhere else, or back."""
    to.mkdir(exist_ok=True)
    for file in store.path.parent.glob(f"{store.path.name}*"):
        file.rename(to / file.name)


async def after(feed: AsyncIterator[Board]) -> Board:
    return await asyncio.wait_for(anext(feed), DEADLINE)


async def test_a_feed_goes_on_when_the_database_answers_again(store: Store, tmp_path: Path) -> None:
    """Until then the last board stays, and says why it may be old."""
    store.sessions.add(a_session())
    feed = follow(store, interval=0.01)
    first = await after(feed)
    assert first.stale == ""
    away = tmp_path / "away"
    moved(store, away)
    lost = await after(feed)
    assert lost.rows == first.rows
    assert "No such file" in lost.stale
    with pytest.raises(Unfit):
        store.sessions.all()  # nor does anybody begin an empty one in its place
    moved(Store(away / store.path.name), store.path.parent)
    assert await after(feed) == first
    store.sessions.update("s1", name="another")
    assert [row.session.name for row in (await after(feed)).rows] == ["another"]
    await feed.aclose()


def test_who_waits_for_the_database_hears_each_reason_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.sessions.add(a_session())
    heard: list[str] = []
    store.retry_reads(lambda reason: heard.append(reason.message))
    moved(store, tmp_path / "away")
    looks = iter(range(3))

    def wait(_: float) -> None:
        if next(looks, None) is None:
            moved(Store(tmp_path / "away" / store.path.name), store.path.parent)

    monkeypatch.setattr("ampsm_engine.store.connection.time.sleep", wait)
    assert [one.id for one in store.sessions.all()] == ["s1"]
    assert len(heard) == 1
    assert "No such file" in heard[0]


LOCK = """
    import fcntl
    with open(sys.argv[1] + "-shm", "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX, 8, 120)  # all that SQLite locks to read or write, but for being open
        file.write(bytes(96))  # and the log has to be read anew first: else SQLite itself waits for ten seconds
        file.flush()
        print("locked", flush=True)
        sys.stdin.readline()
"""


async def test_a_feed_says_that_the_database_is_locked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_files, "BUSY_SECONDS", 0.01)
    store.sessions.add(a_session())
    feed = follow(store, interval=0.01)
    first = await after(feed)
    holder = start(LOCK, store.path)
    lost = await after(feed)
    assert "is busy" in lost.stale
    assert lost.rows == first.rows
    ended(holder)
    assert await after(feed) == first
    await feed.aclose()


def test_a_database_that_nobody_writes_to_is_not_asked(store: Store) -> None:
    store.sessions.add(a_session("one"))
    mark = FileMark(store.path)
    assert not mark.are_as_before()
    assert not mark.are_as_before(), "another write of this moment could bear the same time"
    for path in (store.path, Path(f"{store.path}-wal")):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert [mark.are_as_before() for _ in range(3)] == [False, True, True]
    Store(store.path).sessions.add(a_session("two"))
    assert not mark.are_as_before()


async def test_a_feed_follows_the_file_that_took_the_place_of_its_own(store: Store, tmp_path: Path) -> None:
    store.sessions.add(a_session())
    feed = follow(store, interval=0.01)
    first = await after(feed)
    other = Store(tmp_path / "other" / store.path.name)
    other.open()
    other.close()
    moved(store, tmp_path / "away")
    moved(other, store.path.parent)
    while not (lost := await after(feed)).stale.endswith("knows none of these sessions."):
        assert lost.rows == first.rows
    assert lost.rows == first.rows, "that sessions are gone is not to be seen in passing"
    Store(store.path).sessions.add(a_session("s2"))
    assert [row.session.id for row in (await after(feed)).rows] == ["s2"]
    assert [one.id for one in store.sessions.all()] == ["s2"], "what is written to a file that has gone is lost"
    await feed.aclose()


async def test_a_feed_that_is_left_closes_what_it_opened(store: Store) -> None:
    before = threading.active_count()
    for _ in range(3):
        feed = follow(store, interval=0.01)
        await anext(feed)
        await feed.aclose()
    for thread in threading.enumerate():
        if thread.name.startswith("ampsm-follow"):
            thread.join(60)
    assert threading.active_count() <= before


def test_the_light_commands_do_not_pay_for_heavy_rooms(store: Store) -> None:
    code = """
        store = Store(Path(sys.argv[1]))
        store.sessions.all(), store.iterations.of_sessions(["s1"]), store.sessions.board()
        heavy = {"pygit2", "textual", "notifypy", "psutil", "rich", "playhouse"}
        print(sorted(heavy & set(sys.modules)), "ampsm_engine.redact" in sys.modules)
    """
    assert ended(start(code, store.path)) == "[] False\n"


def test_the_database_can_be_read_by_any_sqlite(store: Store) -> None:
    store.sessions.add(a_session())
    connection = sqlite3.connect(f"{Path(store.path).as_uri()}?mode=ro", uri=True)
    assert connection.execute("SELECT name FROM sessions").fetchall() == [("name of s1",)]
    connection.close()
