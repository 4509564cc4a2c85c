"""What would keep a branch and its checkouts from moving: somebody's operation, a rebase of it, changes in the way.

Reads only; `target` moves.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import Refused
from ampsm_engine.git import busy, listing, program, registry, repository
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.places import Repo
from ampsm_engine.git.repository import BRANCHES
from ampsm_engine.plain_text import printable

_NAMED = 5
"""Files that a message names."""


class Blocker(NamedTuple):
    """What is in the way, and the command to run next."""

    text: str
    hint: str


def operations(repo: Repo, branch: str) -> Iterator[Blocker]:
    """Each operation of somebody else that keeps a branch from moving."""
    try:
        refuse_rewriting(repo, branch)
    except Refused as reason:
        yield Blocker(reason.message, reason.hint)
    for path in _checkouts(repo, branch):
        found = busy.refusal(path, git_dir(path), 0)
        if found is not None and repository.operation(git_dir(path)) is not None:
            yield Blocker(*found)


def locks(repo: Repo, branch: str) -> Iterator[Blocker]:
    """Each checkout of a branch whose index somebody holds at this moment."""
    for path in _checkouts(repo, branch):
        found = busy.index_refusal(git_dir(path), 0)
        if found is not None:
            yield Blocker(*found)


def collisions(repo: Repo, branch: str, base: str, fork: str, work: str) -> Iterator[Blocker]:
    """Each checkout of a branch, at `base`, with changes not committed in files that `work` changes since `fork`."""
    checkouts = _checkouts(repo, branch)
    if not checkouts:
        return
    objects = ObjectStore(repo.root)
    brought = changed(objects, fork, work)
    differs = changed(objects, base, work)
    coming = {path: letter for path, letter in differs.items() if path in brought}
    for checkout in checkouts:
        # What the base alone took away or put in the place of a folder makes room, and is no stranger.
        lying = [path for path in untracked(checkout, differs) if path in brought]
        refusal = blocked(checkout, coming, lying)
        if refusal is not None:
            yield Blocker(refusal.message, refusal.hint)


def _folders(repo: Repo) -> list[Path]:
    """The git folders of all worktrees."""
    return [repo.common_dir, *sorted((repo.common_dir / "worktrees").glob("*"))]


def _checkouts(repo: Repo, branch: str) -> list[Path]:
    """The worktrees that have a branch checked out."""
    return [tree.path for tree in registry.listed(repo) if tree.branch == branch and (tree.path / ".git").exists()]


def _checkout_of(repo: Repo, folder: Path) -> Path:
    """The worktree that a git folder belongs to."""
    if folder == repo.common_dir:
        return repo.root
    try:
        return Path(program.text((folder / "gitdir").read_bytes()).strip()).parent
    except OSError:
        return folder


def refuse_rewriting(repo: Repo, branch: str) -> None:
    """Somebody rebases or bisects the branch in a worktree: HEAD is detached there, and the branch moves at the end."""
    for folder in _folders(repo):
        for name in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
            with contextlib.suppress(OSError):
                named = program.text((folder / name).read_bytes()).strip()
                if named.removeprefix(BRANCHES) == branch:
                    verb, where = ("bisected" if name == "BISECT_START" else "rebased"), _checkout_of(repo, folder)
                    message = f"The branch {branch} is being {verb} at this moment in {where}."
                    raise Refused(message, f"git -C {where} status tells how to end it")


def changed(objects: ObjectStore, old: str, new: str) -> dict[str, str]:
    """The paths that differ between two commits, with git's letter: A, D, M, T."""
    found = objects.merger.changed(*(bytes.fromhex(objects.tree_of(one)) for one in (old, new)))
    return {os.fsdecode(path): letter for path, letter in found}


def blocked(path: Path, changes: dict[str, str], lying: Sequence[str] = ()) -> Refused | None:
    """The refusal that names what is in the way of changes in a checkout, `lying` first; None when nothing is."""
    dirty = {entry.path for entry in listing.entries(path) if entry.state in ("tracked", "unmerged")}
    names = sorted({*lying, *(name for name in dirty if _touches(name, changes))})
    if not names:
        return None
    message = f"Changes that are not committed are in the way in {path}: {_some(names)}."
    return Refused(message, f"git -C {path} status")


def untracked(path: Path, changes: dict[str, str]) -> list[str]:
    """What lies, untracked or ignored, where files would be written: git itself would overwrite ignored ones."""
    added = [name for name, letter in changes.items() if letter == "A"]
    there = [name for name in added if _lies_there(path, name)]
    if not there:
        return []
    tracked = program.text(program.told(path, "ls-files", "-z")).split("\0")[:-1]
    around = {*tracked, *(str(folder) for name in tracked for folder in Path(name).parents)}
    gone = {name for name, letter in changes.items() if letter != "A"}
    # A tracked file may make room for a folder, and a folder of tracked files for a file.
    return [
        name
        for name in there
        if not any(str(one) in gone for one in Path(name).parents)
        and (name not in around or _holds_others(path, name, around))
    ]


def git_dir(path: Path) -> Path:
    """The git folder of a worktree."""
    return repository.git_dir(path)


def _touches(name: str, changed: dict[str, str]) -> bool:
    return name in changed or any(one.startswith(f"{name}/") or name.startswith(f"{one}/") for one in changed)


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
