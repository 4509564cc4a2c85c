"""Several sessions come into their target at once: one move of it, to a commit that was tried, and an entry for each.

Until the target has moved, all entries go back; from then on, all go forward, whoever has to see to it.
"""

from collections.abc import Sequence
from contextlib import ExitStack, suppress

from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.git import lock
from ampsm_engine.git.integrate import branch_move
from ampsm_engine.git.integrate.outcomes import MovedBranch
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.merging import journal, merge_lock, preparation, recovery, situation, steps
from ampsm_engine.merging.combination import Candidate, Combination, Link, Withdrawn
from ampsm_engine.model import Merge, MergeState
from ampsm_engine.plain_text import plural


class BaseMoved(Exception):
    """The target is not where it was: what was tried on it has to be tried again."""


def land(engine: Engine, combination: Combination, links: Sequence[Link]) -> tuple[Merge, ...]:
    """Bring a chain into its target, which stands where the chain begins; the entries of the journal, all done.

    BaseMoved when it does not any more, Withdrawn when a session is not as it was or a hook says no to it, Refused when
    something is in the way of the target's checkout: nothing was changed then.
    """
    first = links[0].candidate.now
    with lock.writer(first.repo.common_dir, f"train of {plural(len(links), 'session')}"), ExitStack() as held:
        ready = [_looked_at_again(engine, link.candidate, links[0].below) for link in links]
        links = combination.final(
            engine, [replace(link, candidate=one) for link, one in zip(links, ready, strict=True)]
        )
        span = (links[0].below, links[-1].commit)
        entries: list[Merge] = []
        try:
            for link in links:
                _begin(engine, combination, link, span, held=held, entries=entries)
            entries = [_decided(engine, entry, link) for entry, link in zip(entries, links, strict=True)]
            why = f"ampsm: merged {plural(len(links), 'session')}"
            hooks = engine.settings.switch("commit.hooks")
            moved = branch_move.move_target(first.root, first.target, *span, why=why, hooks=hooks)
            entries = [_followed(engine, entry, moved) for entry in entries]
        except BaseException as reason:
            because = reason.reason if isinstance(reason, Withdrawn) else reason
            _mend(engine, entries, str(because) or "it was interrupted", reason)
            raise
    return tuple(entries)


def _looked_at_again(engine: Engine, one: Candidate, base: str) -> Candidate:
    """The candidate, with ampsm's own files taken out of its branch."""
    before = one.now
    try:
        now = situation.look(engine.store, one.id, one.plan.options.onto, repo=before.repo)
        if now.base_tip != base:
            raise BaseMoved
        if now.branch_tip != before.branch_tip:
            message = f"The branch {now.session.branch_name} moved meanwhile."
            raise Refused(message, f"ampsm preflight {one.id}")
        situation.refuse(tuple(situation.obstacles(engine.store, now)))
    except AmpsmError as reason:
        raise Withdrawn(one.id, reason) from reason
    return replace(one, now=replace(now, start=before.start))


def _begin(
    engine: Engine,
    combination: Combination,
    link: Link,
    span: tuple[str, str],
    *,
    held: ExitStack,
    entries: list[Merge],
) -> None:
    """Open the entry of one link, add it to the others, and keep all that it is made of by refs."""
    one = link.candidate
    template = engine.settings.text("commit.subject")
    now, work = preparation.without_own_files(one.now, combination.objects, template)
    entry = journal.new(now, one.plan.options, moved=now.target, work=work, strangers=one.plan.strangers)
    plan = replace(journal.read(entry), group=span, notes=one.plan.notes)
    held.enter_context(merge_lock.at_work(engine.home, entry.id))
    try:
        entry = engine.store.merges.begin(replace(entry, base_before=link.below, plan=journal.written(plan)))
    except AmpsmError as reason:
        raise Withdrawn(one.id, reason) from reason
    entries.append(entry)
    kept = {"branch": entry.branch_before, "base": span[0], "result": link.made.branch}
    kept |= {"carried": work} if work != entry.branch_before else {}
    steps.keep_all(now, plan, kept)


def _decided(engine: Engine, entry: Merge, link: Link) -> Merge:
    """Write down where the target and the session's branch will point."""
    made = link.made
    return engine.store.merges.step(
        entry.id,
        journal.TARGET,
        base_before=link.below,
        base_after=made.base,
        branch_after=made.branch,
        plan=journal.written(replace(journal.read(entry), notes=(*journal.read(entry).notes, *made.notes))),
    )


def _followed(engine: Engine, entry: Merge, moved: MovedBranch) -> Merge:
    """Let a session follow its target, which has moved; what is in its way is told in its history."""
    plan = journal.read(entry)
    notes = (*plan.notes, moved.note) if moved.note else plan.notes
    plan = replace(plan, notes=notes, checkouts=tuple(str(path) for path in moved.checkouts))
    entry = engine.store.merges.step(entry.id, journal.BRANCH, plan=journal.written(plan))
    session = engine.store.sessions.get(entry.session_id)
    try:
        return steps.advance(engine, session, entry)
    except AmpsmError as reason:
        recovery.mend(engine, engine.store.merges.get(entry.id), because=reason.message)
        return engine.store.merges.get(entry.id)


def _mend(engine: Engine, entries: Sequence[Merge], because: str, reason: BaseException) -> None:
    """Bring the entries that are open to one end, whichever it is."""
    for entry in entries:
        with suppress(AmpsmError):  # what cannot be mended now is looked after by the next start
            now = engine.store.merges.get(entry.id)
            if now.state is MergeState.WORKING:
                reason.add_note(recovery.mend(engine, now, because=because))
