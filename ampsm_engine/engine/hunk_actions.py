"""Actions on reviewed changes: reject a hunk or a file, undo that, stage, unstage, commit what is staged.

A rejection is a commit of ours on the session's branch, as far as the change was committed: subject `ampsm: reject
...`, trailers `Ampsm-Session` and `Ampsm-Review: reject <id>` (`restore <id>` for undoing it). Never while amp is at
work in the session, and never over a person's own changes. What is rejected while amp works can wait in a queue: the
worker carries it out when the turn has ended.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine import lifecycle, redact, session_problems, timestamps
from ampsm_engine.context import Engine
from ampsm_engine.diff import hunks
from ampsm_engine.diff.chosen_lines import ChosenLines
from ampsm_engine.engine import reviews, views
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git import attributes, commits, hunk_changes, lock, pinned_refs, repository
from ampsm_engine.git.hunk_changes import HunkPlan, StagedChanges
from ampsm_engine.git.worktree_entries import Scratch, scratch
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Session
from ampsm_engine.naming import LEAST_OF_AN_ID, new_id
from ampsm_engine.plain_text import printable
from ampsm_engine.review.annotations import WHOLE, Rejection, RejectionState
from ampsm_engine.worker import rejections as worker_rejections

MOST_QUOTED = 64 * 1024
"""Bytes of a rejected change that are kept for the prompt."""


class NothingRejected(Refused):
    """A session has no rejection that could be undone."""


def reject(
    engine: Engine,
    session_id: str,
    path: str,
    hunk: bytes | None,
    *,
    rows: frozenset[int] | None = None,
    reason: str | None = None,
    old_path: str | None = None,
    range_: str = WHOLE,
    queues: bool = False,
    key: str | None = None,
) -> Rejection:
    """Reject a hunk of a range (None: all changes of the file), and record why; it can be undone.

    With `rows`, `hunk` is the whole patch of the file, and the lines in these rows of it are rejected.
    Committed changes go by a commit, others in the worktree alone. Refused while an operation is in progress, off the
    session's branch, and where the content has changed since. While amp works it is refused, too, or with `queues` it
    waits for the end of the turn: `take_back` calls it off. `key`: the hunk's content key, as a screen knows it.
    """
    change = _chosen(hunk, rows) if hunk is not None and rows is not None else _hunk(hunk)
    if queues and _is_at_work(engine, session_id):
        given = worker_rejections.written(hunk, rows) if hunk is not None else None
        return _queue(
            engine, session_id, path, change, given=given, reason=reason, old_path=old_path, range_=range_, key=key
        )
    with _at_work(engine, session_id) as (session, at):
        ends = reviews.resolve(engine, session_id, range_)
        hunk_changes.may_begin(at, session.branch_name)
        plan = hunk_changes.rejecting(at, path, change, old_path=old_path, old=ends.old, new=ends.new)
        hunk_changes.check(at, plan)
        rejection = replace(
            _rejection(session, path, old_path, reason, quote=_quote(at, path, plan, change), key=key),
            state=RejectionState.DOING,
            tree=hunk_changes.kept(at, plan),
            note=plan.note,
        )
        pinned_refs.keep(at.worktree, session.id, rejection.id, {"tree": rejection.tree})
        engine.store.reviews.add_rejection(rejection)
        hooks = engine.settings.switch("commit.hooks")
        try:
            return worker_rejections.carry_out(engine.store, at, rejection, plan, hooks=hooks)
        except BaseException:
            if repository.resolve(at.worktree, "HEAD") == at.head and hunk_changes.is_undone(at, plan):
                engine.store.reviews.delete_rejection(rejection.id)
                pinned_refs.let_go(at.worktree, rejection.session_id, rejection.id)
            raise


def _rejection(
    session: Session, path: str, old_path: str | None, reason: str | None, *, quote: str, key: str | None
) -> Rejection:
    return Rejection(
        id=new_id(),
        session_id=session.id,
        path=path,
        old_path=old_path if old_path != path else None,
        reason=(reason or "").strip() or None,
        quote=quote,
        tree="",
        created_at=timestamps.now(),
        key=key,
    )


def _is_at_work(engine: Engine, session_id: str) -> bool:
    return any(lifecycle.is_active(one.state) for one in engine.store.iterations.of(session_id))


def _queue(
    engine: Engine,
    session_id: str,
    path: str,
    hunk: hunks.Hunk | ChosenLines | None,
    *,
    given: bytes | None,
    reason: str | None,
    old_path: str | None,
    range_: str,
    key: str | None,
) -> Rejection:
    """Let a rejection wait for the end of the turn, its hunk or lines as `given`, for the worker to read.

    Refused where it could not be carried out even now.
    """
    session = engine.store.sessions.get(session_id)
    worktree = Path(session.worktree_path)
    session_problems.check_worktree(session)
    _refuse_merge(engine, session)
    ends = reviews.resolve(engine, session_id, range_)
    with scratch(worktree) as at:
        plan = hunk_changes.rejecting(at, path, hunk, old_path=old_path, old=ends.old, new=ends.new)
        made = replace(
            _rejection(session, path, old_path, reason, quote=_quote(at, path, plan, hunk), key=key),
            state=RejectionState.QUEUED,
            hunk=at.blob(given) if given is not None else None,
            old_end=ends.old,
            new_end=ends.new,
            seen=worker_rejections.content_of(at, path),
        )
    objects = {"hunk": made.hunk or "", "old": ends.old, "new": ends.new or ""}
    pinned_refs.keep(worktree, session.id, made.id, {name: oid for name, oid in objects.items() if oid})
    try:
        return engine.store.reviews.queue_rejection(made)
    except BaseException:
        pinned_refs.let_go(worktree, session.id, made.id)
        raise


def take_back(engine: Engine, rejection_id: str) -> Rejection:
    """Take a queued rejection out of the queue; Refused when it waits no longer."""
    store = engine.store
    found = store.reviews.rejection(rejection_id)
    store.reviews.delete_rejection(rejection_id, queued=True)
    pinned_refs.let_go(views.place_of(store.sessions.get(found.session_id)), found.session_id, rejection_id)
    return found


def undo_reject(engine: Engine, rejection_id: str) -> Rejection:
    """Bring back what was rejected; Refused when it is back already, or the same lines were changed since."""
    store = engine.store
    rejection = store.reviews.rejection(rejection_id)
    if rejection.state is RejectionState.QUEUED:
        return take_back(engine, rejection_id)
    if rejection.state is RejectionState.REFUSED:
        raise Refused(f"The change in {printable(rejection.path)} was not rejected: {rejection.note}", "")
    if rejection.undone_at:
        message = f"The change in {printable(rejection.path)} was brought back already."
        raise Refused(message, f"ampsm diff {rejection.session_id}")
    with _at_work(engine, rejection.session_id) as (session, at):
        hunk_changes.may_begin(at, session.branch_name)
        plan = hunk_changes.restoring(at, rejection.tree)
        hunk_changes.check(at, plan)
        words = worker_rejections.message("restore", rejection, "")
        sha = hunk_changes.carry_out(at, plan, words, hooks=engine.settings.switch("commit.hooks"))
        if sha:
            pinned_refs.keep_tip(at.worktree, session.id, sha)
    fact = ("unrejected", f"a change in {printable(rejection.path)} is back")
    return store.reviews.change_rejection(rejection.id, fact, undone_at=timestamps.now())


def undo_last(engine: Engine, session_id: str) -> Rejection:
    """Bring back what was rejected last, or take it out of the queue; NothingRejected when there is nothing."""
    every = engine.store.reviews.rejections(session_id)
    active = [one for one in every if not one.undone_at and one.state is not RejectionState.REFUSED]
    if not active:
        raise NothingRejected("Nothing is rejected in this session.", f"ampsm diff {session_id}")
    return undo_reject(engine, active[-1].id)


def undo_named(engine: Engine, session_id: str, reference: str) -> Rejection:
    """Bring back the rejection of a session that an id, its beginning or `last` names; NotFound, Refused."""
    if reference == "last":
        return undo_last(engine, session_id)
    every = engine.store.reviews.rejections(session_id)
    meant = [one for one in every if len(reference) >= LEAST_OF_AN_ID and one.id.startswith(reference)]
    if not meant:
        raise NotFound(f"There is no rejection {reference[:80]!r} in this session.", f"ampsm reject {session_id}")
    if len(meant) > 1:
        raise Refused(f"{reference!r} means {len(meant)} rejections.", f"ampsm reject {session_id}")
    return undo_reject(engine, meant[0].id)


def rejections(engine: Engine, session_id: str) -> tuple[Rejection, ...]:
    """What was rejected in a session, oldest first, undone ones too."""
    return engine.store.reviews.rejections(session_id)


def stage(
    engine: Engine,
    session_id: str,
    path: str,
    hunk: bytes | None,
    *,
    old_path: str | None = None,
    edited: bytes | None = None,
) -> StagedChanges:
    """Stage a hunk of what is not committed (None: the whole file); answers what is staged then.

    With `edited` the hunk is staged as a person has rewritten it; Refused when it is of other lines of the file.
    """
    change = _hunk(hunk)
    if change is not None and edited is not None:
        change = _edited(change, edited)
    with _at_work(engine, session_id) as (_, at):
        hunk_changes.stage(at, path, change, old_path)
        return hunk_changes.staged(at.worktree)


def stage_lines(
    engine: Engine,
    session_id: str,
    path: str,
    patch: bytes,
    rows: frozenset[int],
    *,
    old_path: str | None = None,
    is_put_in: bool = True,
) -> StagedChanges:
    """Stage the lines in these rows of a file's patch of what is not committed, or take them out of the index again."""
    lines = _chosen(patch, rows)
    with _at_work(engine, session_id) as (_, at):
        hunk_changes.stage_lines(at, path, lines, old_path, is_put_in=is_put_in)
        return hunk_changes.staged(at.worktree)


