"""What of a worktree goes into a commit or a tree, what stays out and why, and the putting of it into an index.

The rules are those of `git add --all`, less ampsm's own files, secrets that git does not track, repositories inside
the worktree, sockets and pipes. Paths are given to git one by one and literally: no pathspec, no folder.
"""

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ampsm_engine.git import own_files, program, records, repository, worktree_status
from ampsm_engine.git.entities import LeftOut
from ampsm_engine.git.own_files import CopiedPaths, OwnFiles
from ampsm_engine.git.records import ABSENT, GITLINK
from ampsm_engine.git.unwanted_files import is_secret_file
from ampsm_engine.git.worktree_status import StatusEntry
from ampsm_engine.lean_dataclass import dataclass

SECRET = "a secrets file that git does not track"  # noqa: S105 - a reason
COPIED = "a copy of a file that git ignores in your checkout"
NESTED = "a repository of its own"
SPECIAL = "a socket, a pipe or a device"
CONTEXT = "a context file of ampsm"
SUBMODULE = "a submodule with changes inside: they are committed there"


@dataclass(frozen=True, slots=True)
class IndexChanges:
    """What to do to the index."""

    add: tuple[str, ...]
    """Paths whose content in the worktree goes in."""
    put_back: tuple[StatusEntry, ...]
    """Paths that go back to what HEAD has: what must stay out was staged."""
    remove: tuple[str, ...]
    """Paths that are gone from the worktree."""
    left_out: tuple[LeftOut, ...]


def choose(worktree: Path, entries: Collection[StatusEntry], base: str = "HEAD") -> IndexChanges:
    """Sort the entries of a worktree into what goes in and what stays out.

    What `base` has below a folder of ours is the repository's own; whatever else is committed there is taken out.
    """
    ours = any(entry.path.partition("/")[0] in own_files.FOLDERS for entry in entries if entry.state != "ignored")
    own = own_files.of(worktree, base) if ours else OwnFiles()
    modules = _submodules(worktree) if any(entry.index_mode == GITLINK for entry in entries) else frozenset()
    bare = _bare_repositories(worktree, entries)
    copied = own_files.read_copies(repository.git_dir(worktree)) if entries else CopiedPaths()
    add, put_back, remove, left_out = [], [], [], []
    for entry in entries:
        if entry.state == "ignored":
            continue
        inner = _folder_of(entry, bare)
        reason = NESTED if inner else _reason_against(worktree, entry, modules, copied)
        reason = CONTEXT if own.holds(entry.path) else reason
        if reason is not None:
            told = LeftOut(inner or entry.path.rstrip("/"), reason)
            if (reason is not CONTEXT or entry.state != "untracked") and (not inner or told not in left_out):
                left_out.append(told)
            if reason is CONTEXT and entry.head_mode != ABSENT:
                remove.append(entry.path)
            elif entry.staged != "." and reason is not SPECIAL:
                put_back.append(entry)
        elif entry.state != "untracked" and _is_gone(worktree, entry):
            remove.append(entry.path)
        elif entry.state != "tracked" or entry.unstaged != ".":
            add.append(entry.path)
    return IndexChanges(tuple(add), tuple(put_back), tuple(remove), tuple(left_out))


def apply(
    worktree: Path, choice: IndexChanges, *, variables: program.Variables | None = None, quiet: bool = False
) -> program.Answer:
    """Put a choice into the worktree's index, or into the one that the variables name. Filters run as in git add.

    Quiet: for an index that is not the worktree's, with the guards of a question.
    """
    run = program.read if quiet else program.write
    new = [entry.path for entry in choice.put_back if entry.head_mode == ABSENT]
    old = [entry for entry in choice.put_back if entry.head_mode != ABSENT]
    answer = program.Answer(0, b"", "")
    for arguments, lines in (
        # Removals first: a file may have become a folder.
        (("--force-remove", "--stdin"), [*choice.remove, *new]),
        (("--index-info",), [f"{entry.head_mode} {entry.head_object}\t{entry.path}" for entry in old]),
        (("--add", "--remove", "--stdin"), choice.add),
    ):
        if lines and answer.ok:
            feed = records.joined(lines)
            answer = run(worktree, "update-index", "-z", *arguments, feed=feed, variables=variables)
    return answer


def special_files(worktree: Path, entries: Iterable[StatusEntry]) -> Iterator[LeftOut]:
    """Sockets, pipes and devices, which git never mentions; ignored folders and inner repositories aside."""
    skipped = {entry.path.rstrip("/") for entry in entries if entry.state in ("ignored", "untracked")}
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            found = list(os.scandir(worktree / folder))
        except OSError:  # git cannot look in there either
            continue
        for item in found:
            path = f"{folder}{item.name}"
            if item.is_dir(follow_symlinks=False):
                if item.name != ".git" and path not in skipped and path not in own_files.FOLDERS:
                    folders.append(f"{path}/")
            elif not (item.is_file(follow_symlinks=False) or item.is_symlink()) and path not in skipped:
                yield LeftOut(path, SPECIAL)


def _reason_against(worktree: Path, entry: StatusEntry, modules: frozenset[str], copied: CopiedPaths) -> str | None:
    is_new = entry.head_mode == ABSENT and entry.state != "unmerged"
    if entry.path.endswith("/") or (is_new and entry.index_mode == GITLINK and entry.path not in modules):
        return NESTED
    if is_new and is_secret_file(worktree, entry.path):
        return SECRET
    if is_new and copied.holds(entry.path):
        return COPIED
    if entry.index_mode == GITLINK:
        has_commit = entry.staged != "." or entry.unstaged == "T" or entry.submodule[1] == "C"
        return None if has_commit or entry.unstaged == "D" else SUBMODULE
    try:
        mode = (worktree / entry.path).lstat().st_mode
    except OSError:
        return None
    is_usual = stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)
    return None if is_usual or entry.unstaged == "." else SPECIAL


def _bare_repositories(worktree: Path, entries: Iterable[StatusEntry]) -> frozenset[str]:
    """New repositories without a checkout, which are files like any other to git."""
    heads = (entry.path for entry in entries if _is_new(entry) and entry.path.endswith("/HEAD"))
    folders = (path.removesuffix("/HEAD") for path in heads)
    return frozenset(folder for folder in folders if worktree_status.is_repository(worktree / folder))


def _folder_of(entry: StatusEntry, repositories: frozenset[str]) -> str:
    """The repository among these that a new file lies in; empty: none."""
    if not repositories or not _is_new(entry):
        return ""
    parents = (str(parent) for parent in Path(entry.path).parents)
    return next((parent for parent in parents if parent in repositories), "")


def _is_new(entry: StatusEntry) -> bool:
    """Whether HEAD does not have it, ignored files aside."""
    return entry.head_mode == ABSENT and entry.state in ("tracked", "untracked")


def _is_gone(worktree: Path, entry: StatusEntry) -> bool:
    if entry.state == "unmerged":
        return not os.path.lexists(worktree / entry.path)
    return entry.unstaged == "D"


def _submodules(worktree: Path) -> frozenset[str]:
    """Where .gitmodules wants submodules: a repository that is staged elsewhere came in by accident."""
    if not (worktree / ".gitmodules").is_file():
        return frozenset()
    paths = ("config", "--file", ".gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$")
    return frozenset(record.partition("\n")[2] for record in records.split(program.read(worktree, *paths).output))
