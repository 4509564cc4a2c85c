"""What came of an item on a host, checked and entered here: its commits, its rows and its transcripts.

Nothing in it is trusted. Commits pass git's own check and have to continue what the branch held when the item was
given away; rows are read field by field and are redacted by the tables; files are redacted where they lie.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ampsm_engine import naming, redact, timestamps
from ampsm_engine.batch import progress
from ampsm_engine.batch.item_run import ItemEnd
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.cluster.clones import only_head
from ampsm_engine.cluster.result_archive import ResultArchive
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.git import changes, fetching, pinned_refs, program, repository
from ampsm_engine.lean_dataclass import fields, replace
from ampsm_engine.model import (
    BatchItem,
    BatchTry,
    ItemState,
    Iteration,
    Session,
    State,
    Status,
    ToolCall,
    TryKind,
)
from ampsm_engine.plain_text import printable, visible
from ampsm_engine.worker import agent_context, iteration_directory


def take(engine: Engine, item: BatchItem, spec: ItemSpec, archive: ResultArchive, halted: str | None) -> ItemEnd:
    """Record the result of an item that is being collected, and end the item.

    Killed anywhere, it can be done again. Refused when what came is not to be trusted, or does not fit what is here.
    """
    found = archive.item()
    described = _described(found, item)
    session = engine.store.sessions.get(item.session_id or "")
    tip = _take_commits(item, session, archive, found, f"{item.number}-{_host_word(item)}")
    if tip is not None:
        _move_branch(item, session, tip)
    iterations = _take_rows(engine, item, session, archive, found)
    state, step = described.state, described.step
    if state is ItemState.SUCCESS and spec.merge_on_pass:
        state, step = ItemState.RUNNING, progress.MERGE
    ended = timestamps.now() if state.is_final else None
    engine.store.batches.leave_host(
        item.id,
        (ItemState.COLLECTING,),
        state,
        "taken",
        tip=tip,
        tries=_tries(found, {one.id for one in iterations}),
        step=step,
        reason=described.reason,
        ended_at=ended,
        lost_at=None,
    )
    if state is ItemState.RUNNING:
        return ItemEnd(item.id, "passed")
    if state is ItemState.STOPPED and halted:
        return ItemEnd(item.id, "halts", halted)
    return ItemEnd(item.id, "ended", described.reason)


def keep_late(engine: Engine, item: BatchItem, host: str, boot: str, archive: ResultArchive) -> str | None:
    """Keep the commits of an item that another host was faster with, below a ref of their own; the tip, if any."""
    found = archive.item()
    session = engine.store.sessions.get(item.session_id or "")
    tip = _take_commits(item, session, archive, found, f"late/{item.number}-{naming.slug(host)}")
    engine.store.batches.note_late(item.id, host, boot, tip)
    return tip


def _host_word(item: BatchItem) -> str:
    return naming.slug(item.host or "host")


def _described(found: Mapping[str, Any], item: BatchItem) -> BatchItem:
    """The item as its host left it; Refused when that is no end."""
    told = found.get("item")
    states = {str(state): state for state in ItemState if state.is_final and state is not ItemState.CONFLICT}
    if not isinstance(told, dict) or not str(told.get("id")).endswith(f".{item.id}") or told.get("state") not in states:
        raise Refused(f"What came of {item.id} says nothing of how it ended.")
    reason = told.get("reason")
    text = printable(redact.text(visible(str(reason), "")))[:2000] if reason else None
    return replace(
        item, state=states[told["state"]], step=printable(str(told.get("step") or item.step))[:40], reason=text
    )


def _take_commits(
    item: BatchItem, session: Session, archive: ResultArchive, found: Mapping[str, Any], name: str
) -> str | None:
    """Fetch the commits into a ref of ours; the tip, None when there are none."""
    tip = found.get("tip")
    if tip is None:
        return None
    root = Path(session.repo_root)
    file = archive.path.with_suffix(".bundle")
    try:
        if not repository.is_object_id(str(tip)) or not archive.unpack_bundle(file):
            raise Refused(f"What came of {item.id} has no commits, and names some.")
        oid, ref = only_head(root, file)
        if oid != tip:
            raise Refused(f"What came of {item.id} holds other commits than it says.")
        quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules")
        checked = ("-c", "fetch.fsckObjects=true", "-c", "core.hooksPath=/dev/null")
        to = f"{pinned_refs.BATCH}/{item.batch_id}/{name}"
        answer = fetching.fetch(root, *quiet, str(file), f"+{ref}:{to}", options=checked)
        if not answer.ok:
            raise Failed(f"The commits of {item.id} could not be taken: {redact.text(answer.reason)}.")
    finally:
        file.unlink(missing_ok=True)
    return str(tip)


def _move_branch(item: BatchItem, session: Session, tip: str) -> None:
    """Move the session's branch and worktree to what came. Refused where the session was changed here meanwhile."""
    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    before = repository.branch_tip(root, session.branch_name)
    if before == tip:
        return
    kept = f"{pinned_refs.BATCH}/{item.batch_id}/{item.number}-{_host_word(item)}"
    if before is None or not repository.is_ancestor(root, before, tip):
        message = f"The branch {session.branch_name} was changed here while the item ran on {item.host}."
        raise Refused(message, f"What it came to is kept: git log {kept}")
    if worktree.is_dir():
        answer = program.write(worktree, "reset", "--quiet", "--keep", tip)
        if not answer.ok:
            message = f"Files of {worktree} that were changed by hand are in the way of what {item.host} made."
            raise Refused(message, f"Commit them; what it came to is kept: git log {kept}")
    else:
        program.change(root, "update-ref", f"{repository.BRANCHES}{session.branch_name}", tip, before)
    pinned_refs.keep_tip(root, session.id, tip)


