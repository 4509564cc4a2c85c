"""Moves sessions to the trash, restores them, and purges them, only when asked: nothing in the trash expires."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ampsm_engine import unsent_texts
from ampsm_engine.context import Engine
from ampsm_engine.engine import checkout_secrets, relocation
from ampsm_engine.errors import AmpsmError, NotFound, Refused, Unfit
from ampsm_engine.git import lock, pinned_refs, repository, trash, worktree_status, worktrees
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import Session
from ampsm_engine.plain_text import plural

_IS_BACK = " is back from the trash"

ARCHIVE_LIMIT = 10.0
"""Seconds that amp has to archive a thread."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A session that was moved to the trash, and what the trash now holds of it."""

    session: Session
    trash_bytes: int
    unmerged_commits: int
    """Commits whose change the base does not have."""
    uncommitted: int
    in_base: bool = False
    """Whether all that was committed is proven to be in the base."""
    how: str = "not"
    """How: `ancestor`, `same tree`, `patch-id`, `nothing new`, `not`."""
    ignored: int = 0
    """Ignored files and folders that were there; the trash does not keep them."""
    ignored_bytes: int = 0
    is_away: bool = False
    """Whether its repository is gone, so that nothing but its row could go."""
    taken_back: tuple[str, ...] = ()
    """Files of which the base has nothing any more: it took the work back, and has it in its history alone."""
    outside: tuple[str, ...] = ()
    """What changed outside of its worktree while its amp ran, and is still so: that stays as it is."""
    not_archived: str = ""
    """Why its thread is still among the active ones although the settings ask for the archive."""


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """A session in the trash, and about how much only the trash still holds."""

    session: Session
    bytes: int


def describe_loss(engine: Engine, session_id: str) -> str:
    """What removing a session would lose: how its work is proven to be in the base, or what exists nowhere else.

    Proven by ancestry, by equal trees, or by the patch-id of a squash; uncommitted files count as well.
    """
    from ampsm_engine.engine import merged_check

    session = engine.store.sessions.get(session_id)
    if relocation.repository_of(session) is None:
        away = _away(session)
        return f"{session.name} goes to the trash, and nothing else is touched: {away.message} {away.hint}"
    try:
        proven = merged_check.prove(engine, session)
    except AmpsmError as reason:
        sentence = f"{session.name} goes to the trash; what it holds cannot be told: {reason}"
        return f"{sentence} {describe_comments(engine, [session.id])}".rstrip()
    comments = describe_comments(engine, [session.id])
    stays = "" if session.owns_branch else f" Its branch {session.branch_name} is not ampsm's, and stays."
    warning = "".join(f" {one}" for one in (proven.warning, comments) if one) + stays
    changed = _outside(engine, session)
    outside = f" What is outside of its worktree stays as it is: {' '.join(changed)}" if changed else ""
    if proven.in_base and not proven.uncommitted and not proven.taken_back:
        known = proven.text if proven.warning else f"nothing is lost: {proven.text}"
        return f"{session.name} goes to the trash; {known}.{warning}{outside}"
    return f"{session.name} goes to the trash with {proven.text}; ampsm trash restore brings it back.{warning}{outside}"


def describe_comments(engine: Engine, session_ids: Sequence[str]) -> str:
    """A sentence about the unsent review comments of these sessions; empty without any."""
    count = sum(engine.store.reviews.counts(one).unsent for one in session_ids)
    goes = "goes" if count == 1 else "go"
    return f"{plural(count, 'open comment')}, sent to nobody, {goes} to the trash as well." if count else ""


def _outside(engine: Engine, session: Session) -> tuple[str, ...]:
    from ampsm_engine.worker import outside

    try:
        left = list(outside.remaining(engine.home, engine.store, session))
    except AmpsmError as reason:
        return (str(reason),)
    return tuple(f"{outside.sentence(iteration, change)}." for iteration, change in left)


def describe_ignored(engine: Engine, session_id: str) -> str:
    """A sentence about what a session's worktree holds that the trash does not keep; empty when there is nothing."""
    session = engine.store.sessions.get(session_id)
    lost = _inventory(session).ignored
    return f"What git ignores in {session.name} is not kept: {lost}." if lost.paths else ""


