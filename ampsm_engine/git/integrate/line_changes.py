"""Changes taken apart into runs of lines: which of two changes overlap, and what a tree is with some of a change in it.

Blobs and trees only; git says whether two commits conflict, this says where and lets a change in piece by piece.
"""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ampsm_engine.diff.hunks import lines_of
from ampsm_engine.git import libgit2, records
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.outcomes import ConflictFile
from ampsm_engine.git.integrate.trees import FOLDER, Entry, serialized

_LINKS = (b"120000", records.GITLINK.encode())
_LOOKED_AT = 1 << 16
"""Bytes of a content in which a NUL says that it has no lines, as many as git looks at and more."""


class LineChange(NamedTuple):
    """Lines of a content, counted from 0, and those that take their place; either may be none."""

    start: int
    end: int
    lines: tuple[bytes, ...]
    at: int
    """Where the new lines begin in the new content, counted from 1."""


class ChangeOverlap(NamedTuple):
    """A place where two changes of one content overlap: the first line of each, in its own version, counted from 1."""

    ours: int
    theirs: int


class ChangePiece(NamedTuple):
    """A part of a change that can be made alone: some lines of a file, or all of what happens to it."""

    path: str
    change: LineChange | None
    """None: all that happens to the path, which has no lines, or came, or went."""
    entry: Entry | None
    """The entry of a path that changes as a whole, as it is after the change; None where the path is gone."""

    @property
    def line(self) -> int:
        """The first line of the piece in the new version; 0 for a path as a whole."""
        return self.change.at if self.change else 0


def line_changes(old: bytes, new: bytes) -> tuple[LineChange, ...]:
    """What becomes of the lines of a content, from the first on."""
    libgit2.load()
    import pygit2

    lines = lines_of(new)
    found = []
    patch = pygit2.Patch.create_from(old, new, context_lines=0, interhunk_lines=0)
    for hunk in patch.hunks if patch else ():
        start = hunk.old_start - 1 if hunk.old_lines else hunk.old_start
        first = hunk.new_start - 1 if hunk.new_lines else hunk.new_start
        put = tuple(lines[first : first + hunk.new_lines])
        found.append(LineChange(start, start + hunk.old_lines, put, max(hunk.new_start, 1)))
    return tuple(found)


def overlaps(base: bytes, ours: bytes, theirs: bytes) -> tuple[ChangeOverlap, ...]:
    """The places where two versions of a content change the same lines, or lines side by side, each in its own way."""
    others = line_changes(base, theirs)
    found: list[ChangeOverlap] = []
    until = -1
    for one in line_changes(base, ours):
        for other in others:
            overlap = one.start <= other.end and other.start <= one.end
            same = one[:3] == other[:3]
            if overlap and not same:
                if min(one.start, other.start) > until or not found:
                    found.append(ChangeOverlap(one.at, other.at))
                until = max(until, one.end, other.end)
    return tuple(found)


def conflict_overlaps(objects: ObjectStore, file: ConflictFile) -> tuple[ChangeOverlap, ...]:
    """Where the sides of a conflict overlap; none where it is not about lines."""
    if file.kind not in ("content", "add/add") or file.ours is None or file.theirs is None:
        return ()
    stages = [file.base, file.ours, file.theirs]
    base, ours, theirs = (objects.database.read("blob", one.object) if one else b"" for one in stages)
    if any(_has_no_lines(one) for one in (base, ours, theirs)):
        return ()
    return overlaps(base, ours, theirs)


def pieces(objects: ObjectStore, old: str, new: str) -> tuple[ChangePiece, ...]:
    """The change from one tree to another in pieces, by path and line; what goes comes first, and makes room."""
    found: list[ChangePiece] = []
    differing = objects.merger.differing(bytes.fromhex(old), bytes.fromhex(new))
    for path, before, after in sorted(differing, key=lambda one: (one[2] is not None, one[0])):
        found += _pieces_of(objects, os.fsdecode(path), before, after)
    return tuple(found)


def _pieces_of(objects: ObjectStore, path: str, before: Entry | None, after: Entry | None) -> Iterator[ChangePiece]:
    if before and after and before[0] == after[0] and before[0] not in _LINKS:
        old, new = (objects.database.read("blob", one[1].hex()) for one in (before, after))
        if not (_has_no_lines(old) or _has_no_lines(new)):
            yield from (ChangePiece(path, change, None) for change in line_changes(old, new))
            return
    yield ChangePiece(path, None, after)


def _has_no_lines(content: bytes) -> bool:
    return b"\0" in content[:_LOOKED_AT]


def with_pieces(objects: ObjectStore, tree: str, chosen: Sequence[ChangePiece]) -> str:
    """The tree with some pieces of a change that begins at it."""
    wanted: dict[str, list[ChangePiece]] = {}
    for piece in chosen:
        wanted.setdefault(piece.path, []).append(piece)
    made: dict[bytes, Entry | None] = {}
    for path, parts in wanted.items():
        changes = [part.change for part in parts if part.change]
        before = _entry(objects, tree, path)
        made[os.fsencode(path)] = (
            (before[0], _changed(objects, before[1], changes)) if changes and before else parts[-1].entry
        )
    return tree_with(objects, tree, made)


def _changed(objects: ObjectStore, blob: bytes, changes: Sequence[LineChange]) -> bytes:
    lines = lines_of(objects.database.read("blob", blob.hex()))
    for change in reversed(changes):
        lines[change.start : change.end] = change.lines
    return bytes.fromhex(objects.database.write("blob", b"".join(lines)))


def _entry(objects: ObjectStore, tree: str, path: str) -> Entry | None:
    *folders, name = os.fsencode(path).split(b"/")
    at = bytes.fromhex(tree)
    for folder in folders:
        entry = objects.merger.tree(at).get(folder)
        if entry is None or entry[0] != FOLDER:
            return None
        at = entry[1]
    return objects.merger.tree(at).get(name)


def tree_with(objects: ObjectStore, tree: str, changes: dict[bytes, Entry | None]) -> str:
    """The tree, empty for none, with other entries at some paths; folders without an entry are gone."""
    entries = dict(objects.merger.tree(bytes.fromhex(tree))) if tree else {}
    below: dict[bytes, dict[bytes, Entry | None]] = {}
    for path, entry in changes.items():
        name, slash, rest = path.partition(b"/")
        if slash:
            below.setdefault(name, {})[rest] = entry
        elif entry is None:
            if name in entries and entries[name][0] != FOLDER:
                del entries[name]
        else:
            entries[name] = entry
    for name, inner in below.items():
        entry = entries.get(name)
        made = tree_with(objects, entry[1].hex() if entry and entry[0] == FOLDER else "", inner)
        if made == objects.empty_tree:
            if entry and entry[0] == FOLDER:
                del entries[name]
        else:
            entries[name] = (FOLDER, bytes.fromhex(made))
    return objects.database.write("tree", serialized(entries))
