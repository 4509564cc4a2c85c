"""Runs one item on a host, from the step where it was left: all that is known of it is in the store, and on the host.

placed > running > collecting > its end; unreachable while its host is away. Each step is written before the act that it
announces, each act can be done again: a coordinator that died finds here what to do next, and asks the host first.
"""

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ampsm_engine import timestamps, trusted_commands
from ampsm_engine.batch import item_run, progress, runs
from ampsm_engine.batch.item_run import ItemEnd
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.cluster import clones, intake
from ampsm_engine.cluster.result_archive import ResultArchive
from ampsm_engine.cluster.transport import HostGone
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused
from ampsm_engine.git import program, repository, setup_source
from ampsm_engine.home import PRIVATE_FOLDER, open_private
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.model import BatchItem, BatchState, ItemState, Session
from ampsm_engine.store import is_passing

MOST_FAILURES = 4
"""How often what was asked of a host may fail before the item ends with that."""

PAUSE = 2.0
"""Seconds after which an item looks at its host again, whether or not something was heard."""

MOST_ARCHIVE = 1 << 30
"""Bytes of what may come of an item."""

T = TypeVar("T")

_RUNS = (ItemState.PLACED, ItemState.RUNNING, ItemState.UNREACHABLE)


@dataclass(slots=True)
class RemoteHost:
    """A host as its last answer described it."""

    name: str
    boot: str
    home_id: str
    address: str
    slots: int
    free: int
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The host's items of this run, by their ids, as it told."""
    others: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The host's items of other runs, by their ids."""
    as_of: float = 0.0
    """When the question was sent that this is the answer to, as `time.monotonic` counts."""
    halted: str | None = None
    """Why its half of the run was stopped there; None while it goes on."""
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a repository is sent to it."""


class Cluster(Protocol):
    """The hosts of a run, as its items see them."""

    engine: Engine
    threads: ThreadPoolExecutor
    batch_id: str
    grace: float
    """Seconds that a host may be away before its items go to another one."""

    def get(self, name: str | None) -> RemoteHost | None:
        """The host of that name, while it answers."""

    def has_room(self) -> bool:
        """Whether some host can take one more item."""

    def key(self, name: str) -> str:
        """What a run or an item is called on hosts."""

    def log(self, text: str, item_id: str = "") -> None:
        """Have a few words written into the run's log."""

    def log_once(self, text: str) -> None:
        """Have a text written into the run's log unless it stands there already."""

    async def changed(self, seconds: float) -> None:
        """Come back when something was heard of a host, or after so many seconds."""

    async def stop_on(self, host: RemoteHost, *, force: bool) -> None:
        """Have a host stop its half of the run, once."""

    async def ask(
        self, host: RemoteHost, request: dict[str, object], content: bytes = b""
    ) -> tuple[dict[str, Any], bytes]:
        """What a host answers, with its bytes; HostGone, or what it refused."""


