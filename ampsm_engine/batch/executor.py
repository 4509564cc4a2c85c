"""Where items run, as a small protocol: which hosts there are, calls to them, and what came back; and the one here.

What is called and what is answered is JSON as bytes, so that a host may be another machine. An executor only places
work: it never decides what becomes of an item, and forgets everything when its process ends. A call for an item that is
under way on that host, or was brought to its end there, goes on with it or answers the same again.
"""

import asyncio
import json
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ampsm_engine import process_identity, timestamps
from ampsm_engine.batch import progress
from ampsm_engine.batch.item_run import ItemEnd, ItemRun
from ampsm_engine.errors import AmpsmError
from ampsm_engine.lean_dataclass import asdict, dataclass
from ampsm_engine.model import Batch, BatchItem, ItemState
from ampsm_engine.worker import locks

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from ampsm_engine.batch.item_run import StoreWatch
    from ampsm_engine.batch.values import ItemSpec
    from ampsm_engine.context import Engine


RUN = "run"
"""Bring an item to its end: `{"item": id}`. Answered by `{"item", "end": "passed" | "ended" | "waits" | "halts",
"reason", "until"}`: passed is to be merged, waits and halts are about the whole run."""

STOP = "stop"
"""End what runs of an item: `{"item": id}`; answered at once, and the run is answered as stopped."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What an executor is given by the coordinator of a run."""

    engine: "Engine"
    watch: "StoreWatch"
    threads: "ThreadPoolExecutor"
    spec_of: "Callable[[str], ItemSpec]"
    """What an item is to do, as it was typed, by its id."""


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that can run items, with its slots, as it was last seen."""

    name: str
    boot: str
    """An id of the machine's boot: when it changes, nothing that ran before runs any more."""
    address: str
    slots: int
    free: int
    """How many of its slots are free."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a host, by its number; its answer comes as a `CallResult`."""

    number: int
    host: str
    verb: str
    request: bytes


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answer of a host to a call, as bytes."""

    call: Call
    content: bytes


@dataclass(frozen=True, slots=True)
class HostEvent:
    """An event that a host reports while it works: `{"item": id, "text": words}`; it may get lost."""

    host: str
    content: bytes


class Executor(Protocol):
    """Where the items of a run are carried out: its hosts, calls to them, and what they report."""

    async def run(self) -> None:
        """Do what has to be done as long as the run goes on; cancelled at its end."""

    def room(self) -> int:
        """How many items it could be at at once."""

    def begin(self, item: BatchItem) -> Host | None:
        """Place a waiting item and record that before the host is called; None when it has to wait."""

    def trouble(self) -> str:
        """Why nothing goes on, as a sentence; empty as long as it does."""

    def hosts(self) -> tuple[Host, ...]:
        """The hosts that can be called now."""

    def call(self, host: Host | None, verb: str, request: bytes) -> Call:
        """Send a request to a host; `poll` has its answer later. None as host: the one that has the item."""

    def poll(self) -> tuple[CallResult, ...]:
        """The answers to calls that arrived since `poll` was last called."""

    def events(self) -> tuple[HostEvent, ...]:
        """The events that hosts reported since `events` was last called."""


NAME = "local"


class LocalExecutor:
    """Runs items as tasks of this process's event loop; what they did is in the store."""

    def __init__(self, context: RunContext, _batch: Batch) -> None:
        self._engine, self._watch, self._threads = context.engine, context.watch, context.threads
        self._spec_of = context.spec_of
        self._running: dict[int, tuple[Call, asyncio.Task[ItemEnd]]] = {}
        self._calls = 0
        self._events: list[HostEvent] = []

    async def run(self) -> None:
        """Do nothing: on this machine, workers come and go by themselves."""

    def room(self) -> int:
        """How many items can run here at once: the setting `slots`."""
        return int(self._engine.settings.number("slots"))

    def begin(self, item: BatchItem) -> Host | None:
        """Let a waiting item run here; None when another process has changed its state meanwhile."""
        is_moved = self._engine.store.batches.move_item(
            item.id,
            (ItemState.QUEUED,),
            ItemState.RUNNING,
            at=item.step,
            step=item.step or progress.PROMPT,
            started_at=item.started_at or timestamps.now(),
            next_at=None,
            reason=None,
            ended_at=None,
        )
        return self.hosts()[0] if is_moved else None

    def trouble(self) -> str:
        """An empty text: this machine can always be used."""
        return ""

    def hosts(self) -> tuple[Host, ...]:
        """This machine alone, as a host with its slots."""
        count = int(self._engine.settings.number("slots"))
        return (Host(NAME, process_identity.boot(), "", count, locks.count_free(self._engine.home, count)),)

    def call(self, host: Host | None, verb: str, request: bytes) -> Call:
        """Run an item, or end its processes."""
        self._calls += 1
        call = Call(self._calls, host.name if host else NAME, verb, request)
        item_id = str(json.loads(request)["item"])
        if verb == RUN:
            tell = partial(self._note_event, item_id)
            run = ItemRun(self._engine, self._watch, self._threads, item_id, self._spec_of(item_id), tell)
            self._running[call.number] = call, asyncio.create_task(run.until_ended())
        else:
            self._stop(item_id)
        return call

    def _stop(self, item_id: str) -> None:
        store = self._engine.store
        session_id = store.batches.session_of(item_id)
        if session_id is not None:
            with suppress(AmpsmError):
                store.queue.ask_to_stop(session_id)

    def poll(self) -> tuple[CallResult, ...]:
        """The runs that have ended since; a run that broke raises its error here."""
        ended = [call for call, task in self._running.values() if task.done()]
        answers = []
        for call in ended:
            _, task = self._running.pop(call.number)
            answers.append(CallResult(call, json.dumps(asdict(task.result())).encode()))
        return tuple(answers)

    def _note_event(self, item_id: str, text: str) -> None:
        self._events.append(HostEvent(NAME, json.dumps({"item": item_id, "text": text}).encode()))

    def events(self) -> tuple[HostEvent, ...]:
        """The events of items that began or ended here since `events` was last called."""
        told, self._events = tuple(self._events), []
        return told
