"""A conflict on the way of an operation: laid out in the session's worktree, told, gone on from, and taken back.

It lies there with AGENT_CONTEXT/REBASE_HELP.md beside it, which tells people and amp how to get out of it from a shell.
Only who has a conflict loads this: most operations have none.
"""

from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from ampsm_engine import notifications, redact
from ampsm_engine.context import Engine
from ampsm_engine.errors import Refused
from ampsm_engine.git import commits, own_files, repository, staging, worktree_status
from ampsm_engine.git.integrate import conflict_checkout, markers, rewrite
from ampsm_engine.git.integrate.laid_conflict import laid
from ampsm_engine.git.integrate.laid_conflict import laid as laid_in
from ampsm_engine.git.integrate.markers import MarkersLeft
from ampsm_engine.git.integrate.outcomes import LaidOut, RewriteConflict
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.merging import journal, questions, situation, steps
from ampsm_engine.merging.journal import JournalPlan, Position
from ampsm_engine.merging.situation import Situation
from ampsm_engine.merging.steps import ConflictsWait, Stopped
from ampsm_engine.model import Merge, MergeState, Session, Status
from ampsm_engine.notifications import News, NotificationKind
from ampsm_engine.plain_text import list_some, plural, printable
from ampsm_engine.worker import agent_context, end_notifications

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


def lay_out(engine: Engine, now: Situation, merge: Merge, stopped: Stopped, step: str = journal.LAY) -> NoReturn:
    """Put a conflict into the session's worktree, in place of one that is resolved, and say so: never comes back."""
    if merge.target and step == journal.LAY:
        # Nobody resolves for hours what could not come in after that.
        situation.refuse(tuple(situation.in_the_way(now)))
    plan = journal.read(merge)
    steps.keep(now, plan, "work", stopped.conflict.commit)
    # The position from which it comes again stays written until it lies there; a squash is not made again.
    if stopped.position.squashed and not plan.position.picked:
        known = replace(plan.position, squashed=stopped.position.squashed, onto=stopped.position.onto)
        plan = replace(plan, position=known)
    merge = engine.store.merges.step(merge.id, step, base_before=now.base_tip, plan=journal.written(plan))
    if step == journal.RELAY:
        conflict_checkout.lay_out_next(now.worktree, stopped.conflict)
    else:
        put(now, stopped.conflict, steps.merge_message(plan, now.session.branch_name, now.target))
    raise waits(engine, now, merge, stopped)


def put(now: Situation, conflict: RewriteConflict, message: str) -> None:
    """Lay a conflict out in a worktree that goes back to its branch first, if need be; may be done again."""
    conflict_checkout.abort(now.worktree)
    conflict_checkout.lay_out(now.worktree, now.session.branch_name, conflict, message=message)


def waits(engine: Engine, now: Situation, merge: Merge, stopped: Stopped) -> ConflictsWait:
    """Let the operation wait with its conflict; the error that reports it."""
    plan = journal.read(merge)
    plan = replace(plan, position=stopped.position, given="", given_tree="", accepted="", conflicts=plan.conflicts + 1)
    paths = [file.path for file in stopped.conflict.files]
    text = notifications.conflict(now.session.name, now.target, f"{plural(len(paths), 'file')}: {list_some(paths)}")
    write_help(now, merge, stopped.conflict)
    steps.end_merge(
        engine,
        merge,
        MergeState.CONFLICTED,
        facts=[("conflicted", text)],
        session={"status": Status.AWAITING_INPUT},
        step=journal.WAIT,
        plan=journal.written(plan),
    )
    news = News(NotificationKind.CONFLICT, now.session.id, now.session.name, text)
    end_notifications.announce(engine.home, engine.settings, news)
    hint = f"resolve them in {now.worktree}, git add them, then: ampsm merge {now.session.id} --continue (or --abort)"
    return ConflictsWait(f"{text}. {now.target} is untouched.", hint)