@dataclass(slots=True)
class RemoteItem:
    """Takes an item through its run on a host, from its placement to its result."""

    cluster: Cluster
    item_id: str
    spec: ItemSpec
    log: Callable[[str], None]
    _entered: float = 0.0
    """When its host was asked to run it by this process, as `time.monotonic` counts; 0 before."""
    _failures: int = 0

    async def until_ended(self) -> ItemEnd:
        """Go on until the item ended, passed, or waits for another host."""
        while True:
            try:
                if (end := await self._step()) is not None:
                    return end
            except HostGone as reason:
                self.log(str(reason))
                await self.cluster.changed(PAUSE)
            except (AmpsmError, OSError) as reason:
                self._failures += 1
                if is_passing(reason) or (isinstance(reason, Failed) and self._failures < MOST_FAILURES):
                    self.log(str(reason))
                    await asyncio.sleep(PAUSE)
                elif (end := self._failed(reason)) is not None:
                    return end

    async def _step(self) -> ItemEnd | None:
        item = self.cluster.engine.store.batches.item(self.item_id)
        if item.state is ItemState.RUNNING and item.step == progress.MERGE:
            return ItemEnd(item.id, "passed")
        if not item.state.is_at_work:
            return ItemEnd(item.id, "ended", item.reason)
        host = self.cluster.get(item.host)
        if host is None:
            return await self._away(item)
        if item.state in (ItemState.PLACED, ItemState.UNREACHABLE):
            await self._enter(item, host)
            return None
        return await self._see_to(item, host)

    async def _see_to(self, item: BatchItem, host: RemoteHost) -> ItemEnd | None:
        """Look at an item that its host has, and wait for news unless there is something to do."""
        batches = self.cluster.engine.store.batches
        batch = batches.get(item.batch_id)
        if batch.state is BatchState.STOPPING:
            await self.cluster.stop_on(host, force=batch.stop_requested == "force")
        told = host.items.get(item.id)
        is_old = told is not None and is_final(told) and told["takeUp"] < _take_up(item)
        if is_old or (told is None and not self._entered):  # of the time before it was taken up again
            await self._ask_to_run(item, host)
        elif told is None:
            if host.as_of > self._entered:
                self._lost(item, host)
                return ItemEnd(item.id, "ended")
        elif is_final(told):
            before = (ItemState.RUNNING, ItemState.COLLECTING)
            if batches.move_item(item.id, before, ItemState.COLLECTING):
                return await self._collect(item, host)
        elif told["step"] not in ("", item.step):
            batches.move_item(item.id, (ItemState.RUNNING,), ItemState.RUNNING, step=str(told["step"])[:40])
        await self.cluster.changed(PAUSE)
        return None

    async def _in_thread(self, act: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.cluster.threads, act, *arguments)

    # To the host.

    async def _enter(self, item: BatchItem, host: RemoteHost) -> None:
        """Have the host run it, which goes on with what it has of it, and write that it does."""
        if self.cluster.engine.store.batches.get(item.batch_id).state is not BatchState.RUNNING:
            if item.state is ItemState.PLACED and item.id not in host.items:
                self.cluster.engine.store.batches.leave_host(
                    item.id,
                    (ItemState.PLACED,),
                    ItemState.STOPPED,
                    "given up",
                    reason=f"The run was stopped before its step {item.step!r}.",
                    ended_at=timestamps.now(),
                    host=None,
                )
                return
        else:
            await self._ask_to_run(item, host)
        self.cluster.engine.store.batches.move_item(
            item.id, (ItemState.PLACED, ItemState.UNREACHABLE), ItemState.RUNNING, lost_at=None, reason=None
        )
        self.log(f"runs on {host.name}")

    async def _ask_to_run(self, item: BatchItem, host: RemoteHost) -> None:
        engine = self.cluster.engine
        session_id = await self._in_thread(item_run.prepared, engine, item, self.spec)
        session = engine.store.sessions.get(session_id)
        request = await self._in_thread(_request, self.cluster, item, self.spec, session)
        if await self._lacks(host, request) is not None:
            async with host.sending:  # what one sends the next one finds there
                while (has := await self._lacks(host, request)) is not None:
                    if request["repository"]["bundle"] is not None:
                        raise Failed(f"{host.name} does not keep what is sent of {session.repo_root}.")
                    request["repository"]["bundle"] = await self._send_repository(item, session, host, has)
        self._entered = time.monotonic()
        engine.store.sessions.update(session_id, host=host.name)

    async def _lacks(self, host: RemoteHost, request: dict[str, Any]) -> list[str] | None:
        """Have a host run the item: None when it does, else which commits it has of a repository that it lacks."""
        answer, _ = await self.cluster.ask(host, request)
        missing = answer.get("missing")
        return None if missing is None else [str(one) for one in missing.get("has", ())][:200]

    async def _send_repository(self, item: BatchItem, session: Session, host: RemoteHost, has: list[str]) -> str:
        """Send the host the missing parts of the repository, in pieces; the clone's name there."""
        root = Path(session.repo_root)
        folder = self._folder()
        file = folder / f"{item.number}.to.bundle"
        try:
            name = await self._in_thread(clones.bundle, root, session.branch_name, has, file)
            size, offset = file.stat().st_size, 0
            self.log(f"sends {max(size >> 10, 1)} kB of {root.name} to {host.name}")
            while offset < size:
                piece = await self._in_thread(_piece, file, offset)
                put = {"verb": "put", "name": name, "offset": offset}
                answer, _ = await self.cluster.ask(host, put, piece)
                if not offset < int(answer["size"]) <= size:
                    raise Failed(f"{host.name} has {answer['size']} bytes of {size} of {root.name}.")
                offset = int(answer["size"])
            return name
        finally:
            file.unlink(missing_ok=True)

    def _folder(self) -> Path:
        folder = self.cluster.engine.home.batch(self.cluster.batch_id).path / runs.RESULTS
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        return folder

    # From the host.

    async def _collect(self, item: BatchItem, host: RemoteHost) -> ItemEnd:
        file = self._folder() / f"{item.number}.zip"
        try:
            await _receive(self.cluster, host, item.id, file)
            engine, archive = self.cluster.engine, ResultArchive(file)
            return await self._in_thread(intake.take, engine, item, self.spec, archive, host.halted)
        finally:
            file.unlink(missing_ok=True)

    # Away.

    async def _away(self, item: BatchItem) -> ItemEnd | None:
        """Wait for an item's host that does not answer; after the plan's grace, give the item to another one with room.

        Where the run was stopped, the item is given up at once.
        """
        batches = self.cluster.engine.store.batches
        if batches.get(item.batch_id).state is not BatchState.RUNNING:
            reason = f"The run was stopped while {item.host} was away; what comes of it there is kept when it is back."
            before = (*_RUNS, ItemState.COLLECTING)
            batches.leave_host(
                item.id, before, ItemState.STOPPED, "given up", reason=reason, ended_at=timestamps.now(), host=None
            )
            return None
        if item.state is not ItemState.UNREACHABLE:
            reason = f"{item.host} does not answer."
            batches.move_item(
                item.id, (item.state,), ItemState.UNREACHABLE, reason=reason, lost_at=item.lost_at or timestamps.now()
            )
            return None
        gone = (datetime.now(UTC) - timestamps.parse(item.lost_at or timestamps.now())).total_seconds()
        if gone >= self.cluster.grace and self.cluster.has_room():
            reason = f"{item.host} has not answered for {gone:.0f} s: another host gets it."
            batches.leave_host(
                item.id, (ItemState.UNREACHABLE,), ItemState.QUEUED, "given up", reason=reason, host=None, lost_at=None
            )
            self.log(reason)
            return ItemEnd(item.id, "ended")
        await self.cluster.changed(PAUSE)
        return None

    def _lost(self, item: BatchItem, host: RemoteHost) -> None:
        """The host answers, and knows nothing of it: its home is another one than before. It waits for a host again."""
        reason = f"{host.name} has it no more."
        self.cluster.engine.store.batches.leave_host(
            item.id, _RUNS, ItemState.QUEUED, "lost", reason=reason, host=None, lost_at=None
        )
        self.log(reason)

    def _failed(self, reason: AmpsmError | OSError) -> ItemEnd | None:
        """End the item with an error that will not pass."""
        batches = self.cluster.engine.store.batches
        item = batches.item(self.item_id)
        if not item.state.is_at_work:
            return ItemEnd(item.id, "ended", item.reason)
        hint = f" {reason.hint}" if isinstance(reason, AmpsmError) and reason.hint else ""
        batches.leave_host(
            item.id, (item.state,), ItemState.ERROR, "lost", reason=f"{reason}{hint}", ended_at=timestamps.now()
        )
        return None


