"""Two trees compared file by file: deltas at once, each patch when it is asked for. libgit2 does it, and cheaply.

Attributes do not decide what is text here: an agent writes `.gitattributes`, and must not be able to hide a change
with it. git's rule for files without attributes does: a NUL in the first 8,000 bytes is binary.
pygit2 holds the GIL: nothing with a screen may import this. What libgit2 cannot open, `diff_program` reads.
"""

import contextlib
import itertools
from collections.abc import Iterable
from pathlib import Path

from ampsm_engine.diff.encodings import is_binary
from ampsm_engine.diff.hunks import SUBMODULE, BlobGone, Delta, Hunks, TooLarge, cut
from ampsm_engine.errors import NotFound
from ampsm_engine.git import libgit2
from ampsm_engine.git.diff_program import MANY_LINES
from ampsm_engine.plain_text import printable

libgit2.load()
import pygit2  # noqa: E402 - loaded as it is elsewhere
from pygit2.enums import DiffOption, SortMode  # noqa: E402

MOST_COMMITS = 30
"""Commits of a submodule that are told."""

_CACHE = 4 << 20
_REMEMBERED = 16 << 20
"""Bytes read after which a repository forgets what it keeps of its packs."""
_WINDOW = 1 << 20


class Library:
    """A repository as libgit2 reads it."""

    def __init__(self, repository: pygit2.Repository, objects: Path | None = None) -> None:
        self._repository = repository
        self._objects = objects
        self._read = 0
        self._add_objects()

    def rest(self) -> None:
        """Forget what only makes the next question faster: packs keep up to 16 MB of unpacked objects each."""
        self._read = 0
        self._repository.free()
        self._add_objects()

    def _add_objects(self) -> None:
        if self._objects is not None:
            self._repository.odb.add_disk_alternate(str(self._objects))

    def tree(self, revision: str) -> str:
        """The oid of the tree that a revision, commit or tree names; `A...B` is where both come from. NotFound."""
        if not revision:
            return ""
        try:
            if "..." in revision:
                ends = [self._repository.revparse_single(one).peel(pygit2.Commit).id for one in revision.split("...")]
                found = self._repository.merge_base(*ends)
                return str((self._repository[found] if found else self._repository[ends[0]]).peel(pygit2.Tree).id)
            return str(self._repository.revparse_single(revision).peel(pygit2.Tree).id)
        except (KeyError, ValueError, pygit2.GitError) as reason:
            where = self._repository.workdir or self._repository.path
            message = f"There is no commit {printable(revision)[:100]!r} in {where}."
            raise NotFound(message, f"git -C {where} log --all --oneline") from reason

    def deltas(self, old: str, new: str) -> list[Delta]:
        """What differs between two trees (empty: nothing at all), by path, without renames."""
        flags = DiffOption.INCLUDE_TYPECHANGE
        if old and new:
            diff = self._tree(old).diff_to_tree(self._tree(new), flags=flags)
        elif old or new:
            diff = self._tree(old or new).diff_to_tree(flags=flags, swap=not old)
        else:
            return []
        return [_delta(found) for found in diff.deltas]

    def patch(self, delta: Delta, *, context: int, ignore_whitespace: bool) -> Hunks:
        """The changed lines of one file. BlobGone when a side is not in the repository, TooLarge."""
        self._breathe()
        old, new = self._side(delta.old_oid), self._side(delta.new_oid)
        old_size, new_size = (len(memoryview(side)) if side is not None else -1 for side in (old, new))
        if any(side is not None and is_binary(memoryview(side)) for side in (old, new)):
            return Hunks(b"", 0, 0, binary=True, old_size=old_size, new_size=new_size)
        if old_size <= 0 and new_size <= 0:
            return Hunks(b"", 0, 0, binary=False, old_size=old_size, new_size=new_size)
        if any(_has_too_many_lines(side) for side in (old, new)):
            raise TooLarge
        flag = DiffOption.FORCE_TEXT | DiffOption.INDENT_HEURISTIC
        if ignore_whitespace:
            flag |= DiffOption.IGNORE_WHITESPACE
        contents = [cut(memoryview(side)) if side is not None else None for side in (old, new)]
        is_cut = any(content is not None for content in contents)
        first, second = contents[0] or old, contents[1] or new
        patch = pygit2.Patch.create_from(first, second, context_lines=context, flag=flag)
        _, additions, deletions = patch.line_stats
        data = patch.data
        begin = data.find(b"\n@@ ") + 1
        body = data[begin:] if begin else b""
        return Hunks(body, additions, deletions, binary=False, old_size=old_size, new_size=new_size, is_cut=is_cut)

    def blob(self, oid: str) -> bytes:
        """The content of a blob; BlobGone when it is not in the repository."""
        self._breathe()
        found = self._side(oid)
        return found.data if found is not None else b""

    def size(self, oid: str) -> int:
        """The size of a blob in bytes; BlobGone when it is not in the repository."""
        try:
            return int(self._repository.odb.read_header(oid)[1])
        except (KeyError, ValueError, pygit2.GitError) as reason:
            raise BlobGone(oid) from reason

    def files(self, tree: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of those of these files that a tree has."""
        if not tree:
            return {}
        top, contents = self._tree(tree), {}
        for path in paths:
            with contextlib.suppress(KeyError, ValueError, pygit2.GitError):
                found = top[path]
                if isinstance(found, pygit2.Blob):
                    contents[path] = found.data
        return contents

    def submodule_commits(self, delta: Delta) -> list[str]:
        """What leads from a submodule's old commit to its new one, a line each; empty where it is not checked out."""
        if not (delta.old_mode == delta.new_mode == SUBMODULE) or not self._repository.workdir:
            return []
        modules = Path(self._repository.path).joinpath("commondir")
        places = [Path(self._repository.workdir, delta.path)]
        with contextlib.suppress(OSError):
            places.append(modules.parent.joinpath(modules.read_text().strip(), "modules", delta.path))
        for place in places:
            with contextlib.suppress(KeyError, ValueError, OSError, pygit2.GitError):
                if not place.is_symlink():
                    return _log(pygit2.Repository(str(place)), delta.old_oid, delta.new_oid)
        return []

    def _tree(self, oid: str) -> pygit2.Tree:
        return self._repository[oid].peel(pygit2.Tree)

    def _side(self, oid: str) -> pygit2.Blob | None:
        if not oid:
            return None
        try:
            found = self._repository[oid]
        except (KeyError, ValueError, pygit2.GitError) as reason:
            raise BlobGone(oid) from reason
        if not isinstance(found, pygit2.Blob):
            raise BlobGone(oid)
        self._read += len(memoryview(found))
        return found

    def _breathe(self) -> None:
        """Free what packs keep unpacked once enough was read: it is not worth its memory for long."""
        if self._read > _REMEMBERED:
            self.rest()


def compared(old: bytes, new: bytes, *, context: int, ignore_whitespace: bool) -> Hunks:
    """The changed lines of two contents that are in no repository as they are here."""
    flag = DiffOption.FORCE_TEXT | DiffOption.INDENT_HEURISTIC
    if ignore_whitespace:
        flag |= DiffOption.IGNORE_WHITESPACE
    contents = [cut(side) for side in (old, new)]
    is_cut = any(content is not None for content in contents)
    patch = pygit2.Patch.create_from(contents[0] or old, contents[1] or new, context_lines=context, flag=flag)
    _, additions, deletions = patch.line_stats
    begin = patch.data.find(b"\n@@ ") + 1
    body = patch.data[begin:] if begin else b""
    return Hunks(body, additions, deletions, binary=False, is_cut=is_cut)


def library(path: Path, objects: Path | None = None) -> Library | None:
    """The repository at a path, with one more folder of objects; None when libgit2 cannot open it."""
    pygit2.settings.cache_max_size(_CACHE)
    pygit2.settings.mwindow_size = _WINDOW
    pygit2.settings.mwindow_mapped_limit = 4 * _WINDOW
    pygit2.settings.enable_strict_hash_verification(False)
    try:
        return Library(pygit2.Repository(str(path)), objects)
    except pygit2.GitError:
        return None


def _has_too_many_lines(side: pygit2.Blob | None) -> bool:
    return side is not None and len(memoryview(side)) > MANY_LINES and side.data.count(b"\n") > MANY_LINES


def _log(repository: pygit2.Repository, old: str, new: str) -> list[str]:
    """The commits of `new` that `old` does not have; where there are none, those that are gone from it."""
    for sign, first, hidden in (("", new, old), ("gone: ", old, new)):
        walker = repository.walk(first, SortMode.TOPOLOGICAL)
        walker.hide(hidden)
        found = list(itertools.islice(walker, MOST_COMMITS + 1))
        if found:
            lines = [f"{sign}{str(one.id)[:10]} {one.message.strip().partition(chr(10))[0]}" for one in found]
            return lines[:MOST_COMMITS] + (["… and more"] if len(found) > MOST_COMMITS else [])
    return []


def _delta(found: pygit2.DiffDelta) -> Delta:
    old, new = found.old_file, found.new_file
    old_mode, new_mode = int(old.mode), int(new.mode)
    path = (new if new_mode else old).raw_path.decode("utf-8", "surrogateescape")
    return Delta(path, old_mode, new_mode, str(old.id) if old_mode else "", str(new.id) if new_mode else "")
