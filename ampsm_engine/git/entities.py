"""Repositories, worktrees, commits and changes as this room answers with them: frozen, comparable, picklable values.

Paths inside a repository are text as Python names files: bytes that are no UTF-8 are lone surrogates, and
the code that shows them cleans them first.
"""

from pathlib import Path
from typing import Literal, NamedTuple

from ampsm_engine.lean_dataclass import dataclass

NAME, EMAIL = "ampsm", "ampsm@localhost"
"""The name and the address for commits where git has none configured."""

Kind = Literal["added", "modified", "deleted", "renamed", "copied", "typechange", "untracked", "conflicted"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """A changed file. Line counts are None for binary files, and where lines were not counted."""

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


class Repo(NamedTuple):
    """A repository with a main worktree."""

    root: Path
    """The top level of the main worktree, symbolic links resolved; of a bare one the folder of its worktrees."""
    common_dir: Path
    """What all its worktrees share: `.git` in most repositories."""
    checkout: Path
    """The top level of the worktree that was asked about: a base that is not named is what is checked out there."""
    is_bare: bool = False
    """Whether it has no main worktree: `root` is its git folder or the folder around that, and has no files of it."""


class Base(NamedTuple):
    """Where a branch starts: the name to merge into, and the commit."""

    name: str
    commit: str


class Worktree(NamedTuple):
    """A worktree as git knows it."""

    path: Path
    branch: str
    """The short name of the branch; empty when HEAD is detached."""
    head: str
    """The commit checked out; empty on a branch without a commit."""
    base_commit: str = ""
    """The commit that a new session's branch started from; empty when not known."""
    root: Path | None = None
    """The main worktree of its repository."""
    locked: str | None = None
    """Why it is locked (may be empty); None when it is not."""
    prunable: str | None = None
    """Why git would forget it; None when it is sound."""
    note: str | None = None
    """What the user should know about its making: a post-checkout hook that failed."""


class Orphan(NamedTuple):
    """A worktree or ref of ampsm's that belongs to no known session."""

    kind: Literal["worktree", "branch", "folder"]
    path: Path | None
    branch: str
    detail: str


def identity(name: str = NAME, email: str = EMAIL) -> dict[str, str]:
    """Environment variables that set author and committer for git."""
    return {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", name), ("EMAIL", email))
    }
