"""A run's items on the hosts of a cluster: found, watched, given items, asked for what came of them.

Each host is watched by one call that comes back when something there has changed. A host that does not answer is away;
its items are given to another one only after the plan's grace, when one has room. What is heard of a host's items that
are not bound to it is stopped there, and kept as late.
"""

import asyncio
import json
import time
from contextlib import suppress
from functools import partial
from typing import Any

from ampsm_engine.batch import progress
from ampsm_engine.batch.executor import RUN, Call, CallResult, Host, HostEvent, RunContext
from ampsm_engine.batch.item_run import ItemEnd
from ampsm_engine.batch.runs import AT_WORK
from ampsm_engine.batch.values import HOST_GRACE
from ampsm_engine.cluster.host import WIRE, home_id, message, parts_of
from ampsm_engine.cluster.remote_item import RemoteHost, RemoteItem, is_final, late_item
from ampsm_engine.cluster.transport import HostGone, HostTransport
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused, Unfit
from ampsm_engine.lean_dataclass import asdict
from ampsm_engine.model import Batch, BatchItem, ItemState
from ampsm_engine.plain_text import printable

LOOK = 1.0
"""Seconds between two questions to the cluster which hosts there are."""

WATCH = 8.0
"""Seconds that a host keeps a watch that has nothing to tell."""

PATIENCE = 20.0
"""Seconds beyond that after which a host that has not answered is away."""

CALL = 120.0
"""Seconds that a host may take for any other request; a clone is made in one."""

LAST_WORDS = 10.0
"""Seconds that a run which has ended waits for its hosts to forget it."""

LONGEST_PAUSE = 30.0
"""Seconds between two tries to reach a cluster, at most."""


