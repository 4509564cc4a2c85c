"""Beginning an operation: what can be refused is refused before anything is written, then step by step."""

from dataclasses import replace
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.errors import Refused
from ampsm_engine.git import integrate, lock, repository
from ampsm_engine.merging import journal, lease, publish, recover, situation, steps
from ampsm_engine.merging.situation import Situation
from ampsm_engine.merging.surroundings import Surroundings
from ampsm_engine.merging.values import Options, Result
from ampsm_engine.model import Merge


def begin(around: Surroundings, session_id: str, options: Options) -> Result:
    """Squash, rebase or merge a session; ConflictsWait when conflicts are laid out, Refused before anything else."""
    now = situation.look(around.store, session_id, options.onto)
    _check(around, now, options)
    options = _worded(now, options)
    with lock.writer(now.repo.common_dir, f"{options.kind} {session_id}"):
        before, now = now, situation.look(around.store, session_id, options.onto)
        if now.branch_tip != before.branch_tip:
            raise Refused(f"The branch {now.session.branch_name} moved meanwhile.", f"ampsm preflight {session_id}")
        _check(around, now, options)
        moves = options.kind == "merge" and not options.pull_request
        entry = journal.new(now, options, moved=now.target if moves else "")
        with lease.at_work(around.home, entry.id):
            merge = around.store.begin_merge(entry)
            with recover.mending(around, merge.id):
                merge = steps.proceed(around, now, merge)
    return ended(around, merge)


def _check(around: Surroundings, now: Situation, options: Options) -> None:
    moves = not options.pull_request
    situation.refuse(tuple(situation.obstacles(around.store, now, kind=options.kind, moves_target=moves)))
    if now.base_tip != now.branch_tip and integrate.plan_commits(now.root, now.base_tip, now.branch_tip):
        return
    if options.kind == "rebase" and not repository.is_ancestor(now.root, now.base_tip, now.branch_tip):
        return
    message = f"{now.session.name} has no commit that {now.target} does not have."
    raise Refused(message, f'ampsm iterate {now.session.id} "PROMPT"')


def _worded(now: Situation, options: Options) -> Options:
    """The options with the message as it will be, and all that is asked for besides possible."""
    squashes = options.kind == "squash" or (options.kind == "merge" and options.squash)
    message = redact.text(options.message.strip())
    if squashes and not message:
        hint = f"ampsm {options.kind} {now.session.id} -m MESSAGE; ampsm preflight {now.session.id} offers a draft"
        raise Refused("A squash needs a message.", hint)
    publish.check(now.root, now.target, options)
    return replace(options, message=message)


def ended(around: Surroundings, merge: Merge) -> Result:
    """Publish what was asked for, and answer what came of it all."""
    plan = journal.read(merge)
    session = around.store.session(merge.session_id)
    published = publish.all_of(session, merge, plan.options)
    for one in published:
        kind = one.kind if one.ok else f"{one.kind}-failed"
        around.store.fact(kind, one.text, session_id=session.id)
    tip = merge.base_after if merge.target else merge.branch_after
    root = Path(session.repo_root)
    commits = 0 if tip == merge.base_before else len(integrate.plan_commits(root, merge.base_before, tip))
    return Result(session, merge, commits, plan.checkouts, published, plan.notes)
