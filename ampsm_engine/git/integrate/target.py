"""Moving a branch by compare-and-swap, and with it each clean checkout of it; the git program does both.

First the checkouts are moved, then the branch: a death between the two leaves the branch before, and the same call
again goes on, as does the call that goes back. What is not committed is never overwritten, ignored files neither.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import busy, lock, program, registry, repository
from ampsm_engine.git.integrate import blockers, halfway
from ampsm_engine.git.integrate.ground import Ground
from ampsm_engine.git.integrate.values import Move, Moved
from ampsm_engine.git.places import Repo, Worktree
from ampsm_engine.git.repository import BRANCHES

_FASTER = ("-c", "checkout.workers=2", "-c", "checkout.thresholdForParallelism=40")
"""More hands to write the files of one checkout with; several checkouts are as many hands already."""

_REFRESH = ("update-index", "-q", "--refresh")

_NO_TRACES = ("-c", "core.splitIndex=false", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false")
"""For what only tries: nothing besides its own index is written."""

_HOOK_LIMIT = 900.0
"""Seconds that a post-merge hook may take."""


def move_target(
    repo_root: Path,
    branch: str,
    old: str,
    new: str,
    *,
    why: str = "ampsm: merge",
    patience: float = busy.PATIENCE,
    hooks: bool = False,
) -> Moved:
    """Move a branch from `old` to `new`; where it is checked out, files and index move too, else nothing is touched.

    Refused, and nothing changed, when it moved meanwhile, when something uncommitted is in the way (named), when the
    checkout is in the middle of something, or its index stays locked (by whom). Changes elsewhere in a checkout stay,
    as with git's own fast-forward. With `hooks` the post-merge hook runs in each checkout that moved.
    """
    moves = (Move(branch, old, new),)
    return move_together(repo_root, moves, why=why, patience=patience, hooks_for=(branch,) if hooks else ())[0]


def move_together(
    repo_root: Path | Ground,
    moves: Sequence[Move],
    *,
    why: str = "ampsm: merge",
    patience: float = busy.PATIENCE,
    hooks_for: Collection[str] = (),
) -> tuple[Moved, ...]:
    """The same for several branches: their checkouts are filled side by side, and all refs move at once or none."""
    repo = repo_root.repo if isinstance(repo_root, Ground) else repository.around(repo_root)
    ground = repo_root if isinstance(repo_root, Ground) else Ground(repo.root, repo)
    with lock.writer(repo.common_dir, f"moving {moves[0].branch}"):
        listed = registry.listed(repo)
        steps = [_step(repo, ground, move, [tree for tree in listed if tree.branch == move.branch]) for move in moves]
        for step in steps:
            for path in step.paths:
                _check(path, step, patience)
        _move_all(repo, steps, why)
    wanted = [path for step in steps if step.move.branch in hooks_for for path in step.paths]
    note = _post_merge(wanted) if wanted else None
    return tuple(Moved(*step.move, tuple(step.paths), note) for step in steps)


class _Step(NamedTuple):
    """A branch, its checkouts, and the paths that differ, with git's letter: A, D, M, T."""

    move: Move
    paths: list[Path]
    changed: dict[str, str]
    has_moved: bool
    """The branch is there already."""


def _step(repo: Repo, ground: Ground, move: Move, trees: list[Worktree]) -> _Step:
    now = trees[0].head if trees else repository.branch_tip(repo.root, move.branch)
    if not now or now not in (move.old, move.new):
        at = f"it is at {(now or 'nothing')[:12]}, not at {move.old[:12]}"
        hint = f"git -C {repo.root} log --oneline {move.old[:12]}...{move.branch}"
        raise Refused(f"The branch {move.branch} moved meanwhile: {at}.", hint)
    blockers.refuse_rewriting(repo, move.branch)
    paths = [tree.path for tree in trees if (tree.path / ".git").exists()]
    return _Step(move, paths, blockers.changed(ground, move.old, move.new), now == move.new)


def _move_all(repo: Repo, steps: Sequence[_Step], why: str) -> None:
    places = [(path, step) for step in steps for path in step.paths]
    there = {path: halfway.stamps(path, blockers.git_dir(path), step.changed) for path, step in places}
    running: list[program.Running] = []
    try:
        # Side by side; what did not go is tried once more, and told, one by one.
        alone = len(places) == 1
        running += (_started(path, step, *(_FASTER if alone else ())) for path, step in places)
        answers = [one.wait() for one in running]
        for answer, (path, step) in zip(answers, places, strict=True):
            if not answer.ok:
                _move_again(path, step, there[path])
        _swap(repo, [step for step in steps if not step.has_moved], why)
    except BaseException:
        for one in running:
            one.end()
        for path, step in places:
            if not step.has_moved:
                halfway.put_back(path, blockers.git_dir(path), step.move, step.changed, there[path])
        raise


def _check(path: Path, step: _Step, patience: float) -> None:
    """Refuse what is sure to fail; the rest is told by the move itself, which goes back then."""
    why_not = busy.refusal(path, blockers.git_dir(path), patience)
    if why_not is not None:
        raise Refused(*why_not)
    lying = blockers.untracked(path, step.changed)
    refusal = blockers.blocked(path, step.changed, lying) if lying else None
    if refusal is not None:
        raise refusal


def _started(path: Path, step: _Step, *settings: str) -> program.Running:
    return program.start(path, *settings, *_moving(step))


def _moving(step: _Step, *options: str) -> tuple[str, ...]:
    return "read-tree", "-m", "-u", *options, step.move.old, step.move.new


def _could_not(path: Path, answer: program.Answer) -> Failed:
    return Failed(f"git could not move the checkout {path}: {answer.said or answer.reason}", f"git -C {path} status")


def _move_again(path: Path, step: _Step, before: halfway.Stamps) -> None:
    git_dir = blockers.git_dir(path)
    why_not = busy.index_refusal(git_dir, 0)
    if why_not is not None:
        raise Refused(*why_not)
    if not step.has_moved:
        halfway.put_back(path, git_dir, step.move, step.changed, before)
    # A stat that changed is no change: git compares contents where it may write down that it did.
    with halfway.index_apart(git_dir) as apart:
        program.write(path, *_NO_TRACES, *_REFRESH, variables=apart)
        answer = program.write(path, *_NO_TRACES, *_moving(step, "--dry-run"), variables=apart)
    if not answer.ok:
        raise blockers.blocked(path, step.changed) or _could_not(path, answer)
    program.write(path, *_REFRESH)
    answer = _started(path, step).wait()
    if not answer.ok:
        raise _could_not(path, answer)


def _swap(repo: Repo, steps: Sequence[_Step], why: str) -> None:
    if not steps:
        return
    lines = "".join(f"update {BRANCHES}{step.move.branch} {step.move.new} {step.move.old}\n" for step in steps)
    where = next((path for step in steps for path in step.paths), repo.root)
    answer = program.write(where, "update-ref", "-m", why, "--stdin", feed=lines.encode())
    if not answer.ok:
        names = " and ".join(step.move.branch for step in steps)
        message = f"{names} could not be moved: {answer.said or answer.reason}"
        raise Refused(message, f"git -C {where} log --oneline -1 {steps[0].move.branch}")


def _post_merge(paths: list[Path]) -> str | None:
    for path in paths:
        arguments = ("hook", "run", "--ignore-missing", "post-merge", "--", "0")
        answer = program.write(path, *arguments, limit=_HOOK_LIMIT)
        if not answer.ok:
            return f"The post-merge hook in {path} ended with {answer.code}: {answer.reason}."
    return None
