"""What one repository holds, for as long as something is integrated: its commits and trees, and merges of them.

What is made waits in memory: `database.flush` writes it, a few objects as files of their own, many as one pack that git
takes in: a file costs more than the object in it (258 ms instead of 356 for a rebase and merge of 100 commits,
benchmarks/merge.py). No ref, index or worktree is known here. The commits that one commit has beyond another are found
in this process where they are one line; wherever it takes more than that (merges, several merge bases, no common
history, a shallow clone), the git program is asked.
"""

import contextlib
import hashlib
import os
import struct
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import Failed
from ampsm_engine.git import hooks, libgit2, program, repository, unwanted_files
from ampsm_engine.git.entities import EMAIL, NAME, Repo
from ampsm_engine.git.integrate import trees
from ampsm_engine.git.integrate.commit_range import TRAILERS, common, listed
from ampsm_engine.git.integrate.outcomes import ConflictFile, PlannedCommit
from ampsm_engine.git.object_reader import ObjectReader
from ampsm_engine.lean_dataclass import dataclass

_NOBODY = f"{NAME} <{EMAIL}> 1000000000 +0000".encode()

_LONG = 5000
"""Commits that are walked here; git is faster from there on."""

_TRAILERS = tuple(key.lower().encode() for key in TRAILERS)

_PACKED = {"commit": 1, "tree": 2, "blob": 3}

_STRIDE, _NEAR = 32, 200
"""Commits of a line that are read at first, and four times as many each time again; a base is not followed further."""

_CONFIGURED = (
    r"^((user|author|committer)\.(name|email)|commit\.gpgsign|core\.(bare|worktree)"
    r"|core\.hookspath|extensions\.worktreeconfig|includeif\..*\.path)$"
)
_OF_WORKTREES = ("core.hookspath", "extensions.worktreeconfig", "includeif.")
"""What makes one worktree's hooks others than another's."""

_FEW = 12
"""Objects up to this number are written one by one."""


class ObjectDatabase:
    """The objects of the repository at a path: by libgit2 where that is loaded, by a git program that stays else."""

    def __init__(self, where: Path, common_dir: Path, reader: ObjectReader | None = None) -> None:
        self.where, self._common_dir = where, common_dir
        self._repository = libgit2.repository_of_same_graph(where)
        self._reader = reader or ObjectReader(where)
        self._waiting: dict[str, tuple[str, bytes]] = {}

    @cached_property
    def name_size(self) -> int:
        """Bytes of an object's name."""
        if self._repository is not None:
            return 20
        if self._reader.name_length:
            return self._reader.name_length // 2
        return 32 if program.read(self.where, "rev-parse", "--show-object-format").line == "sha256" else 20

    def read(self, kind: str, name: str) -> bytes:
        """An object's content; Failed when it is not there."""
        if name in self._waiting:
            return self._waiting[name][1]
        found = self._reader.read(name) if self._repository is None else self._read_by_library(name)
        # A partial clone fetches what is missing.
        return program.change(self.where, "cat-file", kind, name) if found is None else found

    def read_all(self, names: Sequence[str]) -> dict[str, bytes]:
        """The content of objects that are read at once where that is quicker; the others are to be read one by one."""
        return self._reader.read_all(names) if self._repository is None else {}

    def _read_by_library(self, name: str) -> bytes | None:
        import pygit2

        with contextlib.suppress(KeyError, ValueError, pygit2.GitError):
            return self._repository.read(name)[1] if self._repository is not None else None
        return None

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """The bytes of objects; those that are not there are left out."""
        names = set(names)
        known = {name: len(self._waiting[name][1]) for name in names if name in self._waiting}
        if self._repository is not None:
            return known | unwanted_files.object_sizes(self.where, names - known.keys())
        return known | self._reader.sizes(names - known.keys())

    def write(self, kind: str, raw: bytes) -> str:
        """Take an object in; answers its name. It is in the repository after `flush`."""
        name = self.name_of(kind, raw)
        self._waiting[name] = (kind, raw)
        return name

    def name_of(self, kind: str, raw: bytes) -> str:
        """The name that an object of these bytes has."""
        return _hashed(b"%s %d\0%s" % (kind.encode(), len(raw), raw), self.name_size).hexdigest()

    def flush(self) -> None:
        """Write what waits into the repository; Failed when that cannot be."""
        if not self._waiting:
            return
        if len(self._waiting) > _FEW or self._repository is None:
            many = len(self._waiting) > _FEW
            command = ("index-pack", "--stdin") if many else ("unpack-objects", "-q")
            program.change(self.where, *command, feed=packed(self._waiting.values(), self.name_size))
        else:
            import pygit2
            from pygit2.enums import ObjectType

            try:
                for kind, raw in self._waiting.values():
                    self._repository.write(ObjectType[kind.upper()], raw)
            except (OSError, pygit2.GitError) as reason:
                message = f"Nothing can be written to the repository at {self.where}: {reason}."
                raise Failed(message, f"df -h {self._common_dir}") from reason
        self._waiting.clear()

    def waits(self, name: str) -> bool:
        """Whether an object is not in the repository yet."""
        return name in self._waiting

    def merge_base(self, one: str, other: str) -> str | None:
        """A best common ancestor of two commits; None where there is none, or where the git program must be asked."""
        if self._repository is None or one in self._waiting or other in self._waiting:
            return None
        import pygit2

        try:
            found = self._repository.merge_base(one, other)
        except (KeyError, ValueError, pygit2.GitError):
            return None
        return str(found) if found is not None else None


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


