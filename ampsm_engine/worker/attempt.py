"""One attempt of an iteration: amp started, followed through its files until it is gone, ended where it has to be.

A child and an adopted orphan are followed by the same code.
"""

import asyncio
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from ampsm_engine import wording
from ampsm_engine.amp import command, failures, process, program, transcript
from ampsm_engine.amp.process import Child
from ampsm_engine.amp.transcript import Transcript
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.home import Home, RunDirectory, write_private
from ampsm_engine.model import Iteration, Session, ToolCall
from ampsm_engine.naming import printable
from ampsm_engine.store import PatientStore
from ampsm_engine.worker.phases import StopRequest, first, note, task_group

BUSY_TICK = 0.05
QUIET_TICK = 0.25
LONG_QUIET_TICK = 0.5
LONG_QUIET = 10.0
"""Seconds between two looks at amp's output, and after how many of silence they become rarer."""

RECORD_EVERY = 0.1
"""Seconds between two writes into the store while amp talks."""

STDERR_EVERY = 2.0
"""Seconds between two looks at the standard error of an amp that is silent."""

CLOCK_EVERY = 60.0
"""Seconds between two looks at the clock on the wall: a machine that sleeps stops the one that we wait by."""

CONTINUE = "continue"
"""What a retry says to amp: the thread knows the rest."""

FRESH_THREAD = (
    "\n\n(The earlier conversation about this task cannot be continued. What was asked and done so far is in"
    " AGENT_CONTEXT/ITERATION_LOG.md and AGENT_CONTEXT/DIFF_SUMMARY.md.)"
)


async def start(
    home: Home, settings: Settings, session: Session, iteration: Iteration, *, again: bool, had_thread: bool
) -> Child:
    """Start amp on the session's thread, or on a new one when there is none.

    `again`: another attempt of this iteration; where its thread is known, it says `continue`.
    `had_thread`: an earlier iteration had a thread, so a new one has to be told what went before.
    """
    run, worktree = home.run(iteration.id), Path(session.worktree_path)
    if not worktree.is_dir():
        message = f"The worktree of session {session.name} is gone: {worktree}."
        raise Failed(message, "ampsm repair")
    amp = program.find(settings, os.environ)
    options = program.options(amp, home.cache, os.environ) - dropped(run)
    thread_id = iteration.thread_id if again and iteration.thread_id else session.thread_id
    prompt = run.prompt
    if again and iteration.thread_id:
        prompt = run.path / "again.txt"
        write_private(prompt, CONTINUE.encode())
    elif thread_id is None and had_thread:
        prompt = run.path / "told.txt"
        write_private(prompt, run.prompt.read_bytes() + FRESH_THREAD.encode())
    write_private(run.settings, command.settings(os.environ))
    allow_all = settings.switch("amp.allow-all")
    if thread_id:
        argv = command.follow_up(amp, options, run, thread_id, iteration.mode, allow_all=allow_all)
    else:
        title = printable(session.name)[:80]
        argv = command.first(amp, options, run, iteration.mode, allow_all=allow_all, title=title)
    environment = command.environment(os.environ, iteration.id)
    return await process.start(argv, run, worktree, environment, prompt=prompt)


def dropped(run: RunDirectory) -> frozenset[str]:
    """The options that this amp refused although its help lists them."""
    try:
        return frozenset((run.path / "dropped.txt").read_text().split())
    except FileNotFoundError:
        return frozenset()


def remedy(home: Home, settings: Settings, iteration: Iteration, ending: failures.Ending, stderr: str) -> bool:
    """Mend what can be mended before amp starts once more; False when there is nothing of the kind."""
    run = home.run(iteration.id)
    option = failures.unknown_option(stderr) if ending.remedy == "drop-option" else None
    if option is not None and option not in dropped(run):
        write_private(run.path / "dropped.txt", "\n".join({*dropped(run), option}).encode())
        return True
    if ending.remedy == "unarchive" and iteration.attempts == 1:
        session_thread = iteration.thread_id
        if session_thread is None:
            return False
        argv = command.unarchive(program.find(settings, os.environ), session_thread)
        return process.once(argv, command.environment(os.environ, iteration.id), limit=60)
    return False


_THREAD = re.compile(rb'"threadId":"(T-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')


def thread_in_log(run: RunDirectory) -> str | None:
    """The thread's id from amp's own log, which names it about a second before the stream does."""
    try:
        with run.log.open("rb") as file:
            found = _THREAD.search(file.read(1 << 20))
    except FileNotFoundError:
        return None
    return found.group(1).decode() if found else None


def seconds_since_start(iteration: Iteration) -> float:
    """Seconds that an iteration has lasted, by the clock on the wall: it outlives its worker."""
    started = wording.moment(iteration.start_time or iteration.queued_at)
    return (datetime.now(UTC) - started).total_seconds()


class Reason(StrEnum):
    """Why we end amp."""

    STOP = "stop"
    TIMEOUT = "timeout"
    SILENT = "silent"
    LOST = "lost-connection"
    LOGIN = "login"
    LINGERING = "lingering"
    """Its result is there, but it does not exit."""