class ClusterExecutor:
    """Runs the items of one run on the hosts that a transport reaches."""

    def __init__(self, context: RunContext, batch: Batch, transport: HostTransport) -> None:
        self.engine, self.batch_id, self.threads = context.engine, batch.id, context.threads
        self.watch, self.spec_of = context.watch, context.spec_of
        self._mark = f"{home_id(context.engine.home)}."
        self.grace = float(json.loads(batch.plan).get("hostGraceSec", HOST_GRACE))
        self._transport = transport
        self._hosts: dict[str, RemoteHost] = {}
        self._watching: dict[str, asyncio.Task[None]] = {}
        """The tasks that watch a host, by its address."""
        self._running: dict[int, tuple[Call, asyncio.Task[ItemEnd]]] = {}
        self._trouble = ""
        self._calls = 0
        self._events: list[HostEvent] = []
        self._waits: dict[str, tuple[str, str]] = {}
        self._told: set[str] = set()
        self._late: set[asyncio.Task[None]] = set()
        self._stopped: set[tuple[str, bool]] = set()
        self._changed = asyncio.Event()

    # The executor's protocol.

    def room(self) -> int:
        """How many items can run on all hosts at once."""
        return sum(host.slots for host in self._hosts.values())

    def hosts(self) -> tuple[Host, ...]:
        """The hosts that answer now."""
        return tuple(Host(one.name, one.boot, one.address, one.slots, self._free(one)) for one in self._hosts.values())

    def _free(self, host: RemoteHost) -> int:
        """How many items it can take: its slots without its items of this run, those too that it has not told of yet.

        What else runs there takes its turn in the host's own queue.
        """
        at_work = self.engine.store.batches.items(self.batch_id, (ItemState.PLACED, ItemState.RUNNING))
        bound = [item for item in at_work if item.host == host.name and item.step != progress.MERGE]
        unheard = sum(item.id not in host.items for item in bound)
        taken = sum(not is_final(one) for one in host.items.values())
        return host.slots - taken - unheard

    def begin(self, item: BatchItem) -> Host | None:
        """Give a waiting item to the host that it ran on before, else to the one with most room."""
        free = [host for host in self.hosts() if host.free > 0]
        if not free:
            return None
        bound = [host for host in free if host.name == item.host]
        chosen = bound[0] if bound else max(free, key=lambda host: host.free)
        return chosen if self.engine.store.batches.place(item.id, chosen.name, chosen.boot) else None

    def call(self, host: Host | None, verb: str, request: bytes) -> Call:
        """Run an item on its host, or end its processes there."""
        self._calls += 1
        call = Call(self._calls, host.name if host else "", verb, request)
        item_id = str(json.loads(request)["item"])
        if verb == RUN:
            run = RemoteItem(self, item_id, self.spec_of(item_id), partial(self.log, item_id=item_id))
            self._running[call.number] = call, asyncio.create_task(run.until_ended())
        return call  # a stop by force is seen by the item itself, which has the host end its half of the run

    def poll(self) -> tuple[CallResult, ...]:
        """The items that have ended since, and hosts that wait for their accounts."""
        answers = []
        for call in [call for call, task in self._running.values() if task.done()]:
            _, task = self._running.pop(call.number)
            answers.append(CallResult(call, json.dumps(asdict(task.result())).encode()))
        for host, (until, reason) in self._waits.items():
            end = ItemEnd("", "waits", f"{host}: {reason}", until)
            answers.append(CallResult(Call(0, host, RUN, b""), json.dumps(asdict(end)).encode()))
        self._waits.clear()
        return tuple(answers)

    def events(self) -> tuple[HostEvent, ...]:
        """The events that hosts reported since `events` was last called."""
        told, self._events = tuple(self._events), []
        return told

    def log(self, text: str, item_id: str = "") -> None:
        """Have a few words written into the run's log."""
        self._events.append(HostEvent("cluster", json.dumps({"item": item_id, "text": text}).encode()))
        self.watch.wake()

    # The cluster, for as long as the run goes on.

    async def run(self) -> None:
        """Find hosts and watch them, until cancelled. A cluster that cannot be reached is tried again."""
        pause = LOOK
        try:
            while True:
                try:
                    await self._look()
                    pause = LOOK
                except AmpsmError as reason:
                    self._note_trouble(f"{reason}{f' {reason.hint}' if reason.hint else ''}")
                    for address in list(self._watching):
                        self._lose(address)
                    pause = min(pause * 2, LONGEST_PAUSE)
                await asyncio.sleep(pause)
        finally:
            for host in self._hosts.values():
                self._look_for_late(host)
            ending = [*self._late, *(task for _, task in self._running.values())]
            if ending:  # what was taken over is to be forgotten there
                await asyncio.wait(ending, timeout=LAST_WORDS)
            for task in [*self._watching.values(), *ending]:
                task.cancel()
            await self._transport.close()

    def trouble(self) -> str:
        """Why nothing goes on: the cluster cannot be reached, or has no host that can be used."""
        return self._trouble

    def _note_trouble(self, reason: str) -> None:
        text = f"It waits for the cluster: {reason}" if reason else ""
        if text and text != self._trouble:
            self.log(text)
        self._trouble = text

    async def _look(self) -> None:
        """Learn which hosts there are: a new one is greeted, one that has gone is away."""
        there = set(await self._transport.addresses())
        for address in set(self._watching) - there:
            self._lose(address)
        for address in there - set(self._watching):
            self._watching[address] = asyncio.create_task(self._attend(address))
        self._note_trouble("" if self._hosts else "no host is there yet. On one: ampsm cluster join")

    def _lose(self, address: str) -> None:
        task = self._watching.pop(address, None)
        if task is not None:
            task.cancel()
        self._part(address)

    def _part(self, address: str) -> None:
        for name, host in list(self._hosts.items()):
            if host.address == address:
                del self._hosts[name]
                self.log(f"{name} is away")
        self.wake()

    async def _attend(self, address: str) -> None:
        """Greet a host and watch it for as long as it is there; one that is silent is away, and greeted again."""
        while True:
            try:
                host = await self._greet(address)
                if host is not None:
                    await self._follow(host)
            except AmpsmError as reason:
                self._part(address)
                self.log_once(f"{address}: {reason}{f' {reason.hint}' if reason.hint else ''}")
            await asyncio.sleep(LOOK)

    def log_once(self, text: str) -> None:
        """Have a text written into the run's log unless it stands there already."""
        if text not in self._told:
            self._told.add(text)
            self.log(text)

    async def _greet(self, address: str) -> RemoteHost | None:
        hello, _ = await self.ask_address(address, {"verb": "hello"}, limit=PATIENCE)
        name, home_id = printable(str(hello["name"]))[:80], str(hello["homeId"])
        for problem in hello.get("problems", ()):
            self.log_once(f"{name}: {printable(str(problem))[:300]}")
        if hello.get("problems"):
            return None
        same = self._hosts.get(name)
        if same is not None and same.address != address and same.home_id != home_id:
            self.log_once(f"Two hosts are called {name}; the one at {address} is not used. ampsm cluster join --name")
            return None
        if any(other.home_id == home_id and other.address != address for other in self._hosts.values()):
            self.log_once(f"{name} at {address} has the home of another host, and is not used.")
            return None
        host = RemoteHost(name, str(hello["boot"]), home_id, address, int(hello["slots"]), int(hello["free"]))
        await self._hear(host, None, 0.0)  # what it has, before anything is given to it
        self._hosts[name] = host
        self.log(f"{name} is there ({host.slots} slots)")
        self.wake()
        return host

    async def _follow(self, host: RemoteHost) -> None:
        seen = None
        while True:
            seen = await self._hear(host, seen, WATCH)
            self._look_for_late(host)

    async def _hear(self, host: RemoteHost, seen: str | None, seconds: float) -> str:
        asked = time.monotonic()
        request: dict[str, object] = {"verb": "watch", "run": self.key(self.batch_id), "seen": seen, "seconds": seconds}
        answer, _ = await self.ask_address(host.address, request, limit=seconds + PATIENCE)
        before = host.items
        host.items, host.others = self._ours(answer["items"]), self._ours(answer["others"])
        host.as_of, host.slots, host.free = asked, int(answer["slots"]), int(answer["free"])
        host.halted = str(answer["halted"]) if answer["halted"] else None
        if answer["wait"]:
            self._waits[host.name] = str(answer["wait"]["until"]), printable(str(answer["wait"]["reason"]))[:500]
        for item_id, one in host.items.items():
            if one.get("activity") and one.get("activity") != before.get(item_id, {}).get("activity"):
                told = json.dumps({"item": item_id, "text": one["activity"]})
                self._events.append(HostEvent(host.name, told.encode()))
        self.wake()
        return str(answer["seen"])

    def key(self, name: str) -> str:
        """What a run or an item of ours is called on hosts: others' runs may have the same name."""
        return self._mark + name

    def _ours(self, told: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {str(one["id"]).removeprefix(self._mark): one for one in told if str(one["id"]).startswith(self._mark)}

    def _look_for_late(self, host: RemoteHost) -> None:
        """See to what a host has that was taken over, is bound to another one, or has ended."""
        batches = self.engine.store.batches
        for item_id, told in (host.items | host.others).items():
            try:
                item = batches.item(item_id)
                is_anothers = item.batch_id != self.batch_id and batches.get(item.batch_id).state in AT_WORK
            except NotFound:  # of another user who runs items there, too
                continue
            if is_anothers or (item.host == host.name and not _is_over(item)):
                continue
            if any(task.get_name() == f"{host.name} {item_id}" for task in self._late):
                continue
            task = asyncio.create_task(late_item(self, host, item, told), name=f"{host.name} {item_id}")
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    # For the items.

    def get(self, name: str | None) -> RemoteHost | None:
        """The host of that name, while it answers."""
        return self._hosts.get(name or "")

    def has_room(self) -> bool:
        """Whether some host can take one more item."""
        return any(host.free > 0 for host in self.hosts())

    def wake(self) -> None:
        """Wake the items that wait for news."""
        self._changed.set()
        self._changed = asyncio.Event()
        self.watch.wake()

    async def changed(self, seconds: float) -> None:
        """Come back when something was heard of a host, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def stop_on(self, host: RemoteHost, *, force: bool) -> None:
        """Have a host stop its half of the run, once."""
        if (host.boot, force) not in self._stopped:
            await self.ask(host, {"verb": "stop", "run": self.key(self.batch_id), "force": force})
            self._stopped.add((host.boot, force))

    async def ask(
        self, host: RemoteHost, request: dict[str, object], content: bytes = b"", *, limit: float | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """What a host answers, with its bytes; HostGone, or what it refused."""
        return await self.ask_address(host.address, request, content, limit=CALL if limit is None else limit)

    async def ask_address(
        self, address: str, request: dict[str, object], content: bytes = b"", *, limit: float
    ) -> tuple[dict[str, Any], bytes]:
        """What the host at an address answers, with its bytes; HostGone, or what it refused."""
        try:
            async with asyncio.timeout(limit):
                raw = await self._transport.send(address, message({"wire": WIRE, **request}, content))
        except TimeoutError as reason:
            raise HostGone(f"The host at {address} has not answered for {limit:.0f} s.") from reason
        head, attached = parts_of(raw)
        error = head.get("error")
        if isinstance(error, dict) and error.get("passes"):
            raise HostGone(f"The host at {address}: {printable(str(error.get('message')))[:500]}")
        if isinstance(error, dict):
            kinds: dict[str, type[AmpsmError]] = {"Refused": Refused, "Unfit": Unfit, "NotFound": NotFound}
            kind = kinds.get(str(error.get("kind")), Failed)
            hint = error.get("hint")
            raise kind(printable(str(error.get("message")))[:2000], printable(str(hint))[:500] if hint else "")
        if head.get("wire") != WIRE:
            raise Unfit(f"The host at {address} has another ampsm.", "Install the same version on all.")
        return head, attached


def _is_over(item: BatchItem) -> bool:
    return item.state.is_final or item.step == progress.MERGE or item.state is ItemState.QUEUED
