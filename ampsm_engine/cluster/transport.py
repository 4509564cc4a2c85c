"""How hosts are reached: the address of a cluster, which are refused for the sake of safety; and bytes to one of them.

It knows nothing of items.
"""

import ipaddress
from typing import Protocol
from urllib.parse import urlsplit

from ampsm_engine.errors import Failed, Refused, Unfit
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.plain_text import printable

OPEN = (
    "A Dask scheduler without TLS lets everyone who can reach it run programs as you on every host,"
    " with your amp login."
)
INSTALL = "pip install 'ampsm[cluster]'"
PORT = 8786


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Where a scheduler is, as it was typed."""

    text: str
    host: str
    port: int
    is_encrypted: bool

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it by that name."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def dask(self) -> str:
        """The scheduler's address in Dask's own form, `tcp://` or `tls://`."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if self.is_encrypted else 'tcp'}://{name}:{self.port}"


def read_address(text: str, *, is_encrypted: bool = False) -> ClusterAddress:
    """The address in a text; Refused when it is none. `tls://` is encrypted, `dask://` where that is said."""
    way = "dask://HOST:8786, or tls://HOST:8786"
    try:
        parts = urlsplit(text if "//" in text else f"dask://{text}")
        host, port = parts.hostname or "", parts.port or PORT
    except ValueError as reason:
        raise Refused(f"{printable(text)[:200]} is no address of a cluster: {reason}.", way) from reason
    if parts.scheme not in ("dask", "tls", "tcp") or not host:
        raise Refused(f"{printable(text)[:200]} is no address of a cluster.", way)
    if parts.username or parts.password or parts.path.strip("/") or parts.query:
        raise Refused(f"An address of a cluster is a host and a port, not {printable(text)[:200]}.", way)
    return ClusterAddress(text, host, port, parts.scheme == "tls" or (parts.scheme == "dask" and is_encrypted))


def check_safe(address: ClusterAddress, *, insecure: bool) -> None:
    """Refused where others than this machine could run programs by it, unless that is meant."""
    if not address.is_loopback and not address.is_encrypted and not insecure:
        hint = f"TLS certificates in Dask's settings, or an SSH tunnel to 127.0.0.1:{address.port}; or --insecure"
        raise Refused(f"{address.text} is not encrypted. {OPEN}", hint)


def check_installed() -> None:
    """Unfit when what reaches a cluster is not installed."""
    import importlib.util

    if importlib.util.find_spec("distributed") is None:
        raise Unfit("Running on a cluster needs Dask distributed, which is not installed.", INSTALL)


class HostGone(Failed):
    """A host does not answer, or is not there any more."""


class HostTransport(Protocol):
    """A way to the hosts of a cluster. What it carries may be lost at any moment; who asks, asks again."""

    async def connect(self) -> None:
        """Find the cluster; again, where it was lost. Failed, Unfit with what is wrong."""

    async def addresses(self) -> tuple[str, ...]:
        """Where hosts can be reached now. Failed when the cluster cannot be asked."""

    async def send(self, address: str, request: bytes) -> bytes:
        """Have a host answer a request; HostGone, and Unfit where there is no ampsm. Cancelled, it is forgotten."""

    async def close(self) -> None:
        """Close the connection to the cluster."""
