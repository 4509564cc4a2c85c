"""Dask distributed as the way to hosts, and the only module that imports it.

It is used as a telephone, not as a queue: each call is pinned to the address of one worker and never tried again,
what travels are names of the standard library and bytes, and no call lasts. What Dask does by itself (giving a task to
another worker, retrying it, forgetting it) is wrong for work that takes long, costs money and cannot be repeated.
"""

import asyncio
import itertools
import logging
import operator
import pkgutil
import warnings
from contextlib import suppress
from typing import Any

from ampsm_engine.cluster.transport import ClusterAddress, HostGone, check_installed
from ampsm_engine.errors import Failed, Unfit
from ampsm_engine.naming import new_id
from ampsm_engine.plain_text import printable

SERVE = "ampsm_engine.cluster.host:serve"
CONNECT = 15.0
"""Seconds that a scheduler may take to answer."""

_TLS = "docs/cluster.md, TLS"
_OTHER_AUTHORITY = "The certificate was signed by another authority than the one that is asked for."
_CLOSED = "The scheduler closed the connection: it may speak TLS, and it was called without."
_TROUBLES = {
    "TLS expects a `ssl_context`": ("It speaks TLS, and no certificate is set here.", _TLS),
    "UNKNOWN_CA": (_OTHER_AUTHORITY, _TLS),
    "CERTIFICATE_VERIFY_FAILED": (_OTHER_AUTHORITY, _TLS),
    "Connection reset": (_CLOSED, "tls://HOST:PORT"),
    "closed remotely": (_CLOSED, "tls://HOST:PORT"),
}
"""A sentence for people and a hint, by words in an error of Dask's."""


def has_certificates() -> bool:
    """Whether Dask's own settings name certificates: then `dask://` is encrypted."""
    from dask import config

    return bool(config.get("distributed.comm.tls.ca-file", None))


async def check_reachable(address: ClusterAddress) -> None:
    """Failed where no scheduler answers, Unfit where its certificates and ours do not fit."""
    transport = DaskTransport(address)
    try:
        await transport.connect()
    finally:
        await transport.close()


class DaskTransport:
    """A client of a scheduler."""

    def __init__(self, address: ClusterAddress) -> None:
        check_installed()
        self._address = address
        self._client: Any = None
        self._serving: dict[str, Any] = {}
        """Our function on each worker, by its address."""
        self._numbers, self._mark = itertools.count(), new_id()

    async def connect(self) -> None:
        """Connect to the scheduler, again where the connection was lost."""
        from distributed import Client

        await self.close()
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # our log says what is lost, once
        warnings.filterwarnings("ignore", module="distributed")  # of other versions: `doctor` tells of them
        client: Any = Client(  # type: ignore[no-untyped-call]
            self._address.dask, asynchronous=True, timeout=CONNECT, set_as_default=False, name="ampsm"
        )
        try:
            await client
        except Exception as reason:  # by whatever answers there: a MemoryError where it is no scheduler
            with suppress(Exception):  # it never came to be
                await client.close(timeout=1)
            raise self._connection_error(reason) from reason
        self._client = client

    def _connection_error(self, reason: BaseException) -> Failed | Unfit:
        said = ""
        cause: BaseException | None = reason
        while cause is not None:
            said += f" {cause}"
            cause = cause.__cause__ or cause.__context__
        for mark, (words, hint) in _TROUBLES.items():
            if mark in said:
                return Unfit(f"{self._address.text}: {words}", hint)
        if not isinstance(reason, (OSError, TimeoutError)):
            said = printable(f"{type(reason).__name__}: {reason}")[:200]
            return Failed(f"What answers at {self._address.text} is no scheduler of Dask's that can be used: {said}.")
        return Failed(f"No scheduler answers at {self._address.text}.", "dask scheduler, or: ampsm cluster head")

    async def addresses(self) -> tuple[str, ...]:
        """The workers that the scheduler knows."""
        if self._client is None or self._client.status not in ("running", "connecting"):
            await self.connect()
        try:
            async with asyncio.timeout(CONNECT):
                found = await self._client.scheduler.identity(n_workers=-1)
        except (OSError, TimeoutError, RuntimeError, AttributeError) as reason:
            raise Failed(f"The scheduler at {self._address.text} does not answer.") from reason
        there = tuple(found["workers"])
        for gone in self._serving.keys() - set(there):
            self._serving.pop(gone).release()
        return there

    async def facts(self) -> dict[str, dict[str, Any]]:
        """Ask the scheduler for what it knows of each worker, by address; `lifetime` is in seconds."""
        found = (await self._client.scheduler.identity(n_workers=-1))["workers"]
        lifetimes = await asyncio.gather(*map(self._lifetime, found))
        return {
            address: {**worker, "lifetime": lifetime}
            for (address, worker), lifetime in zip(found.items(), lifetimes, strict=True)
        }

    async def _lifetime(self, address: str) -> float | None:
        """Seconds after which a worker leaves by itself; None where it stays, or does not answer."""
        pinned = self._pinned(address)
        found = self._client.submit(pkgutil.resolve_name, "distributed.worker:get_worker", key=self._key(), **pinned)
        worker = self._client.submit(operator.call, found, key=self._key(), **pinned)
        asked = self._client.submit(operator.attrgetter("lifetime"), worker, key=self._key(), **pinned)
        with suppress(Exception):  # a worker may be lost in any way
            async with asyncio.timeout(CONNECT):
                return await asked  # type: ignore[no-any-return]
        return None

    def _pinned(self, address: str) -> dict[str, Any]:
        return {"workers": [address], "allow_other_workers": False, "retries": 0, "pure": False}

    async def versions(self) -> dict[str, Any]:
        """The versions of Python and Dask here, at the scheduler and at each worker."""
        found: dict[str, Any] = await self._client.get_versions(check=False)
        return found

    async def send(self, address: str, request: bytes) -> bytes:
        """Send a request to a host and wait for its answer."""
        if self._client is None:
            raise HostGone("There is no scheduler.")
        pinned = self._pinned(address)
        serve = self._serving.get(address)
        if serve is None or serve.status not in ("pending", "finished"):
            serve = self._client.submit(pkgutil.resolve_name, SERVE, key=self._key(), **pinned)
            self._serving[address] = serve
        asked = self._client.submit(operator.call, serve, request, key=self._key(), **pinned)
        try:
            answer = await asked
        except ModuleNotFoundError as reason:
            raise Unfit(
                f"The host at {address} has no ampsm: {reason}.", "pip install 'ampsm[cluster]' there"
            ) from reason
        except asyncio.CancelledError:
            if asked.status == "cancelled":  # by the scheduler: the host, or it, has gone
                raise HostGone(f"The host at {address} has gone.") from None
            raise
        except Exception as reason:  # whatever a worker of another version or a lost one makes of it
            self._serving.pop(address, None)
            raise HostGone(
                f"The host at {address}: {printable(f'{type(reason).__name__}: {reason}')[:300]}"
            ) from reason
        finally:
            with suppress(Exception):  # the client may be closing
                asked.release()
        if not isinstance(answer, bytes):
            raise HostGone(f"The host at {address} answered with no bytes.")
        return answer

    def _key(self) -> str:
        """A name that no other task has: one that Dask knew already would not be run."""
        return f"ampsm-{self._mark}-{next(self._numbers)}"

    async def close(self) -> None:
        """Close the connection to the scheduler."""
        client, self._client = self._client, None
        self._serving.clear()
        if client is not None:
            with suppress(Exception):  # it may have gone in any way
                await client.close(timeout=2)
