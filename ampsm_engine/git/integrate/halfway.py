"""Bringing a checkout back that was moved, or that git left half moved, without touching what anybody else changed."""

from collections.abc import Iterable
from pathlib import Path

from ampsm_engine.git import program
from ampsm_engine.git.integrate.values import Move

Stamps = dict[str, tuple[int, int] | None]
"""How files lay there: inode and time, None for no file."""


def stamps(path: Path, names: Iterable[str]) -> Stamps:
    """How files lie in a checkout now."""
    return {name: _stamp(path / name) for name in names}


def put_back(path: Path, move: Move, changed: dict[str, str], there: Stamps) -> None:
    """Bring a checkout back that was moved, or that git left half moved: a filter failed, the disk is full.

    Of half a move, only what git has written or removed is touched; `there` tells the files as they were before.
    """
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


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.lstat()
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
