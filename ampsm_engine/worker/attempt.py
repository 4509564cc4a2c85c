"""Runs one attempt of an iteration: starts amp, follows its files until it ends, and ends it where it has to be.

A child and an adopted orphan are followed by the same code.
"""

import asyncio
import math
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from ampsm_engine import session_problems, timestamps
from ampsm_engine.amp import command, endings, process, program, transcript
from ampsm_engine.amp.process import Child
from ampsm_engine.amp.transcript import Transcript
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.home import Home, IterationDirectory, write_private
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.model import Iteration, Session, ToolCall
from ampsm_engine.plain_text import printable
from ampsm_engine.store import PatientStore
from ampsm_engine.worker.phases import StopRequest, first, log_trouble, task_group

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
    " {0}AGENT_CONTEXT/ITERATION_LOG.md and {0}AGENT_CONTEXT/DIFF_SUMMARY.md.)"
)


async def start(
    home: Home, settings: Settings, session: Session, iteration: Iteration, *, again: bool, had_thread: bool
) -> Child:
    """Start amp on the session's thread, or on a new one when there is none.

    `again`: another attempt of this iteration; where its thread is known, it says `continue`.
    `had_thread`: an earlier iteration had a thread, so a new one has to be told what went before.
    """
    run, worktree = home.iteration(iteration.id), Path(session.worktree_path)
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
        up = "../" * len(Path(session.folder).parts)
        write_private(prompt, run.prompt.read_bytes() + FRESH_THREAD.format(up).encode())
    write_private(run.settings, command.settings(os.environ))
    allow_all = settings.switch("amp.allow-all")
    if thread_id:
        argv = command.follow_up(amp, options, run, thread_id, iteration.mode, allow_all=allow_all)
    else:
        title = printable(session.name)[:80]
        argv = command.first(amp, options, run, iteration.mode, allow_all=allow_all, title=title)
    environment = command.environment(os.environ, iteration.id)
    place = session_problems.working_folder(worktree, session.folder)
    return await process.start(argv, run, place, environment, prompt=prompt)


def dropped(run: IterationDirectory) -> frozenset[str]:
    """The options that this amp refused although its help lists them."""
    try:
        return frozenset((run.path / "dropped.txt").read_text().split())
    except FileNotFoundError:
        return frozenset()


async def remedy(
    home: Home, settings: Settings, iteration: Iteration, ending: endings.Ending, *, thread_id: str | None, stderr: str
) -> bool:
    """Mend what can be mended before amp starts once more; False when there is nothing of the kind.

    `thread_id`: the thread that was to be continued; an amp that refused it has named none itself.
    """
    run = home.iteration(iteration.id)
    option = endings.unknown_option(stderr) if ending.remedy == "drop-option" else None
    if option is not None and option not in dropped(run):
        write_private(run.path / "dropped.txt", "\n".join({*dropped(run), option}).encode())
        return True
    if ending.remedy == "unarchive" and iteration.attempts == 1:
        if thread_id is None:
            return False
        argv = command.unarchive(program.find(settings, os.environ), thread_id)
        return await process.succeeds(argv, command.environment(os.environ, iteration.id), limit=60)
    return False


def seconds_since_start(iteration: Iteration) -> float:
    """Seconds that an iteration has lasted, by the clock on the wall: it outlives its worker."""
    started = timestamps.parse(iteration.start_time or iteration.queued_at)
    return (datetime.now(UTC) - started).total_seconds()


class Reason(StrEnum):
    """The reason for which ampsm ends amp."""

    STOP = "stop"
    TIMEOUT = "timeout"
    SILENT = "silent"
    LOST = "lost-connection"
    LOGIN = "login"
    TOKENS = "tokens"
    """amp has used all the tokens that it may."""
    LINGERING = "lingering"
    """amp has given its result, but does not exit."""


