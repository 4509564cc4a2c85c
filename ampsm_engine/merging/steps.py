"""The steps of an operation: commits as objects, backups, the target, the session's branch, the store; and back again.

Commits are made from a position, as often as it takes. Each step is written into the journal before it is done, and
each can be done again: `advance` goes on from wherever an entry stands. A conflict lies in the session's worktree with
AGENT_CONTEXT/REBASE_HELP.md beside it, which tells people and amp how to get out of it from a shell.
"""

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from ampsm_engine import notices, redact
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.git import own_files, pinned_refs, repository
from ampsm_engine.git.integrate import branch_move, commit_range, conflict_checkout, rewrite, squash
from ampsm_engine.git.integrate.object_store import ObjectStore, held
from ampsm_engine.git.integrate.outcomes import BranchMove, MovedBranch, RewriteConflict, Rewritten
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.merging import journal, situation
from ampsm_engine.merging.journal import JournalPlan, Position
from ampsm_engine.merging.situation import Situation
from ampsm_engine.model import Merge, MergeState, Session, Status
from ampsm_engine.notices import News, NoticeKind
from ampsm_engine.plain_text import list_some, plural, printable
from ampsm_engine.worker import agent_context, desktop_notices

PAST = {"merge": "merged", "squash": "squashed", "rebase": "rebased"}

_HELP = "REBASE_HELP.md"

_WAYS = {
    "content": "edit the lines between the markers `<<<<<<<` and `>>>>>>>`, then `git add`",
    "add/add": "both sides added it: edit it into one, then `git add`",
    "modify/delete": "one side changed it, the other deleted it: `git add` keeps it, `git rm` deletes it",
    "rename/delete": "one side renamed it, the other deleted it: `git add` keeps it, `git rm` deletes it",
    "rename/rename": "both sides renamed it: keep one name with `git add`, drop the other with `git rm`",
    "mode": "the sides differ in its mode: set it (`chmod`), then `git add`",
    "binary": "no lines to merge: `git checkout --ours` or `--theirs`, then `git add`",
    "submodule": "check out the right commit inside it, then `git add`",
    "directory/file": "one side has a folder where the other has a file: move one of them, then `git add`",
    "other": "see `git status`, then `git add` or `git rm`",
}

APART = "commits by hand do not change places with amp's here, so amp's are squashed run by run between them"


@dataclass(frozen=True, slots=True)
class Made:
    """Where things would point."""

    branch: str
    """The session's branch."""
    base: str = ""
    """The target; empty when it does not move."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """A conflict, and the position from which it comes again."""

    conflict: RewriteConflict
    position: Position


class ConflictsWait(Refused):
    """It stopped at conflicts: they lie in the session's worktree, and the base is untouched."""


def proceed(engine: Engine, now: Situation, merge: Merge, objects: ObjectStore | None = None) -> Merge:
    """Make the commits and move what is to move, or lay a conflict out."""
    plan = journal.read(merge)
    made = make(engine, now, plan, objects)
    kept = {"branch": merge.branch_before, "base": now.base_tip}
    kept |= {"carried": plan.position.tip} if plan.position.tip != merge.branch_before else {}
    if isinstance(made, Stopped):
        keep_all(now, plan, kept)
        lay_out(engine, now, merge, made)
    keep_all(now, plan, kept | {"result": made.branch})
    return advance(engine, now.session, decided(engine, now, merge, plan, made), objects)


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
    """A ref that keeps a commit, whatever becomes of the branches; another commit of the same name gets a number."""
    taken = {one.name: one.commit for one in pinned_refs.backups(now.root, now.session.id) if one.moment == plan.moment}
    if commit in (taken.get(name), *(kept for other, kept in taken.items() if other.startswith(f"{name}-"))):
        return
    free = name if name not in taken else f"{name}-{sum(other.startswith(name) for other in taken) + 1}"
    pinned_refs.backup(now.root, now.session.id, plan.moment, free, commit)


def lay_out(engine: Engine, now: Situation, merge: Merge, stopped: Stopped, step: str = journal.LAY) -> NoReturn:
    """Put a conflict into the session's worktree, in place of one that is resolved, and say so: never comes back."""
    if merge.target and step == journal.LAY:
        # Nobody resolves for hours what could not come in after that.
        situation.refuse(tuple(situation.in_the_way(now)))
    plan = journal.read(merge)
    keep(now, plan, "work", stopped.conflict.commit)
    # The position from which it comes again stays written until it lies there; a squash is not made again.
    if stopped.position.squashed and not plan.position.picked:
        known = replace(plan.position, squashed=stopped.position.squashed, onto=stopped.position.onto)
        plan = replace(plan, position=known)
    merge = engine.store.merges.step(merge.id, step, base_before=now.base_tip, plan=journal.written(plan))
    if step == journal.RELAY:
        conflict_checkout.lay_out_next(now.worktree, stopped.conflict)
    else:
        put(now, stopped.conflict, merge_message(plan, now.session.branch_name, now.target))
    raise waits(engine, now, merge, stopped)