class CommitLine(NamedTuple):
    """The one merge base of two commits, and the commits from there to the second, oldest first, each on the last."""

    base: str
    commits: tuple[RawCommit, ...]


class RangeCommit(NamedTuple):
    """A commit of a range, with the data that a squash needs."""

    sha: str
    ours: bool
    """Whether the commit was made for amp."""
    parents: tuple[str, ...]

    @property
    def merge(self) -> bool:
        """Whether the commit has several parents."""
        return len(self.parents) > 1


class ObjectStore:
    """The objects of one repository: commits, trees and blobs read, merged and written, each looked up once."""

    def __init__(
        self, where: Path, repo: Repo | None = None, *, reader: ObjectReader | None = None, fork: str = ""
    ) -> None:
        self.where = where
        self.fork = fork
        """The commit where two lines that are asked for probably part; a guess of the caller's."""
        self._repo = repo
        self.common_dir = common_dir(where)
        self.database = ObjectDatabase(where, self.common_dir, reader)
        self._commits: dict[str, RawCommit] = {}
        self._merged: dict[tuple[str, str, str], tuple[str | None, tuple[ConflictFile, ...]]] = {}
        self._hooks: dict[Path, Path] = {}
        self._lines: dict[tuple[str, str], CommitLine | None] = {}
        self._beyond: dict[tuple[str, str], tuple[PlannedCommit, ...]] = {}

    @cached_property
    def merger(self) -> trees.Merger:
        """Merges trees of this repository by their object names; it reads and writes them here."""
        database = self.database  # not `self`, which would live on, and a git with it, until circles are looked for
        return trees.Merger(
            lambda name: database.read("tree", name.hex()),
            database.read_all,
            lambda raw: bytes.fromhex(database.write("tree", raw)),
            database.name_size,
        )

    @cached_property
    def configured(self) -> dict[str, str]:
        """What the configuration says about the user, signing and hooks; the last of several counts."""
        answer = program.write(self.where, "config", "-z", "--get-regexp", _CONFIGURED)  # as the user's own git sees it
        records = (record.partition("\n") for record in program.text(answer.output).split("\0") if record)
        return {name: value if gap else "true" for name, gap, value in records}  # a name without a value is on

    @cached_property
    def repo(self) -> Repo:
        """The repository, as git places it: its configuration counts for more than what its files tell."""
        told = self.configured
        is_plain = "core.worktree" not in told and told.get("core.bare", "false").lower() == "false"
        return self._repo if self._repo is not None and is_plain else repository.around(self.where)

    def hooks_folder(self, worktree: Path) -> Path:
        """Where the user's hooks for a worktree are."""
        if worktree not in self._hooks:
            asks = any(name.startswith(_OF_WORKTREES) for name in self.configured)
            self._hooks[worktree] = hooks.folder(worktree) if asks else self.common_dir / "hooks"
        return self._hooks[worktree]

    def commit(self, sha: str) -> RawCommit:
        """A commit by its full name."""
        known = self._commits.get(sha)
        if known is None:
            known = self._commits[sha] = _commit(sha, self.database.read("commit", sha))
        return known

    def down_to(self, tip: str, ends: set[str], most: int = _LONG) -> Iterator[RawCommit]:
        """A commit and those before it, to one above an end or to where one has not one parent alone."""
        size = _STRIDE
        while tip not in ends and size < most:
            for content in self.database.read_all([f"{tip}~{number}" for number in range(size)]).values():
                if self.database.name_of("commit", content) != tip:
                    return  # replaced, or given other parents
                commit = self._commits.setdefault(tip, _commit(tip, content))
                if len(commit.parents) != 1:
                    return
                yield commit
                tip = commit.parents[0]
                if tip in ends:
                    return
            size *= 4

    def commits(self, names: Sequence[str]) -> tuple[RawCommit, ...]:
        """The commits of several full names, in the order given; those not known yet are read at once."""
        unknown = [name for name in names if name not in self._commits and not self.database.waits(name)]
        read = self.database.read_all(unknown)
        self._commits |= {name: _commit(name, content) for name, content in read.items()}
        return tuple(self.commit(name) for name in names)

    def beyond(self, base: str, tip: str) -> tuple[PlannedCommit, ...]:
        """The commits that `tip` has and `base` has not, oldest first, as git lists them; both by their full names."""
        if (base, tip) not in self._beyond:
            self.database.flush()
            self._beyond[base, tip] = listed(self.where, f"^{base}", tip)
        return self._beyond[base, tip]

    def line(self, base: str, tip: str) -> CommitLine | None:
        """The commits that `tip` has beyond `base`, where they are one line; None where git must be asked."""
        if (base, tip) not in self._lines:
            self._lines[base, tip] = commit_line(self, base, tip)
        return self._lines[base, tip]

    def known_base(self, base: str, tip: str) -> str | None:
        """The one merge base of two commits where a line that was looked up before tells it."""
        for (other, _), line in self._lines.items():
            if line is not None and other == base and tip in (line.base, *(commit.sha for commit in line.commits)):
                return line.base
        return None

    def bases(self, one: str, other: str) -> tuple[str, ...]:
        """All merge bases of two commits; NotFound when they share no history."""
        plain = self.line(one, other)
        if plain is None:
            self.database.flush()
            return common(self.where, one, other)
        return (plain.base,)

    def tree_of(self, sha: str) -> str:
        """The tree of a commit."""
        return self.commit(sha).tree

    @cached_property
    def empty_tree(self) -> str:
        """The tree without an entry."""
        return self.database.write("tree", b"")

    def parent_tree(self, commit: RawCommit) -> str:
        """The tree that a commit was made from: its first parent's."""
        return self.tree_of(commit.parents[0]) if commit.parents else self.empty_tree

    def plainly(self, base: str, ours: str, theirs: str) -> str | None:
        """Three trees merged here, where no file has to be; None where git must."""
        quick = self.merger.merged(*(bytes.fromhex(tree) for tree in (base, ours, theirs)))
        return quick.hex() if quick is not None else None

    def merged(self, base: str, ours: str, theirs: str) -> tuple[str | None, tuple[ConflictFile, ...]]:
        """Three trees merged: the tree, or the conflicts. The same as git's merge, by git where it is not plain."""
        three = (base, ours, theirs)
        if three not in self._merged:
            self._merged[three] = self._merge(*three)
        return self._merged[three]

    def _merge(self, base: str, ours: str, theirs: str) -> tuple[str | None, tuple[ConflictFile, ...]]:
        quick = self.plainly(base, ours, theirs)
        if quick is not None:
            return quick, ()
        # git merges commits: three that stand for the trees, and that nothing will ever refer to.
        root = self.stand_in(base)
        return self.merged_commits(self.stand_in(ours, root), self.stand_in(theirs, root), (base, ours, theirs))

    def merged_commits(
        self, ours: str, theirs: str, three: tuple[str, str, str] | None = None
    ) -> tuple[str | None, tuple[ConflictFile, ...]]:
        """Two commits merged by git with their own merge bases: the tree, or the conflicts.

        `three`: the trees of their only merge base and of both.
        """
        self.database.flush()
        result = trees.merge_by_git(self.common_dir, ours, theirs, attributes=self.attributes(ours, three))
        return (None, result.conflicts) if result.conflicts else (result.tree, ())

    def attributes(self, ours: str, three: tuple[str, str, str] | None = None) -> Iterator[tuple[str, bytes]]:
        """The .gitattributes files of our side that can matter to a merge: path and content."""
        base, own, other = three or ("", self.tree_of(ours), "")
        sides = bytes.fromhex(base), bytes.fromhex(own), bytes.fromhex(other)
        for path, (mode, name) in self.merger.around_changes(*sides, b".gitattributes"):
            parts = path.split(b"/")
            if mode.startswith(b"100") and not {b"..", b".git", b""} & set(parts):  # a tree can be made up
                yield os.fsdecode(path), self.database.read("blob", name.hex())

    def stand_in(self, tree: str, *parents: str) -> str:
        """Write a commit of a tree for functions that take commits; no ref ever points at it."""
        return self.database.write("commit", composed(tree, parents, (_NOBODY, _NOBODY), b"ampsm: stands for a tree\n"))


