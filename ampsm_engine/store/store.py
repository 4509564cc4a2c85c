"""The store as its callers know it, and the board as a feed that outlives a store that does not answer for a while."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Board
from ampsm_engine.store.connection import Database
from ampsm_engine.store.facts import Facts
from ampsm_engine.store.iterations import Iterations
from ampsm_engine.store.merges import Merges
from ampsm_engine.store.queue import IterationQueue
from ampsm_engine.store.reviews import Reviews
from ampsm_engine.store.sessions import Sessions


class Store(Database):
    """A database by its path, and what is in it. Every write is one transaction that records its facts, or nothing."""

    def __init__(self, database: Path) -> None:
        super().__init__(database)
        self.sessions = Sessions(self)
        self.iterations = Iterations(self)
        self.queue = IterationQueue(self)
        self.merges = Merges(self)
        self.reviews = Reviews(self)
        self.facts = Facts(self)


async def follow(store: Store, *, interval: float = 0.1) -> AsyncIterator[Board]:
    """The board at once, and again whenever somebody has changed the database; `interval` is in seconds.

    It reads in a thread of its own, so that no screen waits for a disk. A missed beat heals itself: each board is
    whole, and the version is read before it. While the store does not answer it is asked again, and the last board
    comes with the reason in `stale`.
    """
    import asyncio  # 20 ms that only those pay who follow
    from concurrent.futures import ThreadPoolExecutor

    own = Store(store.path)  # its versions must come from one connection
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ampsm-follow")
    seen: int | None = None
    shown = Board()

    def look() -> Board:
        nonlocal seen
        try:
            version = own.data_version()
            if version == seen and not shown.stale:
                return shown
            board = own.sessions.board()
            reason = _lost(own, shown, board, seen, version)
        except AmpsmError as refusal:
            reason = refusal.message
        if reason:
            return shown if shown.stale == reason else replace(shown, stale=reason)
        seen = version
        return board

    try:
        while True:
            board = await loop.run_in_executor(thread, look)
            if board is not shown or seen is None:
                shown = board
                yield shown
            await asyncio.sleep(interval)
    finally:
        with contextlib.suppress(RuntimeError):  # the interpreter is on its way out
            thread.submit(own.close)
        thread.shutdown(wait=False)


def _lost(store: Store, shown: Board, board: Board, seen: int | None, version: int) -> str:
    """Why what is shown is not taken away: another database lies there, and it has nothing in it."""
    is_other = seen is not None and Store.opening(seen) != Store.opening(version)
    if is_other and shown.rows and not board.rows:
        return f"The database {store.path} was replaced by an empty one, which knows none of these sessions."
    return ""
