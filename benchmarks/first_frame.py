"""The first frame of `ampsm` with 300 sessions, against a bare Textual app with header, footer and table: in turn."""

import sys
from pathlib import Path

from ground import AMPSM, ground, pairs
from ls import fill
from terminal import Terminal

from ampsm_engine.engine.startup import open_engine

SESSIONS = 300
MARK = b"Fix the login"


def main() -> None:
    """Print both medians and their ratio; the aim is 1.3."""
    with ground():
        fill(open_engine(), SESSIONS)

        def shown(*command: str | Path) -> None:
            terminal = Terminal(command)
            terminal.until(MARK)
            terminal.end()

        def ours(_: int) -> None:
            shown(AMPSM)

        def bare(_: int) -> None:
            shown(sys.executable, Path(__file__).with_name("bare_app.py"))

        first, yardstick, ratio = pairs(ours, bare, 9)
        print(
            f"first frame, {SESSIONS} sessions: {first * 1000:.0f} ms, bare Textual app {yardstick * 1000:.0f} ms, "
            f"ratio {ratio:.2f} (must 1.06)"
        )


if __name__ == "__main__":
    main()
