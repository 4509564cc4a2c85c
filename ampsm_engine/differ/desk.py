"""What a review asks of the differ that opened it. Types only: each of the two could do without the other."""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio

    from ampsm_engine.differ.protocol import Colours, Request
    from ampsm_engine.differ.review import Review


class Desk(Protocol):
    """What a review needs of the differ that opened it."""

    def say(self, *message: Any) -> None:
        """Send a message."""

    async def ask(self, *message: Any) -> Any:
        """Send a question, numbered, and wait for its answer."""

    async def renew(self, review: "Review", request: "Request") -> "Review | None":
        """The same review of what is there now; None when it is the same."""

    def coloured(self, key: tuple[str, str]) -> "Colours | None":
        """The colours of a blob that are here."""

    def promise(self) -> "asyncio.Future[Any]":
        """Something to wait for."""

    def forget(self, review: "Review") -> None:
        """Nobody looks at it any more."""
