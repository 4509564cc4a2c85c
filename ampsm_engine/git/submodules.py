"""Submodules: commits of theirs that exist in one worktree alone, while a branch that points to them goes further."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import program

_GITLINK = "160000"


class Unpublished(NamedTuple):
    """A commit of a submodule that only one worktree has."""

    path: str
    commit: str

    def __str__(self) -> str:
        return f"{self.path} at {self.commit[:12]}"


def unpublished(root: Path, worktree: Path, old: str, new: str) -> tuple[Unpublished, ...]:
    """The submodule commits that `new` points to and `old` does not, and that nobody could fetch.

    That is: the worktree's own checkout of the submodule has the commit, no remote branch or tag there leads to it,
    and the submodule in the repository's own checkout does not have it. A submodule that is not checked out in the
    worktree has no commits of its own there.
    """
    if not (worktree / ".gitmodules").is_file():
        return ()
    return tuple(
        link
        for link in _links(root, old, new)
        if (worktree / link.path / ".git").exists()
        and _is_on_no_remote(worktree / link.path, link.commit)
        and not _has(root / link.path, link.commit)
    )


def _links(root: Path, old: str, new: str) -> Iterator[Unpublished]:
    records = program.text(program.told(root, "diff-tree", "-r", "-z", "--raw", "--no-renames", old, new, "--"))
    fields = iter(records.split("\0"))
    for record, path in zip(fields, fields, strict=False):
        _, mode, _, commit, _ = record.removeprefix(":").split(" ")
        if mode == _GITLINK:
            yield Unpublished(path, commit)


def _is_on_no_remote(submodule: Path, commit: str) -> bool:
    found = program.read(submodule, "rev-list", "--max-count=1", commit, "--not", "--remotes", "--tags")
    return found.ok and bool(found.line)


def _has(submodule: Path, commit: str) -> bool:
    if not (submodule / ".git").exists():
        return False  # git would answer for the repository around it
    return program.read(submodule, "cat-file", "-e", f"{commit}^{{commit}}").ok