def put(now: Situation, conflict: RewriteConflict, message: str) -> None:
    """Lay a conflict out in a worktree that goes back to its branch first, if need be; may be done again."""
    conflict_checkout.abort(now.worktree)
    conflict_checkout.lay_out(now.worktree, now.session.branch_name, conflict, message=message)


def waits(engine: Engine, now: Situation, merge: Merge, stopped: Stopped) -> ConflictsWait:
    """Let the operation rest with its conflict; the error that tells it."""
    plan = journal.read(merge)
    plan = replace(plan, position=stopped.position, given="", given_tree="", accepted="", conflicts=plan.conflicts + 1)
    paths = [file.path for file in stopped.conflict.files]
    text = notices.conflict(now.session.name, now.target, f"{plural(len(paths), 'file')}: {list_some(paths)}")
    write_help(now, merge, stopped.conflict)
    end_merge(
        engine,
        merge,
        MergeState.CONFLICTED,
        facts=[("conflicted", text)],
        session={"status": Status.AWAITING_INPUT},
        step=journal.WAIT,
        plan=journal.written(plan),
    )
    news = News(NoticeKind.CONFLICT, now.session.id, now.session.name, text)
    desktop_notices.announce(engine.home, engine.settings, news)
    hint = f"resolve them in {now.worktree}, git add them, then: ampsm merge {now.session.id} --continue (or --abort)"
    return ConflictsWait(f"{text}. {now.target} is untouched.", hint)


def advance(engine: Engine, session: Session, merge: Merge, objects: ObjectStore | None = None) -> Merge:
    """Do what is written and what follows: the target, the session's branch, the store. May be done again."""
    store, root, worktree = engine.store, Path(session.repo_root), Path(session.worktree_path)
    if merge.step == journal.TARGET:
        merge = moved_together(engine, session, merge, objects) or _moved_alone(engine, session, merge)
    if merge.step == journal.BRANCH:
        move_session(session, root, worktree, merge.branch_before, merge.branch_after)
        merge = store.merges.step(merge.id, journal.END)
    remove_help(worktree)
    return finish(engine, session, merge)


def moved_together(engine: Engine, session: Session, merge: Merge, objects: ObjectStore | None) -> Merge | None:
    """Move the target and the session's branch, with their checkouts, side by side: both, or none of the two.

    None when that does not go, nothing has moved then: one by one, each has its own way with what is in its way.
    """
    if conflict_checkout.laid(Path(session.worktree_path)) is not None:
        return None
    moves = (
        BranchMove(merge.target, merge.base_before, merge.base_after),
        BranchMove(session.branch_name, merge.branch_before, merge.branch_after),
    )
    hooks_for = (merge.target,) if engine.settings.switch("commit.hooks") else ()
    try:
        moved = branch_move.move_together(
            objects or Path(session.repo_root), moves, why=_why(session, merge), patience=0, hooks_for=hooks_for
        )
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
    if conflict_checkout.laid(worktree) is not None:
        conflict_checkout.settle(worktree, new)
    else:
        branch_move.move_target(root, session.branch_name, old, new, why="ampsm: follows its merge")


def finish(engine: Engine, session: Session, merge: Merge, notes: tuple[str, ...] = ()) -> Merge:
    """The store learns that it is done. `notes`: why the session's branch stays at another commit than it should."""
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
    return end_merge(engine, merge, MergeState.DONE, facts=facts, session=columns, step=journal.END)


def end_merge(engine: Engine, merge: Merge, state: MergeState, **more: Any) -> Merge:
    """End a merge in the store, then where scripts read how the session stands."""
    ended = engine.store.merges.end(merge.id, state, **more)
    session = engine.store.sessions.get(merge.session_id)
    agent_context.update_status(session, engine.store.iterations.of(session.id))
    _update_run_item(engine, ended)
    if state in (MergeState.DONE, MergeState.UNDONE) and ended.branch_after != ended.branch_before:
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


