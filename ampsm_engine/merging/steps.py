"""The steps of an operation: commits as objects, backups, the target, the session's branch, the store; and back again.

Commits are made from a position, as often as it takes. Each step is written into the journal before it is done, and
each can be done again: `advance` goes on from wherever an entry stands. What is made of a session before its work is
brought anywhere stands last; what becomes of a conflict is in `conflict_steps`.
"""

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ampsm_engine import redact
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.git import own_files, pinned_refs, repository
from ampsm_engine.git.integrate import branch_move, commit_range, rewrite
from ampsm_engine.git.integrate.laid_conflict import laid
from ampsm_engine.git.integrate.object_store import ObjectStore, held
from ampsm_engine.git.integrate.outcomes import BranchMove, MovedBranch, RewriteConflict, Rewritten
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.merging import journal
from ampsm_engine.merging.journal import JournalPlan, Position
from ampsm_engine.merging.results import Options
from ampsm_engine.merging.situation import SessionSpan, Situation
from ampsm_engine.model import Merge, MergeState, Session, Status
from ampsm_engine.worker import agent_context

PAST = {"merge": "merged", "squash": "squashed", "rebase": "rebased"}

HELP = "REBASE_HELP.md"
"""The page about an open conflict, below AGENT_CONTEXT in the session's worktree."""

APART = "commits by hand do not change places with amp's here, so amp's are squashed run by run between them"


@dataclass(frozen=True, slots=True)
class Made:
    """The commits that an operation made, for the branch and for the target."""

    branch: str
    """The new tip of the session's branch."""
    base: str = ""
    """The target; empty when it does not move."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """A conflict, and the position from which it comes again."""

    conflict: RewriteConflict
    position: Position


class ConflictsWait(Refused):
    """An operation stopped at conflicts: they lie in the session's worktree, and the base is untouched."""


def make(engine: Engine, now: Situation, plan: JournalPlan, objects: ObjectStore | None = None) -> Made | Stopped:
    """Make the commits, with the user's hooks for what is new as the settings say."""
    hooks_in = now.worktree if engine.settings.switch("commit.hooks") else None
    branch, target = now.session.branch_name, now.target
    return make_commits(objects or now.root, now.base_tip, plan, branch=branch, target=target, hooks_in=hooks_in)


def decided(engine: Engine, now: Situation, merge: Merge, plan: JournalPlan, made: Made) -> Merge:
    """Write down where everything will point, before the first of it moves; the result must be kept by a ref."""
    return engine.store.merges.step(
        merge.id,
        journal.TARGET if merge.target else journal.BRANCH,
        base_before=now.base_tip,
        base_after=made.base if merge.target else now.base_tip,
        branch_after=made.branch,
        plan=journal.written(replace(plan, notes=(*plan.notes, *made.notes))),
    )


def keep_all(now: Situation, plan: JournalPlan, commits: dict[str, str]) -> None:
    """Keep several commits by refs of these names, at once where none of them is there."""
    if not pinned_refs.backup_all(now.root, now.session.id, plan.moment, commits):
        for name, commit in commits.items():
            keep(now, plan, name, commit)


def keep(now: Situation, plan: JournalPlan, name: str, commit: str) -> None:
    """Make a ref that keeps a commit when branches move; another commit of the same name gets a number."""
    taken = {one.name: one.commit for one in pinned_refs.backups(now.root, now.session.id) if one.moment == plan.moment}
    if commit in (taken.get(name), *(kept for other, kept in taken.items() if other.startswith(f"{name}-"))):
        return
    free = name if name not in taken else f"{name}-{sum(other.startswith(name) for other in taken) + 1}"
    pinned_refs.backup(now.root, now.session.id, plan.moment, free, commit)


def advance(engine: Engine, session: Session, merge: Merge, objects: ObjectStore | None = None) -> Merge:
    """Do what is written and what follows: the target, the session's branch, the store. May be done again."""
    store, root, worktree = engine.store, Path(session.repo_root), Path(session.worktree_path)
    together = None
    if merge.step == journal.TARGET:
        together = moved_together(engine, session, merge, objects)
        merge = together or _moved_alone(engine, session, merge)
    if merge.step == journal.BRANCH:
        move_session(session, root, worktree, merge.branch_before, merge.branch_after)
        merge = store.merges.step(merge.id, journal.END)
    remove_help(worktree)
    return finish(engine, session, merge, objects=objects if together else None)


