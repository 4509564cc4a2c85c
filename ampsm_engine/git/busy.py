"""Why a worktree cannot be written at this moment: an operation in progress, or an index that somebody holds.

Nothing is ever continued, aborted or unlocked from here.
"""

import os
import time
from pathlib import Path

from ampsm_engine.git import repository
from ampsm_engine.plain_text import printable

PATIENCE = 3.0
"""Seconds that somebody else's git may hold the index."""

_INTERVAL = 0.05

_WAYS_ON = {
    "am": "git -C {0} am --continue, or --abort",
    "bisect": "git -C {0} bisect reset",
    "merge": "git -C {0} commit, or git -C {0} merge --abort",
}


def refusal(worktree: Path, git_dir: Path, patience: float = PATIENCE) -> tuple[str, str] | None:
    """Why not, and the command to run next; None when nothing is in the way. Waits a moment for an index."""
    operation = repository.operation(git_dir)
    if operation is not None:
        way = _WAYS_ON.get(operation, "git -C {0} " + operation + " --continue, or --abort")
        return f"A {operation} is in progress in {worktree}.", way.format(worktree)
    return index_refusal(git_dir, patience)


def index_refusal(git_dir: Path, patience: float = PATIENCE) -> tuple[str, str] | None:
    """The same about the index alone."""
    lock = git_dir / "index.lock"
    deadline = time.monotonic() + patience
    while os.path.lexists(lock):
        if time.monotonic() >= deadline:
            holder = _holder(lock, git_dir)
            return f"The index is locked by {holder}: {lock}.", f"If no git runs there any more: rm {lock}"
        time.sleep(_INTERVAL)
    return None


def _holder(lock: Path, git_dir: Path) -> str:
    """Who has the lock open, else which git works in this repository, else what is known: since when."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            opened = {str(entry.readlink()) for entry in (process / "fd").iterdir()}
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            environ = (process / "environ").read_bytes()
        except OSError:  # gone, or not ours to look at
            continue
        is_git_there = command.partition(" ")[0].endswith("git") and os.fsencode(git_dir) in environ
        if str(lock) in opened or is_git_there:
            return f"process {process.name} ({printable(command)[:80]})"
    try:
        seconds = time.time() - lock.stat().st_mtime
    except OSError:
        seconds = 0.0
    return f"somebody since {seconds:.0f} seconds"
