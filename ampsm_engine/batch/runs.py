"""The verbs of batches: start one, look at it, stop, resume and remove it, try an item again."""

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ampsm_engine import naming, redact, timestamps
from ampsm_engine.amp import command, program
from ampsm_engine.batch import progress
from ampsm_engine.batch.values import BAD_ENDS, ItemSpec, Plan, PlannedItem
from ampsm_engine.context import Engine
from ampsm_engine.engine import checkout_secrets, drafts, session_trash, sessions, setup
from ampsm_engine.engine import iterations as verbs
from ampsm_engine.errors import AmpsmError, NotFound, Refused
from ampsm_engine.git import beginnings, repository
from ampsm_engine.home import PRIVATE_FOLDER, write_private
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.model import OPEN_ITEMS, Batch, BatchItem, BatchProgress, BatchState, BatchTry, ItemState, Placement
from ampsm_engine.plain_text import plural, printable
from ampsm_engine.worker import launch

AT_WORK = (BatchState.RUNNING, BatchState.STOPPING)

MOST_AT_ONCE = 1000
"""Items that are at work at once on a cluster, where the plan does not say: its hosts' slots are what limits them."""

RESULTS = "results"
"""The folder of a run in which what comes from hosts is received."""

ASKED_BY = "askedBy"
"""The member of a run's plan, on a host of a cluster, that names the machine that asked for the run."""

