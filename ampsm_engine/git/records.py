"""What git lists, record by record: changed paths of two trees, entries of a tree or an index, commits of a span."""

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import libgit2, program
from ampsm_engine.git.libgit2 import AskGit
from ampsm_engine.lean_dataclass import dataclass

ABSENT = "000000"
GITLINK = "160000"
SYMLINK = "120000"

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_EMPTY_TREE_SHA256 = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """What a tree or an index says about a path."""

    mode: str
    """The mode in six octal digits."""
    blob: str

    @property
    def is_file(self) -> bool:
        """Whether the entry is a file with lines: no symbolic link, no submodule."""
        return self.mode.startswith("100")

    @property
    def is_submodule(self) -> bool:
        """Whether the entry is the commit of a submodule."""
        return self.mode == GITLINK


class RawChange(NamedTuple):
    """A path that differs between two trees, with what is there before and after; None for nothing."""

    path: str
    before: TreeEntry | None
    after: TreeEntry | None


class IndexEntry(NamedTuple):
    """An entry of an index; stage 0, or 1 to 3 in a conflict."""

    path: str
    mode: str
    object: str
    stage: str


def split(raw: bytes) -> list[str]:
    """The names or records of what git printed with -z, none of them empty."""
    return [record for record in program.text(raw).split("\0") if record]


def joined(records: Iterable[str]) -> bytes:
    """Names or records as git reads them with -z."""
    return "".join(f"{record}\0" for record in records).encode("utf-8", "surrogateescape")


def changed(where: Path, old: str, new: str) -> list[RawChange]:
    """What differs between two trees or commits, by path, without renames."""
    with contextlib.suppress(AskGit):
        return [
            RawChange(path, *(TreeEntry(f"{mode:06o}", name) if mode else None for mode, name in sides))
            for path, *sides in libgit2.changed(where, old, new)
        ]
    options = ("-r", "-z", "--raw", "--no-renames", "--no-abbrev")
    fields = iter(split(program.query(where, "diff-tree", *options, old, new, "--")))
    found = []
    for head, path in zip(fields, fields, strict=True):
        old_mode, new_mode, old_name, new_name, _ = head.removeprefix(":").split(" ")
        sides = ((old_mode, old_name), (new_mode, new_name))
        found.append(RawChange(path, *(None if mode == ABSENT else TreeEntry(mode, name) for mode, name in sides)))
    return found


def in_tree(where: Path, tree: str) -> dict[str, TreeEntry]:
    """All files of a tree or commit by their paths."""
    records = split(program.query(where, "ls-tree", "-r", "-z", "--full-tree", tree))
    heads = ((head.split(" "), path) for head, _, path in (record.partition("\t") for record in records))
    return {path: TreeEntry(mode, name) for (mode, _, name), path in heads}


def in_index(where: Path, *options: str, index: Path | None = None) -> list[IndexEntry]:
    """The entries of a worktree's index, or of the one that stands in for it; `options` of `git ls-files` choose."""
    variables: program.Variables | None = {"GIT_INDEX_FILE": index} if index else None
    listed = program.query(where, "--literal-pathspecs", "ls-files", "--stage", "-z", *options, variables=variables)
    return [index_entry(record) for record in split(listed)]


def index_entry(record: str) -> IndexEntry:
    """An entry as git lists it: `mode object stage<TAB>path`."""
    head, _, path = record.partition("\t")
    mode, name, stage = head.split(" ")
    return IndexEntry(path, mode, name, stage)


def gitlinks(where: Path) -> dict[str, str]:
    """Where a worktree's index has submodules, and the commit that it wants of each."""
    return {entry.path: entry.object for entry in in_index(where) if entry.mode == GITLINK}


def empty_tree(like: str) -> str:
    """The oid of the tree without files, in a repository that has oids like this one."""
    return _EMPTY_TREE if len(like) == len(_EMPTY_TREE) else _EMPTY_TREE_SHA256


def log(where: Path, fields: Sequence[str], *span: str) -> list[list[str]]:
    """The commits of a span of `git log`, of each these fields of its format."""
    options = ("-z", f"--format={'%x1f'.join(fields)}", "--encoding=UTF-8", "--no-color")
    output = program.query(where, "log", *options, "--no-mailmap", "--no-show-signature", *span, "--")
    records = (record.strip("\n") for record in output.decode("utf-8", "replace").split("\0"))
    return [record.split("\x1f", len(fields) - 1) for record in records if record]