def abort_conflict(engine: Engine, session: Session, merge: Merge) -> Merge:
    """Take the conflict out of the worktree; what was resolved so far is kept under a backup ref. May be done again."""
    plan = journal.read(merge)
    worktree = Path(session.worktree_path)
    kept = f"refs/ampsm/backup/{session.id}/{plan.moment}/aborted"
    if not worktree.is_dir():  # somebody removed it, conflict and all; else nothing of the session could go on
        how = f"its worktree is gone, and {session.branch_name} is as it was"
    else:
        lay_there = conflict_checkout.laid(worktree) is not None
        conflict_checkout.abort(worktree, keep_as=kept)
        moved = conflict_checkout.rejoin(worktree, session.branch_name, merge.branch_before)
        remove_help(worktree)
        how = moved or "branch and worktree are as they were"
        how += f"; what was resolved is kept as {kept}" if lay_there else ""
    text = f"the {merge.kind} was aborted: {how}"
    columns = {"status": _status_before(plan.status_before)}
    return end_merge(engine, merge, MergeState.ABORTED, facts=[("aborted", text)], session=columns)


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
    """The store learns that it is undone."""
    plan = journal.read(merge)
    what = f"{merge.target} is at {merge.base_before[:12]} again" if merge.target else "its branch is as it was"
    columns: dict[str, object] = {"base_commit": plan.base_commit_before}
    if session.status in (Status.DONE, Status.IDLE, Status.AWAITING_INPUT):
        columns["status"] = _status_before(plan.status_before)
    facts = [("undone", f"the {merge.kind} is undone: {what}"), *(("note", note) for note in notes)]
    return end_merge(engine, merge, MergeState.UNDONE, facts=facts, session=columns, step=journal.END)


def _status_before(word: str) -> Status:
    """What the session was before; it does not run now, whatever it did then."""
    known = {status.value: status for status in Status}
    status = known.get(word, Status.IDLE)
    return Status.IDLE if status is Status.RUNNING else status


def is_where_it_was_left(root: Path, session: Session, merge: Merge) -> bool:
    """Whether the session's branch is where the merge brought it."""
    return repository.branch_tip(root, session.branch_name) == merge.branch_after


def write_help(now: Situation, merge: Merge, conflict: RewriteConflict) -> None:
    """Write the page into the session's worktree; where that cannot be, the hints of the commands have to do."""
    with suppress(OSError):
        page = redact.text(_help_page(now, merge, conflict)).encode("utf-8", "replace")
        agent_context.write_files(now.session, {_HELP: page})


def remove_help(worktree: Path) -> None:
    """Take the page away: nothing is open any more."""
    folder = worktree / agent_context.FOLDER
    if folder.is_dir() and not folder.is_symlink() and (folder / _HELP).exists():
        with suppress(OSError, AmpsmError):
            if own_files.of(worktree, "HEAD").holds(f"{agent_context.FOLDER}/{_HELP}"):
                (folder / _HELP).unlink(missing_ok=True)


def _help_page(now: Situation, merge: Merge, conflict: RewriteConflict) -> str:
    session, target = now.session, printable(now.target)
    lines = [
        f"# Conflicts of {session.name} with {target}",
        "",
        f"A {merge.kind} stopped here. `{target}` is untouched, and so is the branch `{session.branch_name}`:",
        f"HEAD stands on `{conflict.onto[:12]}`, and what did not fit is `{conflict.commit[:12]}`.",
        f"*ours* is {target}, *theirs* is the session's work.",
        "",
        "## Files",
        "",
        *(f"- `{printable(file.path)}` ({file.kind}): {_WAYS[file.kind]}" for file in conflict.files),
        "",
        "## Ways on",
        "",
        "- `git status` lists what is left; `git diff` shows it; any editor will do.",
        "- `git add FILE` (or `git rm FILE`) marks a file as resolved. A commit is not needed.",
        f"- `ampsm merge {session.id} --continue` goes on when all are resolved.",
        f"- `ampsm merge {session.id} --abort` takes all of it back: branch and worktree are as they were.",
        "- Not `git cherry-pick --abort`, `--skip` or `git switch`: they would leave the work out.",
    ]
    return "\n".join(lines) + "\n"


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
    squashed = partial(squash.squash, start=plan.start, strangers=strangers, hooks_in=hooks_in, sign=sign)
    done = squashed(objects, tip, base_tip, message, manual=manual)
    if isinstance(done, RewriteConflict) and done.kind == "reorder":
        return squashed(objects, tip, base_tip, message, manual="apart"), (APART,)
    return done, ()
