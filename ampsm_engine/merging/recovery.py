"""Finishes or rolls back what a killed process left: each open entry of the journal that no process holds.

Before the target moved, everything goes back; from then on, everything goes forward. The base is never between.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine.context import Engine, engine_at
from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.git import lock, repository
from ampsm_engine.git.integrate import branch_move
from ampsm_engine.git.integrate.laid_conflict import laid
from ampsm_engine.merging import journal, merge_lock, situation, steps
from ampsm_engine.model import Merge, MergeState, Session, Status

PATIENCE = 10.0
"""Seconds that the git programs of a killed process have to end."""


def recover(engine: Engine) -> tuple[str, ...]:
    """Look after every entry whose process is gone; a sentence for each. One question when there is none."""
    told = []
    for merge in engine.store.merges.working():
        with contextlib.suppress(Refused), merge_lock.at_work(engine.home, merge.id):
            text = _looked_after(engine, merge.id)
            if text:
                engine.store.facts.add("recovered", text, session_id=merge.session_id)
                told.append(text)
    return tuple(told)


def _looked_after(engine: Engine, merge_id: str) -> str:
    merge = engine.store.merges.get(merge_id)
    if merge.state is not MergeState.WORKING:  # its process ended it between the question and the lock
        return ""
    session = engine.store.sessions.get(merge.session_id)
    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    if not root.is_dir():
        return ""  # nothing can be told without the repository; its disk may come back
    from ampsm_engine.git import orphaned_processes

    try:
        orphaned_processes.wait((root, worktree), patience=PATIENCE)
        with lock.writer(repository.common_dir(root), f"recovery of {session.id}", patience=PATIENCE):
            return mend(engine, engine.store.merges.get(merge_id))
    except AmpsmError as reason:
        return f"The {merge.kind} of {session.name} was interrupted, and cannot be looked after: {reason.message}"


@contextlib.contextmanager
def mending(engine: Engine, merge_id: str) -> Iterator[None]:
    """An error inside leaves nothing half done: what moved is brought to its end, what did not is rolled back.

    The repository's lock and that of the entry must be held.
    """
    try:
        yield
    except steps.ConflictsWait:
        raise
    except BaseException as reason:
        merge = engine.store.merges.get(merge_id)
        if merge.state is MergeState.WORKING:
            text = mend(engine, merge, because=str(reason) or "it was interrupted")
            reason.add_note(text)
        raise


def mend(engine: Engine, merge: Merge, *, because: str = "") -> str:
    """Finish or roll back one entry from where it stands; says which. `because`: why what it was at did not work."""
    session = engine.store.sessions.get(merge.session_id)
    name = f"The {merge.kind} of {session.name}"
    if merge.step in (journal.BEGUN, journal.LAY):
        if laid(worktree := Path(session.worktree_path)) is not None:
            from ampsm_engine.git.integrate import conflict_checkout

            conflict_checkout.abort(worktree)
        return _rolled_back(engine, session, merge, name, because)
    if merge.step in (journal.RESUME, journal.WAIT):
        steps.end_merge(engine, merge, MergeState.CONFLICTED, session={"status": Status.AWAITING_INPUT})
        return f"{name} was interrupted, and waits for its conflicts as before."
    if merge.step == journal.RELAY:
        return _relaid(engine, session, merge, name)
    if merge.step == journal.ABORT:
        from ampsm_engine.merging import conflict_steps

        conflict_steps.abort_conflict(engine, session, merge)
        return f"{name} was being aborted, and now it is."
    if merge.step in (journal.UNDO_TARGET, journal.UNDO_BRANCH):
        return _undone(engine, session, merge, name)
    return _forward(engine, session, merge, name, because)


def _rolled_back(engine: Engine, session: Session, merge: Merge, name: str, because: str) -> str:
    text = f"{name} was rolled back: {merge.target or session.branch_name} is as it was before."
    engine.store.merges.end(merge.id, MergeState.ROLLED_BACK, error=because or "it was interrupted")
    return text


def _forward(engine: Engine, session: Session, merge: Merge, name: str, because: str) -> str:
    """Finish an operation whose target has moved or is about to; a sentence on how it ended."""
    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    if merge.step == journal.TARGET and (group := journal.read(merge).group):
        tip = repository.branch_tip(root, merge.target)
        if tip is None or not repository.is_ancestor(root, group[1], tip):
            # What passed the script is the whole group, so the target does not move for one of them.
            if tip == group[0]:
                with contextlib.suppress(AmpsmError):  # its checkout may have been on its way already
                    branch_move.move_target(root, merge.target, group[1], group[0])
            return _rolled_back(engine, session, merge, name, because)
        merge = engine.store.merges.step(merge.id, journal.BRANCH)
    elif merge.step == journal.TARGET and not _is_ours(root, merge):
        try:
            if because:
                raise Refused(because)
            merge = steps.moved_target(engine, session, merge)
        except AmpsmError as reason:
            if laid(worktree) is not None:
                engine.store.merges.end(merge.id, MergeState.CONFLICTED, step=journal.WAIT)
                return f"{name} stopped before {merge.target} moved: {reason.message} Its resolved conflict is kept."
            # Its checkout may have been on its way already, beside the target's.
            with contextlib.suppress(AmpsmError):
                branch_move.move_target(root, session.branch_name, merge.branch_after, merge.branch_before)
            return _rolled_back(engine, session, merge, name, because or reason.message)
    notes: tuple[str, ...] = ()
    try:
        merge = steps.advance(engine, session, merge)
    except AmpsmError as reason:
        notes = (f"{session.branch_name} stays where it was: {reason.message}",)
        merge = engine.store.merges.step(merge.id, journal.END, branch_after=_tip(root, session))
        steps.finish(engine, session, merge, notes)
    return f"{name} was interrupted, and has been finished. {' '.join(notes)}".strip()


def _tip(root: Path, session: Session) -> str:
    return repository.branch_tip(root, session.branch_name) or ""


def _is_ours(root: Path, merge: Merge) -> bool:
    """Whether the target contains the commits of this operation."""
    now = repository.branch_tip(root, merge.target)
    return now is not None and now != merge.base_before and repository.is_ancestor(root, merge.base_after, now)


def _relaid(engine: Engine, session: Session, merge: Merge, name: str) -> str:
    """The next conflict is found again from the position, and laid out again."""
    plan = journal.read(merge)
    now = situation.look(engine.store, session.id, plan.options.onto)
    made = steps.make_commits(now.root, merge.base_before, plan, branch=session.branch_name, target=now.target)
    if not isinstance(made, steps.Stopped):
        raise Failed(f"The next conflict of {session.name} is not there any more.", f"ampsm merge {session.id} --abort")
    from ampsm_engine.merging import conflict_steps

    conflict_steps.put(now, made.conflict, steps.merge_message(plan, session.branch_name, now.target))
    conflict_steps.waits(engine, now, merge, made)
    return f"{name} was interrupted, and waits at its next conflict."


def _undone(engine: Engine, session: Session, merge: Merge, name: str) -> str:
    try:
        steps.take_back(engine, session, merge)
    except AmpsmError as reason:
        root = Path(session.repo_root)
        if merge.step == journal.UNDO_TARGET and repository.branch_tip(root, merge.target) != merge.base_before:
            steps.end_merge(engine, merge, MergeState.DONE, session={"status": session.status})
            return f"Undoing the {merge.kind} of {session.name} was rolled back: {reason.message}"
        steps.finish_undo(engine, session, merge, (f"{session.branch_name} stays where it is: {reason.message}",))
        return f"The {merge.kind} of {session.name} is undone in {merge.target}; {reason.message}"
    return f"{name} was being undone, and now it is."


def end_hooks(places: tuple[Path, ...]) -> None:
    """End the hooks that a called-off merge left running: git runs them apart, and nothing of theirs is written yet."""
    from ampsm_engine.git import orphaned_processes

    orphaned_processes.end(places, lambda words: "commit" in words or ("hook" in words and "post-merge" not in words))


def main() -> None:
    """The process that `startup.make_ready` starts when there is something to look after: a sentence a line."""
    from ampsm_engine import private_folder

    private_folder.remove_abandoned()
    for text in recover(engine_at()):
        print(text, flush=True)


if __name__ == "__main__":
    main()
