"""`ampsm new --no-run` against `git worktree add` of the same commit, 2,300 files, whole processes in turn."""

import subprocess
from pathlib import Path

import phases
from harness import AMPSM, bench_home, pairs, processor_pairs, quick, report, repository

FILES = 2300
ROUNDS = 11


def main() -> None:
    """Print both medians and the median ratio, in seconds that pass and of processor; then the phases."""
    with bench_home() as place:
        root = repository(place / "repo", FILES)
        count = iter(range(1000))

        def ours(_: int = 0) -> None:
            command = [AMPSM, "new", "--repo", root, "--no-run", "--name", f"bench {next(count)}"]
            subprocess.run(command, check=True, capture_output=True)

        def gits(_: int = 0) -> None:
            number = next(count)
            target: Path = place / f"tree{number}"
            subprocess.run(["git", "worktree", "add", "-q", "-b", f"t{number}", target], cwd=root, check=True)

        new, add, ratio = pairs(ours, gits, quick(7, ROUNDS))
        times = f"ampsm new {new * 1000:.0f} ms, git worktree add {add * 1000:.0f} ms"
        report(f"ampsm new / git worktree add, {FILES} files", ratio, 1.45, "times")
        print(f"{times}, ratio {ratio:.2f} (must 1.45, goal 1.2)")
        new, add, _, ratio = processor_pairs(ours, gits, quick(2, 5))
        print(f"  of processor {new * 1000:.0f} and {add * 1000:.0f} ms, ratio {ratio:.2f}")
        print(f"  {phases.told(('new', '--repo', root, '--no-run', '--name', 'watched'))}")


if __name__ == "__main__":
    main()
