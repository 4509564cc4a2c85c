"""Rejections brought to their end: those that waited for amp's turn to end, and those whose program was killed.

Each is carried out in one piece, or refused with its reason. What is to change is written down, and kept, before it is
begun, so that the process after a killed one does what is left of it, and nothing twice.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from ampsm_engine.diff import hunks
from ampsm_engine.diff.chosen_lines import ChosenLines
from ampsm_engine.diff.hunks import Hunk
from ampsm_engine.errors import AmpsmError, NotFound, Refused
from ampsm_engine.git import commits, history, hunk_changes, lock, pinned_refs, program, repository
from ampsm_engine.git.hunk_changes import HunkPlan
from ampsm_engine.git.worktree_entries import Scratch, scratch
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Session
from ampsm_engine.plain_text import printable
from ampsm_engine.review.annotations import Rejection, RejectionState
from ampsm_engine.store import Store, is_passing

SUBJECT_LENGTH = 72

_ROWS = b"rows "
"""What begins the object of a rejection of lines; that of a hunk begins with its `@@`."""


def carry_out_waiting(store: Store, session: Session, *, hooks: bool, iteration_id: str, begun_only: bool) -> None:
    """Carry out, in the order of their coming, the rejections of a session that wait; facts tell of each.

    `hooks`: whether the repository's hooks run for the commits. `begun_only`: only what was begun already. One that
    cannot be carried out is refused; errors that may pass by themselves (a full disk) are raised.
    """
    waiting = store.reviews.waiting_rejections(session.id)
    meant = {one.id for one in waiting if not begun_only or _is_begun(one)}  # others have their turn later
    if not meant:
        return
    worktree, who = Path(session.worktree_path), f"rejections of {session.id}"
    try:
        if not worktree.is_dir():
            raise Refused(f"The worktree of session {session.name} is gone: {worktree}.", "ampsm repair")
        with lock.writer(repository.common_dir(worktree), who), lock.still(repository.git_dir(worktree), who):
            # Another one may have ended some until the lock is here. Each begins where the one before has ended.
            for one in _those(store, session, meant):
                with scratch(worktree) as at:
                    end_all(store, at, session, (one,), hooks=hooks, iteration_id=iteration_id)
    except AmpsmError as reason:
        if is_passing(reason):
            raise
        for one in _those(store, session, meant):
            refuse(store, session, one, reason, iteration_id=iteration_id)


def _those(store: Store, session: Session, ids: Collection[str]) -> list[Rejection]:
    """The rejections with these ids that a session still has waiting."""
    return [one for one in store.reviews.waiting_rejections(session.id) if one.id in ids]


def end_all(
    store: Store,
    at: Scratch,
    session: Session,
    waiting: Sequence[Rejection],
    *,
    hooks: bool,
    iteration_id: str | None = None,
) -> None:
    """Bring rejections to their end, where the caller has the worktree for itself; as `carry_out_waiting`."""
    for one in waiting:
        try:
            at.head = repository.resolve(at.worktree, "HEAD")
            _end_one(store, at, session, one, hooks=hooks, iteration_id=iteration_id)
        except AmpsmError as reason:
            if is_passing(reason):
                raise
            refuse(store, session, one, reason, iteration_id=iteration_id)


def refuse(store: Store, session: Session, one: Rejection, reason: AmpsmError, *, iteration_id: str | None) -> None:
    """Close a rejection that cannot be carried out, and let go of what was kept for it."""
    try:
        now = store.reviews.rejection(one.id)
    except NotFound:  # it was taken back just now
        return
    why = reason.line
    if now.commit_sha or _commit_of(session, now):  # the branch has it; only the rest could not follow
        told = f"a change in {printable(one.path)}: {why}"
        store.reviews.change_rejection(
            one.id, ("rejected", told), iteration_id=iteration_id, state=RejectionState.DONE, note=why
        )
        return
    told = f"a change in {printable(one.path)} stays: {why}"
    store.reviews.change_rejection(
        one.id, ("reject-refused", told), iteration_id=iteration_id, state=RejectionState.REFUSED, note=why
    )
    if Path(session.repo_root).is_dir():
        pinned_refs.let_go(_place(session), session.id, one.id)


def _place(session: Session) -> Path:
    worktree = Path(session.worktree_path)
    return worktree if worktree.is_dir() else Path(session.repo_root)


def _is_begun(one: Rejection) -> bool:
    return one.state is RejectionState.DOING


def _end_one(
    store: Store, at: Scratch, session: Session, one: Rejection, *, hooks: bool, iteration_id: str | None
) -> None:
    if store.merges.open_of(session.id) is not None:
        raise Refused(f"A merge of session {session.name} is not ended.", f"ampsm merge {session.id} --abort")
    if one.state is RejectionState.DOING:
        _go_on(store, at, session, one, hooks=hooks, iteration_id=iteration_id)
        return
    plan = _planned(at, session, one)
    begun = _begin(store, at, one, plan)
    if begun is not None:
        carry_out(store, at, begun, plan, hooks=hooks, iteration_id=iteration_id)


def _planned(at: Scratch, session: Session, one: Rejection) -> HunkPlan:
    """What a queued rejection does to the worktree as it is now; Refused where what was seen has changed since."""
    hunk_changes.may_begin(at, session.branch_name)
    hunk: Hunk | ChosenLines | None = None
    if one.hunk is not None:
        hunk = _read(program.query(at.worktree, "cat-file", "blob", one.hunk))
    elif one.new_end is None and content_of(at, one.path) != one.seen:
        raise Refused(f"{printable(one.path)} has changed since it was rejected as a whole.", "")
    plan = hunk_changes.rejecting(
        at, one.path, hunk, old_path=one.old_path, old=one.old_end or session.base_commit, new=one.new_end
    )
    hunk_changes.check(at, plan)
    return plan


def written(patch: bytes, rows: Collection[int] | None) -> bytes:
    """A hunk, or a file's patch with the chosen rows of it, as it waits in the repository."""
    return patch if rows is None else _ROWS + " ".join(map(str, sorted(rows))).encode() + b"\n" + patch


