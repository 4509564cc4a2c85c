"""Where items run, as a small protocol: which hosts there are, calls to them, and what came back.

What is called and what is answered is JSON as bytes, so that a host may be another machine. An executor only places
work: it never decides what becomes of an item, and forgets everything when its process ends. A call for an item that is
under way on that host, or was brought to its end there, goes on with it or answers the same again.
"""

from typing import Protocol

from ampsm_engine.lean_dataclass import dataclass

RUN = "run"
"""Bring an item to its end: `{"item": id}`. Answered by `{"item", "end": "passed" | "ended" | "waits" | "halts",
"reason", "until"}`: passed is to be merged, waits and halts are about the whole run."""

STOP = "stop"
"""End what runs of an item: `{"item": id}`; answered at once, and the run is answered as stopped."""


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
    """Where the items of a run are carried out: its hosts, calls to them, and what they tell."""

    def hosts(self) -> tuple[Host, ...]:
        """The hosts that can be called now."""

    def call(self, host: Host, verb: str, request: bytes) -> Call:
        """Ask a host for something; it goes on by itself, and `poll` has its answer."""

    def poll(self) -> tuple[CallResult, ...]:
        """The answers that have come since."""

    def events(self) -> tuple[HostEvent, ...]:
        """What hosts have told since."""
