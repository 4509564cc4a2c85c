"""`.worktreeinclude`: the ignored files of a checkout that each new worktree is to have, in the syntax of .gitignore.

The name and its meaning are those of the field: of the files that git ignores, those that a pattern matches are copied
(`.env`, local settings, caches). Copies, never links to the checkout: what amp does to them stays in its worktree.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import own_files, program, records
from ampsm_engine.git.entities import LeftOut
from ampsm_engine.git.worktrees import INCLUDE_FILE
from ampsm_engine.labels import size
from ampsm_engine.plain_text import list_some, plural

FICLONE = 0x40049409
"""The ioctl of Linux that has two files share their blocks until one is written to (ioctl_ficlone(2))."""

REPOSITORY = "it is a repository of its own"
LEADS_OUT = "it is a link that leads out of the repository"
SPECIAL = "it is no file"
NOT_IGNORED = "it is not ignored there, and would be committed"
TAKEN = "something is there already"


class Included(NamedTuple):
    """What was copied: how many files of how many bytes, and the paths that were named and left, with the reason."""

    files: int = 0
    bytes: int = 0
    left: tuple[LeftOut, ...] = ()

    def copied(self) -> str:
        """A sentence about what was copied; empty where nothing was."""
        what = f"{plural(self.files, 'ignored file')}, {size(self.bytes)}"
        return f"Copied as {INCLUDE_FILE} says: {what}." if self.files else ""

    def left_out(self) -> tuple[str, ...]:
        """A sentence for each reason why something that was named was not copied."""
        reasons = dict.fromkeys(one.reason for one in self.left)
        by_reason = ((why, [one.path for one in self.left if one.reason == why]) for why in reasons)
        return tuple(f"Not copied, {why}: {list_some(paths)}." for why, paths in by_reason)


def copy(checkout: Path, worktree: Path) -> Included:
    """Copy what `.worktreeinclude` in a checkout names into a worktree that was just made; nothing where there is none.

    Never over a file, never through a link, and nothing that git would not ignore in the worktree, too. A file that
    cannot be copied is in `left`; on a full disk the rest is, too.
    """
    if not (checkout / INCLUDE_FILE).is_file():
        return Included()
    named = records.split(
        program.query(checkout, "ls-files", "-z", "--others", "--ignored", f"--exclude-from={checkout / INCLUDE_FILE}")
    )
    named = [path for path in named if path.partition("/")[0] not in own_files.FOLDERS]
    named = _ignored(checkout, named)
    # Git asks nothing about what lies beyond a link, and answers nothing more.
    beyond = {path for path in named if any((worktree / one).is_symlink() for one in _folders(path))}
    ignored_there = set(_ignored(worktree, [path for path in named if path not in beyond]))
    files, total = 0, 0
    left = [LeftOut(path, TAKEN) for path in named if path in beyond]
    named = [path for path in named if path not in beyond]
    with _opened(checkout) as source, _opened(worktree) as target:
        for number, path in enumerate(named):
            if path not in ignored_there:
                left.append(LeftOut(path, NOT_IGNORED))
                continue
            try:
                why_not, written = _copy_one(checkout, path, source, target)
            except OSError as reason:
                why_not, written = f"{reason.strerror}", 0
                if reason.errno in {errno.ENOSPC, errno.EDQUOT}:
                    left += [LeftOut(rest, why_not) for rest in named[number:]]
                    break
            if why_not:
                left.append(LeftOut(path, why_not))
            else:
                files, total = files + 1, total + written
    return Included(files, total, tuple(left))


def _folders(path: str) -> Iterator[str]:
    """The folders above a path: `a` and `a/b` of `a/b/c`."""
    parts = path.rstrip("/").split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _ignored(where: Path, paths: list[str]) -> list[str]:
    """Those of the paths that git ignores in a worktree by its own rules, in their order."""
    if not paths:
        return []
    answer = program.read(where, "check-ignore", "-z", "--stdin", feed=records.joined(paths))
    found = set(records.split(answer.output))
    return [path for path in paths if path in found]


@contextlib.contextmanager
def _opened(folder: Path | str, *, dir_fd: int | None = None) -> Iterator[int]:
    """A folder, opened where it is one itself and not a link."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        yield opened
    finally:
        os.close(opened)


def _copy_one(checkout: Path, path: str, source: int, target: int) -> tuple[str, int]:
    """Why a path cannot be copied, or an empty text and its size; OSError where the disk says no."""
    if path.endswith("/"):
        return REPOSITORY, 0
    *folders, name = path.split("/")
    with contextlib.ExitStack() as stack:
        for folder in folders:
            source = stack.enter_context(_opened(folder, dir_fd=source))
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, stat.S_IMODE(os.fstat(source).st_mode), dir_fd=target)
            try:
                target = stack.enter_context(_opened(folder, dir_fd=target))
            except NotADirectoryError:
                return TAKEN, 0
        found = os.stat(name, dir_fd=source, follow_symlinks=False)
        try:
            if stat.S_ISLNK(found.st_mode):
                return _copy_link(checkout, path, name, target), 0
            if not stat.S_ISREG(found.st_mode):
                return SPECIAL, 0
            return "", _copy_file(name, source, target)
        except FileExistsError:
            return TAKEN, 0


def _copy_link(checkout: Path, path: str, name: str, target: int) -> str:
    """Make a link again whose target lies in the checkout and is named from where it stands."""
    link = checkout / path
    named = link.readlink()
    # Not `Path.resolve`, which raises on a link that leads to itself.
    leads_to = Path(os.path.realpath(link.parent / named))
    if named.is_absolute() or not leads_to.is_relative_to(os.path.realpath(checkout)):
        return LEADS_OUT
    os.symlink(named, name, dir_fd=target)
    return ""


def _copy_file(name: str, source: int, target: int) -> int:
    """Copy a file with its permissions and times, sharing its blocks where the file system can; its size."""
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source), "rb") as old:
        found = os.fstat(old.fileno())
        made = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=target)
        with os.fdopen(made, "wb") as new:
            try:
                try:
                    fcntl.ioctl(new.fileno(), FICLONE, old.fileno())
                except OSError:
                    shutil.copyfileobj(old, new, 1 << 20)
                new.flush()
                os.fchmod(new.fileno(), stat.S_IMODE(found.st_mode) & 0o777)
                os.utime(new.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
            except BaseException:
                os.unlink(name, dir_fd=target)
                raise
    return found.st_size
