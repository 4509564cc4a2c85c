"""Squash, rebase and merge of 100 commits on 2,000 files, by us and by the git program, in turn in one run.

Both start from the same commits: a session of 100 commits in a worktree of its own, a base that moved on by ten and is
checked out, clean, in the main worktree. Both end with the same tree on both branches, and both checkouts moved.

git does it as a person would, without what it would print: `git reset --soft $(git merge-base BASE HEAD)`, `git commit`
and `git rebase BASE` in the session's worktree, `git merge --no-ff` in the main one. No editor is opened, and nothing
is looked at before.

We do it in several ways: the steps alone (`git.integrate`: commits made, branches and checkouts moved), also without
our own merges of trees and without our own packs, so that it shows what these earn; the engine's
verb `operations.merge` as the app has it done, which looks for what is in the way, writes its journal and keeps what
was before; and `ampsm merge` as a process, the start of Python in it, or its three commands one after the other.
"""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import phases
from harness import AMPSM, bench_home, processor, quick, report, repository

if TYPE_CHECKING:
    from ampsm_engine.context import Engine

COMMITS = 100
ONTO = 10
ROUNDS = quick(5, 6)


def git(where: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=where, check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class Scene:
    """A repository with a session beside a base that moved on."""

    engine: "Engine"
    session: str
    root: Path
    tree: Path
    base: str
    tip: str
    branch: str
    target: str

    def again(self) -> None:
        """Reset both branches and checkouts to what they were."""
        from ampsm_engine.merging import operations

        while (last := operations.last_undoable(self.engine, self.session)) is not None:
            git(self.tree, "reset", "-q", "--hard", last.branch_after)
            if last.target:
                git(self.root, "reset", "-q", "--hard", last.base_after)
            operations.undo(self.engine, self.session)
        git(self.root, "reset", "-q", "--hard", self.base)
        git(self.tree, "reset", "-q", "--hard", self.tip)

    def steps(self, *, squashing: bool) -> None:
        """Merge by the steps of `git.integrate` alone."""
        from ampsm_engine.git.integrate import branch_move, rewrite
        from ampsm_engine.git.integrate.object_store import ObjectStore
        from ampsm_engine.git.integrate.outcomes import BranchMove

        on, work = ObjectStore(self.root), self.tip
        if squashing:
            work = rewrite.squash(on, work, self.base, "All of it").tip
        work = rewrite.rebase(on, work, self.base, reapply=True).tip
        merged = rewrite.merge(on, self.base, work, ff=False, message="Merge it")
        on.database.flush()
        moves = (BranchMove(self.branch, self.tip, work), BranchMove(self.target, self.base, merged.commit))
        branch_move.move_together(on, moves)

    def merged_by_git(self, *, squashing: bool) -> None:
        """The steps, with each merge of trees left to git: what our own of `integrate.trees` earn."""
        from ampsm_engine.git.integrate import trees

        with mock.patch.object(trees.Merger, "merged", return_value=None):
            self.steps(squashing=squashing)

    def in_single_files(self, *, squashing: bool) -> None:
        """The steps, with each object a file of its own: what the packs of `integrate.object_store` earn."""
        from ampsm_engine.git.integrate import object_store

        with mock.patch.object(object_store, "_FEW", 1_000_000):
            self.steps(squashing=squashing)

    def verb(self, *, squashing: bool) -> None:
        """Merge by the engine's verb `operations.merge`."""
        from ampsm_engine.merging import operations
        from ampsm_engine.merging.results import Options

        options = Options(kind="merge", message="All of it", squash=squashing, fast_forward=False)
        operations.merge(self.engine, self.session, options)

    def command(self, *, squashing: bool) -> None:
        """Merge by one `ampsm merge` as a process."""
        self._ampsm("merge", self.session, "-m", "All of it", "--no-ff", *(() if squashing else ("--no-squash",)))

    def commands(self, *, squashing: bool) -> None:
        """Merge by an `ampsm` command for each step, one after the other."""
        if squashing:
            self._ampsm("squash", self.session, "-m", "All of it")
        self._ampsm("rebase", self.session)
        self._ampsm("merge", self.session, "-m", "All of it", "--no-ff", "--no-squash")

    def _ampsm(self, *arguments: str) -> None:
        subprocess.run([AMPSM, *arguments], check=True, capture_output=True)

    def gits(self, *, squashing: bool) -> None:
        """Merge by the git program, as a person would."""
        if squashing:
            git(self.tree, "reset", "-q", "--soft", git(self.tree, "merge-base", self.target, "HEAD"))
            git(self.tree, "commit", "-q", "-m", "All of it")
        git(self.tree, "rebase", "-q", self.target)
        git(self.root, "merge", "-q", "--no-ff", "-m", "Merge it", self.branch)


def prepared(place: Path, *, apart: bool, width: int) -> Scene:
    """The two lines, each in `width` files: the same ones, in other places, unless `apart`."""
    from ampsm_engine.engine import sessions
    from ampsm_engine.engine.startup import open_engine

    root = repository(place / f"repo{apart:d}{width}", 2000)
    engine = open_engine()
    session, _ = sessions.new(engine, path=root, prompt=None, name=f"{width} {apart}", run=False)
    tree = Path(session.worktree_path)
    draw = random.Random(2)
    files = [path.relative_to(root) for path in draw.sample(sorted((root / "src").rglob("*.py")), 2 * width)]
    mine, theirs = (files[::2], files[1::2]) if apart else (files[:width], files[:width])
    for number in range(COMMITS):
        for path in draw.sample(mine, 3):
            (tree / path).write_text((tree / path).read_text() + f"amp = {number}\n")
        git(tree, "commit", "-qam", f"amp: step {number}")
    for number in range(ONTO):
        for path in draw.sample(theirs, width // 6):
            (root / path).write_text(f"base = {number}\n" + (root / path).read_text())
        git(root, "commit", "-qam", f"base: step {number}")
    ends = git(root, "rev-parse", "HEAD"), git(tree, "rev-parse", "HEAD")
    return Scene(engine, session.id, root, tree, *ends, session.branch_name, session.base_branch)


def measured(scene: Scene, ours: Callable[..., None], *, squashing: bool, row: str = "") -> str:
    """The median pair by its ratio, after one that warms the caches; and the median ratio of processor times."""
    rounds, results, shares = [], set(), []
    for _ in range(ROUNDS):
        pair, taken = [], []
        for action in (ours, scene.gits):
            scene.again()
            began = time.perf_counter()
            taken.append(processor(partial(action, squashing=squashing)))
            pair.append(time.perf_counter() - began)
            results.add(git(scene.root, "rev-parse", f"{scene.target}^{{tree}}"))
            results.add(git(scene.root, "rev-parse", f"{scene.branch}^{{tree}}"))
            assert not git(scene.root, "status", "--porcelain") + git(scene.tree, "status", "--porcelain")
        rounds.append(pair)
        shares.append(taken[0] / taken[1])
    assert len(results) == 1, "both must come to the same tree"
    del rounds[0]
    rounds.sort(key=lambda pair: pair[0] / pair[1])
    one, other = rounds[len(rounds) // 2]
    if row:
        report(row, one / other, 1.5, "times")
    times = f"{one * 1000:.0f} ms, git {other * 1000:.0f} ms, ratio {one / other:.2f}"
    # Of what runs in this process itself, only the git that it starts is told.
    return f"{times}; of processor, children alone, ratio {statistics.median(shares[1:]):.2f}"


def row(scene: Scene) -> None:
    """Print the row of the whole command, and where its time goes."""
    print(f"ampsm merge, squash of {COMMITS} commits, against git's three commands:", flush=True)
    name = f"ampsm merge, squash of {COMMITS} commits / git's three commands"
    print(f"  {measured(scene, scene.command, squashing=True, row=name)} (must 1.5, goal 1.0)", flush=True)
    scene.again()
    print(f"  {phases.told(('merge', scene.session, '-m', 'All of it', '--no-ff'))}", flush=True)


def ways(place: Path) -> None:
    """Print both times of the median pair of each way, and their ratio; the aim is 0.50 for steps and verb."""
    for apart, width, kinds in ((True, 60, (True, False)), (False, 60, (True, False)), (True, 400, (True,))):
        scene = prepared(place, apart=apart, width=width)
        for squashing in kinds:
            what = f"{'squash, ' if squashing else ''}rebase and merge {COMMITS} commits"
            print(f"{what} in {width} {'other' if apart else 'of the same'} files:", flush=True)
            for name, ours in (
                ("the steps", scene.steps),
                ("the steps, merged by git", scene.merged_by_git),
                ("the steps, in single files", scene.in_single_files),
                ("the engine's verb", scene.verb),
                ("ampsm merge", scene.command),
                ("a command for each", scene.commands),
            ):
                print(f"  {name}: {measured(scene, ours, squashing=squashing)}", flush=True)


def main() -> None:
    """Print the row; with `all`, every way of it."""
    with bench_home() as place:
        if "all" in sys.argv:
            ways(place)
        else:
            row(prepared(place, apart=True, width=60))


if __name__ == "__main__":
    main()
