"""Going on with an operation that rests: a conflict that is resolved, aborted, or a merge that is undone."""

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git import commits, integrate, listing, lock, own_files, repository, staging
from ampsm_engine.git.integrate.markers import MarkersLeft
from ampsm_engine.git.integrate.values import LaidOut
from ampsm_engine.merging import begin, journal, lease, making, questions, recover, situation, steps, undoing
from ampsm_engine.merging.journal import Plan, Position
from ampsm_engine.merging.situation import Situation
from ampsm_engine.merging.values import Result
from ampsm_engine.model import Merge, MergeState, Session


def _writing(session: Session, who: str) -> AbstractContextManager[None]:
    return lock.writer(repository.common_dir(Path(session.repo_root)), who)


def waiting(engine: Engine, session_id: str) -> Merge:
    """The operation of a session that waits with its conflict; Refused when there is none."""
    session = engine.store.sessions.get(session_id)
    merge = engine.store.merges.open_of(session_id)
    if merge is None:
        message = f"No merge of {session.name} waits for anything."
        raise Refused(message, f"ampsm preflight {session.id}")
    if merge.state is not MergeState.CONFLICTED:
        raise Refused(f"The {merge.kind} of {session.name} is going on.", f"ampsm show {session.id}")
    return merge


def go_on(engine: Engine, session_id: str, answered: tuple[str, ...] = (), *, keep_markers: bool = False) -> Result:
    """Go on after a conflict was resolved: to the end, or to the next conflict (ConflictsWait). Opens no editor.

    `answered`: what somebody said yes to, see `questions`; `keep_markers`: lines that look like them are meant.
    """
    merge = waiting(engine, session_id)
    plan = journal.read(merge)
    if plan.given and not plan.accepted:
        message = (
            f"amp was asked to resolve the conflicts of this {merge.kind}, and nobody looked at its resolution yet."
        )
        raise Refused(message, f"ampsm merge {session_id} --show, then: ampsm merge {session_id} --continue --accept")
    now = situation.look(engine.store, session_id, plan.options.onto)
    with lock.writer(now.repo.common_dir, f"{merge.kind} {session_id}"), lease.at_work(engine.home, merge.id):
        merge = engine.store.merges.take(merge.id, MergeState.CONFLICTED, journal.RESUME)
        with recover.mending(engine, merge.id):
            merge = _resumed(engine, now, merge, answered, keep_markers=keep_markers)
    return begin.ended(engine, merge)


def _resumed(engine: Engine, now: Situation, merge: Merge, answered: tuple[str, ...], *, keep_markers: bool) -> Merge:
    plan = journal.read(merge)
    laid = _checked(now)
    _refuse_unadded(now, laid)
    own_files.unstage(now.worktree, laid.onto)
    commit = integrate.without_own_files(now.worktree, laid.onto, integrate.finish(now.worktree))
    if not keep_markers:
        _refuse_markers(now, plan, laid, commit)
    asked = questions.of_resolution(now, plan.options, laid, commit)
    questions.refuse(asked, answered, f"ampsm merge {now.session.id} --continue")
    steps.keep(now, plan, "resolved", commit)
    now = situation.look(engine.store, now.session.id, plan.options.onto)  # the target may have moved meanwhile
    before = plan.position
    position = Position(commit) if laid.kind == "merge" else Position(before.tip, before.onto, commit, before.rest)
    merge = engine.store.merges.step(merge.id, journal.RESUME, plan=journal.written(replace(plan, position=position)))
    plan = journal.read(merge)
    made = steps.make(engine, now, plan)
    if isinstance(made, making.Stopped):
        steps.lay_out(engine, now, merge, made, journal.RELAY)
    else:
        plan = replace(plan, notes=(*plan.notes, *_untracked(now)))
        steps.keep(now, plan, "result", made.branch)
        merge = steps.decided(engine, now, merge, plan, made)
    return steps.advance(engine, now.session, merge)


def _checked(now: Situation) -> LaidOut:
    """The conflict that lies in the worktree; Refused when somebody took it away by git itself, work and all."""
    laid = integrate.laid(now.worktree)
    hint = f"ampsm merge {now.session.id} --abort brings branch and worktree back; nothing is lost"
    if laid is None:
        raise Refused(f"The conflict of {now.session.name} does not lie in {now.worktree} any more.", hint)
    head = commits.head(now.worktree)
    elsewhere = head.branch is not None or not repository.is_ancestor(now.worktree, laid.onto, head.commit)
    ended = head.commit == laid.onto and repository.is_busy(now.worktree) is None
    if elsewhere or ended:
        raise Refused(f"The conflict of {now.session.name} was taken back in {now.worktree} by git itself.", hint)
    return laid


