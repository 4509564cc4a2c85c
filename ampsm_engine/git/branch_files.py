"""Branches as git's own files have them: a look that starts no git, for lists of sessions.

They only answer where there is no doubt. Refs in tables, names that mean something else first, symbolic and damaged
refs are left to git.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEXADECIMAL = frozenset(b"0123456789abcdef")
_EXPRESSION = frozenset(" ~^:?*[\\\x7f")


def certain(root: str, names: "set[str] | frozenset[str]") -> frozenset[str]:
    """The given names that are branches of the repository whose main worktree is `root`, as far as files tell."""
    folder = f"{root}/.git"
    if not os.path.isdir(folder) or os.path.lexists(f"{folder}/reftable"):  # noqa: PTH112 - a list asks for many
        return frozenset()
    packed = _content(f"{folder}/packed-refs")
    return frozenset(name for name in names if _is_plain(name) and _is_branch(folder, packed, name))


def are_absent(git_dir: "Path", names: Iterable[str]) -> bool:
    """Whether none of the names is a branch of the repository with this git folder, as far as files tell."""
    folder = os.fspath(git_dir)
    if os.path.lexists(f"{folder}/reftable"):
        return False
    packed = _content(f"{folder}/packed-refs")
    loose = (f"{folder}/refs/heads/{name}" for name in names)
    return not any(map(os.path.isfile, loose)) and not any(_is_packed(packed, name) for name in names)


def _is_packed(packed: bytes, name: str) -> bool:
    return b" refs/heads/%s\n" % os.fsencode(name) in packed


def _is_plain(name: str) -> bool:
    return name.isprintable() and not (_EXPRESSION & set(name) or ".." in name or "@{" in name or name.startswith("/"))


def _is_branch(folder: str, packed: bytes, name: str) -> bool:
    if any(os.path.lexists(f"{folder}/{space}{name}") for space in ("", "refs/", "refs/tags/")):
        return False  # git takes these first
    encoded = os.fsencode(name)
    if any(b" %s%s\n" % (space, encoded) in packed for space in (b"refs/", b"refs/tags/")):
        return False
    found = _content(f"{folder}/refs/heads/{name}")
    if found:
        commit = found.rstrip()
        return len(commit) in (40, 64) and _HEXADECIMAL.issuperset(commit)
    return _is_packed(packed, name)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would cost more than all of this
            return file.read()
    except OSError:
        return b""


def may_have_stood_at(git_dir: "Path", refs: Iterable[str], commits: Iterable[str]) -> bool:
    """Whether one of these refs, by its full name, was ever moved to one of these commits, as far as its log tells."""
    if os.path.lexists(git_dir / "reftable"):
        return True
    told = b"\n".join(_content(f"{os.fspath(git_dir)}/logs/{ref}") for ref in refs)
    return any(commit.encode() in told for commit in commits)


def branch_log(worktree: "Path", branch: str) -> "Path":
    """A file that changes whenever a branch moves: to be watched, and never read. It may not be there."""
    from ampsm_engine.git import repository  # a list of sessions does without

    common = repository.common_dir(worktree)
    tables = common / "reftable" / "tables.list"
    return tables if tables.exists() else common / "logs" / f"refs/heads/{branch}"


def ref_folders(git_dir: "Path", *branches: str) -> "tuple[Path, ...]":
    """The folders in which something changes when one of these branches moves: to be watched, and never read."""
    from ampsm_engine.git import repository

    common = repository.common_of(git_dir)
    heads = {(common / f"refs/heads/{branch}").parent for branch in branches}
    return (common / "reftable", git_dir / "reftable", *sorted(heads))