def moved_together(engine: Engine, session: Session, merge: Merge, objects: ObjectStore | None) -> Merge | None:
    """Move the target and the session's branch, with their checkouts, side by side: both, or none of the two.

    None when that does not go, nothing has moved then: one by one, each has its own way with what is in its way.
    """
    if laid(Path(session.worktree_path)) is not None:
        return None
    moves = (
        BranchMove(merge.target, merge.base_before, merge.base_after),
        BranchMove(session.branch_name, merge.branch_before, merge.branch_after),
    )
    hooks_for = (merge.target,) if engine.settings.switch("commit.hooks") else ()
    has_changed = merge.branch_after != merge.branch_before
    tip = {f"{pinned_refs.TIP}/{session.id}": merge.branch_after} if has_changed else {}
    on, why = objects or Path(session.repo_root), _why(session, merge)
    try:
        moved = branch_move.move_together(on, moves, why=why, patience=0, hooks_for=hooks_for, kept=tip)
    except AmpsmError:
        return None
    return _noted(engine, merge, moved[0], journal.END)


def _moved_alone(engine: Engine, session: Session, merge: Merge) -> Merge:
    """Move the target; Refused where the session's branch has gone on since: its new commits would stay behind."""
    target, tip = repository.branch_tips(Path(session.repo_root), merge.target, session.branch_name)
    if target != merge.base_after and tip not in {merge.branch_before, merge.branch_after}:
        raise Refused(f"The branch {session.branch_name} moved meanwhile.", f"ampsm preflight {session.id}")
    return moved_target(engine, session, merge)


def moved_target(engine: Engine, session: Session, merge: Merge) -> Merge:
    """Move the target, and with it each clean checkout of it; Refused, with nothing moved, when one is in the way."""
    root, why = Path(session.repo_root), _why(session, merge)
    hooks = engine.settings.switch("commit.hooks")
    moved = branch_move.move_target(root, merge.target, merge.base_before, merge.base_after, why=why, hooks=hooks)
    return _noted(engine, merge, moved, journal.BRANCH)


def _why(session: Session, merge: Merge) -> str:
    return f"ampsm: {PAST[merge.kind]} {session.branch_name}"


def _noted(engine: Engine, merge: Merge, moved: MovedBranch, step: str) -> Merge:
    """Write down what moved with the target, and what comes next."""
    plan = journal.read(merge)
    notes = (*plan.notes, moved.note) if moved.note else plan.notes
    plan = replace(plan, notes=notes, checkouts=tuple(str(path) for path in moved.checkouts))
    return engine.store.merges.step(merge.id, step, plan=journal.written(plan))


def move_session(session: Session, root: Path, worktree: Path, old: str, new: str) -> None:
    """Bring the session's branch and its worktree to a commit; from a conflict that lies there, too."""
    if laid(worktree) is not None:
        from ampsm_engine.git.integrate import conflict_checkout

        conflict_checkout.settle(worktree, new)
    else:
        branch_move.move_target(root, session.branch_name, old, new, why="ampsm: follows its merge")


def finish(
    engine: Engine,
    session: Session,
    merge: Merge,
    notes: tuple[str, ...] = (),
    *,
    objects: ObjectStore | None = None,
) -> Merge:
    """The store learns that it is done. `notes`: why the session's branch stays at another commit than it should.

    `objects`: the objects of one that moved all its refs together, its tip included.
    """
    plan = journal.read(merge)
    is_merged = merge.kind == "merge" and bool(merge.target)
    if is_merged:
        has_more = bool(notes) and merge.branch_after != merge.branch_before
        status = session.status if has_more else Status.DONE
        columns: dict[str, object] = {"base_commit": merge.base_after, "status": status}
    else:
        came_to = merge.base_before if merge.kind != "squash" else plan.start or merge.base_before
        fork = commit_range.merge_bases(Path(session.repo_root), came_to, merge.branch_after)[0]
        columns = {"base_commit": fork}
        if session.status in (Status.AWAITING_INPUT, Status.IDLE):
            columns["status"] = Status.IDLE
    if is_merged:
        text = f"{session.name} is in {merge.target}: {merge.base_before[:12]}..{merge.base_after[:12]}"
    else:
        text = f"{session.branch_name} is {PAST[merge.kind]}: {merge.branch_before[:12]}..{merge.branch_after[:12]}"
    facts = [(PAST[merge.kind] if is_merged or merge.kind != "merge" else "rebased", text)]
    facts += [("note", note) for note in (*plan.notes, *notes)]
    return end_merge(engine, merge, MergeState.DONE, facts=facts, session=columns, step=journal.END, objects=objects)


