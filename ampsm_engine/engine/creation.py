"""A journal of sessions that are being created, so that what a killed process left half-made is removed again.

One file of the home for each, locked by the creating process for as long as it lives. Light to import: every start
looks for one without a lock.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine import file_lock
from ampsm_engine.errors import AmpsmError, NotFound
from ampsm_engine.home import PRIVATE_FOLDER, Home, open_private

if TYPE_CHECKING:
    from ampsm_engine.store import Store


class Creation:
    """The journal entry of one creation, held by its process, which is told of each thing before it is made."""

    def __init__(self, home: Home, session_id: str, root: Path, base_commit: str) -> None:
        self._known: dict[str, object] = {"root": str(root), "base": base_commit, "branches": []}
        self._length = 0
        home.creations.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        self._path = home.creations / session_id
        self._descriptor = self._open()
        self._write()

    def _open(self) -> int:
        """The entry, locked. Who sees it between its making and its lock takes it for a dead one's, and deletes it."""
        while True:
            descriptor = open_private(self._path, os.O_RDWR | os.O_CREAT)
            file_lock.acquire(descriptor, None)
            if os.fstat(descriptor).st_nlink:
                return descriptor
            os.close(descriptor)

    def place(self, path: Path, *, is_ours: bool) -> None:
        """Record where the worktree will be, and whether no other program can have made what is there."""
        self._known |= {"worktree": str(path), "isOurs": is_ours}
        self._write()

    def announce(self, branch: str) -> None:
        """Record a branch that is about to be created."""
        branches = self._known["branches"]
        if isinstance(branches, list):
            branches.append(branch)
        self._write()
        self._sync()

    def keep(self, branch: str) -> None:
        """Record the branch that was there before, and stays."""
        self._known["kept"] = branch
        self._write()
        self._sync()

    def _write(self) -> None:
        content = json.dumps(self._known).encode()
        self._length = max(len(content), self._length)
        os.pwrite(self._descriptor, content.ljust(self._length), 0)  # in one step: it is never half of two

    def _sync(self) -> None:
        """Bring it to the disk, once for all that git is about to make: a process that dies takes nothing along."""
        os.fsync(self._descriptor)

    def end(self) -> None:
        """Delete the entry: the session is complete, or all of it was removed."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


@contextlib.contextmanager
def creation(home: Home, session_id: str, root: Path, base_commit: str) -> Iterator[Creation]:
    """Hold the journal entry of a session from before its first step to after its last one."""
    made = Creation(home, session_id, root, base_commit)
    try:
        yield made
    except BaseException:
        _forget_secrets(home, session_id)
        raise
    finally:
        made.end()


def _forget_secrets(home: Home, session_id: str) -> None:
    """Note no more which files of secrets were copied for a session that is not made."""
    (home.secret_files / session_id).unlink(missing_ok=True)


def has_interrupted(home: Home) -> bool:
    """Whether a process was killed while it created a session."""
    return any(True for _ in file_lock.abandoned(home.creations))


def roll_back_interrupted(home: Home, store: "Store") -> tuple[str, ...]:
    """Remove what killed processes left half-made; a sentence for each.

    What was changed since is left in place, where `repair` finds it.
    """
    sentences = []
    for path, descriptor in file_lock.abandoned(home.creations):
        try:
            known = json.loads(os.pread(descriptor, 1 << 20, 0) or b"{}")
            text = _roll_back(home, store, path.name, known) if known else ""
        except (ValueError, KeyError, TypeError):
            text = ""
        except AmpsmError as reason:
            sentences.append(f"The making of session {path.name} was interrupted: {reason.message}")
            continue
        path.unlink(missing_ok=True)
        sentences += [text] if text else []
    return tuple(sentences)


def _roll_back(home: Home, store: "Store", session_id: str, known: dict[str, object]) -> str:
    from ampsm_engine.git import orphaned_processes, repository, worktrees

    root = Path(str(known["root"]))
    if not root.is_dir():
        raise NotFound(f"The repository {root} is not there.", f"ls -ld {root}")
    repo = repository.around(root)
    worktree = Path(str(known.get("worktree") or repo.root / repository.WORKTREES / session_id))
    announced = known["branches"]
    branches = [str(one) for one in announced] if isinstance(announced, list) else []
    names = (str(worktree), *branches, *(f"{repository.BRANCHES}{branch}" for branch in branches))
    orphaned_processes.end((repo.root,), set(names).intersection)
    orphaned_processes.end((worktree,))
    with contextlib.suppress(NotFound):
        session = store.sessions.get(session_id)
        if session.amp_prompt and not store.iterations.of(session_id):
            return f"Making {session.name} was interrupted, and its prompt was not sent: ampsm show {session_id}"
        return ""
    others = {session.branch_name for trashed in (False, True) for session in store.sessions.all(trashed=trashed)}
    mine = [branch for branch in branches if branch not in others]
    _forget_secrets(home, session_id)
    kept, is_ours = str(known.get("kept", "")), bool(known.get("isOurs", True))
    if worktrees.take_back(repo, worktree, mine, str(known["base"]), kept=kept, is_ours=is_ours):
        return f"Making a session in {root} was interrupted; its worktree and its branch are taken back."
    return f"Making a session in {root} was interrupted, and {worktree} has changed since: ampsm repair --repo {root}"
