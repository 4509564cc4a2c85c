"""What each short command takes over `python -c pass`, user and system time of whole processes in turn; and why.

A few sessions lie in a repository that is there, a thousand in one that is not. `python start.py why` lists what the
imports of each command take.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import AMPSM, bare_start, bench_home, processor_pairs, quick, refuse_without_bytecode, report, repository
from ls import fill

from ampsm_engine.engine import sessions
from ampsm_engine.engine.startup import open_engine

FEW = 5
MANY = 1000
ROUNDS = 9

SHORT: tuple[tuple[tuple[str, ...], float, float], ...] = (
    (("--version",), 10, 2),
    (("status", "--tmux"), 20, 10),
    (("ls",), 90, 55),
    (("ls", "--json"), 90, 55),
    (("show", "Session 1", "--json"), 90, 55),
    (("show", "Session 1"), 130, 110),
)
"""Arguments, and the milliseconds over a bare start that they must and should take with few sessions."""


def told(arguments: Sequence[str], name: str, must: float, goal: float) -> None:
    """Print one row."""

    def ours() -> None:
        subprocess.run([AMPSM, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    taken, bare, more, ratio = processor_pairs(ours, bare_start, quick(5, ROUNDS))
    report(f"{name}, over python -c pass", more * 1000, must, "ms")
    print(
        f"{name:38} {taken * 1000:5.0f} ms, bare {bare * 1000:3.0f}: {more * 1000:5.0f} ms over it, {ratio:5.2f} times"
        f" (must {must:g}, goal {goal:g})",
        flush=True,
    )


def why(arguments: Sequence[str], most: int = 12) -> None:
    """Print which modules cost a command most."""
    program = (sys.executable, "-X", "importtime", AMPSM, *arguments)
    said = subprocess.run(program, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr
    lines = [line.partition(": ")[2].split("|") for line in said.splitlines() if line.startswith("import time:")]
    own = sorted(((int(line[0]), line[2].strip()) for line in lines[1:]), reverse=True)
    listed = ", ".join(f"{name} {spent / 1000:.1f}" for spent, name in own[:most])
    whole = sum(spent for spent, _ in own) / 1000
    print(f"  ampsm {' '.join(arguments)}: {len(own)} modules, {whole:.0f} ms, of which {listed}")


def main() -> None:
    """Print a row for each command, then for `ls --json` with many sessions."""
    with bench_home() as place:
        refuse_without_bytecode()
        root = repository(place / "repo", 50)
        engine = open_engine()
        for number in range(FEW):
            made, _ = sessions.new(engine, path=root, name=f"Session {number}", run=False)
            Path(made.worktree_path, f"new{number}.py").write_text("x = 1\n")
        for arguments, must, goal in SHORT:
            told(arguments, f"ampsm {' '.join(arguments)}", must, goal)
            if "why" in sys.argv:
                why(arguments)
    with bench_home():
        fill(open_engine(), MANY)
        told(("ls", "--json"), f"ampsm ls --json, {MANY} sessions", 110, 70)


if __name__ == "__main__":
    main()
