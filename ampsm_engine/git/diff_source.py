"""A repository from which trees are compared, whoever reads it: libgit2 (`diff_library`) or git (`diff_program`)."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from ampsm_engine.diff.deltas import SUBMODULE, Delta, Hunks

MANY_LINES = 1_500_000
"""Lines of a file beyond which it is not compared: each takes a hundred bytes of memory and more."""

LARGEST = 256 << 20
"""Bytes of a blob beyond which nobody looks inside: git's own big files are 512 MB."""


class Source(Protocol):
    """A repository from which trees are compared."""

    def tree(self, revision: str) -> str:
        """The oid of the tree that a revision, commit or tree names; NotFound."""

    def deltas(self, old: str, new: str) -> list[Delta]:
        """What differs between two trees (empty: nothing at all), by path, without renames."""

    def patch(self, delta: Delta, *, context: int, ignore_whitespace: bool) -> Hunks:
        """The changed lines of one file. BlobGone when a side is not in the repository."""

    def blob(self, oid: str) -> bytes:
        """The content of a blob. BlobGone."""

    def size(self, oid: str) -> int:
        """The bytes of a blob. BlobGone."""

    def files(self, tree: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of those of these files that a tree has."""

    def submodule_commits(self, delta: Delta) -> list[str]:
        """What leads from a submodule's old commit to its new one, a line each; empty where it is not checked out."""

    def rest(self) -> None:
        """Forget what only makes the next question faster."""


def submodule(delta: Delta) -> Hunks:
    """What git prints for a submodule whose commit changed, came or went."""
    rows = [
        f"{sign}Subproject commit {oid}\n"
        for sign, mode, oid in (("-", delta.old_mode, delta.old_oid), ("+", delta.new_mode, delta.new_oid))
        if mode == SUBMODULE
    ]
    old, new = (sum(row.startswith(sign) for row in rows) for sign in "-+")
    head = f"@@ -{'1' if old else '0,0'} +{'1' if new else '0,0'} @@\n"
    return Hunks("".join([head, *rows]).encode(), new, old, binary=False)


def kinds(deltas: list[Delta]) -> Iterator[str]:
    """What happened to each: added, deleted, modified, typechange."""
    for delta in deltas:
        if not delta.old_mode:
            yield "added"
        elif not delta.new_mode:
            yield "deleted"
        else:
            yield "modified" if delta.old_mode >> 12 == delta.new_mode >> 12 else "typechange"
