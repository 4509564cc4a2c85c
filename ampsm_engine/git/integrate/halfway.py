"""Bringing a checkout back that was moved, or that git left half moved, without touching what anybody else changed."""

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import program
from ampsm_engine.git.integrate.values import Move
from ampsm_engine.private_folder import private_folder

Stamp = tuple[int, int] | None
"""How a file lies there: inode and time, None for no file."""


class Stamps(NamedTuple):
    """How the index and files of a checkout lay there."""

    of_index: Stamp
    of_files: dict[str, Stamp]


def stamps(path: Path, git_dir: Path, names: Iterable[str]) -> Stamps:
    """How they lie in a checkout now."""
    return Stamps(_stamp(git_dir / "index"), {name: _stamp(f"{path}/{name}") for name in names})


@contextlib.contextmanager
def index_apart(git_dir: Path) -> Iterator[program.Variables]:
    """A copy of the index to try things with: the one that is there stays as it is, byte for byte."""
    with private_folder("index") as folder:
        copy = Path(folder) / "index"
        # With its time: git looks twice at files that are no older than their index.
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(git_dir / "index", copy)
        yield {"GIT_INDEX_FILE": copy}


def put_back(path: Path, git_dir: Path, move: Move, changed: dict[str, str], before: Stamps) -> None:
    """Bring a checkout back that was moved, or that git left half moved: a filter failed, the disk is full.

    Of half a move, only what git has written or removed is touched; `before` tells how it all was. Where git has
    touched nothing, nothing is: the index would be written anew.
    """
    there = before.of_files
    touched = [name for name, stamp in there.items() if _stamp(path / name) != stamp]
    if not touched and _stamp(git_dir / "index") == before.of_index:
        return
    program.write(path, "read-tree", "-m", "-u", move.new, move.old)
    touched = [name for name, stamp in there.items() if _stamp(path / name) != stamp]
    wanted = _blobs(path, move.new) if touched else {}
    for name in touched:
        if there[name] is None and _holds(path, name, wanted.get(name)):
            (path / name).unlink()
    back = [name for name in touched if there[name] and changed[name] != "A"]
    back = [name for name in back if _stamp(path / name) is None or _holds(path, name, wanted.get(name))]
    if back:
        feed = "".join(f"{name}\0" for name in back).encode("utf-8", "surrogateescape")
        program.write(path, "checkout-index", "--force", "--index", "--quiet", "-z", "--stdin", feed=feed)


def _stamp(file: Path | str) -> Stamp:
    try:
        found = os.lstat(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_mtime_ns


def _blobs(path: Path, commit: str) -> dict[str, str]:
    records = program.text(program.told(path, "ls-tree", "-r", "-z", commit)).split("\0")[:-1]
    return {name: words.split(" ")[2] for words, _, name in (record.partition("\t") for record in records)}


def _holds(path: Path, name: str, blob: str | None) -> bool:
    """Whether a file lies there as a commit has it."""
    if blob is None or not (path / name).is_file():
        return False
    return program.read(path, "hash-object", "--path", name, "--", name).line == blob
