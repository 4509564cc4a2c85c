"""What one repository holds, for as long as something is integrated: its commits and trees, and merges of them.

What is made waits in memory: `objects.flush` writes it. No ref, index or worktree is known here.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ampsm_engine.git import hooks, program, repository
from ampsm_engine.git.integrate import lineage, mergetree, trees
from ampsm_engine.git.integrate.plan import common
from ampsm_engine.git.integrate.values import ConflictFile
from ampsm_engine.git.places import Repo

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

    def __init__(self, where: Path, repo: Repo | None = None) -> None:
        from ampsm_engine.git.integrate.objects import Objects  # pygit2: who only wants values has no use for it

        self.where = where
        self._repo = repo
        self.common_dir = common_dir(where)
        self.objects = Objects(where, self.common_dir)
        self._commits: dict[str, RawCommit] = {}
        self._merged: dict[tuple[str, str, str], tuple[str | None, tuple[ConflictFile, ...]]] = {}
        self._hooks: dict[Path, Path] = {}
        self._lines: dict[tuple[str, str], lineage.Line | None] = {}

    @cached_property
    def merger(self) -> trees.Merger:
        """What merges trees."""
        return trees.Merger(
            lambda name: self.objects.read("tree", name.hex()),
            lambda raw: bytes.fromhex(self.objects.write("tree", raw)),
            self.objects.name_size,
        )

    @cached_property
    def configured(self) -> dict[str, str]:
        """What the configuration says about the user and signing; the last of several counts."""
        wanted = r"^((user|author|committer)\.(name|email)|commit\.gpgsign)$"
        answer = program.read(self.where, "config", "-z", "--get-regexp", wanted)
        records = (record.partition("\n") for record in program.text(answer.output).split("\0") if record)
        # A name without a value is on.
        return {name: value if gap else "true" for name, gap, value in records}

    @property
    def repo(self) -> Repo:
        """The repository, as git places it."""
        self._repo = self._repo or repository.around(self.where)
        return self._repo

    def hooks_folder(self, worktree: Path) -> Path:
        """Where the user's hooks for a worktree are."""
        if worktree not in self._hooks:
            self._hooks[worktree] = hooks.folder(worktree)
        return self._hooks[worktree]

    def prepare(self, worktree: Path) -> None:
        """Ask now for what making commits with the hooks of a worktree will ask for."""
        _ = self.configured, self.hooks_folder(worktree)

    def commit(self, sha: str) -> RawCommit:
        """A commit by its full name."""
        known = self._commits.get(sha)
        if known is None:
            known = self._commits[sha] = _commit(sha, self.objects.read("commit", sha))
        return known

    def line(self, base: str, tip: str) -> lineage.Line | None:
        """The commits that `tip` has beyond `base`, where they are one line; None where git must be asked."""
        if (base, tip) not in self._lines:
            self._lines[base, tip] = lineage.line(self, base, tip)
        return self._lines[base, tip]

    def bases(self, one: str, other: str) -> tuple[str, ...]:
        """All merge bases of two commits; NotFound when they share no history."""
        plain = self.line(one, other)
        if plain is None:
            self.objects.flush()
            return common(self.where, one, other)
        return (plain.base,)

    def tree_of(self, sha: str) -> str:
        """The tree of a commit."""
        return self.commit(sha).tree

    @cached_property
    def empty_tree(self) -> str:
        """The tree without an entry."""
        return self.objects.write("tree", b"")

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
        root = self._stand_in(base)
        return self.merged_commits(self._stand_in(ours, root), self._stand_in(theirs, root), (base, ours, theirs))

    def merged_commits(
        self, ours: str, theirs: str, three: tuple[str, str, str] | None = None
    ) -> tuple[str | None, tuple[ConflictFile, ...]]:
        """Two commits merged by git with their own merge bases: the tree, or the conflicts.

        `three`: the trees of their only merge base and of both.
        """
        self.objects.flush()
        result = mergetree.run(self.common_dir, ours, theirs, attributes=self.attributes(ours, three))
        return (None, result.conflicts) if result.conflicts else (result.tree, ())

    def attributes(self, ours: str, three: tuple[str, str, str] | None = None) -> Iterator[tuple[str, bytes]]:
        """The .gitattributes files of our side that can matter to a merge: path and content."""
        base, own, other = three or ("", self.tree_of(ours), "")
        sides = bytes.fromhex(base), bytes.fromhex(own), bytes.fromhex(other)
        for path, (mode, name) in self.merger.around_changes(*sides, b".gitattributes"):
            parts = path.split(b"/")
            if mode.startswith(b"100") and not {b"..", b".git", b""} & set(parts):  # a tree can be made up
                yield os.fsdecode(path), self.objects.read("blob", name.hex())

    def _stand_in(self, tree: str, *parents: str) -> str:
        return self.objects.write("commit", composed(tree, parents, (_NOBODY, _NOBODY), b"ampsm: stands for a tree\n"))


@contextlib.contextmanager
def held(where: Path | Ground) -> Iterator[Ground]:
    """Ground to work on: what is made on ground of one's own is written at the end, else that is the owner's part."""
    if isinstance(where, Ground):
        yield where
        return
    ground = Ground(where)
    yield ground
    ground.objects.flush()


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
