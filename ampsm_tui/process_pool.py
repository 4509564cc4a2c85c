"""The side processes of an app: started for a question, asked one thing at a time each, ended with the app's loop."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

from ampsm_engine.errors import Failed
from ampsm_tui.side_process import COMMAND, LENGTH

AT_ONCE = 3
"""Side processes at most: one for a long diff, one for counts, one for what a key press asked for."""

SPARE = 5.0
"""Seconds after which side processes end that nothing is asked of, but for one: each holds some 20 MB."""

_PIECE = 1 << 20
"""Bytes of an answer that are taken before anybody asks for them."""


class ProcessPool:
    """The side processes of the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._all: set[Process] = set()
        self._idle: list[tuple[float, Process]] = []
        """Those that nothing is asked of, and since when; what was asked last comes last."""
        self._end = asyncio.create_task(self._end_with_loop(), name="side processes")

    async def ask(self, question: bytes) -> bytes:
        """The answer of a side process to a question, both as `side_process` has them; cancelling ends that process.

        Failed when there is none: it could not be started, or ended before it had an answer.
        """
        async with self._turns:
            process = self._rested() or await self._start()
            try:
                answer = await _exchange(process, question)
            except (asyncio.IncompleteReadError, OSError) as reason:
                await self._kill(process)
                raise Failed("The side process ended before it had an answer.", "Try again") from reason
            except BaseException:
                await self._kill(process)
                raise
            self._idle.append((self._loop.time(), process))
            self._loop.call_later(SPARE, self._end_spare)
            return answer

    def _rested(self) -> Process | None:
        """The living one that was asked last of those that nothing is asked of."""
        while self._idle:
            _, process = self._idle.pop()
            if process.returncode is None:
                return process
        return None

    async def _start(self) -> Process:
        try:
            # A session of its own: who makes a worktree, and git that fills it, must not die with the terminal.
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *COMMAND),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,  # it would be our terminal
                limit=_PIECE,
                start_new_session=True,
            )
        except OSError as reason:
            raise Failed(f"The side process could not be started: {reason.strerror}.", "ampsm doctor") from reason
        self._all = {process, *(one for one in self._all if one.returncode is None)}
        return process

    def _end_spare(self) -> None:
        """End those but the last that nothing was asked of for long: they end when nobody can ask them any more."""
        while len(self._idle) > 1 and self._idle[0][0] + SPARE <= self._loop.time():
            _, process = self._idle.pop(0)
            if process.stdin is not None:
                process.stdin.close()

    async def _kill(self, process: Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def _end_with_loop(self) -> None:
        """Wait until the loop is taken apart, and end them all."""
        try:
            await self._loop.create_future()
        finally:
            del _POOLS[self._loop]
            await asyncio.gather(*map(self._kill, self._all))


_POOLS: dict[asyncio.AbstractEventLoop, ProcessPool] = {}


def running_pool() -> ProcessPool:
    """The pool of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _POOLS:
        _POOLS[loop] = ProcessPool()
    return _POOLS[loop]


async def _exchange(process: Process, question: bytes) -> bytes:
    assert process.stdin is not None  # noqa: S101 - for the types
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(LENGTH.pack(len(question)) + question)
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    return await process.stdout.readexactly(length)
