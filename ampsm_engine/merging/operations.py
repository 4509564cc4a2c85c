"""The operations: merging, squashing or rebasing a session, going on after a conflict, aborting, and undoing.

What can be refused is refused before anything is written; then it goes step by step.
"""

from contextlib import AbstractContextManager
from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git import lock, repository
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.object_reader import ObjectReader
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.merging import journal, merge_lock, questions, recovery, situation, steps
from ampsm_engine.merging.results import MergeResult, Options, Published
from ampsm_engine.merging.situation import Situation
from ampsm_engine.model import Merge, MergeState, Session


def merge(engine: Engine, session_id: str, options: Options) -> MergeResult:
    """Squash, rebase or merge a session; ConflictsWait when conflicts are laid out, Refused before anything else."""
    reader = ObjectReader(Path(engine.store.sessions.get(session_id).repo_root))
    now = situation.look(engine.store, session_id, options.onto, options.kind, reader=reader)
    with lock.writer(now.repo.common_dir, f"{options.kind} {session_id}"):
        # While it waited, and also since: the reader is a git that stays, and another look costs nothing.
        before, repo = now, now.repo
        now = situation.look(engine.store, session_id, options.onto, options.kind, repo=repo, reader=reader)
        if now.branch_tip != before.branch_tip:
            raise _overtaken(engine, now)
        objects = ObjectStore(now.root, now.repo, reader=reader, fork=now.session.base_commit)
        moves = options.kind == "merge" and not options.pull_request
        found = tuple(situation.obstacles(engine.store, now, moves_target=moves, objects=objects))
        situation.refuse(found)
        now = replace(now, repo=objects.repo)
        span = situation.span(engine.store, now, objects)
        line = objects.line(now.base_tip, now.branch_tip)
        now = replace(now, start=span.start, shared=line.base if line else "")
        steps.refuse_nothing(now, span, options)
        options = steps.worded(now, options)
        asked = questions.before(engine, now, span, options, objects)
        questions.refuse(asked, options.answered, questions.command(session_id, options))
        options = replace(options, answered=tuple(answer for one in asked for answer in one.answers))
        template, untouched = engine.settings.text("commit.subject"), situation.UNTOUCHED in found
        now, work = steps.without_own_files(now, objects, template, untouched=untouched)
        strangers = steps.as_carried(now, span, work)
        entry = journal.new(now, options, moved=now.target if moves else "", work=work, strangers=strangers)
        with merge_lock.at_work(engine.home, entry.id):
            merge = engine.store.merges.begin(entry)
            with recovery.mending(engine, merge.id):
                merge = _proceed(engine, now, merge, objects)
    return _ended(engine, merge, objects)


def _proceed(engine: Engine, now: Situation, merge: Merge, objects: ObjectStore) -> Merge:
    """Make the commits and move what is to move, or lay a conflict out."""
    plan = journal.read(merge)
    made = steps.make(engine, now, plan, objects)
    kept = {"branch": merge.branch_before, "base": now.base_tip}
    kept |= {"carried": plan.position.tip} if plan.position.tip != merge.branch_before else {}
    if isinstance(made, steps.Stopped):
        from ampsm_engine.merging import conflict_steps

        steps.keep_all(now, plan, kept)
        conflict_steps.lay_out(engine, now, merge, made)
    steps.keep_all(now, plan, kept | {"result": made.branch})
    return steps.advance(engine, now.session, steps.decided(engine, now, merge, plan, made), objects)


def _overtaken(engine: Engine, now: Situation) -> Refused:
    """The session's branch was moved by another process while an operation waited for its turn."""
    session = now.session
    last = next(iter(engine.store.merges.of(session.id)), None)
    if last is not None and last.state is MergeState.DONE and last.branch_after == now.branch_tip:
        message = f"{session.name} was {steps.PAST[last.kind]} by another ampsm meanwhile."
        return Refused(message, f"ampsm show {session.id}")
    return Refused(f"The branch {session.branch_name} moved meanwhile.", f"ampsm preflight {session.id}")


def _ended(engine: Engine, merge: Merge, objects: ObjectStore | None = None) -> MergeResult:
    """Publish as the options ask, and answer the result of the whole operation."""
    plan = journal.read(merge)
    session = engine.store.sessions.get(merge.session_id)
    published: tuple[Published, ...] = ()
    if plan.options.goes_out:
        from ampsm_engine.merging import publish

        published = publish.all_of(session, merge, plan.options)
    for one in published:
        kind = one.kind if one.ok else f"{one.kind}-failed"
        engine.store.facts.add(kind, one.text, session_id=session.id)
    tip = merge.base_after if merge.target else merge.branch_after
    objects = objects or ObjectStore(Path(session.repo_root))
    count = 0 if tip == merge.base_before else _brought(objects, merge.base_before, tip)
    return MergeResult(session, merge, count, plan.checkouts, published, plan.notes)


