"""Who may write in a repository at this moment: our own lock, and operations of others.

Ours lies in what the worktrees share, held by the kernel, so that no death leaves it behind. It is taken for changes of
several steps (trash, merge, exclude), and while git registers a new worktree. A single move of one ref, as in
committing, is safe by git's own means and does not wait here. Others' operations are never continued or unlocked.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ampsm_engine import file_lock, process_identity
from ampsm_engine.errors import Failed, Refused, Unfit
from ampsm_engine.git import repository
from ampsm_engine.home import open_private
from ampsm_engine.plain_text import printable

NAME = "ampsm.lock"
STILL = "ampsm-still.lock"
PATIENCE = 30.0
"""Seconds to wait for another writer."""

_held = threading.local()

INDEX_PATIENCE = 3.0
"""Seconds that another git may hold the index."""

_WAYS_ON = {
    "am": "git -C {0} am --continue, or --abort",
    "bisect": "git -C {0} bisect reset",
    "merge": "git -C {0} commit, or git -C {0} merge --abort",
}


@contextlib.contextmanager
def writer(common_dir: Path, who: str, *, patience: float = PATIENCE) -> Iterator[bool]:
    """Be the only writer of a repository; a thread that is it already just goes on. Failed when another one stays.

    `who` names the work in the message that others get, such as `trash abc123`. Answers whether it had to wait: what
    was looked at before is to be looked at again then.
    """
    with _alone(common_dir / NAME, who, patience) as waited:
        yield waited


@contextlib.contextmanager
def still(
    git_dir: Path, who: str, *, patience: float = PATIENCE, stop: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Keep amp from beginning in a worktree, by its git folder. Failed when another one stays, or `stop` says so.

    A worker that has claimed an iteration goes through it once before amp starts: who holds it and sees nothing
    claimed has the worktree for itself until it lets go.
    """
    with _alone(git_dir / STILL, who, patience, stop):
        yield


@contextlib.contextmanager
def _alone(path: Path, who: str, patience: float, stop: Callable[[], bool] = lambda: False) -> Iterator[bool]:
    mine: dict[Path, int] = _held.__dict__.setdefault(str(os.getpid()), {})
    if path in mine:
        yield False
        return
    descriptor = _open(path)
    try:
        waited = _take(descriptor, path.parent, patience, stop)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{who} (process {os.getpid()})".encode("utf-8", "replace"), 0)
        mine[path] = descriptor
        try:
            yield waited
        finally:
            del mine[path]
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return open_private(path, os.O_RDWR | os.O_CREAT)
    except OSError as reason:
        message = f"The repository at {path.parent} cannot be written: {reason.strerror}."
        raise Unfit(message, f"ls -ld {path.parent}") from reason


def _take(descriptor: int, common_dir: Path, patience: float, stop: Callable[[], bool]) -> bool:
    """Take the lock; whether it was held by another process before. Failed after `patience` seconds."""
    if file_lock.acquire(descriptor, 0):
        return False
    if not file_lock.acquire(descriptor, patience, stop=stop):
        who = printable(os.pread(descriptor, 500, 0).decode("utf-8", "replace")) or "another ampsm"
        message = f"{who} is writing in {common_dir} and did not end in {patience:g} seconds."
        raise Failed(message, "Wait for it to end, then ask again.")
    return True


def refusal(worktree: Path, git_dir: Path, patience: float = INDEX_PATIENCE) -> tuple[str, str] | None:
    """Why not, and the command to run next; None when nothing is in the way. Waits a moment for an index."""
    operation = repository.operation(git_dir)
    if operation is not None:
        way = _WAYS_ON.get(operation, "git -C {0} " + operation + " --continue, or --abort")
        return f"A {operation} is in progress in {worktree}.", way.format(worktree)
    return index_refusal(git_dir, patience)


def refuse(why_not: tuple[str, str] | None) -> None:
    """Refused when there is a reason against, as `refusal` and `index_refusal` give it."""
    if why_not is not None:
        raise Refused(*why_not)


def index_refusal(git_dir: Path, patience: float = INDEX_PATIENCE) -> tuple[str, str] | None:
    """Message and hint where another git holds the lock of the index after so many seconds; None where none does."""
    lock = git_dir / "index.lock"
    deadline = time.monotonic() + patience
    while os.path.lexists(lock):
        if time.monotonic() >= deadline:
            holder = _holder(lock, git_dir)
            return f"The index is locked by {holder}: {lock}.", f"If no git runs there any more: rm {lock}"
        time.sleep(process_identity.POLL_INTERVAL)
    return None


def _holder(lock: Path, git_dir: Path) -> str:
    """Who has the lock open, else which git works in this repository, else what is known: since when."""
    import psutil  # for who meets a lock

    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            opened = {file.path for file in process.open_files()}
            words, environment = process.cmdline(), process.environ()
        except (psutil.Error, OSError):  # gone, or not ours to look at
            continue
        is_git_there = "".join(words[:1]).endswith("git") and str(git_dir) in " ".join(environment.values())
        if str(lock) in opened or is_git_there:
            return f"process {process.pid} ({printable(' '.join(words))[:80]})"
    try:
        seconds = time.time() - lock.stat().st_mtime
    except OSError:
        seconds = 0.0
    return f"somebody since {seconds:.0f} seconds"
