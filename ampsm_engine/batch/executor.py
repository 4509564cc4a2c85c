"""Where items run, as a small protocol: which hosts there are, calls to them, and what came back.

What is called and what is answered is JSON as bytes, so that a host may be another machine. An executor only places
work: it never decides what becomes of an item, and forgets everything when its process ends. A call for an item that is
under way on that host, or was brought to its end there, goes on with it or answers the same again.
"""

from typing import TYPE_CHECKING, Protocol

from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import BatchItem

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from ampsm_engine.batch.values import ItemSpec
    from ampsm_engine.batch.watch import StoreWatch
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
    """Somewhere items can run."""

    name: str
    boot: str
    """Another one, another life of the machine: what ran before is over."""
    address: str
    slots: int
    free: int
    """How many of its slots nobody uses."""


@dataclass(frozen=True, slots=True)
class Call:
    """Something that a host was asked to do."""

    number: int
    host: str
    verb: str
    request: bytes


@dataclass(frozen=True, slots=True)
class CallResult:
    """What came of a call."""

    call: Call
    content: bytes


@dataclass(frozen=True, slots=True)
class HostEvent:
    """Something that a host tells on the way: `{"item": id, "text": words}`; it may get lost."""

    host: str
    content: bytes


class Executor(Protocol):
    """Where the items of a run are carried out: its hosts, calls to them, and what they report."""

    async def run(self) -> None:
        """Do what has to be done as long as the run goes on; cancelled at its end."""

    def room(self) -> int:
        """How many items it could be at at once."""

    def begin(self, item: BatchItem) -> Host | None:
        """Give a waiting item its place, written down before it is called; None when it has to wait."""

    def trouble(self) -> str:
        """Why nothing goes on, as a sentence; empty as long as it does."""

    def hosts(self) -> tuple[Host, ...]:
        """The hosts that can be called now."""

    def call(self, host: Host | None, verb: str, request: bytes) -> Call:
        """Ask a host for something; it goes on by itself, and `poll` has its answer. None: whoever has the item."""

    def poll(self) -> tuple[CallResult, ...]:
        """The answers that have come since."""

    def events(self) -> tuple[HostEvent, ...]:
        """What hosts have told since."""
