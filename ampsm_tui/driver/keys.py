"""Keys one after the other: no key is looked at before the one before it has done its work.

Textual hands a key to what has the focus when it arrives, and what the key does comes later. So what is typed ahead,
or comes in one piece over a slow link, would meet the old screen: the text of a prompt would be taken for keys of
the list, `e`, `u` and `!` among them.
"""

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.message import Message
    from textual.message_pump import MessagePump

PATIENCE = 1.0
"""Seconds that a key waits for the one before it; what takes longer is work, not focus."""


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
        while self._queued:
            self._app.post_message(self._queued.popleft())
            await self._is_handled()

    async def _is_handled(self) -> None:
        """The key has come to what has the focus, through all that holds it, and up to the app again."""
        await _is_idle(self._app)
        target = self._app.focused or self._app.screen
        for node in target.ancestors_with_self:
            await _is_idle(node)
        await _is_idle(self._app.screen)  # which may be a new one: by now it has given the focus to somebody


async def _is_idle(pump: "MessagePump") -> None:
    """Whatever lies before a message pump now has been worked off."""
    done = asyncio.get_running_loop().create_future()

    def now() -> None:
        if not done.done():
            done.set_result(None)

    if pump.call_later(now):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done, PATIENCE)
