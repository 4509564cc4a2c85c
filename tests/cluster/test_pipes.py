"""A second transport: hosts as processes at the other end of pipes, as ssh would have them; nothing but it is new."""

import asyncio
import os
import sys
from dataclasses import dataclass, field

import psutil

from ampsm_engine.batch.executor import Executor, RunContext
from ampsm_engine.cluster.executor import ClusterExecutor
from ampsm_engine.cluster.host import NAME
from ampsm_engine.cluster.transport import HostGone
from ampsm_engine.home import PRIVATE_FOLDER
from ampsm_engine.model import Batch, BatchState
from tests.cluster.desk import ClusterDesk
from tests.conftest import git
from tests.worker.bench import kill, marked

FAR_END = """
import sys, threading
from ampsm_engine.cluster import host

writing, source, target = threading.Lock(), sys.stdin.buffer, sys.stdout.buffer

def answer(number, request):
    said = host.serve(request)
    with writing:
        target.write(number + len(said).to_bytes(8, "big") + said)
        target.flush()

while head := source.read(16):
    request = source.read(int.from_bytes(head[8:], "big"))
    threading.Thread(target=answer, args=(head[:8], request), daemon=True).start()
"""
"""What runs on a host: numbered requests in, and their answers out as they come."""


@dataclass
class Pipe:
    """A host at the other end of a pipe."""

    process: asyncio.subprocess.Process
    waiting: dict[bytes, asyncio.Future[bytes]] = field(default_factory=dict)
    reading: "asyncio.Task[None] | None" = None

    async def read(self) -> None:
        assert self.process.stdout is not None
        try:
            while True:
                head = await self.process.stdout.readexactly(16)
                content = await self.process.stdout.readexactly(int.from_bytes(head[8:], "big"))
                if not (waiting := self.waiting.pop(head[:8])).done():
                    waiting.set_result(content)
        except asyncio.IncompleteReadError:
            for waiting in self.waiting.values():
                if not waiting.done():
                    waiting.set_exception(HostGone("The pipe is closed."))


@dataclass
class PipeTransport:
    """A transport to processes; one that has ended is started anew."""

    homes: dict[str, str]
    """The home of each host, by its name."""
    pipes: dict[str, Pipe] = field(default_factory=dict)
    calls: int = 0

    async def connect(self) -> None:
        for name, home in self.homes.items():
            pipe = self.pipes.get(name)
            if pipe is None or pipe.reading is None or pipe.reading.done():
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", FAR_END),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    env={**os.environ, "AMPSM_HOME": home, NAME: name},
                )
                self.pipes[name] = Pipe(process)
                self.pipes[name].reading = asyncio.create_task(self.pipes[name].read())

    async def addresses(self) -> tuple[str, ...]:
        await self.connect()
        return tuple(self.pipes)

    async def send(self, address: str, request: bytes) -> bytes:
        pipe, self.calls = self.pipes[address], self.calls + 1
        number = self.calls.to_bytes(8, "big")
        waiting = pipe.waiting[number] = asyncio.get_running_loop().create_future()
        try:
            assert pipe.process.stdin is not None
            pipe.process.stdin.write(number + len(request).to_bytes(8, "big") + request)
            await pipe.process.stdin.drain()
        except OSError as reason:
            raise HostGone(f"{address} has gone.") from reason
        return await waiting

    async def close(self) -> None:
        for pipe in self.pipes.values():
            if pipe.process.stdin is not None:
                pipe.process.stdin.close()
            if pipe.reading is not None:
                await pipe.reading
            await pipe.process.wait()


@dataclass
class PipeDesk(ClusterDesk):
    """A desk whose hosts are at the other end of pipes."""

    transport: PipeTransport = field(default_factory=lambda: PipeTransport({}))

    def _executor(self, context: RunContext, batch: Batch) -> Executor:
        return ClusterExecutor(context, batch, self.transport)


def test_a_plan_runs_over_a_transport_of_another_kind_though_a_host_is_killed(cluster: ClusterDesk) -> None:
    desk = PipeDesk(cluster.engine, cluster.repo, cluster.folder, folder_of_hosts=cluster.folder_of_hosts)
    for name in ("web1", "web2"):
        place = desk.folder_of_hosts / name
        place.mkdir(mode=PRIVATE_FOLDER, parents=True)
        (place / "config.toml").write_text(f"slots = 1\n{desk.engine.config.read_text()}")
        desk.transport.homes[name] = str(place)
    flag = desk.folder / "go"
    waits = desk.prompt({"wait_for": str(flag)}, {"create_file": "a.txt", "content": "x\n"}, {"say": "Done."})
    batch = desk.enter(desk.item(waits), desk.item(desk.writes("b.txt"), scriptCommand="false"))

    async def play() -> None:
        coordinating = asyncio.create_task(desk.coordinate(batch))
        await desk.reaches(batch, 1, "running")
        kill(psutil.Process(desk.transport.pipes[desk.items(batch)[0].host or ""].process.pid))
        flag.touch()
        await coordinating

    try:
        asyncio.run(play())
    finally:
        for home in desk.transport.homes.values():
            for process in marked("AMPSM_HOME", home):
                kill(process)
    assert desk.now(batch).state is BatchState.ENDED, desk.told(batch)
    assert desk.states(batch) == ["success", "fail"], desk.told(batch)
    placements = [desk.engine.store.batches.placements(item.id) for item in desk.items(batch)]
    assert [[one.outcome for one in each] for each in placements] == [["taken"], ["taken"]]
    assert {each[0].host for each in placements} == {"web1", "web2"}
    git(desk.repo, "fsck", "--strict")
