"""`ampsm new --no-run` against `git worktree add` of the same commit, 2,200 files, whole processes in turn."""

import subprocess
from pathlib import Path

from ground import AMPSM, ground, pairs, repository


def main() -> None:
    """Print both medians and the median ratio; the aim is 1.5."""
    with ground() as place:
        root = repository(place / "repo")

        def ours(number: int) -> None:
            command = [AMPSM, "new", "--repo", root, "--no-run", "--name", f"bench {number}"]
            subprocess.run(command, check=True, capture_output=True)

        def gits(number: int) -> None:
            target: Path = place / f"tree{number}"
            subprocess.run(["git", "worktree", "add", "-q", "-b", f"t{number}", target], cwd=root, check=True)

        new, add, ratio = pairs(ours, gits, 15)
        print(f"ampsm new {new * 1000:.0f} ms, git worktree add {add * 1000:.0f} ms, ratio {ratio:.2f} (aim 1.5)")


if __name__ == "__main__":
    main()