def abort_conflict(engine: Engine, session: Session, merge: Merge) -> Merge:
    """Take the conflict out of the worktree; what was resolved so far is kept under a backup ref. May be done again."""
    plan = journal.read(merge)
    worktree = Path(session.worktree_path)
    kept = f"refs/ampsm/backup/{session.id}/{plan.moment}/aborted"
    if not worktree.is_dir():  # it was removed with its conflict; else nothing of the session could go on
        how = f"its worktree is gone, and {session.branch_name} is as it was"
    else:
        lay_there = laid(worktree) is not None
        conflict_checkout.abort(worktree, keep_as=kept)
        moved = conflict_checkout.rejoin(worktree, session.branch_name, merge.branch_before)
        steps.remove_help(worktree)
        how = moved or "branch and worktree are as they were"
        how += f"; what was resolved is kept as {kept}" if lay_there else ""
    text = f"the {merge.kind} was aborted: {how}"
    columns = {"status": steps.status_before(plan.status_before)}
    return steps.end_merge(engine, merge, MergeState.ABORTED, facts=[("aborted", text)], session=columns)


def write_help(now: Situation, merge: Merge, conflict: RewriteConflict) -> None:
    """Write the page into the session's worktree; where that cannot be, the hints of the commands have to do."""
    with suppress(OSError):
        page = redact.text(_help_page(now, merge, conflict)).encode("utf-8", "replace")
        agent_context.write_files(now.session, {steps.HELP: page})


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


def resumed(engine: Engine, now: Situation, merge: Merge, answered: tuple[str, ...], *, keep_markers: bool) -> Merge:
    """Go on with what was resolved, to the end or to the next conflict; `answered` and `keep_markers` as asked for."""
    plan = journal.read(merge)
    laid = _checked(now)
    _refuse_unadded(now, laid)
    own_files.unstage(now.worktree, laid.onto)
    commit = rewrite.without_own_files(now.worktree, laid.onto, conflict_checkout.finish(now.worktree))
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
    if isinstance(made, steps.Stopped):
        lay_out(engine, now, merge, made, journal.RELAY)
    plan = replace(plan, notes=(*plan.notes, *_untracked(now)))
    steps.keep(now, plan, "result", made.branch)
    merge = steps.decided(engine, now, merge, plan, made)
    return steps.advance(engine, now.session, merge)


def _checked(now: Situation) -> LaidOut:
    """The conflict in the worktree; Refused when it was ended by git itself."""
    laid = laid_in(now.worktree)
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
    if conflict_checkout.unmerged(worktree):
        return  # git add is still to come: `finish` says so
    paths = conflict_checkout.unadded(worktree)
    if paths:
        verb = "were" if len(paths) > 1 else "was"
        message = f"{list_some(paths)} {verb} changed after being added, and that would not be merged."
        raise Refused(message, f"git -C {worktree} add -u takes it in (git restore drops it), {again}")
    if commits.head(worktree).commit != laid.onto and (paths := conflict_checkout.uncommitted(worktree)):
        message = f"{list_some(paths)} came after the commit in {worktree}, and would not be merged."
        raise Refused(message, f"git -C {worktree} commit --amend --no-edit, {again}")


def _untracked(now: Situation) -> tuple[str, ...]:
    """A note about untracked files: they stay where they are, and are not merged."""
    entries = [entry for entry in worktree_status.entries(now.worktree) if entry.state == "untracked"]
    out = {left.path for left in staging.choose(now.worktree, entries).left_out}
    paths = [entry.path for entry in entries if entry.path not in out]
    if not paths:
        return ()
    return (f"{list_some(paths)} {'are' if len(paths) > 1 else 'is'} untracked in {now.worktree}: not merged",)


def _refuse_markers(now: Situation, plan: JournalPlan, laid: LaidOut, commit: str) -> None:
    """MarkersLeft while files to be merged hold conflict markers that are not declared as meant."""
    marked = markers.in_commit(now.worktree, laid, commit)
    names = [path for path, blob in marked.items() if blob not in plan.meant]
    if names:
        message = f"There are conflict markers left in {list_some(names)}."
        again = f"ampsm merge {now.session.id} --continue"
        hint = f"edit in {now.worktree}, git add, then: {again}; or, where they are meant: {again} --keep-markers"
        raise MarkersLeft(message, hint)
