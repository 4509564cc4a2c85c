"""The objects of one repository for as long as something is integrated: read, written and merged in this process.

libgit2 reads and writes where it sees what git sees; else the git program does each step. No ref, index or worktree
is known here.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ampsm_engine.git import program, repository
from ampsm_engine.git.integrate import mergetree, trees
from ampsm_engine.git.integrate.values import ConflictFile

_NOBODY = b"ampsm <ampsm@localhost> 1000000000 +0000"


@dataclass(frozen=True, slots=True)
class RawCommit:
    """A commit as it is written, nothing decoded."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: bytes
    committer: bytes
    encoding: bytes | None
    message: bytes

    @property
    def subject(self) -> str:
        """The first line of its message."""
        text = self.message.lstrip(b"\n").partition(b"\n")[0]
        try:
            return text.decode((self.encoding or b"utf-8").decode("ascii", "replace"), "replace")
        except LookupError:
            return text.decode("utf-8", "replace")


class Ground:
    """One repository's objects."""

    def __init__(self, where: Path, variables: program.Variables | None = None) -> None:
        self.where = where
        self._variables = variables or {}
        self.common_dir = repository.common_dir(where)
        from ampsm_engine.git.integrate import objects  # pygit2: who only wants the values here, has no use for it

        self._objects = None if self._variables else objects.opened(where, self.common_dir)
        self._commits: dict[str, RawCommit] = {}

    @cached_property
    def name_size(self) -> int:
        """Bytes of an object name."""
        if self._objects is not None:
            return 20
        answer = program.read(self.where, "rev-parse", "--show-object-format")
        return 32 if answer.line == "sha256" else 20

    @cached_property
    def merger(self) -> trees.Merger:
        """What merges trees."""
        return trees.Merger(
            lambda name: self.read("tree", name.hex()),
            lambda raw: bytes.fromhex(self.write("tree", raw)),
            self.name_size,
        )

    def read(self, kind: str, name: str) -> bytes:
        """An object's content; Failed when it is not there."""
        raw = self._objects.read(name) if self._objects is not None else None
        if raw is not None:
            return raw
        # A partial clone fetches what is missing.
        return program.done(self.where, "cat-file", kind, name, variables=self._variables)

    def write(self, kind: str, raw: bytes) -> str:
        """Write an object; answers its name."""
        if self._objects is not None:
            return self._objects.write(kind, raw)
        options = ("hash-object", "-w", "--literally", "-t", kind, "--stdin")
        return program.done(self.where, *options, feed=raw, variables=self._variables).decode().strip()

    def commit(self, sha: str) -> RawCommit:
        """A commit by its full name."""
        known = self._commits.get(sha)
        if known is None:
            known = self._commits[sha] = _commit(sha, self.read("commit", sha))
        return known

    def tree_of(self, sha: str) -> str:
        """The tree of a commit."""
        return self.commit(sha).tree

    @cached_property
    def empty_tree(self) -> str:
        """The tree without an entry."""
        return self.write("tree", b"")

    def parent_tree(self, commit: RawCommit) -> str:
        """The tree that a commit was made from: its first parent's."""
        return self.tree_of(commit.parents[0]) if commit.parents else self.empty_tree

    def merged(self, base: str, ours: str, theirs: str) -> tuple[str | None, tuple[ConflictFile, ...]]:
        """Three trees merged: the tree, or the conflicts. The same as git's merge, by git where it is not plain."""
        quick = self.merger.merged(*(bytes.fromhex(tree) for tree in (base, ours, theirs)))
        if quick is not None:
            return quick.hex(), ()
        # git merges commits: three that stand for the trees, and that nothing will ever refer to.
        root = self._stand_in(base)
        return self.merged_commits(self._stand_in(ours, root), self._stand_in(theirs, root))

    def merged_commits(self, ours: str, theirs: str) -> tuple[str | None, tuple[ConflictFile, ...]]:
        """Two commits merged by git with their own merge bases: the tree, or the conflicts."""
        result = mergetree.run(
            self.where, ours, theirs, attributes=self._attributes(self.tree_of(ours)), variables=self._variables
        )
        return (None, result.conflicts) if result.conflicts else (result.tree, ())

    def _attributes(self, tree: str) -> Iterator[tuple[str, str, str]]:
        for path, (mode, name) in self.merger.paths(bytes.fromhex(tree), b".gitattributes"):
            yield mode.decode(), name.hex(), os.fsdecode(path)

    def _stand_in(self, tree: str, *parents: str) -> str:
        return self.write("commit", composed(tree, parents, (_NOBODY, _NOBODY), b"ampsm: stands for a tree\n"))


def composed(
    tree: str,
    parents: tuple[str, ...],
    people: tuple[bytes, bytes],
    message: bytes,
    encoding: bytes | None = None,
) -> bytes:
    """The content of a commit object without a signature; `people` are author and committer."""
    lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
    lines += [b"author " + people[0], b"committer " + people[1]]
    lines += [b"encoding " + encoding] if encoding else []
    return b"\n".join(lines) + b"\n\n" + message


def _commit(sha: str, raw: bytes) -> RawCommit:
    head, _, message = raw.partition(b"\n\n")
    fields: dict[bytes, list[bytes]] = {}
    for line in head.split(b"\n"):
        if not line.startswith(b" "):  # a signature goes on over several lines
            name, _, value = line.partition(b" ")
            fields.setdefault(name, []).append(value)
    return RawCommit(
        sha,
        fields[b"tree"][0].decode(),
        tuple(parent.decode() for parent in fields.get(b"parent", ())),
        fields[b"author"][0],
        fields[b"committer"][0],
        next(iter(fields.get(b"encoding", ())), None),
        message,
    )