def _refuse_unadded(now: Situation, laid: LaidOut) -> None:
    """What was changed after `git add`, or added after a commit, would be left out without a word."""
    worktree, again = now.worktree, f"then: ampsm merge {now.session.id} --continue"
    if integrate.unmerged(worktree):
        return  # git add is still to come: `finish` says so
    paths = integrate.unadded(worktree)
    if paths:
        verb = "were" if len(paths) > 1 else "was"
        message = f"{situation.named(paths)} {verb} changed after being added, and that would not be merged."
        raise Refused(message, f"git -C {worktree} add -u takes it in (git restore drops it), {again}")
    if commits.head(worktree).commit != laid.onto and (paths := integrate.uncommitted(worktree)):
        message = f"{situation.named(paths)} came after the commit in {worktree}, and would not be merged."
        raise Refused(message, f"git -C {worktree} commit --amend --no-edit, {again}")


def _untracked(now: Situation) -> tuple[str, ...]:
    """A note about files that nobody added: they stay where they are, and are not merged."""
    entries = [entry for entry in listing.entries(now.worktree) if entry.state == "untracked"]
    out = {left.path for left in staging.choose(now.worktree, entries).left_out}
    paths = [entry.path for entry in entries if entry.path not in out]
    if not paths:
        return ()
    return (f"{situation.named(paths)} {'are' if len(paths) > 1 else 'is'} untracked in {now.worktree}: not merged",)


def _refuse_markers(now: Situation, plan: Plan, laid: LaidOut, commit: str) -> None:
    """Nothing is merged with markers in it, unless somebody said that they are meant."""
    marked = integrate.marked_in(now.worktree, laid, commit)
    names = [path for path, blob in marked.items() if blob not in plan.meant]
    if names:
        message = f"There are conflict markers left in {situation.named(names)}."
        again = f"ampsm merge {now.session.id} --continue"
        hint = f"edit in {now.worktree}, git add, then: {again}; or, where they are meant: {again} --keep-markers"
        raise MarkersLeft(message, hint)


def abort(engine: Engine, session_id: str) -> Merge:
    """Take a conflict back: branch and worktree are as they were before the operation began."""
    merge = waiting(engine, session_id)
    session = engine.store.sessions.get(session_id)
    with _writing(session, f"abort {session_id}"), lease.at_work(engine.home, merge.id):
        merge = engine.store.merges.take(merge.id, MergeState.CONFLICTED, journal.ABORT)
        try:
            return undoing.abort(engine, session, merge)
        except BaseException:
            # Half of it may be done; done again, it goes on from there.
            engine.store.merges.end(merge.id, MergeState.CONFLICTED, step=journal.WAIT)
            raise


def undo(engine: Engine, session_id: str) -> Merge:
    """Take back a session's last merge, squash or rebase; an open conflict is aborted.

    Refused when the target or the session has moved on since, or has changes that are not committed in the way.
    """
    store = engine.store
    if store.merges.open_of(session_id) is not None:
        return abort(engine, session_id)
    session = store.sessions.get(session_id)
    merge = undoable(engine, session_id)
    if merge is None:
        raise NotFound(f"Nothing of {session.name} was merged, squashed or rebased.", f"ampsm show {session.id}")
    root = Path(session.repo_root)
    with _writing(session, f"undo {session_id}"), lease.at_work(engine.home, merge.id):
        merge = store.merges.get(merge.id)
        if merge.state is not MergeState.DONE:  # another ampsm was quicker
            text = f"The {merge.kind} of {session.name} is {merge.state.value} by now."
            raise Refused(text, f"ampsm show {session.id}")
        _may_undo(root, session, merge)
        now = situation.look(store, session_id, merge.target or session.branch_name)
        situation.refuse(tuple(situation.own_obstacles(store, now)))
        step = journal.UNDO_TARGET if merge.target else journal.UNDO_BRANCH
        merge = store.merges.take(merge.id, MergeState.DONE, step)
        with recover.mending(engine, merge.id):
            return undoing.advance(engine, session, merge)


def undoable(engine: Engine, session_id: str) -> Merge | None:
    """The newest operation of a session that came to its end and was not taken back; None without one."""
    return next((one for one in engine.store.merges.of(session_id) if one.state is MergeState.DONE), None)


def _may_undo(root: Path, session: Session, merge: Merge) -> None:
    """Refused when something came after it: undoing would take that away, too."""
    if merge.target:
        now = repository.branch_tip(root, merge.target)
        if now != merge.base_after:
            message = f"{merge.target} has moved on since {session.name} was merged, so the merge cannot be undone."
            raise Refused(message, f"git -C {root} log --oneline {merge.base_before[:12]}..{merge.target}")
    if not undoing.is_where_it_was_left(root, session, merge):
        message = f"{session.name} has gone on since it was {steps.PAST[merge.kind]}, so that cannot be undone."
        raise Refused(message, f"git -C {root} log --oneline {merge.branch_after[:12]}..{session.branch_name}")
