"""How an iteration is stopped, and its phases in which git may hang with its hooks, filters and signing.

Work that waits for git runs in a thread, so that the event loop can look for a stop, tell what hangs, and end it.
"""

import asyncio
import contextlib
import math
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, TypeVar

from ampsm_engine import redact, timestamps
from ampsm_engine.amp.process import busy_with
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import program
from ampsm_engine.plain_text import printable
from ampsm_engine.store import PatientStore

INTERVAL = 0.25
"""Seconds between two looks into the store for a stop, and at what hangs."""

TOLD_AFTER = 2.0
"""Seconds after which the list says what a phase waits for."""

LEAST = 2.0
"""Seconds that each git has in any case: those that are to tidy up come after the one that hung."""

T = TypeVar("T")
K = TypeVar("K")


@contextlib.asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup whose first error comes out as it is: what follows from an error depends on its kind and cause."""
    error: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        error = errors.exceptions[0]
    if error is not None:
        raise error


async def first(works: Mapping[K, Coroutine[Any, Any, object]]) -> K:
    """The key of the task that ends first, the earlier in order of two; the others are cancelled."""
    async with task_group() as group:
        tasks = {key: group.create_task(work) for key, work in works.items()}
        done, pending = await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
    return next(key for key, task in tasks.items() if task in done)


async def unless_stopped(stop: "StopRequest", work: Coroutine[Any, Any, T]) -> T | None:
    """The answer of `work`; None where a stop is asked for before there is one, and then the work is cancelled."""
    async with task_group() as group:
        task, stopping = group.create_task(work), group.create_task(stop.wait())
        await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
        for one in (task, stopping):
            one.cancel()
    return None if task.cancelled() else task.result()


class StopRequest:
    """Knows whether an iteration is to be stopped."""

    def __init__(self, store: PatientStore, iteration_id: str) -> None:
        """`store` is one that no thread uses meanwhile."""
        self.store, self.iteration_id = store, iteration_id
        self.since = math.inf
        """When it was seen, as `time.monotonic` counts."""
        self._version = -1

    def is_seen(self) -> bool:
        """Whether a request was seen already; does not read the store, so that a thread may call it."""
        return self.since < math.inf

    def is_made(self) -> bool:
        """Whether there is a request; the store is only read again after it was written to."""
        if not self.is_seen() and (version := self.store.data_version()) != self._version:
            if self.store.iterations.get(self.iteration_id).stop_requested_at is not None:
                self.since = time.monotonic()
            self._version = version
        return self.is_seen()

    async def wait(self) -> None:
        """Come back once it is made. A store that cannot be read just now is asked again: what runs goes on."""
        heard = ""
        while True:
            try:
                with self.store.at_once():
                    if self.is_made():
                        return
            except AmpsmError as reason:
                if reason.message != heard:
                    heard = reason.message
                    log_trouble(reason)
            await asyncio.sleep(INTERVAL)


class Phases:
    """The phases of one stage of an iteration, one at a time.

    Each ends when it is cancelled, and when a stop was asked for and the time that `stop.commit` gives to the whole
    stage is over: the git that it waits for is ended then. What its work makes of that is the answer after a stop; a
    cancellation goes on to the canceller.
    """

    def __init__(self, stop: StopRequest, settings: Settings) -> None:
        self.hung = ""
        """What did not end in time and was ended, as a command line; empty when nothing was."""
        self._stop, self._settings = stop, settings
        self._began = time.monotonic()
        self._is_over = False
        self._git, self._age = 0, 0.0
        """The git that is waited for, and the seconds since it began."""

    def is_over(self) -> bool:
        """Whether the phase has to end; for work that waits for something else than git."""
        return self._is_over

    async def run(self, what: str, work: Callable[..., T], *arguments: Any, **more: Any) -> T:
        """The answer of `work`, done in a thread; the list says `what` it is when it takes long."""

        def watched() -> T:
            with program.watched(self._watch):
                return work(*arguments, **more)

        async with self.shown(what), task_group() as group:
            stopping = group.create_task(self._end_after_stop())
            thread = asyncio.create_task(asyncio.to_thread(watched))
            cancelled: asyncio.CancelledError | None = None
            while not thread.done():
                try:
                    await asyncio.wait([thread])
                except asyncio.CancelledError as reason:
                    self._is_over = True  # a thread cannot be left: it comes to its end with its git
                    cancelled = reason
            stopping.cancel()
            if cancelled is not None:
                thread.exception()  # the result of its work is not used any more
                raise cancelled
        return thread.result()

    async def _end_after_stop(self) -> None:
        await self._stop.wait()
        end = max(self._began, self._stop.since) + self._settings.number("stop.commit")
        await asyncio.sleep(end - time.monotonic())
        self._is_over = True

    def _watch(self, pid: int, seconds: float) -> bool:
        """Whether to end a git that the thread waits for."""
        self._git, self._age = pid, seconds
        if not (self._is_over and seconds >= LEAST):
            return False
        self.hung = _clean(busy_with(pid)) or "git"
        return True

    @contextlib.asynccontextmanager
    async def shown(self, what: str, detail: Callable[[], str] | None = None) -> AsyncIterator[None]:
        """Let the list say what the iteration does and what hangs in it, once it takes long.

        With `detail`, which is asked what it is at, it says so from the beginning.
        """
        self._git = 0
        async with task_group() as group:
            since = f"{what} since {datetime.now().astimezone():%H:%M:%S}"
            telling = group.create_task(self._show(since, detail))
            try:
                yield
            finally:
                telling.cancel()

    async def _show(self, text: str, detail: Callable[[], str] | None) -> None:
        await asyncio.sleep(0 if detail else TOLD_AFTER)
        shown = None
        try:
            while True:
                at = detail() if detail else self._hanging()
                if at != shown and self._write(f"{text}: {at}" if at else text):
                    shown = at
                await asyncio.sleep(INTERVAL)
        finally:
            if shown is not None:
                self._write(None)

    def _hanging(self) -> str:
        return _clean(busy_with(self._git)) if self._git and self._age >= TOLD_AFTER else ""

    def _write(self, activity: str | None) -> bool:
        """Whether the list shows it; a busy store is not waited for."""
        try:
            with self._stop.store.at_once():
                self._stop.store.iterations.update(self._stop.iteration_id, activity=activity)
        except AmpsmError:
            return False
        return True


def _clean(command: str) -> str:
    return printable(redact.text(command))[:200]


def log_trouble(trouble: Exception) -> None:
    """Write into the worker's log what it goes on without."""
    print(f"{timestamps.now()} worker goes on although: {trouble}", file=sys.stderr, flush=True)
