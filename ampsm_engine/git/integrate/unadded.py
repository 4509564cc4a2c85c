"""What a worktree in conflict holds beside what was resolved: changes after `git add`, or after a commit."""

from collections.abc import Iterable
from pathlib import Path

from ampsm_engine.errors import Failed
from ampsm_engine.git import program, repository
from ampsm_engine.git.integrate import layout, marks

_NAMES = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=dirty")


def unadded(worktree: Path) -> tuple[str, ...]:
    """Tracked files that differ from the index, conflicts aside."""
    open_paths = layout.unmerged(worktree)
    return tuple(path for path in _names(worktree) if path not in open_paths)


def uncommitted(worktree: Path) -> tuple[str, ...]:
    """Files whose content in the index is not that of HEAD; a conflict that a stand-in commit holds has none."""
    return _names(worktree, "--cached")


def _names(worktree: Path, *options: str) -> tuple[str, ...]:
    return tuple(program.text(program.told(worktree, *_NAMES, *options, "--")).split("\0")[:-1])


def take_in(worktree: Path, paths: Iterable[str]) -> None:
    """Take files into the index as they lie there, resolved or new or gone; a commit made meanwhile makes room.

    HEAD goes back to what the work comes to where the index holds more than that commit: `finish` makes one of it all.
    """
    feed = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    answer = program.write(worktree, "update-index", "--add", "--remove", "-z", "--stdin", feed=feed)
    if not answer.ok:
        raise Failed(f"git could not take in what was resolved: {answer.reason}.", f"git -C {worktree} status")
    laid = layout.required(worktree)
    if uncommitted(worktree):
        why = ("-m", "ampsm: resolved, with what came after the commit")
        program.done(worktree, "update-ref", "--no-deref", *why, "HEAD", laid.onto)
        marks.put(worktree, repository.linked_git_dir(worktree), laid)
