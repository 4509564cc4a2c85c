"""Checks what would become reachable: secrets, unwanted files, commits of submodules that exist here only.

Blobs are read, and no diffs: attributes hide nothing here.
"""

import codecs
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ampsm_engine import redact
from ampsm_engine.git import program, records, unwanted_files
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.trees import FOLDER, Entry
from ampsm_engine.git.unwanted_files import is_secret

READ = 32 << 20
"""Bytes in which secrets are looked for: 10 s of work."""

_AT_ONCE, _SMALL = 50, 64 << 10
"""Files that are read by one question, and below how many bytes."""

_CONTEXT = 3
"""Lines before a changed one that may say what it holds."""


class Change(NamedTuple):
    """What changed from one tree to another."""

    old: str
    new: str
    commit: str = ""
    """Whose change it is; empty for that of several commits."""
    message: bytes = b""


class Incoming(NamedTuple):
    """What incoming changes bring that a person should know of before they are taken."""

    secrets: tuple[str, ...] = ()
    """Files and messages with something that looks like a secret, each with its commit where one has it."""
    unwanted: tuple[str, ...] = ()
    is_whole: bool = True
    """Whether all of it was looked through."""


def change_of(objects: ObjectStore, sha: str) -> Change:
    """What a commit changes from its first parent, and its message."""
    commit = objects.commit(sha)
    return Change(objects.parent_tree(commit), commit.tree, sha, commit.message)


def search_incoming(objects: ObjectStore, changes: Sequence[Change], target: str) -> Incoming:
    """Look through changes, oldest first; `target` is the tree that they come to."""
    return _Search(objects).all_of(changes, target)


class _Search:
    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._left = READ
        self._seen: set[bytes] = set()
        self._contents: dict[str, bytes] = {}

    def all_of(self, changes: Sequence[Change], target: str) -> Incoming:
        entries = [(change, list(self._entries(change))) for change in changes]
        sizes = self._objects.database.sizes({new[1].hex() for _, files in entries for _, _, new in files})
        added = {
            path: unwanted_files.Added(path, new[0].decode().zfill(6), sizes.get(new[1].hex(), 0), old is None)
            for _, files in entries
            for path, old, new in files
        }
        there = unwanted_files.find_clutter(added.values(), lambda path: self._has(target, path))
        named = dict.fromkeys(name for change, files in entries for name in self._secrets(change, files, sizes))
        return Incoming(tuple(named), there, self._left > 0)

    def _entries(self, change: Change) -> Iterator[tuple[str, Entry | None, Entry]]:
        differing = self._objects.merger.differing(*(bytes.fromhex(tree) for tree in (change.old, change.new)))
        for path, old, new in differing:
            if new is not None and new[0] != b"160000":
                yield os.fsdecode(path), old, new

    def _has(self, tree: str, path: str) -> bool:
        at = bytes.fromhex(tree)
        parts = os.fsencode(path).split(b"/")
        for number, part in enumerate(parts, 1):
            entry = self._objects.merger.tree(at).get(part)
            if entry is None or (number < len(parts) and entry[0] != FOLDER):
                return False
            at = entry[1]
        return True

    def _secrets(
        self, change: Change, files: Iterable[tuple[str, Entry | None, Entry]], sizes: dict[str, int]
    ) -> Iterator[str]:
        where = f" in {change.commit[:12]}" if change.commit else ""
        if change.message and redact.bytes_(change.message) is not change.message:
            yield f"the message of {change.commit[:12]}"
        files = sorted(files, key=lambda file: file[0])
        names = "\n".join(path for path, old, _ in files if old is None)
        in_names = redact.text(names) is not names
        for at in range(0, len(files), _AT_ONCE):
            some = files[at : at + _AT_ONCE]
            self._read_ahead((old, new) for _, old, new in some if sizes.get(new[1].hex(), 0) < _SMALL)
            for path, old, new in some:
                shown = redact.text(path) if in_names else path
                is_named = old is None and (shown != path or is_secret(path))
                if is_named or self._brings_secret(old, new, sizes.get(new[1].hex(), 0)):
                    yield f"{shown}{where}"

    def _read_ahead(self, pairs: Iterable[tuple[Entry | None, Entry]]) -> None:
        """Read small contents by one question; they are forgotten with the next ones."""
        entries = (entry for old, new in pairs if new[1] not in self._seen for entry in (old, new))
        names = {entry[1].hex() for entry in entries if entry is not None and entry[0] != b"160000"}
        self._contents = self._objects.database.read_all([*names])

    def _content(self, entry: Entry) -> bytes:
        known = self._contents.get(entry[1].hex())
        return _in_utf8(self._objects.database.read("blob", entry[1].hex()) if known is None else known)

    def _brings_secret(self, old: Entry | None, new: Entry, size: int) -> bool:
        # What only moved, or came with an earlier change, was looked at there; the very large are asked about as such.
        if new[1] in self._seen or size >= unwanted_files.LARGE or self._left <= 0:
            return False
        self._seen.add(new[1])
        content = self._content(new)
        before = self._content(old) if old and old[0] != b"160000" else b""
        added = _added(before, content) if before else content
        self._left -= len(added)
        found = redact.found(added)
        return bool(found) and (not before or not found <= redact.found(before))


def _in_utf8(content: bytes) -> bytes:
    """A content as it is, but one in UTF-16 (by its mark) in UTF-8: no rule finds anything in the other."""
    if not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content
    return content.decode("utf-16", "replace").encode("utf-8", "surrogatepass")


def _added(before: bytes, content: bytes) -> bytes:
    """The lines that are new, each with those before it."""
    known = set(before.splitlines())
    lines = content.splitlines(keepends=True)
    wanted: set[int] = set()
    for number, line in enumerate(content.splitlines()):
        if line not in known:
            wanted.update(range(max(0, number - _CONTEXT), number + 1))
    return b"".join(lines[number] for number in sorted(wanted))


class Unpublished(NamedTuple):
    """A commit of a submodule that only one worktree has."""

    path: str
    commit: str

    def __str__(self) -> str:
        return f"{self.path} at {self.commit[:12]}"


def unpublished_submodules(root: Path, worktree: Path, old: str, new: str) -> tuple[Unpublished, ...]:
    """The submodule commits that `new` points to and `old` does not, and that cannot be fetched.

    That is: the worktree's own checkout of the submodule has the commit, no remote branch or tag there leads to it,
    and the submodule in the repository's own checkout does not have it. A submodule that is not checked out in the
    worktree has no commits of its own there.
    """
    if not (worktree / ".gitmodules").is_file():
        return ()
    return tuple(
        link
        for link in (
            Unpublished(one.path, one.after.blob)
            for one in records.changed(root, old, new)
            if one.after and one.after.is_submodule
        )
        if (worktree / link.path / ".git").exists()
        and _is_on_no_remote(worktree / link.path, link.commit)
        and not _has(root / link.path, link.commit)
    )


def _is_on_no_remote(submodule: Path, commit: str) -> bool:
    found = program.read(submodule, "rev-list", "--max-count=1", commit, "--not", "--remotes", "--tags")
    return found.ok and bool(found.line)


def _has(submodule: Path, commit: str) -> bool:
    if not (submodule / ".git").exists():
        return False  # git would answer for the repository around it
    return program.read(submodule, "cat-file", "-e", f"{commit}^{{commit}}").ok