async def late_item(cluster: Cluster, host: RemoteHost, item: BatchItem, told: dict[str, Any]) -> None:
    """Have a host forget an item that was taken over; of one that is bound elsewhere, end it and keep it as late."""
    try:
        if not is_final(told):
            await cluster.ask(host, {"verb": "stop", "item": cluster.key(item.id)})
            return  # its end is heard
        known = cluster.engine.store.batches.placements(item.id)
        is_taken = any(one.outcome == "taken" and one.host == host.name for one in known)
        was_given_up = any(one.host == host.name and one.outcome in ("given up", "lost") for one in known)
        if was_given_up or not is_taken:
            folder = cluster.engine.home.batch(cluster.batch_id).path / runs.RESULTS
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            file = folder / f"late-{item.number}.zip"
            try:
                await _receive(cluster, host, item.id, file)
                keep = intake.keep_late
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(
                    cluster.threads, keep, cluster.engine, item, host.name, host.boot, ResultArchive(file)
                )
                cluster.log(f"{host.name} ended it, too; that is kept as late", item.id)
            finally:
                file.unlink(missing_ok=True)
        await cluster.ask(host, {"verb": "forget", "item": cluster.key(item.id)})
    except (AmpsmError, OSError) as reason:
        cluster.log_once(f"{host.name}: {item.id}: {reason}")


