"""Leaving in order: what changes something is brought to its end before the app goes, whoever asks it to go.

A worktree that is half made when its maker is cut off would be left for `ampsm repair`.
"""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from textual.app import App

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that leaving waits; what takes longer is cut off, and `ampsm repair` finds what it left."""

_BEGUN: "set[asyncio.Task[Any]]" = set()


async def see_through(work: Coroutine[Any, Any, T]) -> T:
    """The answer of work that neither cancelling nor leaving the app cuts off."""
    task = asyncio.create_task(work)
    _BEGUN.add(task)
    task.add_done_callback(_done)
    return await asyncio.shield(task)


def _done(task: "asyncio.Task[Any]") -> None:
    _BEGUN.discard(task)
    if not task.cancelled():
        task.exception()  # whoever waited for it may be gone; nobody else is to complain


class Leaving(App[int]):
    """An app that ends what it has begun before it exits."""

    going: "asyncio.Task[None] | None" = None
    """Waits for what is begun; None while nobody wants to leave."""

    def exit(self, result: int | None = None, return_code: int = 0, message: Any = None) -> None:
        """Exit, once nothing is half done; the first one to ask names the code."""
        if not _BEGUN:
            super().exit(result, return_code, message)
        elif self.going is None:
            self.notify("What is begun comes to its end first.", title="Leaving", timeout=PATIENCE)
            self.going = asyncio.create_task(self._exit_after(result, return_code, message))

    async def _exit_after(self, result: int | None, return_code: int, message: Any) -> None:
        await asyncio.wait(_BEGUN, timeout=PATIENCE)
        super().exit(result, return_code, message)

    def leave_on_signals(self) -> None:
        """End in order when asked to, so that the terminal is given back as it was."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit, None, 128 + number)
