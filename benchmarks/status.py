"""`ampsm status --tmux` with 300 sessions, against `python -c pass`, whole processes in turn."""

import subprocess
import sys
from dataclasses import replace

from harness import AMPSM, bench_home, pairs

from ampsm_engine.context import Engine
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.model import Iteration, Outcome, Session, State, Status

SESSIONS = 300


def fill(engine: Engine) -> None:
    """Sessions of two settled iterations each."""
    store = engine.store
    for number in range(SESSIONS):
        session = Session(
            id=f"s{number:09}",
            name=f"Fix the login redirect, part {number}",
            amp_prompt="After the login the shop shows the front page.",
            repo_root="/home/somebody/projects/shop",
            base_branch="main",
            branch_name=f"amp/part-{number}/20260901-100000",
            worktree_path=f"/home/somebody/projects/shop/.worktrees/s{number:09}",
            status=Status.IDLE,
            created_at="2026-09-01T10:00:00.000Z",
        )
        store.sessions.add(session)
        first = Iteration(f"i{number:08}0", session.id, 0, session.amp_prompt, State.QUEUED, session.created_at)
        for iteration in (first, replace(first, id=f"i{number:08}1")):
            store.queue.add(iteration)
            store.queue.claim()
            store.iterations.begin_settling(
                iteration.id, outcome=Outcome.DONE, failure=None, error=None, hint=None, exit_code=0, duration_ms=1
            )
            store.iterations.settle(iteration.id, status=Status.ERROR if number % 7 == 0 else Status.IDLE)


def main() -> None:
    """Print both medians and what lies between them; the aim is 100 ms for the whole process."""
    with bench_home():
        fill(open_engine())

        def ours(_: int) -> None:
            done = subprocess.run([AMPSM, "status", "--tmux"], check=True, capture_output=True, text=True)
            assert done.stdout.startswith("✗"), done.stdout

        def bare(_: int) -> None:
            subprocess.run([sys.executable, "-c", "pass"], check=True, capture_output=True)

        status, python, ratio = pairs(ours, bare, 25)
        print(
            f"ampsm status --tmux, {SESSIONS} sessions: {status * 1000:.0f} ms, python -c pass {python * 1000:.0f} ms, "
            f"{ratio:.1f} times (must 20 ms over it)"
        )


if __name__ == "__main__":
    main()
