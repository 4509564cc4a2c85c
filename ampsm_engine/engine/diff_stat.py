"""The counts of each session's changes that a list shows, and the folders to watch for new ones.

For many sessions at once and cheap enough to be called often. An error of one session is a value, never raised.
"""

import os
import resource
import stat
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from ampsm_engine import list_memory, session_problems
from ampsm_engine.context import Engine
from ampsm_engine.engine import views
from ampsm_engine.errors import AmpsmError, NotFound
from ampsm_engine.git import branch_files, libgit2, program, repository
from ampsm_engine.git import changes as diffs
from ampsm_engine.git.entities import FileChange
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.list_memory import ChangeCounts
from ampsm_engine.model import Iteration, Session

LISTED = 40
"""Files of a session that are named; all are counted."""

MOST_FOLDERS = 1_000
"""Folders of one worktree that are watched; a larger one is watched in its upper part."""


def changes(engine: Engine, session_ids: Sequence[str]) -> dict[str, ChangeCounts]:
    """The counts of these sessions by id; an unknown session is left out."""
    libgit2.load()  # many questions, and a process that stays
    known = tuple(_known(engine, session_ids))
    iterations = engine.store.iterations.of_sessions([session.id for session in known])
    rows = engine.store.sessions.board().rows
    shown = {row.session.id: row.current.id for row in rows if row.current}
    found = {
        session.id: replace(
            _counted_in_time(session),
            missing=session_problems.MISSING.get(session_problems.missing(session) or "", ""),
            earlier_tokens=_tokens(one for one in iterations[session.id] if one.id != shown.get(session.id)),
        )
        for session in known
    }
    list_memory.keep_counts(engine.home, found, (row.session.id for row in rows))
    return found


def measured_changes(engine: Engine, session_ids: Sequence[str]) -> tuple[dict[str, ChangeCounts], float]:
    """The change counts of sessions by id, and the seconds of processor that counting took here and in git."""
    before = _processor_seconds()
    return changes(engine, session_ids), _processor_seconds() - before


def _processor_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def folders(engine: Engine, session_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The folders of each session in which a change would count; subfolders are listed on their own.

    Of the worktree none that git ignores; of the git folder those of its HEAD, its index, and both branches' refs.
    """
    return {session.id: _folders(session) for session in _known(engine, session_ids)}


def _tokens(iterations: Iterable[Iteration]) -> int | None:
    known = [one.tally.token_usage for one in iterations if one.tally.token_usage is not None]
    return sum(known) if known else None


def _known(engine: Engine, session_ids: Sequence[str]) -> Iterable[Session]:
    store = engine.store
    for session_id in session_ids:
        try:
            yield store.sessions.get(session_id)
        except NotFound:
            continue


def _counted_in_time(session: Session) -> ChangeCounts:
    with program.limited():
        return _counted(session)


def _counted(session: Session) -> ChangeCounts:
    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    try:
        base, tip = _base(session), repository.resolve(root, session.branch_name)
        old = views.start_of(root, session, base, tip)
        ahead, behind = diffs.ahead_behind(root, tip, base)
        waiting, files = diffs.with_uncommitted(worktree, old) if worktree.is_dir() else (0, ())
        if not waiting:
            # Attributes are those of the worktree, as everywhere else: they say which files have lines to count.
            files = _between(worktree if worktree.is_dir() else root, old, tip)
    except AmpsmError as reason:
        return ChangeCounts(trouble=str(reason))
    return ChangeCounts(
        additions=sum(file.additions or 0 for file in files),
        deletions=sum(file.deletions or 0 for file in files),
        files=len(files),
        ahead=ahead,
        behind=behind,
        uncommitted=waiting,
        listed=files[:LISTED],
    )


def _base(session: Session) -> str:
    """The commit that the work will go on from, else the one that it began from."""
    try:
        return repository.resolve(Path(session.repo_root), session.base_branch)
    except NotFound:
        return session.base_commit


@lru_cache(2048)
def _between(place: Path, old: str, new: str) -> tuple[FileChange, ...]:
    """The files between two commits, which never change."""
    return () if old == new else diffs.files(place, old, new)


def _folders(session: Session) -> tuple[str, ...]:
    worktree = Path(session.worktree_path)
    try:
        told = program.query(worktree, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
        own = repository.linked_git_dir(worktree)
    except AmpsmError:
        return ()
    found = {""}
    for name in program.text(told).split("\0"):
        folder = name.rpartition("/")[0]
        while folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    upper = sorted(found, key=lambda folder: (folder.count("/"), folder))[:MOST_FOLDERS]
    # A commit moves its branch last, when HEAD and index are long written; its log lies beside HEAD's.
    refs = branch_files.ref_folders(own, session.base_branch, session.branch_name)
    inside = (f"{worktree}/{folder}".rstrip("/") for folder in upper)
    return tuple(folder for folder in (*map(str, (own, own / "logs", *refs)), *inside) if _is_watchable(folder))


def _is_watchable(folder: str) -> bool:
    try:
        folder.encode()
        return stat.S_ISDIR(os.lstat(folder).st_mode)
    except (OSError, UnicodeEncodeError):
        return False
