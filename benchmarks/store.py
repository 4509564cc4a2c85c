"""The store at the sizes that the design names, each figure beside a bare SQLite in the same run."""

import multiprocessing
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ampsm_engine.model import Iteration, Outcome, Session, State, Status, Tally, ToolCall
from ampsm_engine.store import Store

PROMPT = "Make the login form remember the user, and add a test for it. " * 8


def filled(path: Path, sessions: int, iterations: int) -> Store:
    """A database of sessions, each with settled iterations."""
    store = Store(path)
    store.open()
    with store.writing():
        from ampsm_engine.store.records import tally_columns
        from ampsm_engine.store.tables import IterationRow, SessionRow

        for number in range(sessions):
            key = f"s{number:04}"
            store.execute(SessionRow.insert(
                id=key, name=f"session {number}", amp_prompt=PROMPT, repo_root="/repo", base_branch="main",
                branch_name=f"amp/x/{number}", worktree_path=f"/repo/.worktrees/{key}", status="idle",
                created_at=f"2026-01-01T00:00:{number:06}Z", base_commit="c" * 40,
            ))  # fmt: skip
            for one in range(1, iterations + 1):
                store.execute(IterationRow.insert(
                    id=f"{key}-{one}", session_id=key, number=one, prompt=PROMPT, state="settled", outcome="done",
                    queued_at="2026-01-01T00:00:00.000Z", start_time="2026-01-01T00:00:00.000Z",
                    end_time="2026-01-01T00:01:00.000Z", commit_sha="a" * 40, changed_files=3, attempts=1, offset=9,
                    **tally_columns(Tally(1, 2, 3, 4, 5, 6)),
                ))  # fmt: skip
    return store


def best(work: Callable[[], object], times: int = 20) -> float:
    """The shortest of several runs, in milliseconds."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found) * 1000


def board(folder: Path) -> None:
    store = filled(folder / "board.sqlite", 300, 10)
    bare = sqlite3.connect(store.path)

    def loop() -> None:
        for (key,) in bare.execute("SELECT id FROM sessions").fetchall():
            bare.execute("SELECT * FROM sessions WHERE id = ?", (key,)).fetchall()
            bare.execute("SELECT * FROM iterations WHERE sessionId = ?", (key,)).fetchall()

    ours, theirs, version = best(store.sessions.board), best(loop), best(store.data_version)
    print(f"board of 300 sessions, 3,000 iterations  {ours:8.2f} ms   {ours / theirs:.2f} of a select a session")
    print(f"data_version                             {version * 1000:8.2f} us")


def listing(folder: Path) -> None:
    store = filled(folder / "ls.sqlite", 1000, 2)
    code = (
        "import sys; from pathlib import Path; from ampsm_engine.store import Store; s = Store(Path(sys.argv[1]));"
        "found = s.sessions.all(); s.iterations.of_sessions([one.id for one in found])"
    )
    warm = best(lambda: store.iterations.of_sessions([one.id for one in store.sessions.all()]))
    ours = best(lambda: subprocess.run([sys.executable, "-c", code, str(store.path)], check=True))
    imports = best(lambda: subprocess.run([sys.executable, "-c", "import peewee"], check=True))
    nothing = best(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    print(f"1,000 sessions and 2,000 iterations read {warm:8.2f} ms")
    print(
        f"  in a process of its own, over `pass`   {ours - nothing:8.2f} ms   {imports - nothing:.2f} ms of it peewee"
    )


def recording(folder: Path, events: int = 20_000, each: int = 64) -> None:
    store = filled(folder / "record.sqlite", 1, 0)
    store.queue.add(Iteration("i1", "s0000", 0, PROMPT, State.QUEUED, ""))
    store.queue.claim()
    bare = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    bare.executescript("PRAGMA journal_mode = wal; PRAGMA synchronous = 1; CREATE TABLE tally (n INTEGER)")
    bare.execute("INSERT INTO tally VALUES (0)")
    begin = time.perf_counter()
    for number in range(each, events + each, each):
        calls = [
            ToolCall("i1", number + call, f"toolu_{call}", "edit_file", '{"path": "src/login.py"}', True, "ok")
            for call in range(8)
        ]
        store.iterations.record(
            "i1", tally=Tally(number, number, 0, 0, number, number), offset=number * 400,
            activity="edit_file: src/login.py", thread_id="T-1", tool_calls=calls,
        )  # fmt: skip
    took = time.perf_counter() - begin
    begin = time.perf_counter()
    for number in range(each, events + each, each):
        bare.execute("UPDATE tally SET n = ?", (number,))
    alone = time.perf_counter() - begin
    print(
        f"record of {events:,} events, {each} at once      {took * 1000:8.0f} ms   {took / alone:.0f} bare updates each"
    )


def _claim_all(path: Path) -> int:
    store, taken = Store(path), 0
    while (iteration := store.queue.claim()) is not None:
        taken += 1
        store.iterations.begin_settling(iteration.id, outcome=Outcome.DONE)
        store.iterations.settle(iteration.id, status=Status.IDLE)
    return taken


def claiming(folder: Path, processes: int = 8, iterations: int = 2000) -> None:
    store = Store(folder / "claim.sqlite")
    for number in range(iterations // 20):
        key = f"s{number:03}"
        store.sessions.add(Session(key, key, "p", "/r", "main", key, f"/r/{key}", Status.IDLE, "2026"))
        for one in range(20):
            store.queue.add(Iteration(f"{key}-{one}", key, 0, "p", State.QUEUED, ""))
    store.close()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(len, [()] * processes)
        begin = time.perf_counter()
        taken = pool.map(_claim_all, [store.path] * processes, chunksize=1)
        took = time.perf_counter() - begin
    assert sum(taken) == iterations, taken
    share = f"{min(taken)} to {max(taken)} each"
    print(f"{processes} processes claim and settle {iterations:,}   {took * 1000:8.0f} ms   {share}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for bench in (board, listing, recording, claiming):
            bench(folder)


if __name__ == "__main__":
    main()
