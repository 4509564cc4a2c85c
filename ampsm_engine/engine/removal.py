"""Sessions leave: to the trash, back from it, and away for good. Nothing here is ever done on a timer."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ampsm_engine import wording
from ampsm_engine.engine.desk import Engine
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.git import changes, repository, trash
from ampsm_engine.model import Session, State


@dataclass(frozen=True, slots=True)
class Removed:
    """What went to the trash with a session."""

    session: Session
    trash_bytes: int
    unmerged_commits: int
    uncommitted: int


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """A session in the trash, and about how much only the trash still holds."""

    session: Session
    bytes: int


def _unmerged(session: Session) -> tuple[int, int]:
    """Commits that the base does not have, and paths that are not committed."""
    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    base = session.base_branch if repository.resolves(root, session.base_branch) else session.base_commit
    ahead, _ = changes.ahead_behind(root, session.branch_name, base)
    return ahead, len(changes.status(worktree)) if worktree.is_dir() else 0


def what_would_be_lost(engine: Engine, session_id: str) -> str:
    """One sentence for the question before: what exists nowhere but in this session."""
    session = engine.store.session(session_id)
    try:
        commits, paths = _unmerged(session)
    except AmpsmError as reason:
        return f"{session.name} goes to the trash; what it holds cannot be told: {reason}"
    if not commits and not paths:
        return f"{session.name} goes to the trash; all its commits are in {session.base_branch}."
    parts = []
    if commits:
        parts.append(f"{commits} commit{'s' * (commits != 1)} that {session.base_branch} does not have")
    if paths:
        parts.append(f"{paths} uncommitted file{'s' * (paths != 1)}")
    return f"{session.name} goes to the trash with {' and '.join(parts)}; ampsm trash restore brings it back."


def remove(engine: Engine, session_id: str) -> Removed:
    """Move a session to the trash: its branch tip and its uncommitted content are kept until it is purged."""
    store = engine.store
    session = store.session(session_id)
    if session.trashed_at:
        message = f"Session {session.name} is in the trash already."
        raise Refused(message, f"ampsm trash restore {session.id}")
    waiting = [one for one in store.iterations(session.id) if one.state is not State.SETTLED]
    if waiting:
        message = f"{len(waiting)} iteration{'s' * (len(waiting) != 1)} of {session.name} still run or wait."
        raise Refused(message, f"ampsm stop {session.id}")
    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    try:
        commits, paths = _unmerged(session)
    except AmpsmError:
        commits, paths = 0, 0
    # The row says so first: a crash between the two leaves a trashed session whose worktree `repair` finds.
    trashed = store.update_session(session.id, trashed_at=wording.now())
    try:
        if root.is_dir():
            trash.keep(root, worktree, session.branch_name, session.id)
    except BaseException:
        store.update_session(session.id, trashed_at=None)
        raise
    store.fact("trashed", f"{session.name} is in the trash", session_id=session.id)
    return Removed(trashed, _size(session), commits, paths)


def _size(session: Session) -> int:
    try:
        return trash.size(Path(session.repo_root), session.id)
    except AmpsmError:
        return 0


def trashed(engine: Engine) -> tuple[TrashEntry, ...]:
    """What is in the trash, newest first."""
    return tuple(
        TrashEntry(session, _size(session) + _folder_size(engine, session))
        for session in engine.store.sessions(trashed=True)
    )


def _folder_size(engine: Engine, session: Session) -> int:
    runs = [engine.home.run(one.id).path for one in engine.store.iterations(session.id)]
    return sum(file.stat().st_size for run in runs if run.is_dir() for file in run.iterdir())


def restore(engine: Engine, session_id: str) -> Session:
    """Bring a session back from the trash as it was: branch, worktree, what was not committed."""
    store = engine.store
    session = store.session(session_id)
    if not session.trashed_at:
        message = f"Session {session.name} is not in the trash."
        raise Refused(message, "ampsm trash ls")
    note = trash.restore(
        Path(session.repo_root),
        session.id,
        Path(session.worktree_path),
        session.branch_name,
        session.base_commit,
    )
    back = store.update_session(session.id, trashed_at=None)
    text = f"{session.name} is back from the trash" + (f"; {note}" if note else "")
    store.fact("restored", text, session_id=session.id)
    return back


def restore_last(engine: Engine) -> Session:
    """Bring back the session that went to the trash last; Refused when the trash is empty."""
    trashed = engine.store.sessions(trashed=True)
    if not trashed:
        raise Refused("The trash is empty.", "ampsm trash ls")
    return restore(engine, max(trashed, key=lambda session: session.trashed_at or "").id)


def purge(engine: Engine, session_id: str) -> int:
    """Remove a trashed session for good; answers about how many bytes that frees."""
    store = engine.store
    session = store.session(session_id)
    if not session.trashed_at:
        message = f"Session {session.name} is not in the trash; only what is in the trash can be purged."
        raise Refused(message, f"ampsm rm {session.id}")
    freed = _size(session) + _folder_size(engine, session)
    if Path(session.repo_root).is_dir():
        trash.purge(Path(session.repo_root), session.id)
    for run in (session.id, *(iteration.id for iteration in store.iterations(session.id))):
        shutil.rmtree(engine.home.run(run).path, ignore_errors=True)
    store.remove_session(session.id)
    store.fact("purged", f"{session.name} is gone for good")
    return freed