TAKEN_UP = (ItemState.STOPPED, ItemState.FAIL, ItemState.ERROR, ItemState.TIMEOUT)
"""Ends of items from which `resume` goes on."""


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A run of a batch at one moment: its items, its progress and, where asked for, its tries."""

    batch: Batch
    items: tuple[BatchItem, ...]
    progress: BatchProgress
    tries: dict[str, tuple[BatchTry, ...]]
    """By item; empty unless they were asked for."""
    placements: dict[str, tuple[Placement, ...]]
    """The placements on hosts of each item that ran on other machines, by the id of the item."""


@dataclass(frozen=True, slots=True)
class ResumedRun:
    """A run that was resumed after it had ended or waited."""

    batch: Batch
    stay: tuple[str, ...] = ()
    """Why items stay as they ended, a sentence and what to do each: their secrets are not kept any more."""


def start(engine: Engine, plan: Plan, *, concurrency: int | None = None) -> Batch:
    """Enter a run of a plan and start its coordinator. Refused when its id is taken; Unfit when amp is missing here.

    `engine` must be ready.
    """
    batch = enter(engine, plan, concurrency=concurrency)
    launch.sweep_batches(engine.home, engine.store, asked=batch.id)
    return batch


def enter(engine: Engine, plan: Plan, *, concurrency: int | None = None) -> Batch:
    """Enter a run of a plan; the next sweep starts its coordinator. Refused, Unfit as `start`.

    UntrustedCommand where a session of it needs a setup command that is not trusted: later there is no one to ask.
    """
    specs = [planned.spec for planned in plan.items]
    begun = ((one.repo, one.base_branch, one.folder or "", one.setup_on_hosts) for one in specs)
    for root, base, folder, on_hosts in dict.fromkeys(begun):
        engine.check_repository(Path(root))
        if plan.on:
            setup.refuse_on_hosts(engine, Path(root), base, folder, is_allowed=on_hosts)
        setup.refuse_untrusted(engine, Path(root), base, folder)
    if not plan.on:
        program.find(engine.settings, os.environ)
    for root in dict.fromkeys(planned.spec.repo for planned in plan.items):
        checkout_secrets.learn_at(engine, Path(root))
    batch_id = naming.slug(plan.run_id) if plan.run_id else naming.new_id()
    at_once = concurrency or plan.concurrency or (MOST_AT_ONCE if plan.on else int(engine.settings.number("slots")))
    batch = Batch(
        id=batch_id,
        name=plan.name or _name(plan.items),
        state=BatchState.RUNNING,
        plan=replace(plan, concurrency=at_once).text(),
        created_at=timestamps.now(),
        concurrency=at_once,
    )
    items = [_item(batch_id, number, planned) for number, planned in enumerate(plan.items, start=1)]
    retries = int(engine.settings.number("iteration.retries"))
    specs = [
        planned.spec if planned.spec.retries is not None else replace(planned.spec, retries=retries)
        for planned in plan.items
    ]
    items = [replace(item, spec=spec.text()) for item, spec in zip(items, specs, strict=True)]
    _refuse_taken(engine, batch_id)
    typed = {item.id: json.loads(item.spec) for item in items if redact.text(item.spec) != item.spec}
    # Within the entering: of two who start runs of one id at once, the one that comes too late writes nothing.
    return engine.store.batches.start(batch, items, prepare=lambda: _write_specs(engine, batch_id, typed))


def fan_out(
    engine: Engine,
    spec: ItemSpec,
    *,
    modes: Sequence[str] = (),
    copies: int = 1,
) -> Batch:
    """Start variants of one prompt, so many of each mode, as a run of its own. Refused, Unfit as `start`.

    Each is a session; none is merged. `spec.repo`: any folder of the repository.
    """
    command.check_prompt(spec.prompt)
    verbs.check_unredacted(spec.prompt)
    sessions.check_script(spec.script_command)
    for given in modes:
        sessions.check_mode(given)
    repo = repository.locate(Path(spec.repo))
    base = repository.base(repo, spec.base_branch)
    folder = beginnings.folder_in(repo, base.commit, Path(spec.repo), spec.folder) if spec.folder else ""
    spec = replace(spec, folder=folder or None)
    checkout_secrets.learn(engine, repo)
    name = naming.title(redact.text(spec.name), redact.text(spec.prompt))
    asked: Sequence[str | None] = modes or (None,)
    variants = [(mode, number) for mode in asked for number in range(1, copies + 1)]
    items = []
    for mode, number in variants:
        marks = [mark for mark in (mode, f"#{number}" if copies > 1 else "") if mark]
        named = f"{name} ({', '.join(marks)})" if marks else name
        changed = replace(spec, repo=str(repo.root), name=named, model=mode or spec.model)
        items.append(PlannedItem(changed, 0, 1 if len(variants) > 1 else None))
    return start(engine, Plan(tuple(items), name=f"{name}: {plural(len(items), 'variant')}"))


def _refuse_taken(engine: Engine, batch_id: str) -> None:
    try:
        found = engine.store.batches.get(batch_id)
    except NotFound:
        return
    way = "resume" if engine.store.batches.items(found.id, TAKEN_UP) and found.state not in AT_WORK else "status"
    hint = f"ampsm batch {way} {found.id}, or another runId, or none: then it gets one of its own"
    raise Refused(f"There is a run {found.id} already; it is {found.state}.", hint)


def _item(batch_id: str, number: int, planned: PlannedItem) -> BatchItem:
    spec = planned.spec
    return BatchItem(
        id=f"{batch_id}-{number}",
        batch_id=batch_id,
        number=number,
        name=spec.name or naming.session_name(redact.text(spec.prompt)),
        repo=spec.repo,
        prompt=spec.prompt,
        spec=spec.text(),
        mode=spec.model,
        variant_of=f"{batch_id}-{planned.variant_of}" if planned.variant_of else None,
    )


def _name(items: Sequence[PlannedItem]) -> str:
    first = items[0].spec
    name = first.name.partition(" (")[0] or naming.session_name(redact.text(first.prompt))
    return name if len(items) == 1 else f"{name} and {plural(len(items) - 1, 'more')[:-1].rstrip()}"


def _write_specs(engine: Engine, batch_id: str, specs: dict[str, dict[str, object]]) -> None:
    """Keep what items with a secret are to do as it was typed: the store has it redacted."""
    folder = engine.home.batch(batch_id)
    folder.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if specs:
        write_private(folder.items, json.dumps(specs).encode())
    else:
        folder.items.unlink(missing_ok=True)


def keep_typed(engine: Engine, item: BatchItem, spec: dict[str, object]) -> None:
    """Keep what an item is to do as it was typed, beside that of others, where the store would have it redacted."""
    if redact.text(item.spec) != item.spec:
        _write_specs(engine, item.batch_id, _typed(engine, item.batch_id) | {item.id: spec})


def specs(engine: Engine, batch_id: str) -> dict[str, ItemSpec]:
    """What the items with a secret that have not ended are to do, as it was typed; the store has all others.

    Nothing where that cannot be read any more.
    """
    return {item_id: ItemSpec.of(spec) for item_id, spec in _typed(engine, batch_id).items()}


def _typed(engine: Engine, batch_id: str) -> dict[str, dict[str, object]]:
    try:
        found = json.loads(engine.home.batch(batch_id).items.read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: spec for key, spec in found.items() if isinstance(spec, dict)} if isinstance(found, dict) else {}


def forget_secrets(engine: Engine, batch_id: str) -> None:
    """Keep what was typed of no item that has ended; of one that was stopped it stays, for it is to go on."""
    if not engine.home.batch(batch_id).items.exists():
        return
    typed = _typed(engine, batch_id)
    needed = (*OPEN_ITEMS, ItemState.STOPPED)
    kept = {item.id for item in engine.store.batches.items(batch_id, needed)} & typed.keys()
    if kept != typed.keys() or not kept:
        with suppress(OSError):  # the next end of an item does it
            _write_specs(engine, batch_id, {item_id: typed[item_id] for item_id in kept})


def newest(engine: Engine) -> Batch:
    """The newest run that is at work, else the newest of all; NotFound without any."""
    found = engine.store.batches.active()[::-1] or engine.store.batches.all()
    if not found:
        raise NotFound("There are no runs yet.", "ampsm batch start PLAN.yaml")
    return found[0]


def status(engine: Engine, batch_id: str, *, tries: bool = False) -> BatchStatus:
    """A run with its items and progress, as it is now; NotFound."""
    batches = engine.store.batches
    found = batches.tries_of_batch(batch_id) if tries else {}
    items = batches.items(batch_id)
    placed = batches.placements_of_batch(batch_id) if any(item.host for item in items) else {}
    return BatchStatus(batches.get(batch_id), items, batches.progress(batch_id), found, placed)


def stop(engine: Engine, batch_id: str, *, force: bool = False) -> Batch:
    """Stop a run: gently, what amp is at comes to its end; by force, it is ended. Refused when it is over.

    What comes after, follow-ups and merges too, is not begun; `resume` goes on with it.
    """
    batches = engine.store.batches
    batch = batches.get(batch_id)
    how = "force" if force or batch.stop_requested == "force" else "gentle"
    reason = batch.wait_reason if batch.state is BatchState.STOPPING else "It was stopped by hand."
    values = {"state": BatchState.STOPPING, "stop_requested": how, "wait_until": None, "wait_reason": reason}
    if not batches.change(batch_id, AT_WORK, **values):
        raise Refused(f"The run {batch.name} is {batch.state}.", f"ampsm batch status {batch.id}")
    launch.sweep_batches(engine.home, engine.store, asked=batch_id)
    return batches.get(batch_id)


def note_failure(engine: Engine, batch_id: str, reason: str, count: int, most: int) -> None:
    """Say why a run does not go on: `count` of its coordinators failed one after the other.

    With the last of `most` it rests. What amp is at comes to its end by itself, and `resume` goes on from there.
    """
    batches = engine.store.batches
    why = f"{printable(redact.text(reason))[:500]} Its log: {engine.home.batch(batch_id).log}"
    if count < most:
        text = f"Its coordinator failed ({count} of at most {most} times), and is started again: {why}"
        batches.change(batch_id, (BatchState.RUNNING,), wait_reason=text)
        return
    for item in batches.items(batch_id, OPEN_ITEMS):
        batches.move_item(item.id, (item.state,), ItemState.STOPPED, next_at=None, ended_at=timestamps.now())
    text = f"The run was stopped: its coordinator failed {count} times one after the other: {why}"
    batches.end(batch_id, BatchState.STOPPED, reason=text)


def resume(engine: Engine, batch_id: str) -> ResumedRun:
    """Take the stopped and failed items of a run up again where they were left; a run that waits goes on at once.

    Items whose prompt had a secret that is gone stay as they are. Refused when there is nothing to take up.
    """
    batches = engine.store.batches
    batch = batches.get(batch_id)
    if batch.state is BatchState.STOPPING:
        raise Refused(f"The run {batch.name} is being stopped.", f"ampsm batch status {batch.id} --follow")
    items = batches.items(batch_id, TAKEN_UP)
    is_running = batch.state is BatchState.RUNNING
    left = not is_running and batches.items(batch_id, OPEN_ITEMS)
    if not (items or left or (is_running and batch.wait_until)):
        hint = f"ampsm batch status {batch.id}{' --follow' if is_running else ''}"
        raise Refused(f"Nothing of {batch.name} was stopped or has failed.", hint)
    lost = {item.id: reason for item in items if (reason := _lost_secret(engine, item))}
    if lost and len(lost) == len(items) and not (left or is_running):
        raise next(iter(lost.values()))
    for item in items:
        if item.id not in lost:
            take_up(engine, item)
    if is_running:
        batches.change(batch_id, (BatchState.RUNNING,), wait_until=None, wait_reason=None)
        _release(engine, batch_id)
    run_again(engine, batch)
    launch.sweep_batches(engine.home, engine.store, asked=batch_id)
    return ResumedRun(batches.get(batch_id), tuple(reason.line for reason in lost.values()))


def _release(engine: Engine, batch_id: str) -> None:
    """Let the items that wait for a moment begin at once."""
    for item in engine.store.batches.items(batch_id, (ItemState.QUEUED,)):
        if item.next_at:
            engine.store.batches.move_item(item.id, (ItemState.QUEUED,), ItemState.QUEUED, next_at=None)


def run_again(engine: Engine, batch: Batch) -> None:
    """Let a run that rests run again. Its limits count from now on: it would stop at once else."""
    batches, now = engine.store.batches, timestamps.now()
    used = {"tokens": batches.progress(batch.id).tokens, "micros": batches.spent(batch.id) or 0}
    plan = json.loads(batch.plan)
    if batch.ended_at:  # how long it took is how long it was at work
        rest = (timestamps.parse(now) - timestamps.parse(batch.ended_at)).total_seconds()
        plan["rested"] = plan.get("rested", 0.0) + max(rest, 0.0)
    plan |= {"resumed": {**used, "at": now}}
    columns = {"ended_at": None, "wait_until": None, "wait_reason": None, "stop_requested": ""}
    resting = (BatchState.STOPPED, BatchState.ENDED)
    batches.change(batch.id, resting, state=BatchState.RUNNING, plan=json.dumps(plan), **columns)


def retry(engine: Engine, reference: str) -> BatchItem:
    """Try an item again that ended badly, from the step that it failed at. NotFound, Refused.

    What was tried before does not count against its retries and mends. `reference`: the item's id, or its session's.
    """
    item = find_item(engine, reference)
    if item.state not in (*TAKEN_UP, *BAD_ENDS):
        raise Refused(f"The item {item.id} is {item.state}.", f"ampsm batch status {item.batch_id}")
    batch = engine.store.batches.get(item.batch_id)
    if batch.state is BatchState.STOPPING:
        raise Refused(f"The run {batch.name} is being stopped.", f"ampsm batch status {batch.id} --follow")
    if reason := _lost_secret(engine, item):
        raise reason
    take_up(engine, item)
    run_again(engine, batch)
    launch.sweep_batches(engine.home, engine.store, asked=batch.id)
    return engine.store.batches.item(item.id)


def _lost_secret(engine: Engine, item: BatchItem) -> Refused | None:
    """The refusal of an item whose next prompt had a secret, which is not kept once the item has ended badly."""
    from ampsm_engine.batch import item_run

    if item.step == progress.MERGE:
        return None
    spec = specs(engine, item.batch_id).get(item.id) or ItemSpec.read(item.spec)
    again = replace(item, step=_step_again(item) or progress.PROMPT)
    try:
        item_run.checked_prompt(engine, spec, again, engine.store.batches.tries(item.id))
    except Refused as reason:
        by_hand = f"ampsm iterate {item.session_id} 'PROMPT', or " if item.session_id else ""
        hint = f"Write it again: {by_hand}ampsm batch start PLAN with this item, which names a variable instead"
        return Refused(f"The item {item.id} cannot be tried again as it is. {reason.message}", hint)
    return None


def find_item(engine: Engine, reference: str) -> BatchItem:
    """The item of an id, or the one that a session was made for; NotFound, or Refused when it may be several."""
    try:
        return engine.store.batches.item(reference)
    except NotFound:
        hint = "ampsm batch status RUN lists the items of a run, ampsm batch ls the runs"
        try:
            session = engine.store.sessions.resolve(reference)
        except NotFound as reason:
            message = f"There is no item {printable(reference)[:100]!r}, and no session of that name."
            raise NotFound(message, hint) from reason
        if session.origin is None:
            raise NotFound(f"The session {session.name} is not of a run.", hint) from None
        return engine.store.batches.item(session.origin)


def take_up(engine: Engine, item: BatchItem, **more: object) -> None:
    """Queue an item at the step where it stands; what was tried before does not count against it any more.

    `more`: what its specification says besides from now on.
    """
    spec = json.loads(item.spec) | {"triesBefore": item.tries} | more
    step = _step_again(item)
    engine.store.batches.move_item(
        item.id,
        (item.state,),
        ItemState.QUEUED,
        spec=json.dumps(spec),
        step=step,
        next_at=None,
        ended_at=None,
        reason=None,
    )


def is_anothers(batch: Batch) -> bool:
    """Whether another machine asked for it, which gives it its items one by one."""
    return ASKED_BY in json.loads(batch.plan)


def _step_again(item: BatchItem) -> str:
    """The step at which an item that has ended is taken up: after its script has failed, all its mends once more."""
    is_judged = item.state is ItemState.FAIL and item.step != progress.MERGE
    mends = item.step.startswith(progress.FIX_STEP) or ItemSpec.read(item.spec).most_fixes
    return f"{progress.FIX_STEP} 1" if is_judged and mends else item.step


def remove(engine: Engine, batch_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Move the sessions of a run to the trash and forget the run; the ids of those, and why others stay.

    Nothing else is touched. Refused while it is at work. What cannot be removed keeps the run.
    """
    batches, store = engine.store.batches, engine.store
    batch = batches.get(batch_id)
    if batch.state in AT_WORK:
        raise Refused(f"The run {batch.name} is {batch.state}.", f"ampsm batch stop {batch.id}")
    removed, stay = [], []
    for item in batches.items(batch_id):
        session_id = batches.session_of(item.id)
        if session_id is None or store.sessions.get(session_id).trashed_at is not None:
            continue
        try:
            session_trash.remove(engine, session_id)
            removed.append(session_id)
        except AmpsmError as reason:
            stay.append(f"{session_id}: {reason}{f' {reason.hint}' if reason.hint else ''}")
    if not stay:
        if json.loads(batch.plan).get("on"):
            _forget_commits(batch_id, {item.repo for item in batches.items(batch_id)})
        batches.remove(batch_id)
        folder = engine.home.batch(batch_id)
        for path in (folder.items, folder.log, folder.log.with_suffix(".log.old"), folder.lease):
            path.unlink(missing_ok=True)
        shutil.rmtree(folder.path / RESULTS, ignore_errors=True)
        if folder.path.is_dir():
            folder.path.rmdir()
    return tuple(removed), tuple(stay)


def _forget_commits(batch_id: str, roots: set[str]) -> None:
    from ampsm_engine.git import pinned_refs

    for root in roots:
        with suppress(AmpsmError):  # the repository may be gone
            pinned_refs.forget_batch(Path(root), batch_id)


def begin_variants(engine: Engine, draft: drafts.SessionDraft) -> Batch:
    """Begin a run of each mode of a draft, as often as it has copies; errors as `fan_out` and `drafts.check`."""
    spec = ItemSpec(
        repo=str(drafts.folder(draft.repo)),
        prompt=draft.prompt,
        name=draft.name,
        base_branch=draft.base or None,
        folder=draft.folder or None,
        script_command=draft.script or None,
    )
    modes = [mode for mode in draft.modes if mode]
    return fan_out(engine, spec, modes=modes, copies=drafts.copies_of(draft.copies))
