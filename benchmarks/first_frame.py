"""The first frame of `ampsm` with 300 sessions, against a bare Textual app with header, footer and table: in turn."""

import sys
from pathlib import Path

from harness import AMPSM, bench_home, both_pairs, report
from ls import fill
from terminal import Terminal

from ampsm_engine.engine.startup import open_engine

SESSIONS = 300
MARK = b"Fix the login"


def main() -> None:
    """Print both medians and their ratio."""
    with bench_home():
        fill(open_engine(), SESSIONS)

        def shown(*command: str | Path) -> None:
            terminal = Terminal(command)
            terminal.until(MARK)
            terminal.end()

        bare = Path(__file__).with_name("bare_app.py")
        found = both_pairs(lambda: shown(AMPSM), lambda: shown(sys.executable, bare), 9)
        report(f"first frame of the app, {SESSIONS} sessions / bare Textual", found.clock[2], 1.06, "times")
        print(f"first frame, {SESSIONS} sessions: {found.told(('ampsm', 'bare Textual app'), 'must 1.06')}")


if __name__ == "__main__":
    main()