@dataclass(slots=True)
class Recorder:
    """Writes into the store what an iteration's stream adds up to, while it grows.

    What is written is always the whole tally: written again, it is the same, so nothing is ever counted twice.
    """

    store: PatientStore
    said: Transcript
    written_at: float = 0.0
    _written: tuple[int, str | None, str | None] = (-1, None, None)
    _calls: dict[int, ToolCall] = field(default_factory=dict)
    """Tool calls that are not written yet."""

    def is_due(self) -> bool:
        """Whether the last write is long enough ago."""
        return time.monotonic() - self.written_at >= RECORD_EVERY

    def write(self) -> None:
        """Write what is new, if anything. Failed while the store cannot be written; nothing is forgotten then."""
        fold, offset = self.said.fold, self.said.reader.offset
        self.written_at = time.monotonic()
        thread_id = fold.thread_id or thread_in_log(self.said.run)
        now = (offset, fold.activity, thread_id)
        self._calls |= {call.sequence: call for call in fold.take_tool_calls()}
        if now == self._written and not self._calls:
            return
        self.store.iterations.record(
            self.said.run.path.name,
            tally=fold.tally,
            offset=offset,
            activity=fold.activity,
            thread_id=thread_id,
            tool_calls=tuple(self._calls.values()),
        )
        self._written = now
        self._calls.clear()


@dataclass(slots=True)
class AmpMonitor:
    """Follows one amp until it is gone, and ends it where it has to be ended."""

    child: Child
    said: Transcript
    recorder: Recorder
    store: PatientStore
    settings: Settings
    iteration: Iteration
    stop: StopRequest
    tell_silence: Callable[[float], None]
    """Tells somebody that amp is silent, for how many seconds."""
    _growth: asyncio.Event = field(default_factory=asyncio.Event)

    async def until_gone(self) -> Reason | None:
        """Why amp was ended; None when it ended by itself."""
        ends = [self._gone(), self._stopped(), self._needs_login(), self._lost_connection(), self._too_silent()]
        if self.settings.number("iteration.timeout"):
            ends.append(self._over_time())
        async with task_group() as group:
            following = group.create_task(self._follow())
            reason = await first(*ends)
            if reason is not None:
                await end(self.child, self.settings)
            following.cancel()
        return reason

    async def _follow(self) -> None:
        """Read and record what amp says, until cancelled."""
        while True:
            grew = self.said.read()
            if grew:  # whoever waits for it wakes up, and waits for more
                self._growth.set()
                self._growth.clear()
            try:
                with self.store.at_once():
                    if not grew or self.recorder.is_due():
                        self.recorder.write()
            except AmpsmError as trouble:
                # A store that is busy or full for a while is no reason to end amp: its words are in the file.
                note(trouble)
            is_quiet = time.monotonic() - self.said.grown_at > LONG_QUIET
            await asyncio.sleep(BUSY_TICK if grew else LONG_QUIET_TICK if is_quiet else QUIET_TICK)

    async def _gone(self) -> Reason | None:
        await self.child.wait()
        return None

    async def _stopped(self) -> Reason | None:
        await self.stop.wait()
        return Reason.STOP

    async def _needs_login(self) -> Reason | None:
        while not failures.needs_login(self.said.head):
            await self._growth.wait()
        return Reason.LOGIN

    async def _over_time(self) -> Reason | None:
        while True:
            left = self.settings.number("iteration.timeout") - seconds_since_start(self.iteration)
            if left <= 0 and self.said.fold.result is None:  # with its result there, it only lingers
                return Reason.TIMEOUT
            await asyncio.sleep(min(max(left, QUIET_TICK), CLOCK_EVERY))

    async def _lost_connection(self) -> Reason | None:
        while True:
            is_silent = await self._is_silent_for(self.settings.number("silence.lost-connection"))
            if is_silent and failures.lost_connection(transcript.tail(self.said.run.stderr)):
                return Reason.LOST
            await asyncio.sleep(STDERR_EVERY)

    async def _too_silent(self) -> Reason | None:
        """Once amp is silent for too long, or lingers after its result; a long silence is told before."""
        while True:
            for seconds, reason in self._silence_limits():
                if not await self._is_silent_for(seconds):
                    break
                if reason is not None:
                    return reason
                self.tell_silence(time.monotonic() - self.said.grown_at)
            else:
                await self._growth.wait()

    def _silence_limits(self) -> list[tuple[float, Reason | None]]:
        """Seconds of silence and what follows, the shortest first; None: it is told."""
        number, fold = self.settings.number, self.said.fold
        if fold.result is not None:
            return [(number("stop.after-result"), Reason.LINGERING)]
        if fold.open_tools:
            return [(number("silence.tell-in-tool"), None)]
        tell, end = number("silence.tell"), number("silence.stop")
        if not end:
            return [(tell, None)]
        return [(end, Reason.SILENT)] if end <= tell else [(tell, None), (end, Reason.SILENT)]

    async def _is_silent_for(self, seconds: float) -> bool:
        """True once amp has said nothing for so long; False as soon as it says something."""
        try:
            async with asyncio.timeout_at(self.said.grown_at + seconds):
                await self._growth.wait()
        except TimeoutError:
            return True
        return False


async def end(child: Child, settings: Settings) -> None:
    """End an amp, first by asking; comes back once it is gone."""
    await child.end(settings.number("stop.interrupt"), settings.number("stop.terminate"))
