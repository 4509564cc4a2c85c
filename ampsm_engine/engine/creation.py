"""Sessions that are being made: written down before anything is made, so that what a killed process left is taken back.

A file of the home for each, locked by the process that makes the session for as long as it lives. Light: every start
asks whether there is one that nobody holds.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine import file_lock
from ampsm_engine.errors import AmpsmError, NotFound
from ampsm_engine.home import PRIVATE_FOLDER, Home, open_private
from ampsm_engine.store import Store


class Creation:
    """The making of one session. Whoever holds it says which branch comes next before it is made."""

    def __init__(self, home: Home, session_id: str, root: Path, base_commit: str) -> None:
        self._known: dict[str, object] = {"root": str(root), "base": base_commit, "branches": []}
        home.creations.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        self._path = home.creations / session_id
        self._descriptor = open_private(self._path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._write()

    def announce(self, branch: str) -> None:
        """Write down a branch that is about to be made."""
        branches = self._known["branches"]
        if isinstance(branches, list):
            branches.append(branch)
        self._write()

    def _write(self) -> None:
        content = json.dumps(self._known).encode()
        os.pwrite(self._descriptor, content, 0)  # it only grows
        os.fsync(self._descriptor)

    def end(self) -> None:
        """The session is there, or nothing of it is."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


@contextlib.contextmanager
def creation(home: Home, session_id: str, root: Path, base_commit: str) -> Iterator[Creation]:
    """Hold the making of a session from before its first step to after its last one."""
    made = Creation(home, session_id, root, base_commit)
    try:
        yield made
    finally:
        made.end()


def are_left(home: Home) -> bool:
    """Whether a process was killed while it made a session."""
    return any(True for _ in _left(home))


def _left(home: Home) -> Iterator[tuple[Path, int]]:
    """The files that nobody holds, each locked by us as long as it is looked at."""
    try:
        names = sorted(home.creations.iterdir())
    except OSError:
        return
    for path in names:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if file_lock.acquire(descriptor, 0):
                yield path, descriptor
        finally:
            os.close(descriptor)


def take_back(home: Home, store: Store) -> tuple[str, ...]:
    """Take back what killed processes began to make; a sentence for each.

    What somebody worked on since stays, and `repair` offers it.
    """
    told = []
    for path, descriptor in _left(home):
        try:
            known = json.loads(os.pread(descriptor, 1 << 20, 0) or b"{}")
            text = _taken_back(store, path.name, known) if known else ""
        except (ValueError, KeyError, TypeError):
            text = ""
        except AmpsmError as reason:
            told.append(f"The making of session {path.name} was interrupted: {reason.message}")
            continue
        path.unlink(missing_ok=True)
        told += [text] if text else []
    return tuple(told)


def _taken_back(store: Store, session_id: str, known: dict[str, object]) -> str:
    from ampsm_engine.git import abandoned, repository, worktrees

    root = Path(str(known["root"]))
    if not root.is_dir():
        raise NotFound(f"The repository {root} is not there.", f"ls -ld {root}")
    repo = repository.around(root)
    worktree = repo.root / repository.WORKTREES / session_id
    abandoned.end((repo.root,), lambda words: os.fsencode(worktree) in words)
    abandoned.end((worktree,))
    with contextlib.suppress(NotFound):
        session = store.sessions.get(session_id)
        if session.amp_prompt and not store.iterations.of(session_id):
            return f"Making {session.name} was interrupted, and its prompt was not sent: ampsm show {session_id}"
        return ""
    others = {session.branch_name for trashed in (False, True) for session in store.sessions.all(trashed=trashed)}
    branches = known["branches"] if isinstance(known["branches"], list) else []
    mine = [branch for branch in map(str, branches) if branch not in others]
    if worktrees.take_back(repo, worktree, mine, str(known["base"])):
        return f"Making a session in {root} was interrupted; its worktree and its branch are taken back."
    return f"Making a session in {root} was interrupted, and {worktree} has changed since: ampsm repair --repo {root}"
