"""What integrating answers with: frozen, comparable, picklable. Commits and trees are full object names."""

from pathlib import Path
from typing import Literal, NamedTuple

from ampsm_engine.lean_dataclass import dataclass

ConflictKind = Literal[
    "content",
    "add/add",
    "modify/delete",
    "rename/delete",
    "rename/rename",
    "mode",
    "binary",
    "submodule",
    "directory/file",
    "other",
]

Manual = Literal["include", "keep", "apart"]
"""What becomes of commits by hand in a squash: part of it, commits of their own beside one squash, or left exactly
where they are with the commits of amp between them squashed run by run."""

Choice = Literal["ours", "theirs", "both"]
"""`ours` is what the session comes to (the base), `theirs` what comes from the session, as in git's own rebase."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One side of a conflict in the index."""

    mode: str
    """Six octal digits, `160000` for a submodule."""
    object: str


@dataclass(frozen=True, slots=True)
class ConflictFile:
    """A path that two sides changed in ways that do not go together."""

    path: str
    kind: ConflictKind
    base: Stage | None = None
    ours: Stage | None = None
    theirs: Stage | None = None
    said: str = ""
    """What git says about it, for people; may hold any name, and is not cleaned for a terminal."""
    marker_size: int = 7
    """Letters of each marker in it, as the attributes said when it was laid out."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What merging two commits would give: a tree, or conflicts."""

    conflicts: tuple[ConflictFile, ...]
    tree: str | None
    """None with conflicts. The tree's objects may not be in the repository: nothing was written there."""


@dataclass(frozen=True, slots=True)
class PlannedCommit:
    """A commit that a branch has and its base has not."""

    sha: str
    subject: str
    author: str
    """The author's name and address: `Name <email>`."""
    time: str
    """The author's, ISO 8601 with its zone."""
    ours: bool
    """Made for amp: its subject begins with `amp:`, or it carries a trailer of ampsm or of amp."""
    parents: tuple[str, ...]

    @property
    def merge(self) -> bool:
        """Whether the commit has several parents."""
        return len(self.parents) > 1


@dataclass(frozen=True, slots=True)
class Rewritten:
    """New commits, as objects only: no branch has moved."""

    tip: str
    commits: tuple[str, ...]
    """Oldest first; commits that could stay as they are are in it, too. Empty: nothing is left to bring in."""


@dataclass(frozen=True, slots=True)
class RewriteConflict:
    """A rewrite that stopped at conflicts; nothing has moved.

    `lay_out` shows them, `pick` goes on with `remaining` after.
    """

    kind: Literal["pick", "merge", "reorder"]
    """One commit onto another, two lines of work, or commits of a squash that do not change places."""
    onto: str
    """Where it comes to; with `pick` the last commit that was made."""
    commit: str
    """What did not fit."""
    files: tuple[ConflictFile, ...]
    remaining: tuple[str, ...] = ()
    """Commits to pick after this one, oldest first."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Where the target would point: its branch has not moved."""

    commit: str
    how: Literal["fast-forward", "merge", "nothing"]


class BranchMove(NamedTuple):
    """A branch that is to move from one commit to another."""

    branch: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class MovedBranch:
    """A branch that moved."""

    branch: str
    old: str
    new: str
    checkouts: tuple[Path, ...] = ()
    """The worktrees that had it checked out, and were moved with it."""
    note: str | None = None
    """What the user should know besides: a post-merge hook that failed."""


@dataclass(frozen=True, slots=True)
class LaidOut:
    """A conflict that lies in a worktree. git's own state files are there, and this is kept beside them."""

    worktree: Path
    branch: str
    tip: str
    """The branch's commit: it has not moved, and aborting goes back to it."""
    kind: Literal["pick", "merge"]
    onto: str
    commit: str
    message: str
    """Of the merge commit to be; empty with `pick`, whose commit keeps its own."""
    files: tuple[ConflictFile, ...] = ()


@dataclass(frozen=True, slots=True)
class ConflictHunk:
    """A conflict inside a file, with both sides between its markers."""

    number: int
    """From 1, among those that are left."""
    line: int
    """Of its first marker, from 1."""
    ours: str
    base: str | None
    """None where merge.conflictStyle does not show it."""
    theirs: str
    end: int = 0
    """The line of the last marker, from 1."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A path with a conflict in a worktree, as index and file are now."""

    path: str
    kind: ConflictKind
    base: Stage | None
    ours: Stage | None
    theirs: Stage | None
    hunks: tuple[ConflictHunk, ...] = ()
    """Empty for what is not resolved by lines."""
    said: str = ""
    markers: tuple[int, ...] = ()
    """Lines, from 1, that are markers still, whole conflicts or not."""
    rerere: bool = False
    """The user's rerere resolved its lines; it waits for `resolve` with `edited`, or `git add`."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether a branch's work is in its base, how that is known, and what exists nowhere else."""

    in_base: bool
    how: Literal["ancestor", "same tree", "patch-id", "nothing new", "not"]
    left: tuple[PlannedCommit, ...] = ()
    """Commits whose change the base does not have."""
    files: tuple[str, ...] = ()
    """Paths that those commits change; empty when the work is in the base."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One ref that keeps a commit."""

    ref: str
    moment: str
    name: str
    commit: str
