"""Taking back: a conflict that is aborted, a merge that is undone. Branch and worktree are exactly as they were."""

from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.git import integrate, repository
from ampsm_engine.merging import conflict_help, journal
from ampsm_engine.model import Merge, MergeState, Session, Status


def abort(engine: Engine, session: Session, merge: Merge) -> Merge:
    """Take the conflict out of the worktree; what was resolved so far is kept under a backup ref. May be done again."""
    plan = journal.read(merge)
    worktree = Path(session.worktree_path)
    kept = f"refs/ampsm/backup/{session.id}/{plan.moment}/aborted"
    if not worktree.is_dir():  # somebody removed it, conflict and all; else nothing of the session could go on
        how = f"its worktree is gone, and {session.branch_name} is as it was"
    else:
        lay_there = integrate.laid(worktree) is not None
        integrate.abort(worktree, keep_as=kept)
        moved = integrate.rejoin(worktree, session.branch_name, merge.branch_before)
        conflict_help.remove(worktree)
        how = moved or "branch and worktree are as they were"
        how += f"; what was resolved is kept as {kept}" if lay_there else ""
    text = f"the {merge.kind} was aborted: {how}"
    return engine.store.merges.end(
        merge.id, MergeState.ABORTED, facts=[("aborted", text)], session={"status": _status(plan.status_before)}
    )


def advance(engine: Engine, session: Session, merge: Merge) -> Merge:
    """Move the target back, then the session's branch, then tell the store. May be done again."""
    root = Path(session.repo_root)
    if merge.step == journal.UNDO_TARGET:
        integrate.move_target(root, merge.target, merge.base_after, merge.base_before, why="ampsm: undo")
        merge = engine.store.merges.step(merge.id, journal.UNDO_BRANCH)
    integrate.move_target(root, session.branch_name, merge.branch_after, merge.branch_before, why="ampsm: undo")
    pushed = f"{merge.target} was pushed: what the remote has of it stays there"
    facts = engine.store.facts.read(session_id=session.id)
    was_pushed = any(fact.kind == "push" and fact.time >= merge.started_at for fact in facts)
    return finish(engine, session, merge, (pushed,) if merge.target and was_pushed else ())


def finish(engine: Engine, session: Session, merge: Merge, notes: tuple[str, ...] = ()) -> Merge:
    """The store learns that it is undone."""
    plan = journal.read(merge)
    what = f"{merge.target} is at {merge.base_before[:12]} again" if merge.target else "its branch is as it was"
    columns: dict[str, object] = {"base_commit": plan.base_commit_before}
    if session.status in (Status.DONE, Status.IDLE, Status.AWAITING_INPUT):
        columns["status"] = _status(plan.status_before)
    facts = [("undone", f"the {merge.kind} is undone: {what}"), *(("note", note) for note in notes)]
    return engine.store.merges.end(merge.id, MergeState.UNDONE, facts=facts, session=columns, step=journal.END)


def _status(word: str) -> Status:
    """What the session was before; it does not run now, whatever it did then."""
    known = {status.value: status for status in Status}
    status = known.get(word, Status.IDLE)
    return Status.IDLE if status is Status.RUNNING else status


def is_where_it_was_left(root: Path, session: Session, merge: Merge) -> bool:
    """Whether the session's branch is where the merge brought it."""
    return repository.branch_tip(root, session.branch_name) == merge.branch_after
