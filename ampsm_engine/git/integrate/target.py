"""Moving a branch by compare-and-swap, and with it each clean checkout of it; the git program does both.

First the checkouts are moved, then the branch: a death between the two leaves the branch before, and the same call
again goes on. Nothing is ever overwritten that is not committed.
"""

import os
from pathlib import Path

from ampsm_engine.errors import Refused
from ampsm_engine.git import busy, program, registry, repository
from ampsm_engine.git.integrate.values import Moved
from ampsm_engine.git.places import Worktree
from ampsm_engine.git.repository import BRANCHES

_QUIET = ("-c", "advice.detachedHead=false")


def move_target(
    repo_root: Path, branch: str, old: str, new: str, *, why: str = "ampsm: merge", patience: float = busy.PATIENCE
) -> Moved:
    """Move a branch from `old` to `new`; where it is checked out, files and index move too.

    Refused, and nothing changed, when it moved meanwhile, when something uncommitted is in the way (named), or when an
    index stays locked. Changes elsewhere in a checkout stay, as with git's own fast-forward.
    """
    now = repository.branch_tip(repo_root, branch)
    if now == new and now != old:
        old = new
    if now not in (old, new):
        message = f"The branch {branch} moved meanwhile: it is at {(now or 'nothing')[:12]}, not at {old[:12]}."
        raise Refused(message, f"git -C {repo_root} log --oneline {old[:12]}...{branch}")
    trees = _checkouts(repo_root, branch)
    for tree in trees:
        _check(tree.path, old, new, patience)
    moved: list[Path] = []
    try:
        for tree in trees:
            _move(tree.path, old, new)
            moved.append(tree.path)
        _swap(moved[0] if moved else repo_root, branch, old, new, why)
    except BaseException:
        for path in moved:
            _move(path, new, old)
        raise
    return Moved(branch, old, new, tuple(moved))


def _checkouts(repo_root: Path, branch: str) -> list[Worktree]:
    repo = repository.around(repo_root)
    return [tree for tree in registry.listed(repo) if tree.branch == branch and (tree.path / ".git").exists()]


def _check(path: Path, old: str, new: str, patience: float) -> None:
    git_dir = repository.git_dir(path)
    why_not = busy.refusal(path, git_dir, patience)
    if why_not is not None:
        raise Refused(*why_not)
    answer = program.write(path, "read-tree", "-m", "-u", "--dry-run", old, new)
    if not answer.ok:
        raise Refused(f"Changes in {path} are in the way: {answer.said}", f"git -C {path} status")


def _move(path: Path, old: str, new: str) -> None:
    if old != new:
        program.write(path, "update-index", "-q", "--refresh")
        program.done(path, "read-tree", "-m", "-u", old, new)


def _swap(where: Path, branch: str, old: str, new: str, why: str) -> None:
    answer = program.write(where, "update-ref", "-m", why, f"{BRANCHES}{branch}", new, old)
    if not answer.ok:
        message = f"The branch {branch} could not be moved: {answer.reason}."
        raise Refused(message, f"git -C {where} log --oneline -1 {branch}")


def in_the_way(path: Path, names: list[str]) -> list[str]:
    """Those of these names that exist in a folder."""
    return [name for name in names if os.path.lexists(path / name)]