def end_merge(
    engine: Engine, merge: Merge, state: MergeState, *, objects: ObjectStore | None = None, **more: Any
) -> Merge:
    """End a merge in the store, then where scripts read how the session stands. `objects`: as for `finish`."""
    ended = engine.store.merges.end(merge.id, state, **more)
    session = engine.store.sessions.get(merge.session_id)
    is_free = objects is not None and not rewrite.may_have_own_files(objects, session.base_commit)
    own = own_files.OwnFiles() if is_free else None
    agent_context.update_status(session, engine.store.iterations.of(session.id), own)
    _update_run_item(engine, ended)
    is_over = objects is None and state in (MergeState.DONE, MergeState.UNDONE)
    if is_over and ended.branch_after != ended.branch_before:
        root = Path(session.repo_root)
        tip = ended.branch_after if state is MergeState.DONE else repository.branch_tip(root, session.branch_name)
        with suppress(AmpsmError):  # what is kept in case the branch is deleted is a precaution
            pinned_refs.keep_tip(root, session.id, tip or ended.branch_before)
    return ended


def _update_run_item(engine: Engine, merge: Merge) -> None:
    """Let the item of a run that a session was made for say what became of its work since."""
    if merge.kind != "merge" or merge.state not in (MergeState.DONE, MergeState.UNDONE):
        return
    item = engine.store.batches.resting_item_of(merge.session_id)
    if item is not None:
        where = merge.target or "a pull request"
        said = f"Merged since, into {where}." if merge.state is MergeState.DONE else "Its merge was undone since."
        engine.store.batches.move_item(item.id, (item.state,), item.state, reason=said)


def take_back(engine: Engine, session: Session, merge: Merge) -> Merge:
    """Move the target back, then the session's branch, then tell the store. May be done again."""
    root = Path(session.repo_root)
    if merge.step == journal.UNDO_TARGET:
        branch_move.move_target(root, merge.target, merge.base_after, merge.base_before, why="ampsm: undo")
        merge = engine.store.merges.step(merge.id, journal.UNDO_BRANCH)
    branch_move.move_target(root, session.branch_name, merge.branch_after, merge.branch_before, why="ampsm: undo")
    pushed = f"{merge.target} was pushed: what the remote has of it stays there"
    untested = f"{merge.target} came with others in a train: the script has not run on it as it is now"
    facts = engine.store.facts.read(session_id=session.id)
    was_pushed = any(fact.kind == "push" and fact.time >= merge.started_at for fact in facts)
    group = journal.read(merge).group
    notes = [pushed] if merge.target and was_pushed else []
    notes += [untested] if group and merge.base_before != group[0] else []
    return finish_undo(engine, session, merge, tuple(notes))


def finish_undo(engine: Engine, session: Session, merge: Merge, notes: tuple[str, ...] = ()) -> Merge:
    """Record in the store that an operation has been undone."""
    plan = journal.read(merge)
    what = f"{merge.target} is at {merge.base_before[:12]} again" if merge.target else "its branch is as it was"
    columns: dict[str, object] = {"base_commit": plan.base_commit_before}
    if session.status in (Status.DONE, Status.IDLE, Status.AWAITING_INPUT):
        columns["status"] = status_before(plan.status_before)
    facts = [("undone", f"the {merge.kind} is undone: {what}"), *(("note", note) for note in notes)]
    return end_merge(engine, merge, MergeState.UNDONE, facts=facts, session=columns, step=journal.END)