def _read(content: bytes) -> Hunk | ChosenLines:
    if content.startswith(_ROWS):
        rows, _, patch = content.removeprefix(_ROWS).partition(b"\n")
        return ChosenLines(patch, frozenset(map(int, rows.split())))
    (hunk,) = hunks.split(content)
    return hunk


def content_of(at: Scratch, path: str) -> str:
    """The object that a file in the worktree is now; empty where there is none."""
    entry = at.in_worktree(path)
    return entry.blob if entry else ""


def _begin(store: Store, at: Scratch, one: Rejection, plan: HunkPlan) -> Rejection | None:
    """Write down what is about to be done, so that it can be gone on with, and undone; None: it was taken back."""
    tree = hunk_changes.kept(at, plan)
    pinned_refs.keep(at.worktree, one.session_id, one.id, {"tree": tree})
    begun = store.reviews.begin_rejection(one.id, tree=tree, note=plan.note)
    if begun is None:
        pinned_refs.let_go(at.worktree, one.session_id, one.id)
    return begun


def _go_on(
    store: Store, at: Scratch, session: Session, one: Rejection, *, hooks: bool, iteration_id: str | None
) -> Rejection:
    """Do what is left of a rejection that was begun by a program that did not end it."""
    known = replace(one, commit_sha=one.commit_sha or _commit_of(session, one))
    plan = hunk_changes.resuming(at, one.tree)
    if plan is not None:
        hunk_changes.may_begin(at, session.branch_name)
        return carry_out(store, at, known, plan, hooks=hooks, iteration_id=iteration_id)
    return _done(store, known, known.commit_sha, iteration_id)


def carry_out(
    store: Store, at: Scratch, one: Rejection, plan: HunkPlan, *, hooks: bool, iteration_id: str | None = None
) -> Rejection:
    """Do what a plan says for a rejection that was begun: the labelled commit, the index, the files."""
    try:
        sha = hunk_changes.carry_out(at, plan, message("reject", one, one.reason or ""), hooks=hooks)
    except BaseException:
        now = repository.resolve(at.worktree, "HEAD")
        if now != at.head:  # the rest of it is left to the next process
            store.reviews.change_rejection(one.id, commit_sha=now)
        raise
    if sha:
        pinned_refs.keep_tip(at.worktree, one.session_id, sha)
    return _done(store, one, sha or one.commit_sha, iteration_id)


def _done(store: Store, one: Rejection, sha: str | None, iteration_id: str | None) -> Rejection:
    text = f"a change in {printable(one.path)}" + (f": {one.reason}" if one.reason else "")
    return store.reviews.change_rejection(
        one.id, ("rejected", text), iteration_id=iteration_id, state=RejectionState.DONE, commit_sha=sha
    )


def _commit_of(session: Session, one: Rejection) -> str | None:
    """The commit that its trailer says a rejection made; None when there is none."""
    worktree = Path(session.worktree_path)
    if not worktree.is_dir():
        return None
    made = history.since(worktree, session.base_commit, session.branch_name)
    return next((commit.sha for commit in made if commit.review == f"reject {one.id}"), None)


def message(verb: str, rejection: Rejection, reason: str) -> bytes:
    """The message of the commit that rejects (`reject`) or restores a change; a reason is its body."""
    head = f"ampsm: {verb} a change in "
    path = printable(rejection.path)
    room = SUBJECT_LENGTH - len(head)
    subject = head + (path if len(path) <= room else f"…{path[1 - room :]}")
    trailers = f"Ampsm-Session: {rejection.session_id}\nAmpsm-Review: {verb} {rejection.id}"
    return commits.composed(subject, "\n\n".join(part for part in (reason, trailers) if part))
