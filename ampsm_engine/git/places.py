"""Where things are: repositories, bases, worktrees, and what lies about unclaimed. Frozen values, no input or output.

Apart from `values`, because making a session needs these alone and is what people wait for: named tuples, since
importing `dataclasses` alone takes 7 ms.
"""

from pathlib import Path
from typing import Literal, NamedTuple


class Repo(NamedTuple):
    """A repository with a main worktree."""

    root: Path
    """The top level of the main worktree, symbolic links resolved."""
    common_dir: Path
    """What all its worktrees share: `.git` in most repositories."""
    checkout: Path
    """The top level of the worktree that was asked about: a base that is not named is what is checked out there."""


class Base(NamedTuple):
    """Where a branch starts: the name to merge into, and the commit."""

    name: str
    commit: str


class Worktree(NamedTuple):
    """A worktree as git knows it."""

    path: Path
    branch: str
    """Its short name; empty when HEAD is detached."""
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
    """Something of ours that no session knows."""

    kind: Literal["worktree", "branch", "folder"]
    path: Path | None
    branch: str
    detail: str
