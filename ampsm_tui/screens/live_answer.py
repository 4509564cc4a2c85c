"""The answer of a verb that a screen keeps showing: asked again when the board has changed, and while something runs.

It is never asked for more often than it can be answered, nor while another screen is in front.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from ampsm_engine.errors import AmpsmError
from ampsm_tui.ask import run_while_open, show_error
from ampsm_tui.screens.base import AppScreen

Answer = TypeVar("Answer")

TICK = 1.0
"""Seconds between two questions while something runs: what the board does not show, such as a time that goes by."""

PAUSE = 0.2
"""Seconds between two questions at least; changes come in bursts."""

LONG_PAUSE = 2.0
"""Seconds between two questions at least whose answers take git, or every iteration there ever was."""

SHARE = 3.0
"""The pause after a question, as a multiple of the time that it took."""


class LiveAnswer(Generic[Answer]):
    """One answer of one screen.

    `ask` asks for it, `show` shows it and says whether something goes on that is to be followed; `gone` hears the
    error of an answer that there is none any more.
    """

    def __init__(
        self,
        screen: AppScreen[Any],
        ask: Callable[[], Awaitable[Answer]],
        show: Callable[[Answer], bool],
        gone: Callable[[AmpsmError], None] | None = None,
        *,
        pause: float = PAUSE,
    ) -> None:
        self._screen = screen
        self._pause = pause
        self._ask = ask
        self._show = show
        self._gone = gone
        self._is_stale = False
        self._is_asking = False
        self._goes_on = False

    def start(self) -> None:
        """Ask for the first time, and again from now on."""
        self._screen.set_interval(TICK, self._tick)
        self.renew()

    def renew(self) -> None:
        """Something may have changed: ask again, as soon as that is due and the screen is in front."""
        self._is_stale = True
        if not self._is_asking and self._screen.is_current:
            self._is_asking = True
            run_while_open(self._screen, self._follow(), group="answering")

    def _tick(self) -> None:
        if self._goes_on or self._is_stale:
            self.renew()

    async def _follow(self) -> None:
        try:
            while self._is_stale:
                self._is_stale = False
                began = time.monotonic()
                self._goes_on = self._show(await self._ask())
                self._screen.refresh_bindings()
                if self._is_stale:
                    await asyncio.sleep(max(self._pause, SHARE * (time.monotonic() - began)))
        except AmpsmError as reason:
            self._goes_on = False
            (self._gone or self._complain)(reason)
        finally:
            self._is_asking = False

    def _complain(self, reason: AmpsmError) -> None:
        show_error(self._screen, reason)
