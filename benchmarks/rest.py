"""The app at rest for a minute, four sessions running that say nothing: bytes written, and processor used."""

import time
from pathlib import Path

import psutil
from ground import AMPSM, ground
from keys import begin
from ls import fill
from terminal import Terminal

from ampsm_engine.engine.startup import open_engine

SECONDS = 60
SESSIONS = 100
SETTLING = 5.0


def main() -> None:
    """Print both figures, for the app and its side processes together."""
    with ground():
        engine = open_engine()
        fill(engine, SESSIONS)
        held = begin(engine)
        terminal = Terminal([Path(AMPSM)], columns=160, lines=50)
        terminal.until(b"Fix the login")
        terminal.drain(SETTLING)
        family = [psutil.Process(terminal.pid), *psutil.Process(terminal.pid).children(recursive=True)]

        def used() -> float:
            return sum(sum(one.cpu_times()[:2]) for one in family)

        before, began, count = used(), time.perf_counter(), 0
        while time.perf_counter() - began < SECONDS:
            count += len(terminal.read(0.5))
        share = (used() - before) / (time.perf_counter() - began)
        print(
            f"at rest for {SECONDS} s, {len(held)} sessions running: {count} bytes (must 0), "
            f"{share * 100:.2f} % of a core (must 0.5, goal 0.2)"
        )
        terminal.end()


if __name__ == "__main__":
    main()
