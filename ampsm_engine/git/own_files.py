"""What ampsm itself puts into a repository: the sessions' worktrees and their context files. Hidden, never carried on.

Two things hide them: lines in the repository's `info/exclude`, and an ignoring file inside each folder, which no
`.gitignore` further up can overrule. What a person commits all the same (`git add --force`) is told apart here from
what a repository rightly tracks below a folder of that name. Nothing else of its configuration is written.

Nor are the copies of ignored files that a worktree was given: a file in its own git folder names them.
"""

import contextlib
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import Unfit
from ampsm_engine.git import lock, program, records, repository
from ampsm_engine.git.entities import Repo

CONTEXT = "AGENT_CONTEXT"
FOLDERS = (CONTEXT, repository.WORKTREES)
IGNORING = ".gitignore"
FILES = ("SESSION.md", "DIFF_SUMMARY.md", "ITERATION_LOG.md", "LAST_STATUS.json", "REBASE_HELP.md")
"""The names of the context files."""

LINES = tuple(f"/{folder}/" for folder in reversed(FOLDERS))
"""Anchored: a folder of that name deeper down is the user's own."""

_ALL = b"*\n"
_COPIES = "ampsm-copies"
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class OwnFiles(NamedTuple):
    """Which paths are ampsm's: all below its folders, less what the repository itself tracks there.

    Where it tracks something in a folder of that name, the folder is its own, and ours are only the files and
    worktrees that we put there.
    """

    tracked: frozenset[str] = frozenset()

    def holds(self, path: str) -> bool:
        """Whether a path is ampsm's."""
        folder, _, below = path.rstrip("/").partition("/")
        if folder not in FOLDERS or path in self.tracked:
            return False
        if not self.is_shared(folder):
            return True
        if folder == CONTEXT:
            return below in (*FILES, IGNORING)
        return below == IGNORING or repository.is_session_id(below.partition("/")[0])

    def is_shared(self, folder: str) -> bool:
        """Whether the repository tracks something below a folder of ours."""
        return any(path == folder or path.startswith(f"{folder}/") for path in self.tracked)


def of(where: Path, *revisions: str) -> OwnFiles:
    """What is ampsm's in a repository that rightly tracks what these commits or trees have."""
    found = ((_tracked_by_id if _ID.fullmatch(one) else _tracked)(where, one) for one in revisions if one)
    return OwnFiles(frozenset().union(*found))


def _tracked(where: Path, revision: str) -> frozenset[str]:
    options = ("ls-tree", "-r", "-z", "--name-only", "--full-tree")
    return frozenset(records.split(program.query(where, *options, revision, "--", *FOLDERS)))


@lru_cache(8)
def _tracked_by_id(where: Path, oid: str) -> frozenset[str]:
    """What `_tracked` answers, kept by the id of a commit or tree: its files never change."""
    return _tracked(where, oid)


def staged(worktree: Path, *bases: str) -> tuple[str, ...]:
    """The paths of ours that a worktree's index holds, and that no base tracks."""
    names = records.split(program.query(worktree, "ls-files", "-z", "--full-name", "--", *_tops()))
    own = of(worktree, *bases) if names else OwnFiles()
    return tuple(dict.fromkeys(name for name in names if own.holds(name)))


def unstage(worktree: Path, *bases: str) -> tuple[str, ...]:
    """Take what is ours out of a worktree's index; the files stay. Answers the paths."""
    names = staged(worktree, *bases)
    if names:
        program.change(worktree, "update-index", "-z", "--force-remove", "--stdin", feed=records.joined(names))
    return names


def committed(where: Path, start: str, tip: str, *also: str) -> tuple[str, ...]:
    """The paths of ours that commits between `start` and `tip` brought in; `also` are trees that rightly have some."""
    options = ("log", "-m", "--format=", "--name-only", "-z", "--no-renames", "--no-show-signature")
    names = records.split(program.query(where, *options, f"{start}..{tip}", "--", *_tops()))
    found = {name.strip("\n") for name in names} - {""}
    own = of(where, start, *also) if found else OwnFiles()
    return tuple(sorted(name for name in found if own.holds(name)))


