"""The ignored files of a checkout that new worktrees get: those that `.worktreeinclude` names, and shared folders.

The file's syntax is that of .gitignore, its name and meaning are those of the field: of the files that git ignores,
those that a pattern matches are copied (`.env`, local settings, caches). Copies, never links to the checkout: what amp
does to them stays in its worktree.
"""

import contextlib
import fcntl
import itertools
import math
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import own_files, program, records, repository
from ampsm_engine.git.entities import LeftOut
from ampsm_engine.git.worktrees import INCLUDE_FILE
from ampsm_engine.labels import size
from ampsm_engine.plain_text import list_some, plural

FICLONE = 0x40049409
"""The ioctl of Linux that has two files share their blocks until one is written to (ioctl_ficlone(2))."""

LARGEST = 1 << 20
"""Bytes of the list beyond which it is not read: git holds each line against each ignored file."""

REPOSITORY = "it is a repository of its own"
LEADS_OUT = "it is a link that leads out of the repository"
SPECIAL = "it is a pipe, a socket or a device"
LINKED = "it is a link in the checkout"
NOT_IGNORED = "it is not ignored there, and would be committed"
TAKEN = "something is there already"


class Included(NamedTuple):
    """What was copied: how many files of how many bytes, and the paths that were named and left, with the reason."""

    files: int = 0
    bytes: int = 0
    left: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences about the rest that is worth knowing."""

    def with_more(self, other: "Included") -> "Included":
        """The sum of what both have copied."""
        return Included(
            self.files + other.files, self.bytes + other.bytes, self.left + other.left, self.notes + other.notes
        )

    def copied(self, source: str = "the checkout") -> str:
        """A sentence about what was copied from `source`; empty where nothing was."""
        what = f"{plural(self.files, 'ignored file')}, {size(self.bytes)}"
        return f"Copied from {source}: {what}." if self.files else ""

    def left_out(self) -> tuple[str, ...]:
        """A sentence for each reason why something that was named was not copied, and the notes."""
        reasons = dict.fromkeys(one.reason for one in self.left)
        by_reason = ((why, [one.path for one in self.left if one.reason == why]) for why in reasons)
        return (*(f"Not copied, {why}: {list_some(paths)}." for why, paths in by_reason), *self.notes)


def copy(checkout: Path, worktree: Path, share: Sequence[str] = (), most: float = math.inf) -> Included:
    """Copy what `.worktreeinclude` in a checkout names, and shared folders, into a worktree that was just made.

    Never over a file, never through a link, and nothing that git would not ignore in the worktree, too. A file that
    cannot be copied is in `left`. Of a folder in `share` no more than `most` bytes are copied where the disk cannot
    have two files share their blocks. What was copied is noted in `own_files`.
    """
    done, named = Included(), list[str]()
    why_not = _why_unread(checkout / INCLUDE_FILE)
    if why_not is None:
        named = _listed(checkout, f"--exclude-from={checkout / INCLUDE_FILE}")
        named = _ignored(checkout, [path for path in named if path.partition("/")[0] not in own_files.FOLDERS])
        done = _copy_named(checkout, worktree, named)
    elif why_not:
        done = Included(notes=(f"{INCLUDE_FILE} is {why_not}, so nothing that it may name was copied.",))
    dealt_with = set(named)  # what is named twice is copied once, and told once
    for folder in share:
        named = _listed(checkout, "--exclude-standard", "--", f":(top,literal){folder}")
        link = next((one for one in (*_folders(folder), folder) if (checkout / one).is_symlink()), "")
        if not link:
            named += _special(checkout, folder)
        elif link not in named:  # git ignores folders of that name, and not the link
            done = done.with_more(Included(left=(LeftOut(link, LINKED),)))
        left = [path for path in named if path not in dealt_with]
        done = done.with_more(_share(checkout, worktree, folder, left, most))
        dealt_with.update(named)
    return done


def _why_unread(file: Path) -> str | None:
    """Why what stands in the place of a file is not read, in words; empty: there is nothing; None: it is read."""
    try:
        found = file.lstat()
    except OSError:
        return ""
    mode = found.st_mode
    if stat.S_ISREG(mode):
        return None if found.st_size <= LARGEST else f"larger than {size(LARGEST)}"
    return "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "no file"


def _listed(checkout: Path, *chosen: str) -> list[str]:
    return records.split(program.query(checkout, "ls-files", "-z", "--others", "--ignored", *chosen))


def _special(checkout: Path, folder: str) -> Iterator[str]:
    """The pipes, sockets and devices in a folder, which git lists nowhere. No link and no repository is gone into."""
    folders = [folder]
    for inside in folders:  # which grows meanwhile
        with contextlib.suppress(OSError), os.scandir(checkout / inside) as entries:
            for entry in entries:
                path = f"{inside}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders += [] if os.path.lexists(checkout / path / ".git") else [path]
                elif not (entry.is_symlink() or entry.is_file(follow_symlinks=False)):
                    yield path


def _share(checkout: Path, worktree: Path, folder: str, named: list[str], most: float) -> Included:
    """Copy what git ignores in a folder of the checkout, unless that is too much."""
    total = 0
    for path in named:
        with contextlib.suppress(OSError):
            total += (checkout / path).lstat().st_size
    if total > most and not _shares_blocks(checkout, worktree, named):
        return Included(left=(LeftOut(f"{folder} ({size(total)})", "the disk would have to hold it twice"),))
    if _ignored(worktree, [f"{folder}/"]):
        done = _copy_named(checkout, worktree, named, note=(f"{folder}/",))
    else:
        done = _copy_named(checkout, worktree, named)
    if done.files and f"{folder}/pyvenv.cfg" in named:
        way = f"python3 -m venv {folder}"
        text = (
            f"{folder} is a virtual environment whose programs name {checkout}; let the setup command begin with: {way}"
        )
        done = done.with_more(Included(notes=(text,)))
    return done


def _shares_blocks(checkout: Path, worktree: Path, named: Iterable[str]) -> bool:
    """Whether a copy of one of these files would share its blocks."""
    for path in named:
        with contextlib.suppress(OSError, AttributeError):
            old = os.open(checkout / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if stat.S_ISREG(os.fstat(old).st_mode) and os.fstat(old).st_size:
                    new = os.open(worktree, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC)
                    try:
                        fcntl.ioctl(new, FICLONE, old)
                    finally:
                        os.close(new)
                    return True
            except OSError:
                return False
            finally:
                os.close(old)
    return False


def _copy_named(checkout: Path, worktree: Path, named: list[str], note: Sequence[str] = ()) -> Included:
    """Copy these paths as far as git ignores them in the worktree; `note`: the folders that hold them all, if known."""
    # Git asks nothing about what lies beyond a link, and answers nothing more.
    beyond = {path for path in named if any((worktree / one).is_symlink() for one in _folders(path))}
    left = [LeftOut(path, TAKEN) for path in named if path in beyond]
    named = [path for path in named if path not in beyond]
    ignored = set(named if note else _ignored(worktree, named))
    left += [LeftOut(path, NOT_IGNORED) for path in named if path not in ignored]
    named = [path for path in named if path in ignored]
    if named:
        own_files.note_copies(
            repository.linked_git_dir(worktree), note or [path for path in named if not path.endswith("/")]
        )
    files, total = 0, 0
    with _opened(checkout) as source, _opened(worktree) as target:
        for folder, paths in itertools.groupby(named, lambda path: path.rstrip("/").rpartition("/")[0]):
            with contextlib.ExitStack() as stack:
                why_not, places = "", (source, target)
                try:
                    places = _enter(stack, folder, source, target)
                except NotADirectoryError:
                    why_not = TAKEN
                except OSError as reason:
                    why_not = f"{reason.strerror}"
                for path in paths:
                    found, written = (why_not, 0) if why_not else _copied(checkout, path, *places)
                    if found:
                        left.append(LeftOut(path, found))
                    else:
                        files, total = files + 1, total + written
    return Included(files, total, tuple(left))


def _copied(checkout: Path, path: str, source: int, target: int) -> tuple[str, int]:
    """Why a path could not be copied, or an empty text and its size."""
    try:
        return _copy_one(checkout, path, source, target)
    except OSError as reason:
        return f"{reason.strerror}", 0


def _enter(stack: contextlib.ExitStack, folder: str, source: int, target: int) -> tuple[int, int]:
    """A folder of both sides, opened; made in the worktree where it is not there."""
    for part in folder.split("/") if folder else ():
        source = stack.enter_context(_opened(part, dir_fd=source))
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, stat.S_IMODE(os.fstat(source).st_mode), dir_fd=target)
        target = stack.enter_context(_opened(part, dir_fd=target))
    return source, target


def _folders(path: str) -> Iterator[str]:
    """The folders above a path: `a` and `a/b` of `a/b/c`."""
    parts = path.rstrip("/").split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _ignored(where: Path, paths: list[str]) -> list[str]:
    """The paths that git's own rules ignore in a worktree, in the order given."""
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
    """Why a path cannot be copied, or an empty text and its size; OSError where the disk says no.

    `source` and `target`: the folders that it lies in, and comes to.
    """
    if path.endswith("/"):
        return REPOSITORY, 0
    name = path.rpartition("/")[2]
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
    # As written it has to stay inside, too: `../../shop/.env` is in the checkout `shop`, and leads out of the worktree.
    written = os.path.normpath(os.path.join(os.path.dirname(path), named))  # noqa: PTH118, PTH120 - relative on purpose
    is_inside = leads_to.is_relative_to(os.path.realpath(checkout)) and written.partition("/")[0] != ".."
    if named.is_absolute() or not is_inside:
        return LEADS_OUT
    os.symlink(named, name, dir_fd=target)
    return ""


def _copy_file(name: str, source: int, target: int) -> int:
    """Copy a file with its permissions and times, sharing its blocks where the file system can; its size."""
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source)
    with os.fdopen(opened, "rb") as old:
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