def status_before(word: str) -> Status:
    """The status of the session before the merge; it does not run now, even when it did then."""
    known = {status.value: status for status in Status}
    status = known.get(word, Status.IDLE)
    return Status.IDLE if status is Status.RUNNING else status


def is_where_it_was_left(root: Path, session: Session, merge: Merge) -> bool:
    """Whether the session's branch is where the merge brought it."""
    return repository.branch_tip(root, session.branch_name) == merge.branch_after


def remove_help(worktree: Path) -> None:
    """Take the page away: nothing is open any more."""
    folder = worktree / agent_context.FOLDER
    if folder.is_dir() and not folder.is_symlink() and (folder / HELP).exists():
        with suppress(OSError, AmpsmError):
            if own_files.of(worktree, "HEAD").holds(f"{agent_context.FOLDER}/{HELP}"):
                (folder / HELP).unlink(missing_ok=True)


def make_commits(
    where: Path | ObjectStore,
    base_tip: str,
    plan: JournalPlan,
    *,
    branch: str,
    target: str,
    hooks_in: Path | None = None,
    sign: bool | None = None,
) -> Made | Stopped:
    """Make what a plan asks for, on the target as it is now.

    With `hooks_in`, the session's worktree, the user's hooks run for what is new: a squash, a merge commit.
    `sign` None: as commit.gpgSign says.
    """
    with held(where) as objects:
        made = _made_on(objects, base_tip, plan, branch=branch, target=target, hooks_in=hooks_in, sign=sign)
        objects.database.flush()
        return made


def _made_on(
    objects: ObjectStore,
    base_tip: str,
    plan: JournalPlan,
    *,
    branch: str,
    target: str,
    hooks_in: Path | None,
    sign: bool | None,
) -> Made | Stopped:
    options, position = plan.options, plan.position
    if options.kind == "squash":
        return _squashed_only(objects, base_tip, plan, hooks_in)
    notes: tuple[str, ...] = ()
    if position.picked:
        done = rewrite.pick(objects, position.picked, position.rest, sign=sign)
        if isinstance(done, Rewritten) and position.onto != base_tip:
            again = options.kind == "merge"
            done = rewrite.rebase(objects, done.tip, position.onto, base_tip, reapply=again, sign=sign)
            position = Position(position.tip, base_tip)
    else:
        known = position.squashed if position.onto == base_tip else ""
        position = Position(position.tip, base_tip, squashed=known)
        if options.kind == "merge" and options.squash and not known:
            squashed, notes = squash_work(objects, position.tip, base_tip, plan, hooks_in, sign=sign)
            if isinstance(squashed, RewriteConflict):
                return Stopped(squashed, position)
            position = replace(position, squashed=squashed.tip)
        tip = position.squashed or position.tip
        # A change that the base made and took back meanwhile is not dropped by a merge.
        again = options.kind == "merge"
        done = rewrite.rebase(objects, tip, base_tip, start=plan.start, reapply=again, sign=sign)
    if isinstance(done, RewriteConflict):
        return Stopped(done, replace(position, rest=done.remaining))
    if options.kind == "rebase" or options.pull_request:
        return Made(done.tip, notes=notes)
    message = merge_message(plan, branch, target)
    forward = options.fast_forward
    merged = rewrite.merge(objects, base_tip, done.tip, ff=forward, message=message, sign=sign, hooks_in=hooks_in)
    if isinstance(merged, RewriteConflict):  # pragma: no cover - what was put onto the target lies ahead of it
        raise Refused(f"{branch} does not merge into {target}.", f"git -C {objects.where} log --oneline {target}")
    return Made(merged.commit, merged.commit, notes)


def merge_message(plan: JournalPlan, branch: str, target: str) -> str:
    """The message of a merge commit: the user's words where no squash has them."""
    words = plan.options.message.strip()
    if words and not plan.options.squash:
        return words
    title = f"Merge branch '{branch}' into {target}"
    subject = words.partition("\n")[0]
    return f"{title}\n\n{subject}" if subject else title