@contextlib.contextmanager
def held(where: Path | ObjectStore) -> Iterator[ObjectStore]:
    """An object store to work on: one of its own, whose objects are written at the end, or the one that is given."""
    if isinstance(where, ObjectStore):
        yield where
        return
    objects = ObjectStore(where)
    yield objects
    objects.database.flush()


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


def common_dir(where: Path) -> Path:
    """The git folder that a repository's worktrees share, looked up without asking git where that is plain."""
    own = where / ".git"
    if own.is_dir() and (own / "objects").is_dir() and not (own / "commondir").exists():
        return own.resolve()
    return repository.common_dir(where)


def commit_line(objects: ObjectStore, base: str, tip: str) -> CommitLine | None:
    """The line from the merge base of two commits to the second; None where git must be asked.

    Behind the second are only its commits and those behind the merge base: so nothing else is shared, and none of
    the commits is part of the first, or the merge base would not be the best one.
    """
    if (objects.common_dir / "shallow").exists():
        return None
    found: list[RawCommit] = []
    at = tip
    # What was made just now is not in the repository yet.
    while objects.database.waits(at) and len(found) < _LONG:
        found.append(objects.commit(at))
        if len(found[-1].parents) != 1:
            return None
        at = found[-1].parents[0]
    if at == base:
        return CommitLine(base, tuple(reversed(found)))
    fork = objects.known_base(base, at) or objects.database.merge_base(base, at)
    if fork is None:
        told = _walked_line(objects, base, at) or _listed_line(objects, base, at)
        return CommitLine(told.base, (*told.commits, *reversed(found))) if told else None
    while at != fork:
        found.append(objects.commit(at))
        if len(found[-1].parents) != 1 or len(found) > _LONG:
            return None
        at = found[-1].parents[0]
    return CommitLine(fork, tuple(reversed(found)))


