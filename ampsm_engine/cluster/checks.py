"""`ampsm doctor --cluster`: whether a cluster can be used, and what on its hosts is not as it should be."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from ampsm_engine import __version__, timestamps
from ampsm_engine.cluster import host
from ampsm_engine.cluster.dask_transport import DaskTransport, has_certificates
from ampsm_engine.cluster.transport import (
    INSTALL,
    OPEN,
    ClusterAddress,
    HostGone,
    HostTransport,
    check_installed,
    read_address,
)
from ampsm_engine.engine.doctor import Check
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.plain_text import plural, printable

PATIENCE = 20.0
MOST_SKEW = 30.0
"""Seconds by which the clock of a host may differ."""

LEAST_FREE = 2 << 30
"""Bytes that should be free where a host keeps its home."""


def check_cluster(text: str, sources: Sequence[str] = ()) -> tuple[Check, ...]:
    """All that can be known of a cluster from here, one check a line. Refused for what is no address."""
    read_address(text)
    try:
        check_installed()
    except AmpsmError as reason:
        return (Check("dask", ok=False, text=reason.message, hint=INSTALL),)
    address = read_address(text, is_encrypted=has_certificates())
    return asyncio.run(checks(address, DaskTransport(address), sources))


class InspectableTransport(HostTransport, Protocol):
    """A transport that knows of its hosts what no host can tell."""

    async def facts(self) -> dict[str, dict[str, Any]]:
        """Ask what the transport itself knows of its hosts: a table of facts for each address."""

    async def versions(self) -> dict[str, Any]:
        """The versions of Python and of the transport's program: here, where hosts are known, at each."""


async def checks(
    address: ClusterAddress, transport: InspectableTransport, sources: Sequence[str] = ()
) -> tuple[Check, ...]:
    """What a cluster's hosts say, and what is not as it should be."""
    try:
        await transport.connect()
        facts = await transport.facts()
        versions = await transport.versions()
        answers = await asyncio.gather(*(_hello(transport, worker, sources) for worker in facts))
    except AmpsmError as reason:
        return (Check("scheduler", ok=False, text=reason.message, hint=reason.hint or "dask scheduler"),)
    finally:
        await transport.close()
    hosts = dict(zip(facts, answers, strict=True))
    return (
        _safety(address),
        _versions(versions),
        _there(hosts),
        *(check for worker, told in hosts.items() for check in _host(worker, told, facts[worker])),
        *_twice(hosts),
    )


async def _hello(transport: HostTransport, worker: str, sources: Sequence[str]) -> "dict[str, Any] | AmpsmError":
    try:
        request = host.message({"wire": host.WIRE, "verb": "hello", "sources": list(sources)})
        async with asyncio.timeout(PATIENCE):
            head, _ = host.parts_of(await transport.send(worker, request))
    except AmpsmError as reason:
        return reason
    except TimeoutError:
        return HostGone(f"It has not answered for {PATIENCE:.0f} s.")
    if isinstance(error := head.get("error"), dict):
        return Failed(printable(str(error.get("message")))[:500], printable(str(error.get("hint") or ""))[:300])
    return head


def _safety(address: ClusterAddress) -> Check:
    if address.is_encrypted:
        return Check("encryption", ok=True, text="TLS")
    if address.is_loopback:
        text = "none; the scheduler is reached on this machine alone, or through a tunnel"
        return Check("encryption", ok=None, text=text, hint=OPEN)
    return Check("encryption", ok=False, text="none", hint=OPEN)


def _versions(found: dict[str, Any]) -> Check:
    def of(part: Any) -> tuple[str, str]:
        packages = (part or {}).get("packages", {})
        python = str((part or {}).get("host", {}).get("python", "")).split(".")[:3]
        return str(packages.get("distributed")), ".".join(python)

    here, there = of(found.get("client")), of(found.get("scheduler"))
    workers = {of(worker) for worker in found.get("workers", {}).values()}
    text = f"dask {here[0]} and Python {here[1]} here, {there[0]} and {there[1]} at the scheduler"
    others = workers - {here}
    if others:
        named = ", ".join(sorted(f"{dask} and Python {python}" for dask, python in others))
        return Check("versions", ok=None, text=f"{text}; on hosts: {named}", hint="they need not be the same")
    return Check("versions", ok=True, text=text)


