"""What `git status` says about a worktree, entry by entry, and what lies in it that git does not tell of.

Of an ignored folder `git status` tells by one entry, and not at all of empty folders, of permissions, and of
repositories around files that it tracks. Reads only; a worktree's own index is never written.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ampsm_engine import labels, plain_text
from ampsm_engine.git import own_files, program, records, repository
from ampsm_engine.git.entities import Head
from ampsm_engine.lean_dataclass import dataclass, field

State = Literal["tracked", "unmerged", "untracked", "ignored"]

OPTIONS = ("--porcelain=v2", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none")
"""What `git status` is asked with where each entry counts."""

_OTHERS = (".hg", ".jj")
"""What makes a folder a repository of another program than git."""


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
    head_mode: str = records.ABSENT
    index_mode: str = records.ABSENT
    head_object: str = ""
    index_object: str = ""


def entries(worktree: Path, *, ignored: bool = False, index: Path | None = None) -> tuple[StatusEntry, ...]:
    """Everything that `git status` lists there, renames as a deletion and an addition; every untracked file by name.

    `index` stands in for the worktree's own, and is refreshed. Ignored folders are listed as one entry each.
    """
    return _entries(_records(worktree, ignored=ignored, index=index))


def with_head(worktree: Path) -> tuple[Head, tuple[StatusEntry, ...]]:
    """What a worktree has checked out, and the same entries, by one question."""
    told = _records(worktree, "--branch", "--no-ahead-behind")
    heads = [program.text(record).split(" ", 2) for record in told if record[:1] == b"#"]
    found = {name: value for _, name, value in heads}
    commit, branch = found.get("branch.oid", ""), found.get("branch.head", "(detached)")
    head = Head("" if commit == "(initial)" else commit, None if branch == "(detached)" else branch)
    return head, _entries(told)


def _entries(told: Iterable[bytes]) -> tuple[StatusEntry, ...]:
    return tuple(_entry(record) for record in told if record[:1] in b"1u?!")


def _records(worktree: Path, *more: str, ignored: bool = False, index: Path | None = None) -> list[bytes]:
    repository.check_worktree(worktree)
    options = [*more, *OPTIONS, *(["--ignored=matching"] if ignored else ())]
    # git compares byte by byte what changed in the second of the index; refreshed, it need not do so again.
    variables: program.Variables = {"GIT_INDEX_FILE": index, "GIT_OPTIONAL_LOCKS": "1"} if index else {}
    output = program.query(worktree, "status", *options, variables=variables)
    return [record for record in output.split(b"\0") if record]


def _entry(record: bytes) -> StatusEntry:
    kind, _, rest = program.text(record).partition(" ")
    if kind == "?":
        return StatusEntry("untracked", rest)
    if kind == "!":
        return StatusEntry("ignored", rest)
    if kind == "u":
        xy, submodule, *_, path = rest.split(" ", 9)
        return StatusEntry("unmerged", path, xy[0], xy[1], submodule)
    xy, submodule, head, index, _, head_object, index_object, path = rest.split(" ", 7)
    return StatusEntry("tracked", path, xy[0], xy[1], submodule, head, index, head_object, index_object)


@dataclass(frozen=True, slots=True)
class Ignored:
    """What git ignores, but for secrets and repositories: files and folders as `git status` lists them."""

    paths: tuple[str, ...] = ()
    bytes: int = 0

    def __str__(self) -> str:
        return f"{plain_text.list_some(self.paths)} ({labels.size(self.bytes)})"


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a worktree holds that is in no tree of git's."""

    whole: tuple[str, ...] = ()
    """What can only be kept as it is: repositories, ignored secrets, folders that cannot be read."""
    ignored: Ignored = field(default_factory=Ignored)
    empty: tuple[str, ...] = ()
    """Folders with nothing in them, ignored ones aside."""
    modes: dict[str, int] = field(default_factory=dict)
    """Folders and their permissions, ignored ones only where something of `whole` is in them."""


def is_repository(folder: Path) -> bool:
    """Whether a folder is a repository or a worktree of one, with or without a checkout."""
    try:
        return _is_repository({item.name: item for item in os.scandir(folder)})
    except OSError:
        return False


def survey(worktree: Path, entries: Iterable[StatusEntry]) -> Inventory:
    """Look through a worktree; `entries` are those of `entries` with the ignored ones."""
    return _Survey(worktree, {entry.path.rstrip("/") for entry in entries if entry.state == "ignored"}).inventory()


def inventory_of(worktree: Path) -> Inventory:
    """What a worktree holds that is in no tree of git's, as it is now; empty where there is no worktree."""
    if not (worktree / ".git").exists():
        return Inventory()
    return survey(worktree, entries(worktree, ignored=True))


class _Survey:
    def __init__(self, worktree: Path, ignored: set[str]) -> None:
        self._worktree = worktree
        self._ignored = ignored
        self._sizes: dict[str, int] = {}
        self._whole: list[str] = []
        self._empty: list[str] = []
        self._modes: dict[str, int] = {}
        self._ignored_modes: dict[str, int] = {}
        self._folders: list[tuple[str, str]] = [("", "")]
        """Folders to look into, each with the ignored entry that it belongs to (empty: none)."""

    def inventory(self) -> Inventory:
        while self._folders:
            self._list_folder(*self._folders.pop())
        ignored = Ignored(tuple(sorted(self._sizes)), sum(self._sizes.values()))
        around = {str(parent) for path in self._whole for parent in Path(path).parents}
        modes = self._modes | {path: mode for path, mode in self._ignored_modes.items() if path in around}
        return Inventory(tuple(sorted(self._whole)), ignored, tuple(sorted(self._empty)), modes)

    def _list_folder(self, folder: str, entry: str) -> None:
        try:
            found = {item.name: item for item in os.scandir(self._worktree / folder)}
        except PermissionError:
            if not folder:
                raise
            self._whole.append(folder)
            return
        if folder and _is_repository(found):
            self._whole.append(folder)
            return
        modes = self._ignored_modes if entry else self._modes
        modes[folder or "."] = stat.S_IMODE((self._worktree / folder).stat().st_mode)
        if not found and not entry:
            self._empty.append(folder)
        if not folder:
            self._whole += [name for name in _OTHERS if name in found]
            found = {name: item for name, item in found.items() if name not in (".git", *own_files.FOLDERS, *_OTHERS)}
        for name, item in found.items():
            self._sort(f"{folder}/{name}" if folder else name, entry, item)

    def _sort(self, path: str, entry: str, item: "os.DirEntry[str]") -> None:
        from ampsm_engine.git.unwanted_files import is_secret, is_secret_file  # many patterns, for who surveys alone

        entry = entry or (path if path in self._ignored else "")
        if path == entry and is_secret(path):
            self._whole.append(path)  # a folder, too, that is called so and ignored
        elif item.is_dir(follow_symlinks=False):
            self._folders.append((path, entry))
        elif entry and is_secret_file(self._worktree, path):
            self._whole.append(path)
        elif entry:
            self._sizes[entry] = self._sizes.get(entry, 0) + item.stat(follow_symlinks=False).st_size


def _is_repository(found: "dict[str, os.DirEntry[str]]") -> bool:
    if ".git" in found or any(name in found for name in _OTHERS):
        return True
    bare = all(name in found and found[name].is_dir() for name in ("objects", "refs"))
    return bare and "HEAD" in found and not found["HEAD"].is_dir()