def _inventory(session: Session) -> worktree_status.Inventory:
    try:
        return worktree_status.inventory_of(Path(session.worktree_path))
    except AmpsmError:
        return worktree_status.Inventory()


def unversioned_contents(session: Session) -> tuple[str, ...]:
    """Repositories and secrets of a trashed session, which are in no commit; empty where the trash cannot be read."""
    try:
        return trash.kept_beside(Path(session.repo_root), session.id)
    except AmpsmError:
        return ()


def remove(engine: Engine, session_id: str) -> Removed:
    """Move a session to the trash, which holds its branch tip and its uncommitted content until it is purged.

    Where its repository is gone, it leaves the list, and nothing else is touched.
    """
    store = engine.store
    session = store.sessions.get(session_id)
    if relocation.repository_of(session) is None:
        trashed = store.sessions.begin_trash(session.id)
        store.facts.add("trashed", f"{session.name} is in the trash; its repository is gone", session_id=session.id)
        _clean_runs(engine, session.id)
        return Removed(trashed, 0, 0, 0, is_away=True)
    from ampsm_engine.engine import merged_check

    try:
        proven = merged_check.prove(engine, session)
    except AmpsmError:
        proven = merged_check.Proven(False, "not", session.base_branch, inventory=_inventory(session))
    _refuse_nested(engine, session)
    # From here on nothing can be queued in it. A crash before the end is seen by `restore` and `repair`.
    with _repository_lock(session, "trash"):
        trashed = store.sessions.begin_trash(session.id)
        _move_to_trash(engine, session)
    store.facts.add("trashed", f"{session.name} is in the trash", session_id=session.id)
    _clean_runs(engine, session.id)
    lost = proven.inventory.ignored
    return Removed(
        trashed,
        _size(session),
        len(proven.left),
        len(proven.uncommitted),
        proven.in_base,
        proven.how,
        len(lost.paths),
        lost.bytes,
        taken_back=proven.taken_back,
        outside=_outside(engine, trashed),
        not_archived=_archive_thread(engine, trashed),
    )


def _archive_thread(engine: Engine, session: Session) -> str:
    """Have amp archive the thread of a session, where the settings ask for it; why that failed, or nothing.

    An archived thread is made active again when a message is sent to it.
    """
    if not session.thread_id or not engine.settings.switch("amp.archive"):
        return ""
    from ampsm_engine.amp import command, process, program

    thread, environment = session.thread_id, command.environment(os.environ)
    try:
        argv = command.archive(program.find(engine.settings, os.environ), thread)
    except AmpsmError as reason:
        return f"The thread {thread} is not archived: {reason.message}"
    if not process.once(argv, environment, limit=ARCHIVE_LIMIT):
        return f"The thread {thread} is not archived: amp refused it, or did not answer. amp threads archive {thread}"
    engine.store.facts.add("thread", f"the thread {thread} is archived", session_id=session.id)
    return ""


def _away(session: Session) -> Unfit:
    message = f"The repository of {session.name} is not at {session.repo_root}."
    return Unfit(message, "Moved: ampsm repair --repo NEWPLACE; else bring it back.")


def _move_to_trash(engine: Engine, session: Session) -> None:
    """Move its branch and worktree; when that fails it stays a session, unless the worktree was moved already."""
    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    try:
        trash.keep(root, worktree, session.branch_name, session.id, delete_branch=session.owns_branch)
    except NotFound:
        # Neither worktree nor branch is there: only the row is left, and that can be purged from the trash.
        if worktree.is_dir():
            engine.store.sessions.update(session.id, trashed_at=None)
            raise
    except BaseException:
        if os.path.lexists(worktree):  # else `restore` goes on from where this stopped
            engine.store.sessions.update(session.id, trashed_at=None)
        raise


