"""A driver of Textual for a terminal that is far away: few bytes, no backlog, one key after the other.

Textual hands a key to what has the focus when it arrives, and what the key does comes later. So what is typed ahead,
or comes in one piece over a slow link, would meet the old screen: the text of a prompt would be taken for keys of
the list, `e`, `u` and `!` among them. No key is looked at before the one before it has done its work.
"""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.driver import Driver

from ampsm_tui.driver.capabilities import is_known

if TYPE_CHECKING:
    from textual.app import App
    from textual.message import Message
    from textual.message_pump import MessagePump

    from ampsm_tui.driver.output import TerminalOutput


def is_plain(setting: str, environ: Mapping[str, str]) -> bool:
    """Whether Textual's own text is written: by the setting, by AMPSM_RENDERER, or for an unknown terminal."""
    return "plain" in {setting, environ.get("AMPSM_RENDERER", "")} or not is_known(environ)


class _TerminalDriver(Driver):
    """Stands before a driver of Textual's in its ancestry: writes what has changed, hands on one key at a time."""

    make_output: "ClassVar[Callable[[App[Any]], TerminalOutput]]"
    """Makes what the driver writes to, for an app."""

    def __init__(self, app: "App[Any]", **options: Any) -> None:
        super().__init__(app, **options)
        self._events = asyncio.get_running_loop()
        self._keys = KeyQueue(app)
        self.output = type(self).make_output(app)

    def write(self, data: str) -> None:
        """Take what Textual wants to be written."""
        self.output.write(data)

    def flush(self) -> None:
        """Do nothing: the output thread writes without being asked."""

    def send_message(self, message: "Message") -> None:
        """Hand on what was typed; from the driver's thread."""
        if isinstance(message, (events.Key, events.Paste)):
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._events.call_soon_threadsafe(self._keys.put, message)
        else:
            super().send_message(message)

    def process_message(self, message: "Message") -> None:
        """Keep the terminal's answers to the driver's own questions; from the driver's thread."""
        for one in self.output.take_status_answer(message):
            if not (isinstance(one, events.CursorPosition) and self.output.take_answer(one.y, one.x)):
                super().process_message(one)

    def start_application_mode(self) -> None:
        """Take the terminal, and ask it what it can do; what it held of the status it gets again."""
        super().start_application_mode()  # type: ignore[safe-super]
        self.output.status.show_again()
        if sys.__stdin__ is not None and sys.__stdin__.isatty():
            self.output.probe()

    def disable_input(self) -> None:
        """Stop reading, once the answers under way have come: the next program that reads must not get them.

        The records of the status are taken out of the terminal, since they are not kept up to date from now on.
        """
        self.output.status.clear()
        self.output.finish_questions()
        super().disable_input()  # type: ignore[safe-super]

    def close(self) -> None:
        """Wait until what was written last has reached the terminal."""
        super().close()
        self.output.drain()


def terminal_driver(base: "type[Driver]", make_output: "Callable[[App[Any]], TerminalOutput]") -> "type[Driver]":
    """The driver that stands on Textual's for this system and writes to an output that is made when it starts."""
    return type("TerminalDriver", (_TerminalDriver, base), {"make_output": staticmethod(make_output)})


TURN = 0.005
"""Seconds between two looks whether the key before has come to where it goes."""

TURNS = 200
"""Looks for which a key waits for the one before it; what takes longer is work, not focus.

Not seconds: where the machine is busy or the loop has stood still, a second may pass before anything could be done.
"""


class KeyQueue:
    """Keys and pasted texts on their way to an app."""

    def __init__(self, app: "App[Any]") -> None:
        self._app = app
        self._queued: deque[Message] = deque()
        self._serving: asyncio.Task[None] | None = None

    def put(self, event: "Message") -> None:
        """Hand a key on, at once when none is before it; from the app's loop."""
        self._queued.append(event)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        hold = getattr(self._app, "key_hold", None)
        while self._queued:
            if hold is not None and await hold.wait():
                await self._is_handled()
            self._app.post_message(self._queued.popleft())
            await self._is_handled()

    async def _is_handled(self) -> None:
        """The key has come to what has the focus, through all that holds it, and up to the app again."""
        await _is_idle(self._app)
        target = self._app.focused or self._app.screen
        for node in target.ancestors_with_self:
            await _is_idle(node)
        await _is_idle(self._app.screen)  # which may be a new one: by now one of its widgets has the focus


async def _is_idle(pump: "MessagePump") -> None:
    """Whatever lies before a message pump now has been worked off."""
    done = asyncio.Event()
    if not pump.call_later(done.set):
        return
    for _ in range(TURNS):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), TURN)
        if done.is_set():
            return
