"""What diff_library does, by the git program: before libgit2 is loaded, and where it opens no repository (SHA-256).

Slower, a start of git for each file, and otherwise alike: attributes decide nothing, long lines are cut. Which files
were renamed or copied is git's own answer everywhere.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from ampsm_engine.diff.encodings import is_binary
from ampsm_engine.diff.hunks import SUBMODULE, BlobGone, Delta, Hunks, TooLarge, cut, lines_of
from ampsm_engine.errors import NotFound
from ampsm_engine.git import program, repository
from ampsm_engine.git.object_reader import ObjectReader

MANY_LINES = 1_500_000
"""Lines of a file beyond which it is not compared: each takes a hundred bytes of memory and more."""

LARGEST = 256 << 20
"""Bytes of a blob beyond which it is not compared: git's own big files are 512 MB."""


class Source(Protocol):
    """A repository from which trees are compared."""

    def tree(self, revision: str) -> str:
        """The oid of the tree that a revision, commit or tree names; NotFound."""

    def deltas(self, old: str, new: str) -> list[Delta]:
        """What differs between two trees (empty: nothing at all), by path, without renames."""

    def patch(self, delta: Delta, *, context: int, ignore_whitespace: bool) -> Hunks:
        """The changed lines of one file. BlobGone when a side is not in the repository."""

    def blob(self, oid: str) -> bytes:
        """The content of a blob; BlobGone when it is not in the repository."""

    def size(self, oid: str) -> int:
        """The size of a blob in bytes; BlobGone when it is not in the repository."""

    def files(self, tree: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of those of these files that a tree has."""

    def submodule_commits(self, delta: Delta) -> list[str]:
        """What leads from a submodule's old commit to its new one, a line each; empty where it is not checked out."""

    def rest(self) -> None:
        """Free the caches of the repository."""


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
    """The kind of each change: added, deleted, modified or typechange."""
    for delta in deltas:
        if not delta.old_mode:
            yield "added"
        elif not delta.new_mode:
            yield "deleted"
        else:
            yield "modified" if delta.old_mode >> 12 == delta.new_mode >> 12 else "typechange"


LIMIT = 1_000
"""Files on each side of which git compares all with all to find copies; beyond it only equal contents count."""

_FIXED = (
    *("-c", "diff.suppressBlankEmpty=false", "-c", "core.attributesFile="),
    *("diff", "--text", "--no-ext-diff", "--no-textconv", "--no-color", "--diff-algorithm=myers"),
    *("--indent-heuristic", "--inter-hunk-context=0"),
)
"""Compares whatever the user's configuration and the attributes of a repository say."""


class Program:
    """A repository as the git program reads it."""

    def __init__(self, where: Path, variables: program.Variables) -> None:
        self._where = where
        self._variables = variables
        self._reader = ObjectReader(where, variables)

    def tree(self, revision: str) -> str:
        """The oid of the tree that a revision, commit or tree names; `A...B` is where both come from. NotFound."""
        if not revision:
            return ""
        if "..." in revision:
            common = self._asked("merge-base", *revision.split("...", 1))
            revision = common.line if common.ok else revision.split("...", 1)[0]
        found = self._reader.objects([f"{revision}^{{tree}}"])[0] if "\n" not in revision else None
        if found is None:
            raise repository.unknown_commit(self._where, revision)
        return found

    def deltas(self, old: str, new: str) -> list[Delta]:
        """What differs between two trees (empty: nothing at all), by path, without renames."""
        if not old and not new:
            return []
        sides = [side or self._nothing() for side in (old, new)]
        options = ("-r", "--raw", "-z", "--no-renames", "--full-index", "--no-abbrev")
        fields = iter(program.text(self._checked_answer("diff-tree", *options, *sides, "--")).split("\0"))
        return [_delta(field, next(fields)) for field in fields if field]

    def patch(self, delta: Delta, *, context: int, ignore_whitespace: bool) -> Hunks:
        """The changed lines of one file. BlobGone when a side is not in the repository, TooLarge."""
        sides = [self.blob(oid) if oid else None for oid in (delta.old_oid, delta.new_oid)]
        sizes = [-1 if side is None else len(side) for side in sides]
        if any(side is not None and is_binary(side) for side in sides):
            return Hunks(b"", 0, 0, binary=True, old_size=sizes[0], new_size=sizes[1])
        if any(side is not None and len(side) > MANY_LINES < side.count(b"\n") for side in sides):
            raise TooLarge
        short = [None if side is None else cut(side) for side in sides]
        is_cut = any(side is not None for side in short)
        old, new = (a or b for a, b in zip(short, sides, strict=True))
        if not old or not new:
            data = _one_sided(old or b"", b"-") + _one_sided(new or b"", b"+")
        else:
            options = (f"-U{context}", *(("--ignore-all-space",) if ignore_whitespace else ()))
            data = self._of_contents(old, new, options) if is_cut else self._of_blobs(delta, options)
        rows = data.split(b"\n")
        added, deleted = (sum(row.startswith(sign) for row in rows) for sign in (b"+", b"-"))
        return Hunks(data, added, deleted, binary=False, old_size=sizes[0], new_size=sizes[1], is_cut=is_cut)

    def blob(self, oid: str) -> bytes:
        """The content of a blob; BlobGone when it is not in the repository."""
        content = self._reader.read(oid, "blob")
        if content is None:
            raise BlobGone(oid)
        return content

    def size(self, oid: str) -> int:
        """The size of a blob in bytes; BlobGone when it is not in the repository."""
        size = self._reader.sizes([oid]).get(oid)
        if size is None:
            raise BlobGone(oid)
        return size

    def files(self, tree: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of those of these files that a tree has."""
        names = {f"{tree}:{path}": path for path in paths if "\n" not in path} if tree else {}
        found = {names[name]: content for name, content in self._reader.read_all(list(names), "blob").items()}
        for path in paths:
            if "\n" in path and tree and (answer := self._asked("cat-file", "blob", f"{tree}:{path}")).ok:
                found[path] = answer.output
        return found

    def submodule_commits(self, _delta: Delta) -> list[str]:
        """An empty list: a submodule that libgit2 cannot open is not looked into."""
        return []

    def rest(self) -> None:
        """End the git that answers questions; the next one starts another."""
        self._reader.close()

    def _of_blobs(self, delta: Delta, options: tuple[str, ...]) -> bytes:
        return _hunks_of(self._checked_answer(*_FIXED, *options, delta.old_oid, delta.new_oid, "--"))

    def _of_contents(self, old: bytes, new: bytes, options: tuple[str, ...]) -> bytes:
        """Two contents that are in no repository as they are here."""
        from ampsm_engine.private_folder import private_folder  # hardly a line is so long that it is cut

        with private_folder("sides") as name:
            place = Path(name)
            for file, content in (("old", old), ("new", new)):
                (place / file).write_bytes(content)
            return _hunks_of(program.read(place, *_FIXED, *options, "--no-index", "old", "new").output)

    def _nothing(self) -> str:
        return program.text(self._checked_answer("hash-object", "-t", "tree", "--stdin", feed=b"")).strip()

    def _asked(self, *arguments: str, feed: bytes | None = None) -> program.Answer:
        return program.read(self._where, *arguments, feed=feed, variables=self._variables)

    def _checked_answer(self, *arguments: str, feed: bytes | None = None) -> bytes:
        answer = self._asked(*arguments, feed=feed)
        if not answer.ok:
            raise NotFound(f"The trees cannot be compared: {answer.reason}.", f"git -C {self._where} fsck")
        return answer.output


def _hunks_of(output: bytes) -> bytes:
    begin = output.find(b"\n@@ ") + 1
    return output[begin:] if begin else b""


def _one_sided(content: bytes, sign: bytes) -> bytes:
    """The hunk of a file that was added as a whole, or deleted; empty of an empty one."""
    lines = lines_of(content)
    if not lines:
        return b""
    count = b"1" if len(lines) == 1 else b"1,%d" % len(lines)
    head = b"@@ -0,0 +%s @@\n" % count if sign == b"+" else b"@@ -%s +0,0 @@\n" % count
    end = b"" if content.endswith(b"\n") else b"\n\\ No newline at end of file\n"
    return head + b"".join([sign + line for line in lines]) + end


def _delta(field: str, path: str) -> Delta:
    old_mode, new_mode, old_oid, new_oid, _ = field[1:].split(" ")
    old, new = int(old_mode, 8), int(new_mode, 8)
    return Delta(path, old, new, old_oid if old else "", new_oid if new else "")


class Rename(NamedTuple):
    """A file whose content comes from another path."""

    is_copy: bool
    similarity: int
    """How much the contents have in common, in percent."""
    old_path: str
    path: str
    old_mode: int
    old_oid: str


def moves(where: Path, old: str, new: str, variables: program.Variables | None = None) -> tuple[Rename, ...]:
    """The renames between two trees as `git diff` has them, and of which files the other new ones are copies.

    None when git cannot tell. Filters and drivers do not run.
    """
    letters, renamed = _found(where, old, new, ("-M",), variables)
    if "A" not in letters or not letters - {"A"}:
        return tuple(renamed)
    # Looking for copies pairs renames otherwise, too: nothing but copies is taken from that.
    _, others = _found(where, old, new, ("-M", "-C", f"-l{LIMIT}"), variables)
    known = {move.path for move in renamed}
    return (*renamed, *(move for move in others if move.is_copy and move.path not in known))


def _found(
    where: Path, old: str, new: str, detection: tuple[str, ...], variables: program.Variables | None
) -> tuple[set[str], list[Rename]]:
    """What happened to files, as git's letters, and the moves among it."""
    options = ("-r", "--raw", "-z", *detection, "--no-ext-diff", "--no-textconv", "--full-index")
    answer = program.read(where, "diff-tree", *options, old, new, "--", variables=variables)
    fields = iter(program.text(answer.output).split("\0") if answer.ok else ())
    letters, found = set(), []
    for field in fields:
        if not field.startswith(":"):
            continue
        old_mode, _, old_oid, _, letter = field[1:].split(" ")
        first = next(fields)
        letters.add(letter[0])
        if letter[0] in "RC":
            score = int(letter[1:])
            found.append(Rename(letter[0] == "C", score, first, next(fields), int(old_mode, 8), old_oid))
    return letters, found
