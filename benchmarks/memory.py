"""Memory of the app with its side processes (PSS): idle, and with 20 sessions streaming and a review open."""

import multiprocessing
import time
from pathlib import Path

import psutil
from harness import AMPSM, bench_home, report, repository
from keys import EVENTS, STREAMING, begin, stream
from ls import fill
from terminal import Terminal

from ampsm_engine.engine import sessions
from ampsm_engine.engine.startup import open_engine

SETTLING = 20.0
"""Seconds after which the app is at rest."""


def shares(pid: int) -> list[float]:
    """Megabytes of the app and of each process of its own, what they share divided among them."""
    found = []
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        try:
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):  # git, at this moment
            continue
        found.append(next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")))
    return found


def told(what: str, terminal: Terminal, must: int, goal: int) -> None:
    """Print one row."""
    found = shares(terminal.pid)
    report(f"memory (PSS), {what}", sum(found), must, "MB")
    listed = " + ".join(f"{one:.0f}" for one in found)
    print(f"memory, {what}: {sum(found):.0f} MB = {listed} (must {must}, goal {goal})", flush=True)


def main() -> None:
    """Print both rows."""
    with bench_home() as place:
        root = repository(place / "repo", 2200)
        engine = open_engine()
        made, _ = sessions.new(engine, path=root, name="Review me", run=False)
        for number in range(40):
            Path(made.worktree_path, f"src/p{number}/new{number}.py").write_text("x = 1\n" * 50)
        terminal = Terminal([AMPSM], columns=160, lines=50)
        terminal.until(b"Review me")
        terminal.drain(SETTLING)
        told("idle", terminal, 70, 60)
        terminal.end()
        fill(engine, STREAMING)
        held = begin(engine)
        stop = multiprocessing.Event()
        writer = multiprocessing.Process(target=stream, args=(engine, list(held), EVENTS, stop))
        writer.start()
        try:
            terminal = Terminal([AMPSM, "review", made.id], columns=160, lines=50)
            terminal.until(b"new0")
            until = time.monotonic() + SETTLING
            while time.monotonic() < until:
                terminal.read(0.2)
            told(f"{STREAMING} sessions streaming, a review open", terminal, 350, 300)
            terminal.end()
        finally:
            stop.set()
            writer.join()


if __name__ == "__main__":
    main()