@contextlib.contextmanager
def _repository_lock(session: Session, doing: str) -> Iterator[None]:
    """Lock the repository of a session against other writers, such as a restore while it is being trashed."""
    repo = relocation.repository_of(session)
    with lock.writer(repo.common_dir, f"{doing} {session.id}") if repo else contextlib.nullcontext():
        yield


def _runs(engine: Engine, session_id: str) -> Iterator[str]:
    """The names of a session's run directories; also of iterations whose program was killed before they were queued."""
    from ampsm_engine.engine import reconstruction

    yield session_id
    yield from (iteration.id for iteration in engine.store.iterations.of(session_id))
    for run in reconstruction.unknown_runs(engine):
        if run.record and run.record.session.id == session_id:
            yield run.id


def _clean_runs(engine: Engine, session_id: str) -> None:
    """Remove secrets from the run directories of a session."""
    from ampsm_engine.worker import iteration_directory

    for run in _runs(engine, session_id):
        with contextlib.suppress(OSError):
            iteration_directory.clean(engine.home.iteration(run))


def _refuse_nested(engine: Engine, session: Session) -> None:
    """Refused when another session's worktree lies inside this one's, and would be moved with it."""
    for other in engine.store.sessions.all():
        if other.id != session.id and Path(other.worktree_path).is_relative_to(session.worktree_path):
            message = f"The worktree of session {other.name} lies in that of {session.name}, and would go with it."
            raise Refused(message, f"ampsm rm {other.id}")


def _size(session: Session) -> int:
    try:
        return trash.size(Path(session.repo_root), session.id)
    except AmpsmError:
        return 0


def trashed(engine: Engine) -> tuple[TrashEntry, ...]:
    """The sessions in the trash with their sizes, newest first."""
    return tuple(
        TrashEntry(session, _size(session) + _folder_size(engine, session))
        for session in engine.store.sessions.all(trashed=True)
    )


def _folder_size(engine: Engine, session: Session) -> int:
    runs = [engine.home.iteration(one.id).path for one in engine.store.iterations.of(session.id)]
    return sum(file.stat().st_size for run in runs if run.is_dir() for file in run.iterdir())


def restore(engine: Engine, session_id: str) -> Session:
    """Bring a session back from the trash as it was: branch, worktree, what was not committed."""
    store = engine.store
    with _repository_lock(store.sessions.get(session_id), "restore"):
        session = store.sessions.get(session_id)  # as it is once no other process writes there
        if not session.trashed_at:
            message = f"Session {session.name} is not in the trash."
            raise Refused(message, "ampsm trash ls")
        notes = [_restore_files(session), _shared_thread_note(engine, session)]
        back = store.sessions.update(session.id, trashed_at=None)
    text = "; ".join([f"{session.name}{_IS_BACK}", *(note for note in notes if note)])
    store.facts.add("restored", text, session_id=session.id)
    return back


def _shared_thread_note(engine: Engine, session: Session) -> str | None:
    """A note where another session went on with the thread meanwhile: amp lets one program at a time drive it."""
    for other in engine.store.sessions.all():
        if session.thread_id and other.thread_id == session.thread_id:
            return f"its thread is that of session {other.name} ({other.id}), too: let only one of them go on with it"
    return None


def restore_note(engine: Engine, session: Session) -> str:
    """What differed when a session was last restored, as a sentence; empty when nothing did."""
    texts = [fact.text for fact in engine.store.facts.read(session_id=session.id) if fact.kind == "restored"]
    return texts[-1].removeprefix(f"{session.name}{_IS_BACK}").removeprefix("; ") if texts else ""


def _restore_files(session: Session) -> str | None:
    """Restore branch and worktree, also after an interrupted `remove`; a note for the user, or None."""
    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    repo = relocation.repository_of(session)
    if repo is None:
        raise _away(session)
    if not trash.holds(root, session.id) and worktree.is_dir():
        if not worktrees.is_linked(repo, worktree):
            worktrees.link(repo, worktree, session.branch_name)
        return "nothing of it had been moved yet"
    holds = trash.holds(root, session.id)
    # Before there was a ref for it, the branch told: it goes last.
    is_left = holds and session.owns_branch and repository.branch_tip(root, session.branch_name) is not None
    if is_left or trash.is_unfinished(root, session.id):
        trash.keep(root, worktree, session.branch_name, session.id, delete_branch=session.owns_branch)
    elif not holds and _has_branch(root, session):
        worktrees.recreate(repository.around(root), worktree, session.branch_name, session.id)
        return "made again from its branch"
    return trash.restore(root, session.id, worktree, session.branch_name, own_branch=session.owns_branch)


