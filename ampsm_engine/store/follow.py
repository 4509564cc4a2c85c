"""The board as a feed. It reads in a thread of its own, so that no screen waits for a disk."""

import contextlib
from collections.abc import AsyncIterator

from ampsm_engine.model import Board
from ampsm_engine.store.store import Store


async def follow(store: Store, *, interval: float = 0.1) -> AsyncIterator[Board]:
    """The board at once, and again whenever somebody has changed the database; `interval` is in seconds.

    A missed beat heals itself: each board is whole, and the version is read before it.
    """
    import asyncio  # 20 ms that only those pay who follow
    from concurrent.futures import ThreadPoolExecutor

    own = Store(store.path)  # its versions must come from one connection
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ampsm-follow")
    seen: int | None = None
    try:
        while True:
            version = await loop.run_in_executor(thread, own.data_version)
            if version != seen:
                seen = version
                yield await loop.run_in_executor(thread, own.board)
            await asyncio.sleep(interval)
    finally:
        with contextlib.suppress(RuntimeError):  # the interpreter is on its way out
            thread.submit(own.close)
        thread.shutdown(wait=False)
