"""Squash, rebase and merge of 100 commits on 2,000 files, by us and by the git program, in turn in one run.

Both start from the same commits: a session of 100 commits, a base that moved on by ten. Both end with the base moved
and its checkout, which is clean, moved with it.
"""

import random
import subprocess
import time
from pathlib import Path

from ground import ground, repository

COMMITS = 100
ONTO = 10


def git(where: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=where, check=True, capture_output=True, text=True).stdout.strip()


def prepared(place: Path, *, apart: bool, width: int = 60) -> tuple[Path, str, str]:
    """A repository with the two lines, each in `width` files; the same ones, in other places, unless `apart`."""
    root = repository(place / f"repo{apart:d}", 2000)
    draw = random.Random(2)
    files = draw.sample(sorted(root.rglob("*.py")), 2 * width)
    mine, theirs = (files[::2], files[1::2]) if apart else (files[:width], files[:width])
    git(root, "checkout", "-q", "-b", "session")
    for number in range(COMMITS):
        for path in draw.sample(mine, 3):
            path.write_text(path.read_text() + f"amp = {number}\n")
        git(root, "commit", "-qam", f"amp: step {number}")
    git(root, "checkout", "-q", "main" if git(root, "branch", "--list", "main") else "master")
    for number in range(ONTO):
        for path in draw.sample(theirs, width // 6):
            path.write_text(f"base = {number}\n" + path.read_text())
        git(root, "commit", "-qam", f"base: step {number}")
    return root, git(root, "rev-parse", "HEAD"), git(root, "rev-parse", "session")


def measured(place: Path, *, apart: bool, squashing: bool, width: int) -> str:
    from ampsm_engine.git import integrate
    from ampsm_engine.git.integrate.values import Move

    root, base, tip = prepared(place / f"{width}{squashing:d}", apart=apart, width=width)
    branch = git(root, "symbolic-ref", "--short", "HEAD")
    tree = place / f"tree{apart:d}{squashing:d}{width}"
    git(root, "worktree", "add", "-q", str(tree), "session")

    def again() -> None:
        git(root, "reset", "-q", "--hard", base)
        git(tree, "reset", "-q", "--hard", tip)

    def ours(_: int) -> None:
        work = tip
        if squashing:
            work = integrate.squash(root, tip, base, "All of it").tip
        work = integrate.rebase(root, work, base, reapply=True).tip
        merged = integrate.merge(root, base, work, ff=False, message="Merge it")
        moves = (Move("session", tip, work), Move(branch, base, merged.commit))
        integrate.move_together(root, moves)

    def gits(_: int) -> None:
        if squashing:
            git(tree, "reset", "-q", "--soft", git(tree, "merge-base", branch, "HEAD"))
            git(tree, "commit", "-q", "-m", "All of it")
        git(tree, "rebase", "-q", branch)
        git(root, "merge", "-q", "--no-ff", "-m", "Merge it", "session")

    results: list[str] = []

    rounds = []
    for number in range(6):
        pair = []
        for action in (ours, gits):
            again()
            began = time.perf_counter()
            action(number)
            pair.append(time.perf_counter() - began)
            results.append(git(root, "rev-parse", f"{branch}^{{tree}}"))
        rounds.append(pair)
    assert len(set(results)) == 1, "both must come to the same tree"
    del rounds[0]
    rounds.sort(key=lambda pair: pair[0] / pair[1])
    one, other = rounds[len(rounds) // 2]
    return f"{one * 1000:.0f} ms, git {other * 1000:.0f} ms, ratio {one / other:.2f} (aim 0.50)"


def main() -> None:
    """Print both times of the median pair, and their ratio."""
    with ground() as place:
        for squashing, apart, width in (
            (True, True, 60),
            (True, False, 60),
            (True, True, 400),
            (False, True, 60),
            (False, False, 60),
        ):
            what = f"{'squash, ' if squashing else ''}rebase and merge {COMMITS} commits"
            where = f"in {width} {'other' if apart else 'of the same'} files"
            result = measured(place, apart=apart, squashing=squashing, width=width)
            print(f"{what} {where}: {result}", flush=True)


if __name__ == "__main__":
    main()
