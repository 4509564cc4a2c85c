"""Beginning an operation: what can be refused is refused before anything is written, then step by step."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.git import changes, commits, integrate, lock, repository
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.merging import belonging, journal, lease, publish, questions, recover, situation, steps
from ampsm_engine.merging.belonging import Span
from ampsm_engine.merging.situation import Situation
from ampsm_engine.merging.values import Finding, Options, Result
from ampsm_engine.model import Merge, MergeState


def begin(engine: Engine, session_id: str, options: Options) -> Result:
    """Squash, rebase or merge a session; ConflictsWait when conflicts are laid out, Refused before anything else."""
    now = situation.look(engine.store, session_id, options.onto, options.kind)
    with lock.writer(now.repo.common_dir, f"{options.kind} {session_id}"):
        before, now = now, situation.look(engine.store, session_id, options.onto, options.kind, repo=now.repo)
        if now.branch_tip != before.branch_tip:
            raise _overtaken(engine, now)
        with ThreadPoolExecutor(1, "ampsm-merge") as aside:
            ready = aside.submit(_made_ready, now, options)
            situation.refuse(tuple(_obstacles(engine, now, options)))
            objects = ready.result()
        span = belonging.span(engine.store, now, objects)
        now = replace(now, start=span.start)
        _refuse_nothing(now, span, options)
        options = _worded(now, options)
        asked = questions.before(engine, now, span, options, objects)
        questions.refuse(asked, options.answered, questions.command(session_id, options))
        options = replace(options, answered=tuple(answer for one in asked for answer in one.answers))
        now, work = _without_own_files(now, objects)
        moves = options.kind == "merge" and not options.pull_request
        strangers = _as_carried(now, span, work)
        entry = journal.new(now, options, moved=now.target if moves else "", work=work, strangers=strangers)
        with lease.at_work(engine.home, entry.id):
            merge = engine.store.merges.begin(entry)
            with recover.mending(engine, merge.id):
                merge = steps.proceed(engine, now, merge, objects)
    return ended(engine, merge)


def _overtaken(engine: Engine, now: Situation) -> Refused:
    """Somebody moved the session's branch while this one waited: another ampsm, or anybody else."""
    session = now.session
    last = next(iter(engine.store.merges.of(session.id)), None)
    if last is not None and last.state is MergeState.DONE and last.branch_after == now.branch_tip:
        message = f"{session.name} was {steps.PAST[last.kind]} by another ampsm meanwhile."
        return Refused(message, f"ampsm show {session.id}")
    return Refused(f"The branch {session.branch_name} moved meanwhile.", f"ampsm preflight {session.id}")


def _without_own_files(now: Situation, objects: ObjectStore) -> tuple[Situation, str]:
    """Take ampsm's own files out of a session's branch: the situation then, and the tip of its commits without them."""
    session = now.session
    bases, trailers = (session.base_commit, now.base_tip), f"Ampsm-Session: {session.id}"
    tip = commits.take_out_own_files(now.worktree, session.branch_name, *bases, trailers=trailers)
    now = replace(now, branch_tip=tip) if tip else now
    work = integrate.without_own_files(objects, now.start or now.base_tip, now.branch_tip)
    objects.database.flush()
    return now, work


def _as_carried(now: Situation, span: Span, work: str) -> tuple[str, ...]:
    """The commits of others as they are carried: taking ampsm's own files out makes other commits of them."""
    if not span.strangers or work == now.branch_tip:
        return tuple(commit.sha for commit in span.strangers)
    theirs = {(commit.author, commit.time, commit.subject) for commit in span.strangers}
    carried = integrate.plan_commits(now.root, now.start or now.base_tip, work)
    return tuple(commit.sha for commit in carried if (commit.author, commit.time, commit.subject) in theirs)


def _made_ready(now: Situation, options: Options) -> ObjectStore:
    """What commits are made on, with the merge in it that takes longest: objects that nothing refers to yet."""
    objects = ObjectStore(now.root, now.repo)
    with contextlib.suppress(AmpsmError):  # whatever it is, it is told where it matters
        objects.prepare(now.worktree)
        if options.kind == "merge" and options.squash and (line := objects.line(now.base_tip, now.branch_tip)):
            objects.merged(*(objects.tree_of(commit) for commit in (line.base, now.base_tip, now.branch_tip)))
    return objects


def _obstacles(engine: Engine, now: Situation, options: Options) -> Iterator[Finding]:
    return situation.obstacles(engine.store, now, kind=options.kind, moves_target=not options.pull_request)


def _refuse_nothing(now: Situation, span: Span, options: Options) -> None:
    """Refused when nothing would be brought; a rebase may have the target's commits alone to bring the branch to."""
    if span.commits:
        return
    if options.kind == "rebase" and not repository.is_ancestor(now.root, now.base_tip, now.branch_tip):
        return
    own = "of its own " if span.stays else ""
    message = f"{now.session.name} has no commit {own}that {now.target} does not have."
    raise Refused(message, f'ampsm iterate {now.session.id} "PROMPT"')


def _worded(now: Situation, options: Options) -> Options:
    """The options with the message as it will be, and all that is asked for besides possible."""
    squashes = options.kind == "squash" or (options.kind == "merge" and options.squash)
    message = redact.text(options.message.strip())
    if squashes and not message:
        hint = f"ampsm {options.kind} {now.session.id} -m MESSAGE; ampsm preflight {now.session.id} offers a draft"
        raise Refused("A squash needs a message.", hint)
    publish.check(now.root, now.session.branch_name, now.target, options)
    return replace(options, message=message)


def ended(engine: Engine, merge: Merge) -> Result:
    """Publish what was asked for, and answer what came of it all."""
    plan = journal.read(merge)
    session = engine.store.sessions.get(merge.session_id)
    published = publish.all_of(session, merge, plan.options)
    for one in published:
        kind = one.kind if one.ok else f"{one.kind}-failed"
        engine.store.facts.add(kind, one.text, session_id=session.id)
    tip = merge.base_after if merge.target else merge.branch_after
    root = Path(session.repo_root)
    count = 0 if tip == merge.base_before else changes.ahead_behind(root, tip, merge.base_before)[0]
    return Result(session, merge, count, plan.checkouts, published, plan.notes)
