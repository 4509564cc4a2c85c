"""A desk and hosts with homes of their own in one process; the network between them is a dictionary."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from ampsm_engine import file_lock
from ampsm_engine.batch import runs
from ampsm_engine.batch.coordinator import Coordinator
from ampsm_engine.batch.executor import Executor, RunContext
from ampsm_engine.cluster.executor import ClusterExecutor
from ampsm_engine.cluster.host import NAME, HostService, message, parts_of, serve
from ampsm_engine.cluster.transport import HostGone
from ampsm_engine.home import PRIVATE_FOLDER
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Batch
from ampsm_engine.worker import launch
from tests.batch.desk import BatchDesk
from tests.waiting import becomes

LONGEST = 300.0
"""Seconds that a run may take: it is several processes for each item, and others are at work, too."""


@dataclass
class Network:
    """A transport that calls hosts of this process, each in threads as a Dask worker does."""

    hosts: dict[str, HostService] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """Addresses that are there and do not answer."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Each request: the address and the verb."""
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(16))

    async def connect(self) -> None:
        """There is nothing to connect."""

    async def addresses(self) -> tuple[str, ...]:
        return tuple(self.hosts)

    async def send(self, address: str, request: bytes) -> bytes:
        host = self.hosts.get(address)
        self.asked.append((address, parts_of(request)[0]["verb"]))
        if address not in self.hosts or address in self.silent:
            raise HostGone(f"{address} has gone.")
        answer = await asyncio.get_running_loop().run_in_executor(self.threads, serve, request, host)
        if address not in self.hosts or self.hosts[address] is not host or address in self.silent:
            raise HostGone(f"{address} has gone meanwhile.")
        return answer

    async def close(self) -> None:
        """There is nothing to close."""


@dataclass
class ClusterDesk(BatchDesk):
    """A desk whose runs go to hosts."""

    network: Network = field(default_factory=Network)
    folder_of_hosts: Path = Path()

    def host(self, name: str, slots: int = 2, *, home: str | None = None) -> HostService:
        """A host that is there from now on, under the address of its name."""
        place = self.folder_of_hosts / (home or name)
        place.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        config = place / "config.toml"
        config.write_text(f"slots = {slots}\n{self.engine.config.read_text()}")
        made = HostService({**os.environ, "AMPSM_HOME": str(place), NAME: name})
        self.network.hosts[name] = made
        return made

    def enter(self, *items: dict[str, object], **more: object) -> Batch:
        plan = replace(self.plan(*items, **more), on="dask://127.0.0.1:8786")
        return runs.enter(self.engine, plan)

    def enter_again(self, batch: Batch, *, resume: bool = False) -> Batch:
        """Let a run that rests run once more; nothing starts a coordinator of its own."""
        with mock.patch.object(launch, "sweep_batches"):
            if resume:
                runs.resume(self.engine, batch.id)
            else:
                runs.run_again(self.engine, self.now(batch))
        return self.now(batch)

    def _executor(self, context: RunContext, batch: Batch) -> Executor:
        return ClusterExecutor(context, batch, self.network)

    async def coordinate(self, batch: Batch) -> None:
        """Coordinate a run until it rests, as its own process would; cancelled, it dies in the middle."""
        folder = self.engine.home.batch(batch.id)
        folder.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        with file_lock.locked(folder.lease, 10.0) as is_ours:
            assert is_ours
            specs = runs.specs(self.engine, batch.id)
            await Coordinator(self.engine, self.now(batch), specs, self._executor).work()

    def run(self, batch: Batch) -> Batch:
        """Coordinate a run until it rests."""
        asyncio.run(asyncio.wait_for(self.coordinate(batch), LONGEST))
        return self.now(batch)

    def ask(self, name: str, verb: str, **request: object) -> dict[str, object]:
        """What a host answers."""
        head, _ = parts_of(serve(message({"wire": 1, "verb": verb, **request}), self.network.hosts[name]))
        return head

    def left_on(self, host: HostService) -> tuple[int, int]:
        """The items and sessions that a host has."""
        store = host.engine.store
        items = sum(len(store.batches.items(batch.id)) for batch in store.batches.all())
        return items, len((*store.sessions.all(), *store.sessions.all(trashed=True)))

    async def reaches(self, batch: Batch, number: int, state: str) -> None:
        await becomes(lambda: self.states(batch)[number - 1] == state, lambda: self.told(batch))
