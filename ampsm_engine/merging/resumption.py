"""Going on after a conflict: what was resolved is looked at, made a commit of, and brought on."""

from ampsm_engine.context import Engine
from ampsm_engine.errors import Refused
from ampsm_engine.git import commits, own_files, repository, staging, worktree_status
from ampsm_engine.git.integrate import conflict_checkout, markers, rewrite
from ampsm_engine.git.integrate.laid_conflict import laid as laid_in
from ampsm_engine.git.integrate.markers import MarkersLeft
from ampsm_engine.git.integrate.outcomes import LaidOut
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.merging import conflict_steps, journal, questions, situation, steps
from ampsm_engine.merging.journal import JournalPlan, Position
from ampsm_engine.merging.situation import Situation
from ampsm_engine.model import Merge
from ampsm_engine.plain_text import list_some


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
        conflict_steps.lay_out(engine, now, merge, made, journal.RELAY)
    plan = replace(plan, notes=(*plan.notes, *_untracked(now)))
    steps.keep(now, plan, "result", made.branch)
    merge = steps.decided(engine, now, merge, plan, made)
    return steps.advance(engine, now.session, merge)


def _checked(now: Situation) -> LaidOut:
    """The conflict that lies in the worktree; Refused when somebody took it away by git itself, work and all."""
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
    """A note about files that nobody added: they stay where they are, and are not merged."""
    entries = [entry for entry in worktree_status.entries(now.worktree) if entry.state == "untracked"]
    out = {left.path for left in staging.choose(now.worktree, entries).left_out}
    paths = [entry.path for entry in entries if entry.path not in out]
    if not paths:
        return ()
    return (f"{list_some(paths)} {'are' if len(paths) > 1 else 'is'} untracked in {now.worktree}: not merged",)


def _refuse_markers(now: Situation, plan: JournalPlan, laid: LaidOut, commit: str) -> None:
    """MarkersLeft while markers are in what is to be merged, unless somebody said that they are meant."""
    marked = markers.in_commit(now.worktree, laid, commit)
    names = [path for path, blob in marked.items() if blob not in plan.meant]
    if names:
        message = f"There are conflict markers left in {list_some(names)}."
        again = f"ampsm merge {now.session.id} --continue"
        hint = f"edit in {now.worktree}, git add, then: {again}; or, where they are meant: {again} --keep-markers"
        raise MarkersLeft(message, hint)
