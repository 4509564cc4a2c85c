"""Moving a branch by compare-and-swap, and with it each clean checkout of it; the git program does both.

First the checkouts are moved, then the branch: a death between the two leaves the branch before, and the same call
again goes on, as does the call that goes back. What is not committed is never overwritten, ignored files neither.
"""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.git import busy, listing, lock, program, registry, repository
from ampsm_engine.git.integrate.values import Moved
from ampsm_engine.git.places import Repo, Worktree
from ampsm_engine.git.repository import BRANCHES
from ampsm_engine.naming import printable

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
    repo = repository.around(repo_root)
    with lock.writer(repo.common_dir, f"moving {branch}"):
        now = repository.branch_tip(repo.root, branch)
        if now not in (old, new):
            message = f"The branch {branch} moved meanwhile: it is at {(now or 'nothing')[:12]}, not at {old[:12]}."
            raise Refused(message, f"git -C {repo.root} log --oneline {old[:12]}...{branch}")
        _refuse_rewriting(repo, branch)
        paths = [tree.path for tree in _checkouts(repo, branch)]
        step = _Step(old, new, _changed(repo.root, old, new))
        for path in paths:
            _check(path, step, patience)
        _move_all(repo, branch, paths, step, why)
    note = _post_merge(paths) if hooks and old != new else None
    return Moved(branch, old, new, tuple(paths), note)


class _Step(NamedTuple):
    """From one commit to another, and the paths that differ, with git's letter: A, D, M, T."""

    old: str
    new: str
    changed: dict[str, str]


def _move_all(repo: Repo, branch: str, paths: list[Path], step: _Step, why: str) -> None:
    moved: list[Path] = []
    try:
        for path in paths:
            moved.append(path)
            _move(path, step)
        if repository.branch_tip(repo.root, branch) != step.new:
            _swap(paths[0] if paths else repo.root, branch, step, why)
    except BaseException:
        for path in moved:
            _put_back(path, step)
        raise


def _checkouts(repo: Repo, branch: str) -> list[Worktree]:
    return [tree for tree in registry.listed(repo) if tree.branch == branch and (tree.path / ".git").exists()]


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
    options = ("diff-tree", "-r", "-z", "--no-renames", "--name-status", "--no-ext-diff", "--ignore-submodules=none")
    fields = program.text(program.told(where, *options, old, new)).split("\0")[:-1]
    return dict(zip(fields[1::2], fields[::2], strict=True))


def _check(path: Path, step: _Step, patience: float) -> None:
    git_dir = repository.git_dir(path)
    why_not = busy.refusal(path, git_dir, patience)
    if why_not is not None:
        raise Refused(*why_not)
    in_the_way = _untracked(path, step.changed)
    # A stat that changed is no change: git compares contents where it may write down that it did.
    program.write(path, "update-index", "-q", "--refresh")
    answer = program.write(path, "read-tree", "-m", "-u", "--dry-run", step.old, step.new)
    if answer.ok and not in_the_way:
        return
    dirty = {entry.path for entry in listing.entries(path) if entry.state in ("tracked", "unmerged")}
    names = sorted({*in_the_way, *(name for name in dirty if _touches(name, step.changed))})
    what = f"Changes that are not committed are in the way in {path}: {_some(names)}."
    message = what if names else f"git cannot move the checkout {path}: {answer.reason}."
    raise Refused(message, f"git -C {path} status")


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


def _move(path: Path, step: _Step) -> None:
    answer = program.write(path, "read-tree", "-m", "-u", step.old, step.new)
    if answer.ok:
        return
    why_not = busy.index_refusal(repository.git_dir(path), 0)
    if why_not is not None:
        raise Refused(*why_not)
    raise Failed(f"git could not move the checkout {path}: {answer.said or answer.reason}", f"git -C {path} status")


def _put_back(path: Path, step: _Step) -> None:
    """Bring a checkout back that was moved, or that git left half moved (a filter that failed)."""
    with contextlib.suppress(AmpsmError):
        if program.write(path, "read-tree", "-m", "-u", step.new, step.old).ok:
            return
    feed = "".join(f"{name}\0" for name, letter in step.changed.items() if letter != "A")
    program.write(
        path,
        *("checkout-index", "--force", "--index", "--quiet", "-z", "--stdin"),
        feed=feed.encode("utf-8", "surrogateescape"),
    )
    for name, letter in step.changed.items():
        if letter == "A" and (path / name).is_file():
            (path / name).unlink()


def _swap(where: Path, branch: str, step: _Step, why: str) -> None:
    answer = program.write(where, "update-ref", "-m", why, f"{BRANCHES}{branch}", step.new, step.old)
    if not answer.ok:
        message = f"The branch {branch} could not be moved: {answer.said or answer.reason}"
        raise Refused(message, f"git -C {where} log --oneline -1 {branch}")


def _post_merge(paths: list[Path]) -> str | None:
    for path in paths:
        arguments = ("hook", "run", "--ignore-missing", "post-merge", "--", "0")
        answer = program.write(path, *arguments, limit=_HOOK_LIMIT)
        if not answer.ok:
            return f"The post-merge hook in {path} ended with {answer.code}: {answer.reason}."
    return None
