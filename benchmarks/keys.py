"""A key press to its frame while 20 sessions stream 10 events a second each; then what a cursor costs, and rest."""

import contextlib
import multiprocessing
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness import AMPSM, bench_home, used
from ls import fill
from terminal import Terminal

from ampsm_engine.context import Engine
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.model import Iteration, State, Tally
from ampsm_engine.worker import locks

STREAMING = 20
RESTING = 280
EVENTS = 10
"""Events a second of each session."""

PRESSES = 400
CURSOR = "▌".encode()
QUIET = 10.0


def begin(engine: Engine) -> dict[str, object]:
    """Start an iteration in the first sessions; their leases are held here, so that they are not taken for lost."""
    store = engine.store
    held: dict[str, object] = {}
    for number in range(STREAMING):
        session_id = f"s{number:09}"
        made = Iteration(f"r{number:09}", session_id, 0, "Go on", State.QUEUED, "2026-09-01T10:00:00.000Z")
        store.queue.add(made)
        run = engine.home.iteration(made.id)
        run.path.mkdir(parents=True, exist_ok=True)
        held[made.id] = locks.take_lease(run)
        store.queue.claim()
    for session in store.sessions.all():  # of another day: an age in minutes is not at rest
        store.sessions.update(session.id, last_run="2026-09-01T10:00:00.000Z")
    with contextlib.closing(sqlite3.connect(engine.home.database, isolation_level=None)) as database:
        database.execute("UPDATE facts SET time = '2026-09-01T10:00:00.000Z'")  # the preview shows their ages, too
    return held


def stream(engine: Engine, ids: list[str], events: int, stop: object) -> None:
    """Write stream events as twenty workers would."""
    store = engine.store
    at = 0
    while not stop.is_set():  # type: ignore[attr-defined]
        began = time.perf_counter()
        at += 1
        for one in ids:
            tally = Tally(at, at * 7, at, at * 100, turns=at, tools=at)
            store.iterations.record(one, tally=tally, offset=at, activity=f"Edit app/part_{at}.py", thread_id=None)
        time.sleep(max(0, 1 / events - (time.perf_counter() - began)))


def answered(terminal: Terminal, mark: bytes = CURSOR) -> float:
    """Seconds until the frame with the moved cursor."""
    began = time.perf_counter()
    seen = b""
    while mark not in seen:
        seen += terminal.read(2.0)
        if time.perf_counter() - began > 5:
            raise TimeoutError(seen[-300:])
    return time.perf_counter() - began


def pressed(terminal: Terminal, keys: Sequence[str], mark: bytes = CURSOR) -> tuple[float, float]:
    """Median and 99th percentile of a key press to its frame, in milliseconds."""
    times = []
    for number in range(PRESSES):
        while terminal.read(0):
            pass  # what is left of the frame before
        terminal.press(keys[number % 2])
        times.append(answered(terminal, mark) * 1000)
        time.sleep(0.013 + number % 7 * 0.01)
    times.sort()
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def yardstick() -> tuple[float, float]:
    """Median and 99th percentile of a key press in a bare Textual app with a table, in which nothing streams."""
    terminal = Terminal([sys.executable, Path(__file__).with_name("bare_app.py")])
    terminal.until(b"Fix the login")
    terminal.drain(0.5)
    try:
        return pressed(terminal, ("\x1b[B", "\x1b[A"), b"idle")
    finally:
        terminal.end()


def rest(terminal: Terminal) -> tuple[int, float]:
    """Bytes written, and the share of a core used by the app and its children, while nothing happens."""
    before, began, count = used(terminal.pid), time.perf_counter(), 0
    while time.perf_counter() - began < QUIET:
        count += len(terminal.read(0.5))
    return count, (used(terminal.pid) - before) / (time.perf_counter() - began)


def main() -> None:
    """Print the figures; the aims are 50 ms, 0 bytes and 1 %."""
    with bench_home():
        engine = open_engine()
        fill(engine, STREAMING + RESTING)
        held = begin(engine)
        stop = multiprocessing.Event()
        writer = multiprocessing.Process(target=stream, args=(engine, list(held), EVENTS, stop))
        writer.start()
        terminal = Terminal([AMPSM])
        try:
            terminal.until(b"Edit app/part_")
            time.sleep(2)
            for _ in range(STREAMING + 2):  # below those that stream
                terminal.press("j")
                answered(terminal)
            p50, p99 = pressed(terminal, "jk")
            print(f"key to frame, {STREAMING} x {EVENTS} events/s: median {p50:.1f} ms, p99 {p99:.1f} ms (aim 50)")
            stop.set()
            writer.join()
            terminal.drain(2.0)
            moves = []
            for number in range(20):
                terminal.press("jk"[number % 2])
                moves.append(terminal.drain(0.3))
            written, share = rest(terminal)
            terminal.end()
            p50, p99 = yardstick()
            print(f"beside it a bare Textual app at rest: median {p50:.1f} ms, p99 {p99:.1f} ms")
            print(f"bytes for a moved cursor: {sum(moves) / len(moves):.0f} (120 columns, preview beside the list)")
            print(f"at rest for {QUIET:g} s: {written} bytes, {share * 100:.2f} % of a core (aims 0 and 1)")
        finally:
            stop.set()
            terminal.end()
            writer.join()


if __name__ == "__main__":
    main()