@dataclass(slots=True)
class AmpMonitor:
    """Follows an amp until it ends, records its output, and ends it when it has to be ended.

    What is recorded is always the whole tally: recorded again, it is the same, so nothing is ever counted twice.
    """

    output: Transcript
    store: PatientStore
    settings: Settings
    iteration: Iteration
    stop: StopRequest
    report_silence: Callable[[float], None]
    """Is called with the seconds that amp has been silent for, once for each long silence."""
    most_tokens: int | None = None
    _growth: asyncio.Event = field(default_factory=asyncio.Event)
    _recorded_at: float = 0.0
    _recorded: tuple[int, str | None, str | None] = (-1, None, None)
    _calls: dict[int, ToolCall] = field(default_factory=dict)
    """Tool calls that are not recorded yet."""

    async def until_gone(self, child: Child) -> Reason | None:
        """Why amp was ended; None when it ended by itself."""
        async with task_group() as group:
            beside = [group.create_task(self._follow()), group.create_task(self._watch_silence())]
            reason = await first(
                {
                    None: child.wait(),
                    Reason.STOP: self.stop.wait(),
                    Reason.LOGIN: self._login(),
                    Reason.LINGERING: self._silence(self._after_result),
                    Reason.TIMEOUT: self._time_limit(),
                    Reason.TOKENS: self._token_limit(),
                    Reason.LOST: self._lost_connection(),
                    Reason.SILENT: self._silence(self._before_end),
                }
            )
            if reason is not None:
                await end(child, self.settings)
            for task in beside:
                task.cancel()
        return reason

    async def _follow(self) -> None:
        """Read and record what amp says, until cancelled."""
        while True:
            grew = self._read()
            try:
                with self.store.at_once():
                    if not grew or time.monotonic() - self._recorded_at >= RECORD_EVERY:
                        self.record()
            except AmpsmError as trouble:
                # A store that is busy or full for a while is no reason to end amp: its words are in the file.
                log_trouble(trouble)
            is_quiet = time.monotonic() - self.output.grown_at > LONG_QUIET
            await asyncio.sleep(BUSY_TICK if grew else LONG_QUIET_TICK if is_quiet else QUIET_TICK)

    def _read(self) -> bool:
        """Read the new output of amp, if any, and wake the tasks that wait for it."""
        grew = self.output.read()
        if grew:
            self._growth.set()
            self._growth.clear()
        return grew

    def record(self) -> None:
        """Write what is new into the store, if anything. Failed while that cannot be; nothing is forgotten then."""
        fold, offset = self.output.fold, self.output.reader.offset
        self._recorded_at = time.monotonic()
        thread_id = fold.thread_id or transcript.thread_in_log(self.output.run)
        now = (offset, fold.activity, thread_id)
        self._calls |= {call.sequence: call for call in fold.take_tool_calls()}
        if now == self._recorded and not self._calls:
            return
        self.store.iterations.record(
            self.iteration.id,
            tally=fold.tally,
            offset=offset,
            activity=fold.activity,
            thread_id=thread_id,
            tool_calls=tuple(self._calls.values()),
        )
        self._recorded = now
        self._calls.clear()

    async def _login(self) -> None:
        while not endings.needs_login(self.output.head):
            await self._growth.wait()

    async def _time_limit(self) -> None:
        limit = self.settings.number("iteration.timeout") or math.inf
        while True:
            left = limit - seconds_since_start(self.iteration)
            if left <= 0 and self.output.fold.result is None:  # with its result there, it only lingers
                return
            await asyncio.sleep(min(max(left, QUIET_TICK), CLOCK_EVERY))

    async def _token_limit(self) -> None:
        limit = math.inf if self.most_tokens is None else self.most_tokens
        while (self.output.fold.tally.token_usage or 0) < limit or self.output.fold.result is not None:
            await self._growth.wait()

    async def _lost_connection(self) -> None:
        while True:
            await self._silence(lambda: self._limit("silence.lost-connection"))
            if endings.lost_connection(transcript.tail(self.output.run.stderr)):
                return
            await asyncio.sleep(STDERR_EVERY)

    async def _watch_silence(self) -> None:
        """Report silences until cancelled."""
        while True:
            await self._silence(self._before_report)
            self.report_silence(time.monotonic() - self.output.grown_at)
            await self._growth.wait()

    async def _silence(self, limit: Callable[[], float]) -> None:
        """Come back once amp has said nothing for `limit` seconds, which is asked anew whenever it says something."""
        while True:
            try:
                async with asyncio.timeout_at(self.output.grown_at + limit()):
                    await self._growth.wait()
            except TimeoutError:
                if not self._read():  # after a machine that stood still, words may be there that were not read yet
                    return

    def _before_report(self) -> float:
        return self._limit("silence.tell-in-tool" if self.output.fold.open_tools else "silence.tell")

    def _before_end(self) -> float:
        return math.inf if self.output.fold.open_tools else self._limit("silence.stop")

    def _after_result(self) -> float:
        return self.settings.number("stop.after-result") if self.output.fold.result else math.inf

    def _limit(self, setting: str) -> float:
        """Seconds of silence that a setting allows before amp has its result; 0 stands for no limit."""
        return math.inf if self.output.fold.result else self.settings.number(setting) or math.inf


async def end(child: Child, settings: Settings) -> None:
    """End an amp, first by asking; comes back once it is gone."""
    await child.end(settings.number("stop.interrupt"), settings.number("stop.terminate"))


def end_leftovers(iteration_id: str, settings: Settings) -> list[str]:
    """End what an iteration's programs left running, unless the settings keep it; answers their command lines.

    It blocks the event loop: nothing else has to be looked after then.
    """
    keeps = settings.switch("iteration.keep-strays")
    return [] if keeps else process.end_leftovers(iteration_id, settings.number("stop.terminate"))
