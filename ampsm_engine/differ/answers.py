"""How a question to the diff process ends: with its answer, or with the refusal that the process sent, as itself."""

from typing import TYPE_CHECKING, Any

from ampsm_engine import errors
from ampsm_engine.errors import AmpsmError, Failed

if TYPE_CHECKING:
    import asyncio


def refusal(told: list[str]) -> AmpsmError:
    """The refusal that the process sent: kind, message, hint."""
    kind, message, hint = told
    found = getattr(errors, kind) if kind in ("NotFound", "Refused", "Unfit") else Failed
    return found(message, hint)


def settle(future: "asyncio.Future[Any] | None", answer: Any, reason: AmpsmError | None = None) -> None:
    """Answer who waits, if anybody does; with a reason, raise that there."""
    if future is None or future.done():
        return
    if reason is None:
        future.set_result(answer)
    else:
        future.set_exception(reason)
