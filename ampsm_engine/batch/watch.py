"""Waiting for the store: whoever waits for an iteration's end, or for any change, is woken by one look for all."""

import asyncio
from contextlib import suppress

from ampsm_engine.errors import AmpsmError, NotFound
from ampsm_engine.model import Iteration, State
from ampsm_engine.store import Store

TICK = 0.1
"""Seconds between two looks at whether anything has changed."""


class StoreWatch:
    """One look at the store for all who wait."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, asyncio.Future[Iteration]] = {}
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Look until cancelled. A store that cannot be read just now is asked again."""
        version = -1
        self._loop = asyncio.get_running_loop()
        while True:
            with suppress(AmpsmError):
                now = self._store.data_version()
                if now != version or any(future.done() for future in self._waiting.values()):
                    self._wake_ended()
                    version = now
            await asyncio.sleep(TICK)

    def _wake_ended(self) -> None:
        states = self._store.iterations.states(tuple(self._waiting))
        for iteration_id, future in list(self._waiting.items()):
            state = states.get(iteration_id)
            if future.done():
                del self._waiting[iteration_id]
            elif state is None:
                del self._waiting[iteration_id]
                future.set_exception(NotFound(f"There is no iteration {iteration_id} any more.", "ampsm ls"))
            elif state is State.SETTLED:
                settled = self._store.iterations.get(iteration_id)  # where it cannot be read, the next look does
                del self._waiting[iteration_id]
                future.set_result(settled)
                self._woken.set()

    async def settled(self, iteration_id: str) -> Iteration:
        """The iteration, once it is settled; NotFound when it is taken out of the queue."""
        found = self._store.iterations.get(iteration_id)
        if found.state is State.SETTLED:
            return found
        future = self._waiting.setdefault(iteration_id, asyncio.get_running_loop().create_future())
        return await future

    def wake(self) -> None:
        """Wake who waits in `changed`."""
        self._woken.set()

    def wake_from_thread(self) -> None:
        """Wake who waits in `changed` from another thread; nothing happens once the loop has ended."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has gone
                self._loop.call_soon_threadsafe(self._woken.set)

    async def changed(self, seconds: float) -> None:
        """Come back when somebody was woken, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()
