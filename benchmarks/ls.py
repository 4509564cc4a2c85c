"""`ampsm ls --json` with 1,000 sessions of two iterations each, against `python -c pass`, whole processes in turn."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from harness import AMPSM, bench_home, pairs

from ampsm_engine import timestamps
from ampsm_engine.context import Engine
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.model import Iteration, Outcome, Session, State, Status, Tally

SESSIONS = 1000


def fill(engine: Engine, sessions: int = SESSIONS) -> None:
    """Sessions as they look after two iterations of ordinary length."""
    store = engine.store
    for number in range(sessions):
        session = Session(
            id=f"s{number:09}",
            name=f"Fix the login redirect, part {number}",
            amp_prompt="After the login the shop shows the front page. It should show where I came from. " * 3,
            repo_root="/home/somebody/projects/shop",
            base_branch="main",
            branch_name=f"amp/fix-the-login-redirect-part-{number}/20260901-100000",
            worktree_path=f"/home/somebody/projects/shop/.worktrees/s{number:09}",
            status=Status.IDLE,
            created_at="2026-09-01T10:00:00.000Z",
            base_commit="c0ffee" * 6 + "1234",
            script_command="make test",
        )
        store.sessions.add(session)
        first = Iteration(f"i{number:08}0", session.id, 0, session.amp_prompt, State.QUEUED, session.created_at)
        for iteration in (first, replace(first, id=f"i{number:08}1")):
            store.queue.add(iteration)
            store.queue.claim()
            tally = Tally(1200, 3400, 56_000, 780_000, turns=12, tools=34)
            store.iterations.record(iteration.id, tally=tally, offset=1, activity=None, thread_id=None)
            store.iterations.begin_settling(
                iteration.id, outcome=Outcome.DONE, failure=None, error=None, hint=None, exit_code=0, duration_ms=1
            )
            store.iterations.settle(iteration.id, status=Status.IDLE, commit_sha="beef" * 10, changed_files=3)


def add_compared(engine: Engine, session_id: str, name: str, root: Path, ends: tuple[str, str]) -> None:
    """Add a session whose diff is that of two commits of a repository, which is its worktree, too."""
    now = timestamps.now()
    session = Session(
        id=session_id,
        name=name,
        amp_prompt=name,
        repo_root=str(root),
        base_branch=ends[0],
        branch_name=ends[1],
        worktree_path=str(root),
        status=Status.IDLE,
        created_at=now,
        base_commit=ends[0],
        script_command="",
        last_run=now,
    )
    engine.store.sessions.add(session)


def main() -> None:
    """Print both medians and what lies between them; the aim is 150 ms."""
    with bench_home():
        fill(open_engine())

        answer = subprocess.run([AMPSM, "ls", "--json"], check=True, capture_output=True)
        assert len(json.loads(answer.stdout)["sessions"]) == SESSIONS

        def ours(_: int) -> None:
            subprocess.run([AMPSM, "ls", "--json"], check=True, stdout=subprocess.DEVNULL)

        def bare(_: int) -> None:
            subprocess.run([sys.executable, "-c", "pass"], check=True, stdout=subprocess.DEVNULL)

        ls, python, _ = pairs(ours, bare, 15)
        print(
            f"ampsm ls --json, {SESSIONS} sessions: {ls * 1000:.0f} ms, python -c pass {python * 1000:.0f} ms, "
            f"{(ls - python) * 1000:.0f} ms more (must 110, goal 70)"
        )


if __name__ == "__main__":
    main()