def _brought(objects: ObjectStore, base: str, tip: str) -> int:
    """How many commits a branch got: by its tip, which may be a merge of them into it."""
    parents = objects.commit(tip).parents
    is_merge = len(parents) == 2 and parents[0] == base
    line = objects.line(base, parents[1] if is_merge else tip)
    if line is not None:
        return len(line.commits) + is_merge
    from ampsm_engine.git import changes

    return changes.ahead_behind(objects.where, tip, base)[0]


def _writing(session: Session, who: str) -> AbstractContextManager[bool]:
    return lock.writer(repository.common_dir(Path(session.repo_root)), who)


def waiting_operation(engine: Engine, session_id: str) -> Merge:
    """The operation of a session that waits with its conflict; Refused when there is none."""
    session = engine.store.sessions.get(session_id)
    merge = engine.store.merges.open_of(session_id)
    if merge is None:
        message = f"No merge of {session.name} waits for anything."
        raise Refused(message, f"ampsm preflight {session.id}")
    if merge.state is not MergeState.CONFLICTED:
        raise Refused(f"The {merge.kind} of {session.name} is going on.", f"ampsm show {session.id}")
    return merge


def continue_(
    engine: Engine, session_id: str, answered: tuple[str, ...] = (), *, keep_markers: bool = False
) -> MergeResult:
    """Go on after a conflict was resolved: to the end, or to the next conflict (ConflictsWait). Opens no editor.

    `answered`: the answers that say yes, see `questions`; `keep_markers`: lines that look like them are meant.
    """
    from ampsm_engine.merging import conflict_steps

    merge = waiting_operation(engine, session_id)
    plan = journal.read(merge)
    if plan.given and not plan.accepted:
        message = (
            f"amp was asked to resolve the conflicts of this {merge.kind}, and nobody looked at its resolution yet."
        )
        raise Refused(message, f"ampsm merge {session_id} --show, then: ampsm merge {session_id} --continue --accept")
    now = situation.look(engine.store, session_id, plan.options.onto)
    with lock.writer(now.repo.common_dir, f"{merge.kind} {session_id}"), merge_lock.at_work(engine.home, merge.id):
        merge = engine.store.merges.take(merge.id, MergeState.CONFLICTED, journal.RESUME)
        with recovery.mending(engine, merge.id):
            merge = conflict_steps.resumed(engine, now, merge, answered, keep_markers=keep_markers)
    return _ended(engine, merge)


def abort(engine: Engine, session_id: str) -> Merge:
    """Take a conflict back: branch and worktree are as they were before the operation began."""
    from ampsm_engine.merging import conflict_steps

    merge = waiting_operation(engine, session_id)
    session = engine.store.sessions.get(session_id)
    with _writing(session, f"abort {session_id}"), merge_lock.at_work(engine.home, merge.id):
        merge = engine.store.merges.take(merge.id, MergeState.CONFLICTED, journal.ABORT)
        try:
            return conflict_steps.abort_conflict(engine, session, merge)
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
    merge = last_undoable(engine, session_id)
    if merge is None:
        raise NotFound(f"Nothing of {session.name} was merged, squashed or rebased.", f"ampsm show {session.id}")
    root = Path(session.repo_root)
    with _writing(session, f"undo {session_id}"), merge_lock.at_work(engine.home, merge.id):
        merge = store.merges.get(merge.id)
        if merge.state is not MergeState.DONE:  # another ampsm was quicker
            text = f"The {merge.kind} of {session.name} is {merge.state.value} by now."
            raise Refused(text, f"ampsm show {session.id}")
        _may_undo(engine, root, session, merge)
        now = situation.look(store, session_id, merge.target or session.branch_name)
        situation.refuse(tuple(situation.own_obstacles(store, now)))
        step = journal.UNDO_TARGET if merge.target else journal.UNDO_BRANCH
        merge = store.merges.take(merge.id, MergeState.DONE, step)
        with recovery.mending(engine, merge.id):
            return steps.take_back(engine, session, merge)


def last_undoable(engine: Engine, session_id: str) -> Merge | None:
    """The newest operation of a session that came to its end and was not taken back; None without one."""
    return next((one for one in engine.store.merges.of(session_id) if one.state is MergeState.DONE), None)


def _may_undo(engine: Engine, root: Path, session: Session, merge: Merge) -> None:
    """Refused when something came after it: undoing would take that away, too."""
    if merge.target:
        now = repository.branch_tip(root, merge.target)
        if now != merge.base_after:
            message = f"{merge.target} has moved on since {session.name} was merged, so the merge cannot be undone."
            if now is not None and (last := engine.store.merges.done_at(merge.target, now)) is not None:
                other = engine.store.sessions.get(last.session_id).name
                message = f"{other} was merged into {merge.target} after {session.name}: that one is undone first."
                raise Refused(message, f"ampsm merge {last.session_id} --undo")
            raise Refused(message, f"git -C {root} log --oneline {merge.base_before[:12]}..{merge.target}")
    if not steps.is_where_it_was_left(root, session, merge):
        message = f"{session.name} has gone on since it was {steps.PAST[merge.kind]}, so that cannot be undone."
        raise Refused(message, f"git -C {root} log --oneline {merge.branch_after[:12]}..{session.branch_name}")