def unstage(
    engine: Engine, session_id: str, path: str, hunk: bytes | None, *, old_path: str | None = None
) -> StagedChanges:
    """Take a hunk (None: the whole file) out of the index again; answers what is staged then."""
    with _at_work(engine, session_id) as (_, at):
        hunk_changes.unstage(at, path, _hunk(hunk), old_path)
        return hunk_changes.staged(at.worktree)


def staged(engine: Engine, session_id: str) -> StagedChanges:
    """What is staged in a session's worktree; nothing when that is gone."""
    worktree = Path(engine.store.sessions.get(session_id).worktree_path)
    return hunk_changes.staged(worktree) if worktree.is_dir() else StagedChanges()


def commit_staged(engine: Engine, session_id: str, message: str) -> str:
    """Commit what is staged with the user's message, hooks and signing; the new commit.

    Refused when nothing is staged, for an empty message, and when git or a hook refuses: nothing is changed then.
    """
    if not message.strip():
        raise Refused("A commit needs a message.", "Write what the commit does.")
    with _at_work(engine, session_id) as (session, at):
        hunk_changes.may_begin(at, session.branch_name)
        if not hunk_changes.staged(at.worktree).paths:
            raise Refused("Nothing is staged.", f"git -C {at.worktree} add FILE")
        lines = [line.rstrip() for line in redact.text(message).replace("\0", "").strip().splitlines()]
        content = ("\n".join(lines) + "\n").encode("utf-8", "replace")
        sha = commits.record_by_hand(at.worktree, content, hooks=True)
        pinned_refs.keep_tip(at.worktree, session.id, sha)
    engine.store.facts.add("committed-by-hand", printable(lines[0])[:200], session_id=session.id)
    return sha