async def _receive(cluster: Cluster, host: RemoteHost, item_id: str, file: Path) -> None:
    """Bring the archive of an item here, piece by piece; Refused when it is not what its host says."""
    offset, size, digest, name = 0, 1, "", ""
    with os.fdopen(open_private(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "w+b") as target:
        while offset < size:
            head, content = await cluster.ask(host, {"verb": "collect", "item": cluster.key(item_id), "offset": offset})
            if offset == 0:
                size, digest, name = int(head["size"]), str(head["sha256"]), str(head["archive"])
                if size > MOST_ARCHIVE:
                    text = f"What came of {item_id} is {size >> 20} MB; at most {MOST_ARCHIVE >> 20} MB are taken over."
                    raise Refused(text)
            if str(head["archive"]) != name or not content:
                raise HostGone(f"{host.name} has packed {item_id} anew.")
            target.write(content)
            offset += len(content)
        target.flush()
        target.seek(0)
        if hashlib.file_digest(target, "sha256").hexdigest() != digest:
            raise HostGone(f"What {host.name} sent of {item_id} is not what it packed.")


def is_final(told: dict[str, Any]) -> bool:
    """Whether a host says that an item has come to its end."""
    final = {str(state) for state in ItemState if state.is_final}
    return told["state"] in final


def _take_up(item: BatchItem) -> int:
    """How many tries it had when it was last taken up again: a host that knows of fewer has not heard of that."""
    return item_run.first_try(item)


def _tip(session: Session) -> str:
    """The commit at which a session's branch stands here, and begins on the host; NotFound without the branch."""
    tip = repository.branch_tip(Path(session.repo_root), session.branch_name)
    if tip is None:
        raise NotFound(f"The branch {session.branch_name} is not there any more.", "ampsm repair")
    return tip


def _piece(file: Path, offset: int) -> bytes:
    with file.open("rb") as opened:
        opened.seek(offset)
        return opened.read(clones.PIECE)


@lru_cache(maxsize=100)
def _setup_command(root: Path, commit: str, folder: str) -> str:
    return setup_source.of_commit(root, commit, folder).command


def _request(cluster: Cluster, item: BatchItem, spec: ItemSpec, session: Session) -> dict[str, Any]:
    """The request that sends an item to a host."""
    root, base = Path(session.repo_root), _tip(session)
    answer = program.read(root, "config", "--null", "--get-regexp", r"^user\.(name|email)$")
    author = dict(pair.split("\n", 1) for pair in program.text(answer.output).split("\0") if "\n" in pair)
    setup = _setup_command(root, base, session.folder)
    is_trusted = spec.setup_on_hosts and trusted_commands.is_trusted(cluster.engine.home, root, setup)
    batch = cluster.engine.store.batches.get(item.batch_id)
    return {
        "verb": "run",
        "run": {"id": cluster.key(batch.id), "name": batch.name},
        "item": {
            "id": cluster.key(item.id),
            "number": item.number,
            "name": item.name,
            "step": "" if item.step == progress.PROMPT else item.step,
            "spec": json.loads(spec.text()),
            "session": session.id,
            "thread": session.thread_id,
            "base": base,
            "takeUp": _take_up(item),
            "setup": {"command": setup, "isTrusted": is_trusted} if setup else None,
        },
        "repository": {
            "key": clones.key_of(root),
            "base": base,
            "source": spec.source,
            "bundle": None,
            "author": author,
        },
    }
