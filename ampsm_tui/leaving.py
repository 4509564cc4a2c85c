"""Leaving in order: what changes something is brought to its end before the app goes, whoever asks it to go.

A worktree that is half made when its maker is cut off would be left for `ampsm repair`. What only fills a screen ends
before that screen is taken apart.
"""

import asyncio
import contextlib
import os
import select
import signal
import termios
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from textual.app import App
from textual.css.query import NoMatches
from textual.dom import NoScreen
from textual.worker import WorkerFailed, active_worker

from ampsm_engine.errors import AmpsmError
from ampsm_tui.ask import BEGUN, tell

if TYPE_CHECKING:
    from textual.await_remove import AwaitRemove
    from textual.dom import DOMNode
    from textual.driver import Driver
    from textual.widget import Widget

STUCK = 3.0
"""Seconds that the loop may stand still once the app was told to end. After them it ends without: texts are on disk."""

LISTENS = 0.2
"""Seconds between two questions to the loop of an app that was told to end."""

MODES_OFF = (
    b"\x1b[<u\x1b[?2048l\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?1004l"
    b"\x1b[?2026l\x1b[?1049l\x1b[?25h\x1b[0m"
)
"""Takes back what Textual's driver asks of a terminal: keys, mouse, focus, the other screen, no cursor."""

PATIENCE = 60.0
"""Seconds that leaving waits; what takes longer is cut off, and `ampsm repair` finds what it left."""


class Leaving(App[int]):
    """An app that ends what it has begun before it exits."""

    going: "asyncio.Task[None] | None" = None
    """Waits for what is begun; None while nobody wants to leave."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._gone: WeakSet[DOMNode] = WeakSet()
        """What has been taken away, or is about to be."""

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
                self._gone.add(one)
                self.workers.cancel_node(one)
        return super()._prune(*nodes, parent=parent)

    def _handle_exception(self, error: Exception) -> None:
        """End the app, as Textual does, but for two kinds of work in the background.

        A refusal that it took for no answer is told. What it no longer finds of a node that is being taken away is no
        fault: events may still start work there until its last child has gone.
        """
        worker = active_worker.get(None)
        if isinstance(error, WorkerFailed) and isinstance(error.error, AmpsmError):
            tell(self, error.error)
        elif isinstance(error, WorkerFailed) and worker and worker.node in self._gone:
            if not isinstance(error.error, NoMatches | NoScreen):
                super()._handle_exception(error)
        else:
            super()._handle_exception(error)

    def leave_on_signals(self) -> None:
        """End in order when asked to, so that the terminal is given back as it was; by force where the loop is stuck.

        The handlers are Python's, not the loop's: they run between two steps of whatever holds the loop up.
        """
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        asked: SimpleQueue[int] = SimpleQueue()
        threading.Thread(target=self._see_to_the_end, args=(asked, loop), daemon=True).start()

        def signalled(number: int, _frame: object) -> None:
            # It comes between any two lines, also those that hold a lock of threads: nothing here takes one.
            asked.put(number)
            with contextlib.suppress(RuntimeError):  # the loop is closed: the app is about to end
                loop.call_soon_threadsafe(self.exit, None, 128 + number)

        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signalled)

    def _see_to_the_end(self, asked: "SimpleQueue[int]", loop: asyncio.AbstractEventLoop) -> None:
        """In a thread, which dies with a process that ends in order: end one whose loop stands still meanwhile."""
        number = asked.get()
        deadline = time.monotonic() + PATIENCE + STUCK
        while time.monotonic() < deadline and _answers(loop):
            time.sleep(LISTENS)
        give_back(getattr(self, "_driver", None))
        os._exit(128 + number)


def _answers(loop: asyncio.AbstractEventLoop) -> bool:
    answered = threading.Event()
    try:
        loop.call_soon_threadsafe(answered.set)
    except RuntimeError:  # it is closed: what comes after it ends the process
        return True
    return answered.wait(STUCK)


def give_back(driver: "Driver | None") -> None:
    """Give the terminal back as it was, without the app's help; where it does not take a byte, that is left out."""
    before, file = getattr(driver, "attrs_before", None), getattr(driver, "fileno", None)
    if before is None or file is None:
        return
    with contextlib.suppress(OSError, ValueError, termios.error):
        if select.select([], [file], [], 0.2)[1]:
            os.write(file, MODES_OFF)
        termios.tcsetattr(file, termios.TCSANOW, before)
