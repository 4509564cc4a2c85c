"""Moving a branch by compare-and-swap, and with it each clean checkout of it; the git program does both.

First the checkouts are moved, then the branch: a death between the two leaves the branch before, and the same call
again goes on, as does the call that goes back. What is not committed is never overwritten, ignored files neither, and
a checkout that git left half moved is brought back without touching what anybody else changed.
"""

import contextlib
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import busy, lock, program, registry, repository
from ampsm_engine.git.integrate import blockers
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.values import BranchMove, MovedBranch
from ampsm_engine.git.places import Repo, Worktree
from ampsm_engine.git.repository import BRANCHES
from ampsm_engine.private_folder import private_folder

_FASTER = ("-c", "checkout.workers=2", "-c", "checkout.thresholdForParallelism=40")
"""More hands to write the files of one checkout with; several checkouts are as many hands already."""

_REFRESH = ("update-index", "-q", "--refresh")

_NO_TRACES = ("-c", "core.splitIndex=false", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false")
"""For what only tries: nothing besides its own index is written."""

_HOOK_LIMIT = 900.0
"""Seconds that a post-merge hook may take."""


Stamp = tuple[int, int] | None
"""How a file lies there: inode and time, None for no file."""


class Stamps(NamedTuple):
    """How the index and files of a checkout lay there."""

    of_index: Stamp
    of_files: dict[str, Stamp]


def move_target(
    repo_root: Path,
    branch: str,
    old: str,
    new: str,
    *,
    why: str = "ampsm: merge",
    patience: float = busy.PATIENCE,
    hooks: bool = False,
) -> MovedBranch:
    """Move a branch from `old` to `new`; where it is checked out, files and index move too, else nothing is touched.

    Refused, and nothing changed, when it moved meanwhile, when something uncommitted is in the way (named), when the
    checkout is in the middle of something, or its index stays locked (by whom). Changes elsewhere in a checkout stay,
    as with git's own fast-forward. With `hooks` the post-merge hook runs in each checkout that moved.
    """
    moves = (BranchMove(branch, old, new),)
    return move_together(repo_root, moves, why=why, patience=patience, hooks_for=(branch,) if hooks else ())[0]


def move_together(
    repo_root: Path | ObjectStore,
    moves: Sequence[BranchMove],
    *,
    why: str = "ampsm: merge",
    patience: float = busy.PATIENCE,
    hooks_for: Collection[str] = (),
) -> tuple[MovedBranch, ...]:
    """The same for several branches: their checkouts are filled side by side, and all refs move at once or none."""
    repo = repo_root.repo if isinstance(repo_root, ObjectStore) else repository.around(repo_root)
    objects = repo_root if isinstance(repo_root, ObjectStore) else ObjectStore(repo.root, repo)
    with lock.writer(repo.common_dir, f"moving {moves[0].branch}"):
        listed = registry.listed(repo)
        steps = [_step(repo, objects, move, [tree for tree in listed if tree.branch == move.branch]) for move in moves]
        for step in steps:
            for path in step.paths:
                _check(path, step, patience)
        _move_all(repo, steps, why)
    wanted = [path for step in steps if step.move.branch in hooks_for for path in step.paths]
    note = _post_merge(wanted) if wanted else None
    return tuple(MovedBranch(*step.move, tuple(step.paths), note) for step in steps)


class _Step(NamedTuple):
    """A branch, its checkouts, and the paths that differ, with git's letter: A, D, M, T."""

    move: BranchMove
    paths: list[Path]
    changed: dict[str, str]
    has_moved: bool
    """The branch is there already."""


def _step(repo: Repo, objects: ObjectStore, move: BranchMove, trees: list[Worktree]) -> _Step:
    now = trees[0].head if trees else repository.branch_tip(repo.root, move.branch)
    if not now or now not in (move.old, move.new):
        at = f"it is at {(now or 'nothing')[:12]}, not at {move.old[:12]}"
        hint = f"git -C {repo.root} log --oneline {move.old[:12]}...{move.branch}"
        raise Refused(f"The branch {move.branch} moved meanwhile: {at}.", hint)
    blockers.refuse_rewriting(repo, move.branch)
    paths = [tree.path for tree in trees if (tree.path / ".git").exists()]
    return _Step(move, paths, blockers.changed(objects, move.old, move.new), now == move.new)


def _move_all(repo: Repo, steps: Sequence[_Step], why: str) -> None:
    places = [(path, step) for step in steps for path in step.paths]
    there = {path: stamps(path, blockers.git_dir(path), step.changed) for path, step in places}
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
                move_back(path, blockers.git_dir(path), step.move, step.changed, there[path])
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


def _move_again(path: Path, step: _Step, before: Stamps) -> None:
    git_dir = blockers.git_dir(path)
    why_not = busy.index_refusal(git_dir, 0)
    if why_not is not None:
        raise Refused(*why_not)
    if not step.has_moved:
        move_back(path, git_dir, step.move, step.changed, before)
    # A stat that changed is no change: git compares contents where it may write down that it did.
    with index_apart(git_dir) as apart:
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


def stamps(path: Path, git_dir: Path, names: Iterable[str]) -> Stamps:
    """How they lie in a checkout now."""
    return Stamps(_stamp(git_dir / "index"), {name: _stamp(f"{path}/{name}") for name in names})


@contextlib.contextmanager
def index_apart(git_dir: Path) -> Iterator[program.Variables]:
    """A copy of the index to try things with: the one that is there stays as it is, byte for byte."""
    with private_folder("index") as folder:
        copy = Path(folder) / "index"
        # With its time: git looks twice at files that are no older than their index.
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(git_dir / "index", copy)
        yield {"GIT_INDEX_FILE": copy}


def move_back(path: Path, git_dir: Path, move: BranchMove, changed: dict[str, str], before: Stamps) -> None:
    """Bring a checkout back that was moved, or that git left half moved: a filter failed, the disk is full.

    Of half a move, only what git has written or removed is touched; `before` tells how it all was. Where git has
    touched nothing, nothing is: the index would be written anew.
    """
    there = before.of_files
    touched = [name for name, stamp in there.items() if _stamp(path / name) != stamp]
    if not touched and _stamp(git_dir / "index") == before.of_index:
        return
    program.write(path, "read-tree", "-m", "-u", move.new, move.old)
    touched = [name for name, stamp in there.items() if _stamp(path / name) != stamp]
    wanted = _blobs(path, move.new) if touched else {}
    for name in touched:
        if there[name] is None and _holds(path, name, wanted.get(name)):
            (path / name).unlink()
    back = [name for name in touched if there[name] and changed[name] != "A"]
    back = [name for name in back if _stamp(path / name) is None or _holds(path, name, wanted.get(name))]
    if back:
        feed = "".join(f"{name}\0" for name in back).encode("utf-8", "surrogateescape")
        program.write(path, "checkout-index", "--force", "--index", "--quiet", "-z", "--stdin", feed=feed)


def _stamp(file: Path | str) -> Stamp:
    try:
        found = os.lstat(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_mtime_ns


def _blobs(path: Path, commit: str) -> dict[str, str]:
    records = program.text(program.told(path, "ls-tree", "-r", "-z", commit)).split("\0")[:-1]
    return {name: words.split(" ")[2] for words, _, name in (record.partition("\t") for record in records)}


def _holds(path: Path, name: str, blob: str | None) -> bool:
    """Whether a file lies there as a commit has it."""
    if blob is None or not (path / name).is_file():
        return False
    return program.read(path, "hash-object", "--path", name, "--", name).line == blob
