"""Keys go to what has the focus once the key before has done its work, however slow the machine is."""

import asyncio
import time

from textual import events
from textual.app import App, ComposeResult
from textual.widget import Widget

from ampsm_tui.driver.terminal_driver import KeyQueue

HOURS = 10_000.0
"""Seconds by which the loop's clock jumps: what a process meets that was not given the processor."""


class Taker(Widget, can_focus=True):
    """Takes keys; gives the focus on when it has worked for a while on a `tab`."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self.taken: list[str] = []

    async def on_key(self, event: events.Key) -> None:
        event.stop()
        self.taken.append(event.key)
        if event.key == "tab":
            for _ in range(100):
                let_time_pass()
                await asyncio.sleep(0)
            self.app.query_one("#second", Taker).focus()


def let_time_pass() -> None:
    loop = asyncio.get_running_loop()
    ahead = loop.time() - time.monotonic() + HOURS
    loop.time = lambda: time.monotonic() + ahead  # type: ignore[method-assign]


class TwoTakers(App[None]):
    def compose(self) -> ComposeResult:
        yield Taker("first")
        yield Taker("second")


async def test_a_key_waits_for_the_one_before_it_on_a_machine_that_stands_still_for_hours() -> None:
    async with TwoTakers().run_test() as pilot:
        first, second = pilot.app.query_one("#first", Taker), pilot.app.query_one("#second", Taker)
        first.focus()
        await pilot.pause()
        queue = KeyQueue(pilot.app)
        loop = asyncio.get_running_loop()
        clock = loop.time
        try:
            for key in ("tab", "j"):
                queue.put(events.Key(key, None))
            assert queue._serving is not None
            await queue._serving
        finally:
            loop.time = clock  # type: ignore[method-assign]
        await pilot.pause()
        assert (first.taken, second.taken) == (["tab"], ["j"])
