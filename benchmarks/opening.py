"""How soon a diff is there: from nothing, and from the key in the list; an ordinary one, and one of 100,000 lines.

Beside it a bare Textual app's first frame, and `git diff` through less, delta and tig where they are installed.
"""

import os
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from big_diff import git
from harness import AMPSM, bench_home, both_pairs, quick, report, repository
from ls import add_compared
from terminal import Terminal

from ampsm_engine.engine.startup import open_engine

SESSION = "0123456789"
NAME = "Upgrade everything"
MARK = "# the first line of the diff"
FILES = 2200
ORDINARY = 20
"""Files of an ordinary diff."""

EVERY = 4
"""Of the lines of a file one in so many is another one in the large diff."""


def commits(root: Path) -> tuple[str, str, str]:
    """A base, an ordinary change of it, and a change of all files; each of the two begins with the mark."""
    repository(root, FILES)
    names = sorted(root.glob("src/*/*/*.py"))
    made = [git(root, "rev-parse", "HEAD").strip()]
    for name, changed in (("ordinary", names[:ORDINARY]), ("large", names)):
        git(root, "checkout", "-q", "-b", name, made[0])
        for path in changed:
            lines = path.read_text().splitlines()
            for at in range(0, len(lines), len(lines) if name == "ordinary" else EVERY):
                lines[at] += "  # changed"
            path.write_text("\n".join([MARK, *lines, ""]))
        git(root, "commit", "-qam", name)
        made.append(git(root, "rev-parse", "HEAD").strip())
    return made[0], made[1], made[2]


def prepare(home: Path, root: Path, old: str, new: str) -> None:
    """A home with one session over two commits; it is the one of this process from now on."""
    os.environ["AMPSM_HOME"] = str(home)
    add_compared(open_engine(), SESSION, NAME, root, (old, new))


def shown(command: Sequence[str | Path], mark: str) -> float:
    """Seconds from nothing to these characters."""
    terminal = Terminal(command, columns=160, lines=50)
    try:
        return terminal.until(mark.encode())
    finally:
        terminal.end()


def from_key() -> float:
    """Seconds from the key in the list to the first hunk of a session that was not looked at before; the median."""
    took = []
    for _ in range(quick(5, 9)):
        terminal = Terminal([AMPSM], columns=160, lines=50)
        terminal.until(NAME.encode())
        terminal.drain(1.5)
        terminal.began = time.perf_counter()
        terminal.press("v")
        took.append(terminal.until(MARK.encode()))
        terminal.end()
    return statistics.median(took)


def main() -> None:
    """Print each figure beside its must."""
    with bench_home() as place:
        root = place / "repo"
        old, ordinary, large = commits(root)
        bare = (sys.executable, Path(__file__).with_name("bare_app.py"))
        first = 0.0
        for what, new in (("ordinary diff", ordinary), ("diff of 100,000 lines", large)):
            size = git(root, "diff", "--shortstat", old, new).strip()
            prepare(place / what.split()[0], root, old, new)
            took = from_key()
            if new == ordinary:
                report(f"key press to the first hunk, {what}", took * 1000, 120, "ms")
                first = took
            else:
                report(f"key press to the first hunk, {what} / ordinary", took / first, 1.5, "times")
            print(f"{what} ({size}): key press to the first hunk {took * 1000:.0f} ms (must 120)", flush=True)
            found = both_pairs(
                lambda: shown((AMPSM, "review", SESSION), MARK), lambda: shown(bare, "Fix the login"), quick(7, 11)
            )
            if new == ordinary:
                report("cold ampsm review to the first diff line / bare Textual", found.clock[2], 1.2, "times")
            print(f"  from nothing: {found.told(('ampsm review', 'bare Textual app'), 'must 1.2')}", flush=True)
            for pager in ("less -R", "delta --paging=always", "tig"):
                if shutil.which(pager.split()[0]):
                    colour = "never" if pager == "tig" else "always"
                    pipe = f"git -C {root} diff --color={colour} {old} {new} | {pager}"
                    times = [shown(("/bin/sh", "-c", pipe), MARK) for _ in range(3)]
                    print(f"  beside it git diff | {pager}: {statistics.median(times) * 1000:.0f} ms", flush=True)


if __name__ == "__main__":
    main()
