"""Keys in turn: no key is looked at before the one before it has done its work.

Textual hands a key to what has the focus when it arrives, and what the key does comes later. So what is typed ahead,
or comes in one piece over a slow link, would meet the old screen: the text of a prompt would be taken for keys of
the list, `e`, `u` and `!` among them.
"""

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

from textual import events

if TYPE_CHECKING:
    from textual.app import App
    from textual.driver import Driver
    from textual.message import Message
    from textual.message_pump import MessagePump

PATIENCE = 1.0
"""Seconds that a key waits for the one before it; what takes longer is work, not focus."""


class Turns:
    """The keys that wait, and who serves them."""

    def __init__(self, app: "App[Any]") -> None:
        self._app = app
        self._waiting: deque[Message] = deque()
        self._serving: asyncio.Task[None] | None = None

    def take(self, event: "Message") -> None:
        """Take a key; it is handed on at once when none is before it."""
        self._waiting.append(event)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        while self._waiting:
            self._app.post_message(self._waiting.popleft())
            await self._settled()

    async def _settled(self) -> None:
        """The key has come to what has the focus, through all that holds it, and up to the app again."""
        await _done(self._app)
        target = self._app.focused or self._app.screen
        for node in target.ancestors_with_self:
            await _done(node)
        await _done(self._app.screen)  # which may be a new one: by now it has given the focus to somebody


async def _done(pump: "MessagePump") -> None:
    """Whatever lies before it now has been worked off."""
    done = asyncio.get_running_loop().create_future()

    def now() -> None:
        if not done.done():
            done.set_result(None)

    if pump.call_later(now):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done, PATIENCE)


def in_turn(driver: "type[Driver]") -> "type[Driver]":
    """The driver that hands on one key at a time."""

    class InTurn(driver):  # type: ignore[misc, valid-type]
        """Keys and pasted text wait for each other; all else goes as it comes."""

        def __init__(self, app: "App[Any]", **options: Any) -> None:
            super().__init__(app, **options)
            self._turns = Turns(app)

        def send_message(self, message: "Message") -> None:
            """From the driver's thread."""
            if isinstance(message, (events.Key, events.Paste)):
                self._loop.call_soon_threadsafe(self._turns.take, message)
            else:
                super().send_message(message)

    return InTurn