def _walked_line(objects: ObjectStore, base: str, tip: str) -> CommitLine | None:
    """The commits of `tip` beyond `objects.fork`; None without one, or where a side is not one line down to it."""
    if not objects.fork:
        return None
    ends = [base, *(commit.parents[0] for commit in objects.down_to(base, {objects.fork}, _NEAR))]
    if ends[-1] != objects.fork:
        return None
    found = list(objects.down_to(tip, set(ends)))
    at = found[-1].parents[0] if found else tip
    return CommitLine(at, tuple(reversed(found))) if at in ends else None


def _listed_line(objects: ObjectStore, base: str, tip: str) -> CommitLine | None:
    """The commits of `tip` beyond `base` from git's own list; None where they are not one line, or too many."""
    commits = objects.beyond(base, tip)
    at = commits[0].parents[:1] if commits else (tip,)
    fork = at[0] if at else ""
    for commit in commits:
        if commit.parents != at:
            return None
        at = (commit.sha,)
    is_line = fork and len(commits) <= _LONG
    return CommitLine(fork, objects.commits([commit.sha for commit in commits])) if is_line else None


def range_commits(objects: ObjectStore, base: str, tip: str) -> tuple[RangeCommit, ...]:
    """The commits that `tip` has beyond `base`, oldest first."""
    plain = objects.line(base, tip)
    told = [_is_ours(commit) for commit in plain.commits] if plain else [None]
    if plain and None not in told:
        pairs = zip(plain.commits, told, strict=True)
        return tuple(RangeCommit(commit.sha, bool(ours), commit.parents) for commit, ours in pairs)
    return tuple(RangeCommit(commit.sha, commit.ours, commit.parents) for commit in objects.beyond(base, tip))


def _is_ours(commit: RawCommit) -> bool | None:
    """Whether a commit was made for amp; None where that takes git's own reading of its trailers."""
    if commit.encoding is not None or b"\0" in commit.message:
        return None
    first = next((text for text in commit.message.split(b"\n") if text.strip(b" \t\r")), b"")
    if first.startswith(b"amp:"):
        return True
    message = commit.message.lower()
    return None if any(key in message for key in _TRAILERS) else False


def packed(objects: Collection[tuple[str, bytes]], name_size: int = 20) -> bytes:
    """The bytes of a pack that holds these objects, each without a delta."""
    parts = [struct.pack(">4sLL", b"PACK", 2, len(objects))]
    for kind, raw in objects:
        size = len(raw)
        byte = _PACKED[kind] << 4 | size & 15
        size >>= 4
        head = bytearray()
        while size:
            head.append(byte | 128)
            byte, size = size & 127, size >> 7
        head.append(byte)
        parts += [bytes(head), zlib.compress(raw, 1)]
    whole = b"".join(parts)
    return whole + _hashed(whole, name_size).digest()


def _hashed(raw: bytes, name_size: int) -> "hashlib._Hash":
    """The hash of bytes by the size of a repository's object names: SHA-256 for 32 bytes, else SHA-1."""
    return hashlib.sha256(raw) if name_size == 32 else hashlib.sha1(raw, usedforsecurity=False)