def _there(hosts: dict[str, Any]) -> Check:
    if not hosts:
        return Check("hosts", ok=False, text="none", hint="on each of them: ampsm cluster join SCHEDULER")
    fit = [told for told in hosts.values() if isinstance(told, dict)]
    slots = sum(int(told["slots"]) for told in fit)
    others = f"; {len(hosts) - len(fit)} more cannot be used" if len(fit) < len(hosts) else ""
    return Check("hosts", ok=bool(fit), text=f"{plural(len(fit), 'host')} with {plural(slots, 'slot')}{others}")


def _host(worker: str, told: "dict[str, Any] | AmpsmError", known: dict[str, Any]) -> Iterator[Check]:
    if isinstance(told, AmpsmError):
        yield Check(printable(str(known.get("name", worker)))[:40], ok=False, text=told.message, hint=told.hint or "")
        return
    name = printable(str(told["name"]))[:40]
    text = f"ampsm {told['ampsm']}, Python {told['python']}, {told['git']}, amp {told['amp'] or 'none'}"
    hint = "" if told["ampsm"] == __version__ else f"here it is ampsm {__version__}"
    yield Check(name, ok=not told["problems"] and not hint, text=printable(text), hint=hint)
    for problem in told["problems"]:
        yield Check(name, ok=False, text=printable(str(problem))[:300])
    for what, is_wrong, why in _OF_WORKERS:
        if is_wrong(told, known):
            yield Check(name, ok=None, text=what, hint=why)
    skew = abs((datetime.now(UTC) - timestamps.parse(str(told["clock"]))).total_seconds())
    if skew > MOST_SKEW:
        yield Check(name, ok=None, text=f"its clock differs by {skew:.0f} s", hint="timedatectl set-ntp true")
    if int(told["disk"]) < LEAST_FREE:
        yield Check(name, ok=None, text=f"{int(told['disk']) >> 20} MB are free in {printable(str(told['home']))}")
    for source, why in dict(told.get("unreachable", {})).items():
        yield Check(name, ok=False, text=f"cannot reach {printable(source)[:200]}", hint=printable(str(why))[:200])


_Judge = Callable[[dict[str, Any], dict[str, Any]], bool]

_OF_WORKERS: tuple[tuple[str, _Judge, str], ...] = (
    (
        "a nanny watches its worker",
        lambda _told, known: known.get("nanny") is not None,
        "it is of no use here: ampsm cluster join, or --no-nanny",
    ),
    (
        "its worker has a memory limit",
        lambda _told, known: bool(known.get("memory_limit")),
        "it counts Dask's worker, not amp: --memory-limit 0",
    ),
    (
        "its worker has too few threads for its slots: it cannot answer while repositories are cloned there",
        lambda told, known: int(known.get("nthreads") or 0) < max(2, int(told["slots"])),
        "--nthreads: two more than slots",
    ),
    (
        "its worker leaves after a while (--lifetime)",
        lambda _told, known: bool(known.get("lifetime")),
        "longer than the longest item; amp goes on, and is found when a worker with that home is back",
    ),
)
"""Findings about a host and Dask's worker on it: the text, the test of whether it is so, and a hint."""


def _twice(hosts: dict[str, Any]) -> Iterator[Check]:
    told = [one for one in hosts.values() if isinstance(one, dict)]
    for name, count in Counter(str(one["name"]) for one in told).items():
        if count > 1:
            yield Check("hosts", ok=False, text=f"{count} hosts are called {name}", hint="ampsm cluster join --name X")
    homes = Counter((str(one["homeId"]), str(one["home"])) for one in told)
    for (_, home), count in homes.items():
        if count > 1:
            yield Check("hosts", ok=False, text=f"{count} hosts have the home {home}", hint="one home for each host")
