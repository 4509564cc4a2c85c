"""Files that git moved aside in a conflict, because the other side has a folder or another kind of file in their place.

git names them after their side (`name~HEAD`). Choosing that side puts the file where it belongs.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from ampsm_engine.errors import Refused
from ampsm_engine.git import program


def place(worktree: Path, path: str, sides: Iterable[str]) -> str | None:
    """Where a file belongs that was moved aside; None when it lies where it belongs. `sides` are the two commits."""
    for end, letter in enumerate(path):
        if letter == "~" and any(_has(worktree, side, path[:end]) for side in sides):
            return path[:end]
    return None


def _has(worktree: Path, commit: str, path: str) -> bool:
    return program.read(worktree, "rev-parse", "--quiet", "--verify", f"{commit}:{path}").ok


def clear(worktree: Path, path: str) -> None:
    """Take away what the other side has at a place. Refused when files that git does not know lie in there."""
    others = program.text(program.told(worktree, "--literal-pathspecs", "ls-files", "--others", "-z", "--", f"{path}/"))
    if others:
        message = f"{others.partition(chr(0))[0]!r} is in the way: git does not know it."
        raise Refused(message, f"git -C {worktree} status")
    known = _inside(worktree, path)
    feed = "".join(f"{name}\0" for name in known).encode("utf-8", "surrogateescape")
    program.done(worktree, "update-index", "--force-remove", "-z", "--stdin", feed=feed)
    for name in known:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            (worktree / name).unlink()
    for folder, _, _ in os.walk(worktree / path, topdown=False):
        Path(folder).rmdir()


def _inside(worktree: Path, path: str) -> list[str]:
    """What the index holds at a path and below."""
    listed = program.told(worktree, "--literal-pathspecs", "ls-files", "-z", "--", path)
    return list(dict.fromkeys(program.text(listed).split("\0")[:-1]))
