"""How hosts are reached, as a protocol: bytes to one of them, and bytes back. It knows nothing of items."""

from typing import Protocol

from ampsm_engine.errors import Failed


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
        """Let go of the cluster."""