@contextlib.contextmanager
def _at_work(engine: Engine, session_id: str) -> Iterator[tuple[Session, Scratch]]:
    """Lock the repository against other writers; Refused while amp works in the session, which cannot begin then."""
    session = engine.store.sessions.get(session_id)
    worktree = Path(session.worktree_path)
    session_problems.check_worktree(session)
    who = f"review {session.id}"
    with (
        lock.writer(repository.common_dir(worktree), who),
        lock.still(repository.git_dir(worktree), who),
        scratch(worktree) as at,
    ):
        _refuse_active(engine, session)
        waiting = engine.store.reviews.waiting_rejections(session.id)
        if not waiting:
            yield session, at
            return
        # A program that was killed left them, or a turn that never began.
        worker_rejections.end_all(engine.store, at, session, waiting, hooks=engine.settings.switch("commit.hooks"))
        with scratch(worktree) as afterwards:
            yield session, afterwards


def _refuse_active(engine: Engine, session: Session) -> None:
    if _is_at_work(engine, session.id):
        message = f"amp is at work in session {session.name}."
        raise Refused(message, f"ampsm wait {session.id}, or: ampsm stop {session.id}")
    _refuse_merge(engine, session)


def _refuse_merge(engine: Engine, session: Session) -> None:
    merge = engine.store.merges.open_of(session.id)
    if merge is not None:
        raise Refused(f"A {merge.kind} of session {session.name} is not ended.", f"ampsm merge {session.id} --abort")


def _hunk(text: bytes | None) -> hunks.Hunk | None:
    if text is None:
        return None
    found = hunks.split(text)
    if len(found) != 1 or not hunks.is_change(found[0]):
        raise Refused("That is not one hunk of a diff.", "")
    if not hunks.is_whole(text):
        raise Refused("That hunk is not all there: a part of it was left out.", "Take the whole file, or use git.")
    return found[0]


def _chosen(patch: bytes, rows: frozenset[int]) -> ChosenLines:
    lines = ChosenLines(patch, rows)
    if not lines.rows:
        raise Refused("None of these lines is a change.", "")
    if not lines.is_exact:
        raise Refused("These lines are not all there: a part of them was left out.", "Take the whole file, or use git.")
    return lines


def _edited(hunk: hunks.Hunk, written: bytes) -> hunks.Hunk:
    nothing = Refused("Nothing is left of the hunk as it was edited: nothing is staged.", "")
    if all(not line.strip() or line.startswith(b"#") for line in written.splitlines()):
        raise nothing  # as git has it: an emptied file calls it off
    try:
        made = hunks.edited(hunk, written)
    except hunks.Misplaced as reason:
        message = f"The hunk cannot be staged as it was edited: {str(reason)[:1].lower()}{str(reason)[1:]}"
        hint = "Lines with a blank or - stay as they are (- may become a blank); lines with + are yours."
        raise Refused(message, hint) from reason
    if not hunks.is_change(made):
        raise nothing
    return made


def _quote(at: Scratch, path: str, plan: HunkPlan, hunk: hunks.Hunk | ChosenLines | None) -> str:
    """The change as a patch writes it, for the prompt."""
    if isinstance(hunk, ChosenLines):
        text = hunk.quote()
    elif hunk is not None:
        text = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in hunk.lines)
    else:
        whole = at.patch(plan.work.then, plan.work.now)
        text = whole[start:] if (start := whole.find(b"\n@@ ") + 1) else b""
    shown = attributes.decoded_lines(at.worktree, path, text[:MOST_QUOTED])
    return shown.replace("\r\n", "\n").rstrip("\n")