def _has_branch(root: Path, session: Session) -> bool:
    """Whether the branch is there; a deleted one is made again where it was seen last."""
    if repository.branch_tip(root, session.branch_name) is None and pinned_refs.tip(root, session.id):
        pinned_refs.restore_branch(root, session.id, session.branch_name)
    return repository.branch_tip(root, session.branch_name) is not None


def restore_last(engine: Engine) -> Session:
    """Bring back the session that went to the trash last; Refused when the trash is empty."""
    trashed = engine.store.sessions.all(trashed=True)
    if not trashed:
        raise Refused("Nothing to undo: no merge of this session, and the trash is empty.", "ampsm trash ls")
    return restore(engine, max(trashed, key=lambda session: session.trashed_at or "").id)


def _purge_from_repository(session: Session) -> None:
    from ampsm_engine.git.pinned_refs import forget_backups

    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    if trash.holds(root, session.id):
        trash.purge(root, session.id)
    elif worktree.is_dir() or repository.branch_tip(root, session.branch_name) is not None:
        message = f"Session {session.name} was never moved to the trash: its work is still in {root}."
        raise Refused(message, f"ampsm trash restore {session.id}")
    forget_backups(root, session.id)


def purge(engine: Engine, session_id: str) -> int:
    """Delete a trashed session for good; about how many bytes that frees."""
    with _repository_lock(engine.store.sessions.get(session_id), "purge"):
        return _purged(engine, engine.store.sessions.get(session_id))


def discard(engine: Engine, session_id: str) -> None:
    """Delete a session with its worktree, branch and runs, past the trash: for one whose work is kept elsewhere.

    Refused while an iteration runs or waits in it, or a merge is open. Killed anywhere, it can be done again.
    """
    session = engine.store.sessions.get(session_id)
    root, repo = Path(session.repo_root), relocation.repository_of(session)
    with lock.writer(repo.common_dir, f"discard {session.id}") if repo else contextlib.nullcontext():
        if session.trashed_at is None:
            session = engine.store.sessions.begin_trash(session.id)
        if repo is not None:
            worktrees.erase(repo.common_dir, Path(session.worktree_path))
            tip = repository.branch_tip(root, session.branch_name)
            if tip is not None and session.owns_branch:
                worktrees.delete_branch(root, session.branch_name, tip)
            if trash.holds(root, session.id):  # it was moved there by hand
                trash.purge(root, session.id)
            pinned_refs.forget_backups(root, session.id)
            pinned_refs.let_go(root, session.id)
        _forget(engine, session)


def _purged(engine: Engine, session: Session) -> int:
    if not session.trashed_at:
        message = f"Session {session.name} is not in the trash; only what is in the trash can be purged."
        raise Refused(message, f"ampsm rm {session.id}")
    freed = _size(session) + _folder_size(engine, session)
    if relocation.repository_of(session) is not None:
        _purge_from_repository(session)
        pinned_refs.let_go(Path(session.repo_root), session.id)
    _forget(engine, session)
    return freed


def _forget(engine: Engine, session: Session) -> None:
    """Delete what the home has of a session: runs, texts, rows."""
    store = engine.store
    for run in _runs(engine, session.id):
        shutil.rmtree(engine.home.iteration(run).path, ignore_errors=True)
    unsent_texts.delete_all(engine.home, session.id)
    (engine.home.secret_files / session.id).unlink(missing_ok=True)
    store.sessions.remove(session.id)
    if not any(store.sessions.all(repo_root=session.repo_root, trashed=gone) for gone in (False, True)):
        checkout_secrets.forget(engine, Path(session.repo_root))
    store.facts.add("purged", f"{session.name} is gone for good")
