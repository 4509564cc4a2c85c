"""Calls after a while that are never lost, and notifications that never hold the app still: both by a busy machine.

Textual 8's one-shot timers look at the clock twice before they wait (`textual.timer.Timer`). Where more than the delay
passes between the two looks, the tick counts as skipped and never comes; with a delay below zero, as for a toast that
has just expired, the loop between them never ends, and the app with it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.notifications import Notification

RESIZE_PATIENCE = 0.1
"""Seconds after which a screen that did not hear of the terminal's new size is told."""

SHORTEST = 0.05
"""Seconds that a toast stays at least: it goes at once where its time is over."""


def call_after(node: MessagePump, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
    """Call in the node's own turn, `delay` seconds from now; not when it has gone by then, or after `cancel()`."""

    def call() -> None:
        if node.is_running:
            node.call_later(callback)

    return asyncio.get_running_loop().call_later(delay, call)


def resize_after_all(app: App[Any], event: events.Resize) -> None:
    """Post the terminal's new size to the screen, unless Textual does so soon as it should.

    Where the timer that Textual waits for is lost, no screen would hear of this size, nor of any later one.
    """

    def resize() -> None:
        if event.size == app.size != app.screen.region.size:
            app.screen.post_message(event)

    call_after(app, RESIZE_PATIENCE, resize)


class LastingNotification(Notification):
    """A notification whose toast always has some time left, however late it is shown."""

    @property
    def time_left(self) -> float:
        """Seconds until it expires, and never less than a toast's timer can take."""
        return max(super().time_left, SHORTEST)

    @property
    def has_expired(self) -> bool:
        """Whether the time of the notification is over."""
        return self.raised_at + self.timeout <= time.time()
