"""The values that this room answers with: frozen, comparable, picklable.

Paths inside a repository are text as Python names files: bytes that are no UTF-8 are lone surrogates, and
whoever shows them cleans them first. No input or output in here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["added", "modified", "deleted", "renamed", "copied", "typechange", "untracked", "conflicted"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """One changed file. Line counts are None for binary files, and where nobody counted."""

    path: str
    old_path: str | None
    kind: Kind
    additions: int | None = None
    deletions: int | None = None
    binary: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A path that was not committed, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference of two trees: its files, and the patch that `git apply` takes."""

    files: tuple[FileChange, ...]
    patch: bytes

    @property
    def additions(self) -> int:
        """Lines added, binary files aside."""
        return sum(file.additions or 0 for file in self.files)

    @property
    def deletions(self) -> int:
        """Lines deleted, binary files aside."""
        return sum(file.deletions or 0 for file in self.files)


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What came of committing: a commit, nothing to commit (neither sha nor refused), or a refusal."""

    sha: str | None
    changed_files: int = 0
    left_out: tuple[LeftOut, ...] = ()
    refused: str | None = None
    """Why git would not; everything is left in place."""
    hint: str = ""
    """The command to run next when it was refused."""
    note: str | None = None
    """What the user should know about it besides."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a worktree has checked out."""

    commit: str
    """Empty when there is no commit yet."""
    branch: str | None
    """None when HEAD is detached."""


@dataclass(frozen=True, slots=True)
class LiveTree:
    """A worktree as it is at this moment, written as a tree into an object folder of its own."""

    tree: str
    objects: Path
    """The private object folder."""
    own_objects: Path
    """The repository's object folder, where the unchanged files are."""
    left_out: tuple[LeftOut, ...] = ()

    def __str__(self) -> str:
        return self.tree


@dataclass(frozen=True, slots=True)
class Trashed:
    """What the trash keeps of a session."""

    session_id: str
    branch: str
    tip: str
    """The commit that its branch pointed at."""
    work: str | None
    """The commit that holds its uncommitted content; None when the worktree was gone."""
    ignored: int = 0
    """Ignored files and folders that were not kept: what a build can make again."""
