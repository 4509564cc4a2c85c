"""The app at rest for a minute, four sessions running that say nothing: bytes written, and processor used."""

import time
from pathlib import Path

from harness import AMPSM, bench_home, report, used
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
    with bench_home():
        engine = open_engine()
        fill(engine, SESSIONS)
        held = begin(engine)
        terminal = Terminal([Path(AMPSM)], columns=160, lines=50)
        terminal.until(b"Fix the login")
        until = time.perf_counter() + SETTLING
        while time.perf_counter() < until:
            terminal.read(0.5)
        before, began, said = used(terminal.pid), time.perf_counter(), b""
        while time.perf_counter() - began < SECONDS:
            said += terminal.read(0.5)
        share = (used(terminal.pid) - before) / (time.perf_counter() - began)
        which = f" {said[:200]!r}" if said else ""
        print(
            f"at rest for {SECONDS} s, {len(held)} sessions running: {len(said)} bytes{which} (must 0), "
            f"{share * 100:.2f} % of a core (must 0.5, goal 0.2)"
        )
        terminal.end()
        report(f"at rest for {SECONDS} s, {len(held)} sessions running", len(said), 0, "bytes")
        report("at rest, app and side processes", share * 100, 0.5, "% core")


if __name__ == "__main__":
    main()
