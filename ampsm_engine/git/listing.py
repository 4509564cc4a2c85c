"""What `git status` says about a worktree, entry by entry. Reads only; a worktree's own index is never written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ampsm_engine.git import program, repository

ABSENT = "000000"
GITLINK = "160000"
SYMLINK = "120000"

State = Literal["tracked", "unmerged", "untracked", "ignored"]


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """One path that differs from HEAD or from the index, or that git does not track."""

    state: State
    path: str
    """An untracked or ignored folder ends with `/`: untracked ones are repositories of their own."""
    staged: str = "."
    """How the index differs from HEAD: one letter, `.` for not at all."""
    unstaged: str = "."
    """How the worktree differs from the index."""
    submodule: str = "N..."
    head_mode: str = ABSENT
    index_mode: str = ABSENT
    work_mode: str = ABSENT
    head_object: str = ""
    index_object: str = ""


def entries(worktree: Path, *, ignored: bool = False, index: Path | None = None) -> tuple[StatusEntry, ...]:
    """Everything that `git status` lists there, renames as a deletion and an addition; every untracked file by name.

    `index` stands in for the worktree's own, and is refreshed. Ignored folders are listed as one entry each.
    """
    repository.check_worktree(worktree)
    options = ["--porcelain=v2", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none"]
    if ignored:
        options.append("--ignored=matching")
    # git compares byte by byte what changed in the second of the index; refreshed, it need not do so again.
    variables: program.Variables = {"GIT_INDEX_FILE": index, "GIT_OPTIONAL_LOCKS": "1"} if index else {}
    output = program.told(worktree, "status", *options, variables=variables)
    return tuple(_entry(record) for record in output.split(b"\0") if record and record[:1] in b"1u?!")


def _entry(record: bytes) -> StatusEntry:
    kind, _, rest = program.text(record).partition(" ")
    if kind == "?":
        return StatusEntry("untracked", rest)
    if kind == "!":
        return StatusEntry("ignored", rest)
    if kind == "u":
        xy, submodule, _, _, _, work, _, _, _, path = rest.split(" ", 9)
        return StatusEntry("unmerged", path, xy[0], xy[1], submodule, work_mode=work)
    xy, submodule, head, index, work, head_object, index_object, path = rest.split(" ", 7)
    return StatusEntry("tracked", path, xy[0], xy[1], submodule, head, index, work, head_object, index_object)
