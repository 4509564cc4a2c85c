"""The app at rest for a minute, four sessions running that say nothing: bytes written, and processor used."""

import contextlib
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
SETTLING = 15.0
"""Seconds after which spare side processes have ended."""


def main() -> None:
    """Print both figures, for the app and its side processes together."""
    with ground():
        engine = open_engine()
        fill(engine, SESSIONS)
        held = begin(engine)
        terminal = Terminal([Path(AMPSM)], columns=160, lines=50)
        terminal.until(b"Fix the login")
        until = time.perf_counter() + SETTLING
        while time.perf_counter() < until:
            terminal.read(0.5)
        app = psutil.Process(terminal.pid)

        def used() -> float:
            """Seconds of processor of the app, of its processes that it waited for, and of those that live."""
            total = sum(app.cpu_times()[:4])
            for one in app.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += sum(one.cpu_times()[:2])
            return total

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
