"""A file's entry (mode and blob) in a tree, in the index and in the worktree, and trees made of a few entries.

What the worktree holds passes its filters here, as `git add` would have it; its index is only read. Blobs are
written into the repository, where git deletes in its own time what no ref reaches.
"""

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import program, records, repository
from ampsm_engine.git.records import TreeEntry
from ampsm_engine.git.snapshot import copy_index
from ampsm_engine.git.unwanted_files import is_secret_file
from ampsm_engine.private_folder import private_folder


def is_inside(path: str) -> bool:
    """Whether a path names something in a tree, as git writes it."""
    return not {"", ".", ".."} & set(path.split("/")) and "\0" not in path


Entries = Mapping[str, TreeEntry | None]
"""Paths, and what is there; None for nothing."""


class Scratch:
    """A worktree, and a private folder to work in."""

    def __init__(self, worktree: Path, git_dir: Path, folder: Path) -> None:
        self.worktree = worktree
        self.git_dir = git_dir
        self.head = program.query(worktree, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()
        self._folder = folder
        self._count = 0

    def in_tree(self, tree: str, path: str) -> TreeEntry | None:
        """What a commit or a tree has at a path."""
        if not is_inside(path):
            return None
        options = ("ls-tree", "-z", "--full-tree", tree, "--")
        for record in program.query(self.worktree, "--literal-pathspecs", *options, path).split(b"\0"):
            head, _, name = program.text(record).partition("\t")
            if name == path:
                mode, _, blob = head.split(" ")
                return None if mode == "040000" else TreeEntry(mode, blob)
        return None

    def in_index(self, path: str, index: Path | None = None) -> TreeEntry | None:
        """What the index has at a path; Refused when there is a conflict."""
        for _, mode, name, stage in (
            one for one in records.in_index(self.worktree, "--", path, index=index) if one.path == path
        ):
            if stage != "0":
                raise Refused(f"There are conflicts in {path}.", f"git -C {self.worktree} status")
            return TreeEntry(mode, name)
        return None

    def in_worktree(self, path: str) -> TreeEntry | None:
        """What `git add` would put into the index for a path; Refused for a secrets file that git does not track."""
        return self.all_in_worktree((path,))[path]

    def all_in_worktree(self, paths: Iterable[str]) -> dict[str, TreeEntry | None]:
        """What `git add` would put into the index for each path; Refused for a secrets file that git does not track."""
        found: dict[str, TreeEntry | None] = dict.fromkeys(paths)
        there = [path for path in found if self._is_there(path)]
        if there:
            index = self.index()
            options = ("update-index", "-z", "--add", "--remove", "--stdin")
            program.query(self.worktree, *options, feed=records.joined(there), variables={"GIT_INDEX_FILE": index})
            found |= {path: self.in_index(path, index) for path in there}
        return found

    def _is_there(self, path: str) -> bool:
        place = self.worktree / path
        if not is_inside(path):
            return False
        if not place.is_symlink() and (not place.exists() or (place.is_dir() and self.in_index(path) is None)):
            return False
        if is_secret_file(self.worktree, path) and self.in_index(path) is None and self.in_tree("HEAD", path) is None:
            raise Refused(f"{path} is a secrets file that git does not track.", f"ls -l {place}")
        return True

    def edits(self, before: str, after: str) -> bytes:
        """The patch from one blob to another without context: which lines became which."""
        options = ("-U0", "--text", "--no-color", "--no-ext-diff", "--no-textconv", "--inter-hunk-context=0")
        return program.query(self.worktree, "diff", *options, before, after)

    def content(self, entry: TreeEntry) -> bytes:
        """The content of an entry, as git keeps it."""
        return program.query(self.worktree, "cat-file", "blob", entry.blob)

    def blob(self, content: bytes) -> str:
        """Write a content as a blob, as it is."""
        made = program.change(self.worktree, "hash-object", "-w", "--no-filters", "--stdin", feed=content)
        return made.decode().strip()

    def index(self, *, of_head: bool = False) -> Path:
        """A copy of the index, what it knows of the files' times included; with `of_head`, of HEAD's content."""
        self._count += 1
        copy = self._folder / f"index-{self._count}"
        copy_index(self.git_dir, copy)
        if of_head:
            program.query(self.worktree, "read-tree", "--reset", "HEAD", variables={"GIT_INDEX_FILE": copy})
        return copy

    def enter(self, entries: Entries, index: Path | None = None) -> None:
        """Put entries into an index, the worktree's own by default."""
        # Removals first: a file may take the place of a folder.
        ordered = sorted(entries.items(), key=lambda item: item[1] is not None)
        nothing = "0" * len(self.head)
        lines = (f"{e.mode} {e.blob}\t{path}" if e else f"0 {nothing}\t{path}" for path, e in ordered)
        variables = {"GIT_INDEX_FILE": index} if index else None
        program.change(
            self.worktree, "update-index", "-z", "--index-info", feed=records.joined(lines), variables=variables
        )

    def tree(self, entries: Entries) -> str:
        """Write a tree of exactly these entries; answers its name."""
        self._count += 1
        index = self._folder / f"index-{self._count}"
        self.enter(entries, index)
        return program.query(self.worktree, "write-tree", variables={"GIT_INDEX_FILE": index}).decode().strip()

    def patch(self, before: Entries, after: Entries) -> bytes:
        """The patch from some entries to others, as `git apply` takes it: whole contents where they are binary."""
        options = ("-r", "-p", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv")
        prefixes = ("--no-color", "--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=none")
        fixed = ("-c", "core.quotePath=true", "-c", "diff.suppressBlankEmpty=false", "-c", "diff.context=3")
        return program.query(
            self.worktree, *fixed, "diff-tree", *options, *prefixes, self.tree(before), self.tree(after)
        )

    def merged(self, now: bytes, before: bytes, after: bytes) -> bytes | None:
        """The change from `before` to `after` brought to `now`; None where both changed the same lines."""
        if now == before:
            return after
        if after in (before, now):
            return now
        names = []
        for name, content in (("now", now), ("before", before), ("after", after)):
            file = self._folder / name
            file.write_bytes(content)
            names.append(file)
        answer = program.read(self.worktree, "merge-file", "--stdout", "--quiet", *names)
        return answer.output if answer.ok else None


@contextlib.contextmanager
def scratch(worktree: Path, *, writes: bool = True) -> Iterator[Scratch]:
    """Work on a session's worktree with a folder that is gone afterwards; who only reads may do so anywhere."""
    git_dir = repository.linked_git_dir(worktree) if writes else repository.git_dir(worktree)
    try:
        with private_folder("review") as folder:
            yield Scratch(worktree, git_dir, Path(folder))
    except OSError as reason:
        message = f"The work on {worktree} could not be written down: {reason.strerror}: {reason.filename}."
        raise Failed(message, f"df -h {tempfile.gettempdir()}") from reason