def ensure(repo: Repo, folder: str = repository.WORKTREES) -> None:
    """Hide our folders in a repository, and that of worktrees at its top; Unfit when that cannot be written."""
    file = repo.common_dir / "info" / "exclude"
    wanted = LINES if folder in FOLDERS or repo.is_bare else (*LINES, f"/{_literal(folder)}/")
    try:
        if _missing(file, wanted):
            with lock.writer(repo.common_dir, "exclude"):
                _append(file, wanted)
        below = repo.root / folder
        is_anothers = folder not in FOLDERS and os.path.lexists(below / IGNORING)
        if below.is_dir() and not below.is_symlink() and not is_anothers:
            hide(below, ())
    except OSError as reason:
        message = f"{reason.filename or file} cannot be written: {reason.strerror}."
        raise Unfit(message, f"ls -l {reason.filename or file}") from reason


def hide(folder: Path, shared: Iterable[str]) -> None:
    """Put an ignoring file into a folder of ours; `shared`: the only names to ignore where others are the user's."""
    wanted = "".join(f"/{name}\n" for name in shared).encode() or _ALL
    file = folder / IGNORING
    if os.path.lexists(file):
        if file.is_file() and not file.is_symlink() and file.read_bytes() == wanted:
            return
        if file.is_dir() or program.read(folder, "ls-files", "--error-unmatch", "--", IGNORING).ok:
            return  # the repository's own
    beside = file.with_name(f"{IGNORING}.{os.getpid()}-{os.urandom(3).hex()}")  # threads make sessions, too
    beside.write_bytes(wanted)
    beside.replace(file)


def leave(below: Path) -> None:
    """Take a folder of worktrees away when there is nothing in it but our ignoring file."""
    with contextlib.suppress(OSError):
        if [entry.name for entry in below.iterdir()] == [IGNORING] and (below / IGNORING).read_bytes() == _ALL:
            (below / IGNORING).unlink()
        below.rmdir()  # not empty: other sessions live there


def _tops() -> tuple[str, ...]:
    return tuple(f":(top,literal){folder}" for folder in FOLDERS)


def _literal(name: str) -> str:
    """A name as a pattern that means nothing else."""
    return re.sub(r"([\\*?\[\]!#]| $)", r"\\\1", name)


def _missing(file: Path, wanted: Iterable[str]) -> list[str]:
    try:
        present = {line.strip() for line in file.read_text("utf-8", "surrogateescape").splitlines()}
    except FileNotFoundError:
        present = set()
    return [line for line in wanted if line not in present]


def _append(file: Path, wanted: Iterable[str]) -> None:
    file.parent.mkdir(exist_ok=True)
    missing = _missing(file, wanted)
    if not missing:
        return
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "r+b") as whole:
        before = whole.read()
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        whole.write(gap + "".join(f"{line}\n" for line in missing).encode())


class CopiedPaths(NamedTuple):
    """Paths that were copied, and folders of copies, each with a slash behind it."""

    files: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether a path is a copy, or in a folder of copies."""
        return path in self.files or (bool(self.folders) and path.startswith(self.folders))


def read_copies(git_dir: Path) -> CopiedPaths:
    """The copies in the worktree of a git folder; mostly there are none."""
    try:
        names = records.split((git_dir / _COPIES).read_bytes())
    except OSError:
        return CopiedPaths()
    folders = tuple(name for name in names if name.endswith("/"))
    return CopiedPaths(frozenset(names).difference(folders), folders)


def note_copies(git_dir: Path, names: Iterable[str]) -> None:
    """Note paths as copies, before they are made."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(git_dir / _COPIES, flags, 0o600), "ab") as file:
        file.write(records.joined(names))
