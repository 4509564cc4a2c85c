"""Moving a branch by compare-and-swap, and with it each clean checkout of it; the git program does both.

First the checkouts are moved, then the branch: a death between the two leaves the branch before, and the same call
again goes on, as does the call that goes back. What is not committed is never overwritten, ignored files neither.
"""

import contextlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import busy, listing, lock, program, registry, repository
from ampsm_engine.git.integrate import halfway
from ampsm_engine.git.integrate.ground import Ground
from ampsm_engine.git.integrate.values import Move, Moved
from ampsm_engine.git.places import Repo, Worktree
from ampsm_engine.git.repository import BRANCHES
from ampsm_engine.naming import printable

_FASTER = ("-c", "checkout.workers=2", "-c", "checkout.thresholdForParallelism=40")
"""More hands to write files with."""

_REFRESH = ("update-index", "-q", "--refresh")

_NO_TRACES = ("-c", "core.splitIndex=false", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false")
"""For what only tries: nothing besides its own index is written."""

_NAMED = 5
"""Files that a message names."""

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
    repo_root: Path,
    moves: Sequence[Move],
    *,
    why: str = "ampsm: merge",
    patience: float = busy.PATIENCE,
    hooks_for: Collection[str] = (),
) -> tuple[Moved, ...]:
    """The same for several branches: their checkouts are filled side by side, and all refs move at once or none."""
    repo = repository.around(repo_root)
    with lock.writer(repo.common_dir, f"moving {moves[0].branch}"):
        listed = registry.listed(repo)
        steps = [_step(repo, move, [tree for tree in listed if tree.branch == move.branch]) for move in moves]
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


def _step(repo: Repo, move: Move, trees: list[Worktree]) -> _Step:
    now = trees[0].head if trees else repository.branch_tip(repo.root, move.branch)
    if not now or now not in (move.old, move.new):
        at = f"it is at {(now or 'nothing')[:12]}, not at {move.old[:12]}"
        hint = f"git -C {repo.root} log --oneline {move.old[:12]}...{move.branch}"
        raise Refused(f"The branch {move.branch} moved meanwhile: {at}.", hint)
    _refuse_rewriting(repo, move.branch)
    paths = [tree.path for tree in trees if (tree.path / ".git").exists()]
    return _Step(move, paths, _changed(repo.root, move.old, move.new), now == move.new)


def _move_all(repo: Repo, steps: Sequence[_Step], why: str) -> None:
    places = [(path, step) for step in steps for path in step.paths]
    there = {path: halfway.stamps(path, _git_dir(path), step.changed) for path, step in places}
    running: list[program.Running] = []
    try:
        # Side by side; what did not go is tried once more, and told, one by one.
        running += (_started(path, step) for path, step in places)
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
                halfway.put_back(path, _git_dir(path), step.move, step.changed, there[path])
        raise


def _refuse_rewriting(repo: Repo, branch: str) -> None:
    """Somebody rebases or bisects the branch in a worktree: HEAD is detached there, and the branch moves at the end."""
    folders = [repo.common_dir, *(repo.common_dir / "worktrees").glob("*")]
    for folder in folders:
        for name in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
            with contextlib.suppress(OSError):
                named = program.text((folder / name).read_bytes()).strip()
                if named.removeprefix(BRANCHES) == branch:
                    verb = "bisected" if name == "BISECT_START" else "rebased"
                    message = f"The branch {branch} is being {verb} at this moment ({folder})."
                    raise Refused(message, f"git -C {repo.root} worktree list")


def _changed(where: Path, old: str, new: str) -> dict[str, str]:
    ground = Ground(where)
    found = ground.merger.changed(*(bytes.fromhex(ground.tree_of(one)) for one in (old, new)))
    return {os.fsdecode(path): letter for path, letter in found}


def _check(path: Path, step: _Step, patience: float) -> None:
    """Refuse what is sure to fail; the rest is told by the move itself, which goes back then."""
    why_not = busy.refusal(path, _git_dir(path), patience)
    if why_not is not None:
        raise Refused(*why_not)
    refusal = _blocked(path, step, in_the_way) if (in_the_way := _untracked(path, step.changed)) else None
    if refusal is not None:
        raise refusal


def _started(path: Path, step: _Step) -> program.Running:
    return program.start(path, *_FASTER, *_moving(step))


def _moving(step: _Step, *options: str) -> tuple[str, ...]:
    return "read-tree", "-m", "-u", *options, step.move.old, step.move.new


def _blocked(path: Path, step: _Step, in_the_way: list[str]) -> Refused | None:
    """The refusal that names what is in the way; None when nothing is."""
    dirty = {entry.path for entry in listing.entries(path) if entry.state in ("tracked", "unmerged")}
    names = sorted({*in_the_way, *(name for name in dirty if _touches(name, step.changed))})
    if not names:
        return None
    message = f"Changes that are not committed are in the way in {path}: {_some(names)}."
    return Refused(message, f"git -C {path} status")


def _could_not(path: Path, answer: program.Answer) -> Failed:
    return Failed(f"git could not move the checkout {path}: {answer.said or answer.reason}", f"git -C {path} status")


def _git_dir(path: Path) -> Path:
    """The git folder of a worktree, read where that is plain."""
    own = path / ".git"
    if own.is_dir():
        return own
    named = Path(program.text(own.read_bytes()).removeprefix("gitdir: ").rstrip("\n"))
    return named if named.is_absolute() and (named / "HEAD").exists() else repository.git_dir(path)


def _touches(name: str, changed: dict[str, str]) -> bool:
    return name in changed or any(one.startswith(f"{name}/") or name.startswith(f"{one}/") for one in changed)


def _untracked(path: Path, changed: dict[str, str]) -> list[str]:
    """What lies, untracked or ignored, where files would be written: git itself would overwrite ignored ones."""
    added = [name for name, letter in changed.items() if letter == "A"]
    there = [name for name in added if _lies_there(path, name)]
    if not there:
        return []
    tracked = program.text(program.told(path, "ls-files", "-z")).split("\0")[:-1]
    around = {*tracked, *(str(folder) for name in tracked for folder in Path(name).parents)}
    gone = {name for name, letter in changed.items() if letter != "A"}
    # A tracked file may make room for a folder, and a folder of tracked files for a file.
    return [
        name
        for name in there
        if not any(str(one) in gone for one in Path(name).parents)
        and (name not in around or _holds_others(path, name, around))
    ]


def _holds_others(path: Path, name: str, around: set[str]) -> bool:
    """Whether a folder that makes room for a file holds what git does not track."""
    files = (path / name).rglob("*") if (path / name).is_dir() and not (path / name).is_symlink() else ()
    return any(str(file.relative_to(path)) not in around for file in files if not file.is_dir())


def _lies_there(path: Path, name: str) -> bool:
    """Whether something is at a path, or a file in place of one of its folders."""
    if os.path.lexists(path / name):
        return True
    parents = list(Path(name).parents)[:-1]
    return any((path / one).is_symlink() or (path / one).is_file() for one in parents)


def _some(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _move_again(path: Path, step: _Step, before: halfway.Stamps) -> None:
    git_dir = _git_dir(path)
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
        raise _blocked(path, step, []) or _could_not(path, answer)
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
