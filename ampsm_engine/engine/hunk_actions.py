"""Actions on reviewed changes: reject a hunk or a file, undo that, stage, unstage, commit what is staged.

A rejection is a commit of ours on the session's branch, as far as the change was committed: subject `ampsm: reject
...`, trailers `Ampsm-Session` and `Ampsm-Review: reject <id>` (`restore <id>` for undoing it). Never while amp is at
work in the session, and never over somebody's own changes.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine import lifecycle, redact, session_problems, timestamps
from ampsm_engine.context import Engine
from ampsm_engine.diff import hunks
from ampsm_engine.diff.chosen_lines import ChosenLines
from ampsm_engine.engine import ranges
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git import commits, hunk_changes, lock, pinned_refs, repository
from ampsm_engine.git.hunk_changes import HunkPlan, StagedChanges
from ampsm_engine.git.worktree_entries import Scratch, scratch
from ampsm_engine.model import Session
from ampsm_engine.naming import new_id
from ampsm_engine.plain_text import printable
from ampsm_engine.review.annotations import WHOLE, Rejection

SUBJECT_LENGTH = 72
MOST_QUOTED = 64 * 1024
"""Bytes of a rejected change that are kept for the prompt."""


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
) -> Rejection:
    """Reject a hunk of a range (None: all changes of the file), and record why; it can be undone.

    With `rows`, `hunk` is the whole patch of the file, and the lines in these rows of it are rejected.
    Committed changes go by a commit, others in the worktree alone. Refused while amp works, while an operation is in
    progress, off the session's branch, and where the content has changed since.
    """
    change = _chosen(hunk, rows) if hunk is not None and rows is not None else _hunk(hunk)
    with _at_work(engine, session_id) as (session, at):
        ends = ranges.resolve(engine, session_id, range_)
        hunk_changes.may_begin(at, session.branch_name)
        plan = hunk_changes.rejecting(at, path, change, old_path=old_path, old=ends.old, new=ends.new)
        hunk_changes.check(at, plan)
        rejection = Rejection(
            id=new_id(),
            session_id=session.id,
            path=path,
            old_path=old_path if old_path != path else None,
            reason=(reason or "").strip() or None,
            quote=_quote(at, plan, change),
            tree=hunk_changes.kept(at, plan),
            created_at=timestamps.now(),
            note=plan.note,
        )
        pinned_refs.keep(at.worktree, session.id, rejection.id, {"tree": rejection.tree})
        engine.store.reviews.add_rejection(rejection)
        sha = _carry_out(engine, at, plan, rejection)
        if sha:
            pinned_refs.keep_tip(at.worktree, session.id, sha)
    text = f"a change in {printable(path)}" + (f": {rejection.reason}" if rejection.reason else "")
    return engine.store.reviews.change_rejection(rejection.id, ("rejected", text), commit_sha=sha)


def _carry_out(engine: Engine, at: Scratch, plan: HunkPlan, rejection: Rejection) -> str | None:
    message = _message("reject", rejection, rejection.reason or "")
    try:
        return hunk_changes.carry_out(at, plan, message, hooks=engine.settings.switch("commit.hooks"))
    except BaseException:
        now = repository.resolve(at.worktree, "HEAD")
        if now == at.head:  # nothing was done yet
            engine.store.reviews.delete_rejection(rejection.id)
            pinned_refs.let_go(at.worktree, rejection.session_id, rejection.id)
        else:
            engine.store.reviews.change_rejection(rejection.id, commit_sha=now)
        raise


def undo_reject(engine: Engine, rejection_id: str) -> Rejection:
    """Bring back what was rejected; Refused when it is back already, or the same lines were changed since."""
    store = engine.store
    rejection = store.reviews.rejection(rejection_id)
    if rejection.undone_at:
        message = f"The change in {printable(rejection.path)} was brought back already."
        raise Refused(message, f"ampsm diff {rejection.session_id}")
    with _at_work(engine, rejection.session_id) as (session, at):
        hunk_changes.may_begin(at, session.branch_name)
        plan = hunk_changes.restoring(at, rejection.tree)
        hunk_changes.check(at, plan)
        words = _message("restore", rejection, "")
        hunk_changes.carry_out(at, plan, words, hooks=engine.settings.switch("commit.hooks"))
    fact = ("unrejected", f"a change in {printable(rejection.path)} is back")
    return store.reviews.change_rejection(rejection.id, fact, undone_at=timestamps.now())


def undo_last(engine: Engine, session_id: str) -> Rejection:
    """Bring back what was rejected last; Refused when there is nothing."""
    active = [one for one in engine.store.reviews.rejections(session_id) if not one.undone_at]
    if not active:
        raise Refused("Nothing is rejected in this session.", f"ampsm diff {session_id}")
    return undo_reject(engine, active[-1].id)


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

    With `edited` the hunk is staged as somebody has written it anew; Refused when it is of other lines of the file.
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


def place_of(engine: Engine, session_id: str, path: str) -> str:
    """Where a file is, for an editor; NotFound when it is not in the worktree."""
    place = Path(engine.store.sessions.get(session_id).worktree_path) / path
    if not place.is_file():
        raise NotFound(f"{printable(path)} is not in the worktree now.", f"ampsm diff {session_id} --name-only")
    return str(place)


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
        yield session, at


def _refuse_active(engine: Engine, session: Session) -> None:
    store = engine.store
    if any(lifecycle.is_active(one.state) for one in store.iterations.of(session.id)):
        message = f"amp is at work in session {session.name}."
        raise Refused(message, f"ampsm wait {session.id}, or: ampsm stop {session.id}")
    merge = store.merges.open_of(session.id)
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
    try:
        made = hunks.edited(hunk, written)
    except hunks.Misplaced as reason:
        message = f"The hunk cannot be staged as it was edited: {str(reason)[:1].lower()}{str(reason)[1:]}"
        hint = "Lines with a blank or - stay as they are (- may become a blank); lines with + are yours."
        raise Refused(message, hint) from reason
    if not hunks.is_change(made):
        raise Refused("Nothing is left of the hunk as it was edited: nothing is staged.", "")
    return made


def _quote(at: Scratch, plan: HunkPlan, hunk: hunks.Hunk | ChosenLines | None) -> str:
    """The change as a patch writes it, for the prompt."""
    if isinstance(hunk, ChosenLines):
        text = hunk.quote()
    elif hunk is not None:
        text = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in hunk.lines)
    else:
        whole = at.patch(plan.work.then, plan.work.now)
        text = whole[start:] if (start := whole.find(b"\n@@ ") + 1) else b""
    return text[:MOST_QUOTED].decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")


def _message(verb: str, rejection: Rejection, reason: str) -> bytes:
    head = f"ampsm: {verb} a change in "
    path = printable(rejection.path)
    room = SUBJECT_LENGTH - len(head)
    subject = head + (path if len(path) <= room else f"…{path[1 - room :]}")
    trailers = f"Ampsm-Session: {rejection.session_id}\nAmpsm-Review: {verb} {rejection.id}"
    return commits.composed(subject, "\n\n".join(part for part in (reason, trailers) if part))