def _squashed_only(objects: ObjectStore, base_tip: str, plan: JournalPlan, hooks_in: Path | None) -> Made | Stopped:
    squashed, notes = squash_work(objects, plan.position.tip, base_tip, plan, hooks_in)
    if isinstance(squashed, RewriteConflict):
        return Stopped(squashed, Position(plan.position.tip, base_tip))
    return Made(squashed.tip, notes=notes)


def squash_work(
    objects: ObjectStore,
    tip: str,
    base_tip: str,
    plan: JournalPlan,
    hooks_in: Path | None,
    *,
    sign: bool | None = None,
) -> tuple[Rewritten | RewriteConflict, tuple[str, ...]]:
    """The squash; where commits by hand cannot be kept beside one squash, amp's are squashed between them."""
    message, manual = plan.options.message, plan.options.manual
    strangers = frozenset(plan.strangers)
    squashed = partial(rewrite.squash, start=plan.start, strangers=strangers, hooks_in=hooks_in, sign=sign)
    done = squashed(objects, tip, base_tip, message, manual=manual)
    if isinstance(done, RewriteConflict) and done.kind == "reorder":
        return squashed(objects, tip, base_tip, message, manual="apart"), (APART,)
    return done, ()


class NothingNew(Refused):
    """A session has no commit that its target lacks."""


def refuse_nothing(now: Situation, span: SessionSpan, options: Options) -> None:
    """NothingNew when nothing would be brought; a rebase may have the target's commits alone to bring the branch to."""
    if span.commits:
        return
    if options.kind == "rebase" and not repository.is_ancestor(now.root, now.base_tip, now.branch_tip):
        return
    own = "of its own " if span.stays else ""
    message = f"{now.session.name} has no commit {own}that {now.target} does not have."
    raise NothingNew(message, f'ampsm iterate {now.session.id} "PROMPT"')


def worded(now: Situation, options: Options) -> Options:
    """The options with the message as it will be, and all that is asked for besides possible."""
    squashes = options.kind == "squash" or (options.kind == "merge" and options.squash)
    message = redact.text(options.message.strip())
    if squashes and not message:
        hint = f"ampsm {options.kind} {now.session.id} -m MESSAGE; ampsm preflight {now.session.id} offers a draft"
        raise Refused("A squash needs a message.", hint)
    if options.goes_out:
        from ampsm_engine.merging import publish

        publish.check(now.root, now.session.branch_name, now.target, options)
    return replace(options, message=message)


def without_own_files(
    now: Situation, objects: ObjectStore, template: str, *, untouched: bool = False
) -> tuple[Situation, str]:
    """Take ampsm's own files out of a session's branch: the situation then, and the tip of its commits without them.

    `untouched`: the index of its worktree is known to be as its branch.
    """
    session = now.session
    if untouched and not rewrite.may_have_own_files(objects, now.branch_tip):
        return now, _work(objects, now)
    from ampsm_engine.git import commits
    from ampsm_engine.worker.commit_message import subject

    bases, trailers = (session.base_commit, now.base_tip), f"Ampsm-Session: {session.id}"
    words = subject("Leave out what is ampsm's own", "", template=template)
    tip = commits.take_out_own_files(now.worktree, session.branch_name, *bases, subject=words, trailers=trailers)
    now = replace(now, branch_tip=tip) if tip else now
    return now, _work(objects, now)


def _work(objects: ObjectStore, now: Situation) -> str:
    """The commits without ampsm's own files; they are in the repository."""
    work = rewrite.without_own_files(objects, now.start or now.base_tip, now.branch_tip)
    if work != now.branch_tip:
        objects.database.flush()
    return work


def as_carried(now: Situation, span: SessionSpan, work: str) -> tuple[str, ...]:
    """The commits of others as they are carried: taking ampsm's own files out makes other commits of them."""
    if not span.strangers or work == now.branch_tip:
        return tuple(commit.sha for commit in span.strangers)
    theirs = {(commit.author, commit.time, commit.subject) for commit in span.strangers}
    carried = commit_range.plan_commits(now.root, now.start or now.base_tip, work)
    return tuple(commit.sha for commit in carried if (commit.author, commit.time, commit.subject) in theirs)