def _take_rows(
    engine: Engine, item: BatchItem, session: Session, archive: ResultArchive, found: Mapping[str, Any]
) -> tuple[Iteration, ...]:
    """Enter the iterations with their tool calls, and put their files where those of iterations lie."""
    store = engine.store
    known = {one.id: one for one in store.iterations.of(session.id)}
    foreign = _iterations(found, session)
    taken = {one.number for one in known.values()}
    iterations: list[Iteration] = []
    for one in foreign:
        number = known[one.id].number if one.id in known else one.number
        if one.id not in known and (number in taken or number < 1):
            number = max(taken, default=0) + 1
        taken.add(number)
        iterations.append(replace(one, number=number))
    runs = {one.id: engine.home.iteration(one.id) for one in iterations}
    archive.unpack_runs(runs)
    for run in runs.values():
        iteration_directory.clean(run)
    calls = [call for one in iterations for call in _calls(found, one.id)]
    text = f"{len(iterations)} iterations came from {item.host}"
    store.sessions.rebuild(session, iterations, calls, text, kind="collected")
    told = dict(found["session"]) if isinstance(found.get("session"), dict) else {}
    status = {str(status): status for status in Status if status is not Status.RUNNING}.get(str(told.get("status")))
    thread = told.get("thread")
    columns: dict[str, object] = {"host": item.host}
    if status is not None:
        columns["status"] = status
    if isinstance(thread, str) and iterations:
        columns["thread_id"] = printable(thread)[:100]
    if iterations:
        columns["last_run"] = iterations[-1].start_time or iterations[-1].queued_at
    after = store.sessions.update(session.id, **columns)
    for one in iterations:
        iteration_directory.write_record(engine.home, after, one)
    try:
        tip, base = repository.branch_tip(Path(after.repo_root), after.branch_name), after.base_commit
        files = changes.files(Path(after.repo_root), base, tip) if tip else ()
        agent_context.write(after, store.iterations.of(session.id), files, store.facts)
    except (AmpsmError, OSError):
        pass  # the files for amp; its next iteration writes them
    return tuple(iterations)


def _iterations(found: Mapping[str, Any], session: Session) -> list[Iteration]:
    """The settled iterations of an archive, of this session whatever they say."""
    iterations = []
    for values in _listed(found.get("iterations")):
        read = iteration_directory.iteration_of(values)
        if read is None or read.state is not State.SETTLED or not repository.is_session_id(read.id):
            raise Refused("What came holds an iteration that is none.")
        iterations.append(replace(read, session_id=session.id))
    return iterations


def _calls(found: Mapping[str, Any], iteration_id: str) -> list[ToolCall]:
    calls = found.get("calls")
    listed = _listed(calls.get(iteration_id)) if isinstance(calls, dict) else []
    names = {one.name for one in fields(ToolCall)}
    made = []
    for values in listed:
        known = {name: value for name, value in values.items() if name in names}
        try:
            made.append(ToolCall(**(known | {"iteration_id": iteration_id, "sequence": int(values["sequence"])})))
        except (TypeError, ValueError, KeyError) as reason:
            raise Refused("What came holds a tool call that is none.") from reason
    return made


def _tries(found: Mapping[str, Any], iterations: set[str]) -> Sequence[BatchTry]:
    kinds = {str(kind): kind for kind in TryKind}
    tries = []
    for values in _listed(found.get("tries")):
        iteration_id = values.get("iteration_id")
        tries.append(
            BatchTry(
                item_id="",
                number=0,
                kind=kinds.get(str(values.get("kind")), TryKind.PROMPT),
                started_at=_moment(values.get("started_at")),
                iteration_id=iteration_id if iteration_id in iterations else None,
                ended_at=_moment(values.get("ended_at")),
                outcome=printable(str(values.get("outcome") or "lost"))[:20],
                error=printable(redact.text(str(values["error"])))[:2000] if values.get("error") else None,
            )
        )
    return tries


def _moment(value: object) -> str:
    try:
        return timestamps.stamp(timestamps.parse(str(value)))
    except ValueError:
        return timestamps.now()


def _listed(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
