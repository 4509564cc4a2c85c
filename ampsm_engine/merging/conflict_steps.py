"""A conflict on the way of an operation: laid out in the session's worktree, told, and taken back.

It lies there with AGENT_CONTEXT/REBASE_HELP.md beside it, which tells people and amp how to get out of it from a shell.
Only who has a conflict loads this: most operations have none.
"""

from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from ampsm_engine import notices, redact
from ampsm_engine.context import Engine
from ampsm_engine.git.integrate import conflict_checkout
from ampsm_engine.git.integrate.laid_conflict import laid
from ampsm_engine.git.integrate.outcomes import RewriteConflict
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.merging import journal, situation, steps
from ampsm_engine.merging.situation import Situation
from ampsm_engine.merging.steps import ConflictsWait, Stopped
from ampsm_engine.model import Merge, MergeState, Session, Status
from ampsm_engine.notices import News, NoticeKind
from ampsm_engine.plain_text import list_some, plural, printable
from ampsm_engine.worker import agent_context, desktop_notices

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
    """Let the operation rest with its conflict; the error that tells it."""
    plan = journal.read(merge)
    plan = replace(plan, position=stopped.position, given="", given_tree="", accepted="", conflicts=plan.conflicts + 1)
    paths = [file.path for file in stopped.conflict.files]
    text = notices.conflict(now.session.name, now.target, f"{plural(len(paths), 'file')}: {list_some(paths)}")
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
    news = News(NoticeKind.CONFLICT, now.session.id, now.session.name, text)
    desktop_notices.announce(engine.home, engine.settings, news)
    hint = f"resolve them in {now.worktree}, git add them, then: ampsm merge {now.session.id} --continue (or --abort)"
    return ConflictsWait(f"{text}. {now.target} is untouched.", hint)


def abort_conflict(engine: Engine, session: Session, merge: Merge) -> Merge:
    """Take the conflict out of the worktree; what was resolved so far is kept under a backup ref. May be done again."""
    plan = journal.read(merge)
    worktree = Path(session.worktree_path)
    kept = f"refs/ampsm/backup/{session.id}/{plan.moment}/aborted"
    if not worktree.is_dir():  # somebody removed it, conflict and all; else nothing of the session could go on
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
