"""Leaving in order: what changes something is brought to its end before the app goes, whoever asks it to go.

A worktree that is half made when its maker is cut off would be left for `ampsm repair`. What only fills a screen ends
before that screen is taken apart.
"""

import asyncio
import signal
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.worker import WorkerFailed

from ampsm_engine.errors import AmpsmError
from ampsm_tui.ask import BEGUN, tell

if TYPE_CHECKING:
    from textual.await_remove import AwaitRemove
    from textual.dom import DOMNode
    from textual.widget import Widget

PATIENCE = 60.0
"""Seconds that leaving waits; what takes longer is cut off, and `ampsm repair` finds what it left."""


class Leaving(App[int]):
    """An app that ends what it has begun before it exits."""

    going: "asyncio.Task[None] | None" = None
    """Waits for what is begun; None while nobody wants to leave."""

    def exit(self, result: int | None = None, return_code: int = 0, message: Any = None) -> None:
        """Exit, once nothing is half done; the first one to ask names the code."""
        if not BEGUN:
            super().exit(result, return_code, message)
        elif self.going is None:
            self.notify("What is begun comes to its end first.", title="Leaving", timeout=PATIENCE)
            self.going = asyncio.create_task(self._exit_after(result, return_code, message))

    async def _exit_after(self, result: int | None, return_code: int, message: Any) -> None:
        await asyncio.wait(BEGUN, timeout=PATIENCE)
        super().exit(result, return_code, message)

    def _prune(self, *nodes: "Widget", parent: "DOMNode | None" = None) -> "AwaitRemove":
        """Take nodes away, and end their work first: it would come back to widgets that are gone.

        Every way out of the DOM leads through here. Textual ends a node's work last, when its children have gone.
        """
        for node in nodes:
            for one in node.walk_children(with_self=True):
                self.workers.cancel_node(one)
        return super()._prune(*nodes, parent=parent)

    def _handle_exception(self, error: Exception) -> None:
        """End the app, as Textual does, but for a refusal that work in the background took for no answer: tell that."""
        if isinstance(error, WorkerFailed) and isinstance(error.error, AmpsmError):
            tell(self, error.error)
        else:
            super()._handle_exception(error)

    def leave_on_signals(self) -> None:
        """End in order when asked to, so that the terminal is given back as it was."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit, None, 128 + number)
