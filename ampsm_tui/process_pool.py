"""The side processes of an app: started for a question, asked one thing at a time each, ended with the app's loop.

A thread waits for each answer: asyncio's own subprocesses hang in a loop that ends while one of them starts.
"""

import asyncio
import contextlib
import subprocess
import sys
from typing import IO

from ampsm_engine.errors import Failed
from ampsm_tui.side_process import COMMAND, LENGTH

AT_ONCE = 3
"""Side processes at most: one for a long diff, one for counts, one for what a key press asked for."""

SPARE = 5.0
"""Seconds after which side processes end that nothing is asked of, but for one: each holds some 20 MB."""

_SideProcess = subprocess.Popen[bytes]


class ProcessPool:
    """The side processes of the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._busy: set[_SideProcess] = set()
        self._idle: list[tuple[float, _SideProcess]] = []
        """Those that nothing is asked of, and since when; what was asked last comes last."""
        self._end = asyncio.create_task(self._end_with_loop(), name="side processes")

    async def ask(self, question: bytes) -> bytes:
        """The answer of a side process to a question, both as `side_process` has them; cancelling ends that process.

        Failed when there is none: it could not be started, or ended before it had an answer.
        """
        async with self._turns:
            process = self._rested() or _started()
            self._busy.add(process)
            try:
                answer = await asyncio.to_thread(_exchange, process, question)
            except (EOFError, OSError) as reason:
                raise Failed("The side process ended before it had an answer.", "Try again") from reason
            except BaseException:
                # Cancelled before its thread has begun, that never begins: another one sees to the process.
                self._loop.run_in_executor(None, _bury, process)
                raise
            finally:
                self._busy.discard(process)
            self._idle.append((self._loop.time(), process))
            self._loop.call_later(SPARE, self._end_spare)
            return answer

    def _rested(self) -> _SideProcess | None:
        """The living one that was asked last of those that nothing is asked of."""
        while self._idle:
            _, process = self._idle.pop()
            if process.poll() is None:
                return process
            _bury(process)
        return None

    def _end_spare(self) -> None:
        """End those but the last that nothing was asked of for long."""
        while len(self._idle) > 1 and self._idle[0][0] + SPARE <= self._loop.time():
            _, process = self._idle.pop(0)
            self._loop.run_in_executor(None, _bury, process)

    async def _end_with_loop(self) -> None:
        """Wait until the loop is taken apart, and end them all."""
        try:
            await self._loop.create_future()
        finally:
            del _POOLS[self._loop]
            for process in self._busy:
                process.kill()
            for _, process in self._idle:
                _bury(process)


def _started() -> _SideProcess:
    try:
        # A session of its own: who makes a worktree, and git that fills it, must not die with the terminal.
        return subprocess.Popen(
            [sys.executable, *COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it would be our terminal
            start_new_session=True,
        )
    except OSError as reason:
        raise Failed(f"The side process could not be started: {reason.strerror}.", "ampsm doctor") from reason


def _exchange(process: _SideProcess, question: bytes) -> bytes:
    """The answer to a question; EOFError or OSError when the process has ended, and is buried."""
    assert process.stdin is not None  # noqa: S101 - for the types
    assert process.stdout is not None  # noqa: S101
    try:
        process.stdin.write(LENGTH.pack(len(question)))
        process.stdin.write(question)
        process.stdin.flush()
        (length,) = LENGTH.unpack(_read(process.stdout, LENGTH.size))
        return _read(process.stdout, length)
    except BaseException:
        _bury(process)
        raise


def _read(pipe: IO[bytes], length: int) -> bytes:
    """The next `length` bytes of a pipe; EOFError where the other end is closed before."""
    found = pipe.read(length)
    if len(found) < length:
        raise EOFError
    return found


def _bury(process: _SideProcess) -> None:
    """End a process that nothing is asked of, and leave nothing of it."""
    process.kill()
    with contextlib.suppress(OSError), process:  # closes the pipes, with what was not read, and waits
        pass


_POOLS: dict[asyncio.AbstractEventLoop, ProcessPool] = {}


def running_pool() -> ProcessPool:
    """The pool of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _POOLS:
        _POOLS[loop] = ProcessPool()
    return _POOLS[loop]
