"""Runs one item through its prompts, from the step where it was left; and the watch over the store that it needs.

A step is: make the session where there is none, queue the iteration together with its try in one transaction, wait
until it is settled, write what it came to and the next step in one transaction. Killed anywhere, it goes on from there.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor as Threads
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ampsm_engine import redact, timestamps
from ampsm_engine.amp import transcript
from ampsm_engine.batch import progress
from ampsm_engine.batch.progress import Verdict
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.context import Engine
from ampsm_engine.engine import iterations, sessions
from ampsm_engine.errors import AmpsmError, NotFound, Refused
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import BatchItem, BatchState, BatchTry, ItemState, Iteration, State
from ampsm_engine.plain_text import visible
from ampsm_engine.store import Store, is_passing
from ampsm_engine.store.batches import ItemAttempt
from ampsm_engine.worker import session_limits
from ampsm_engine.worker.attempt import CONTINUE
from ampsm_engine.worker.iteration_directory import IterationLimits

TICK = 0.1
"""Seconds between two looks at whether anything has changed."""


class StoreWatch:
    """Polls the store once for all items that wait for an iteration to settle."""

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
        """End every wait in `changed` now."""
        self._woken.set()

    def wake_from_thread(self) -> None:
        """Wake who waits in `changed` from another thread; nothing happens once the loop has ended."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has gone
                self._loop.call_soon_threadsafe(self._woken.set)

    async def changed(self, seconds: float) -> None:
        """Return when `wake` is called, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()


PAUSE = 1.0
"""Seconds before what failed because of a busy database or a full disk is tried again."""

SESSION_ID, THREAD_ID = "sessionId", "threadId"
"""Members of the specification of an item on a host of a cluster: its session and thread where it was asked for."""

OUTPUT_LINES = 60
"""Lines of a failing script's output that amp is told."""


@dataclass(frozen=True, slots=True)
class ItemEnd:
    """What a run of an item came to: `passed`, `ended`, `waits` or `halts`, as the executor's protocol has it."""

    item_id: str
    end: str
    reason: str | None = None
    until: str | None = None


@dataclass(slots=True)
class ItemRun:
    """Takes one item of a run through its steps."""

    engine: Engine
    watch: StoreWatch
    threads: Threads
    item_id: str
    spec: ItemSpec
    report: Callable[[str], None]
    """Gets a few words at each step, for who looks on."""

    async def until_ended(self) -> ItemEnd:
        """Go on until the item ended, passed, or has to wait."""
        while True:
            try:
                if (end := await self._step()) is not None:
                    return end
            except (AmpsmError, OSError) as reason:
                if is_passing(reason):
                    await asyncio.sleep(PAUSE)
                elif (end := self._failed(reason)) is not None:
                    return end

    async def _step(self) -> ItemEnd | None:
        store = self.engine.store
        item = store.batches.item(self.item_id)
        if item.state is not ItemState.RUNNING:
            return ItemEnd(item.id, "ended", item.reason)
        if item.step == progress.MERGE:
            return ItemEnd(item.id, "passed")
        tries = store.batches.tries(item.id)
        under_way = next((one for one in tries if one.ended_at is None), None)
        if under_way is None:
            if store.batches.get(item.batch_id).state is not BatchState.RUNNING:
                store.batches.move_item(
                    item.id,
                    (ItemState.RUNNING,),
                    ItemState.STOPPED,
                    at=item.step,
                    reason=f"The run was stopped before its step {item.step!r}.",
                    ended_at=timestamps.now(),
                )
                return None
            self.report(f"begins {item.step}")
            await asyncio.get_running_loop().run_in_executor(self.threads, self._begin, item, tries)
            self.watch.wake()
        elif under_way.iteration_id is None:
            store.batches.end_try(under_way, "lost", "Its iteration is not there any more.")
        else:
            iteration = await self.watch.settled(under_way.iteration_id)
            return self._judged(item, tries, under_way, iteration)
        return None

    def _failed(self, reason: AmpsmError | OSError) -> ItemEnd | None:
        """End the item with an error that will not pass; None where its session is not to blame: it is tried anew."""
        item = self.engine.store.batches.item(self.item_id)
        if item.state is not ItemState.RUNNING:
            return ItemEnd(item.id, "ended", item.reason)
        if self.engine.store.batches.get(item.batch_id).state is not BatchState.RUNNING:
            return None  # it was refused for that: the next step ends the item
        hint = f" {reason.hint}" if isinstance(reason, AmpsmError) and reason.hint else ""
        self.engine.store.batches.move_item(
            item.id, (ItemState.RUNNING,), ItemState.ERROR, reason=f"{reason}{hint}", ended_at=timestamps.now()
        )
        return None

    def _begin(self, item: BatchItem, tries: Sequence[BatchTry]) -> None:
        """Make the session where there is none, and queue the iteration of the step. Runs in a thread."""
        session_id = prepared(self.engine, item, self.spec)
        limits = self._limits(item.step)
        attempt = ItemAttempt(item.id, item.step, progress.kind_of(item.step))
        prompt, quotes = checked_prompt(self.engine, self.spec, item, tries)
        iterations.iterate(self.engine, session_id, prompt, limits=limits, attempt=attempt, quotes=quotes)

    def _limits(self, step: str) -> IterationLimits:
        settings: dict[str, float] = {"iteration.retries": 0}  # the whole run waits, and no slot is held meanwhile
        if self.spec.timeout_sec is not None:
            settings["iteration.timeout"] = self.spec.timeout_sec
        if self.spec.script_timeout_sec is not None:
            settings["script.timeout"] = self.spec.script_timeout_sec
        if self.spec.max_tokens is not None:
            settings[session_limits.TOKENS] = self.spec.max_tokens
        if self.spec.max_amount is not None:
            settings[session_limits.AMOUNT] = self.spec.max_amount
        return IterationLimits(settings, script=progress.is_judged(self.spec, step))

    def _judged(
        self, item: BatchItem, tries: Sequence[BatchTry], under_way: BatchTry, iteration: Iteration
    ) -> ItemEnd | None:
        """Write what an iteration came to; the end of this run of the item, or None when it goes on."""
        store, settings = self.engine.store, self.engine.settings
        status = store.sessions.get(iteration.session_id).status
        counted = [one for one in tries if one.number != under_way.number and one.number > first_try(item)]
        spec = self.spec
        verdict = progress.after_iteration(
            spec, item.step, iteration, counted, status, retry_delay=settings.number("iteration.retry-delay")
        )
        until = _after(verdict.delay) if verdict.state is ItemState.QUEUED else None
        ended = timestamps.now() if verdict.state.is_final else None
        error = None if verdict.outcome == "pass" else verdict.reason
        self.report(f"{item.step}: {verdict.outcome}{f': {error}' if error else ''}")
        store.batches.end_try(
            under_way,
            verdict.outcome,
            error,
            after=verdict.state,
            step=verdict.step,
            reason=verdict.reason,
            next_at=until,
            ended_at=ended,
        )
        return self._end(verdict, until)

    def _end(self, verdict: Verdict, until: str | None) -> ItemEnd | None:
        if verdict.halts:
            return ItemEnd(self.item_id, "halts", verdict.reason)
        if verdict.waits:
            return ItemEnd(self.item_id, "waits", verdict.reason, until)
        if verdict.state is ItemState.RUNNING:
            return None
        return ItemEnd(self.item_id, "ended", verdict.reason)


def prepared(engine: Engine, item: BatchItem, spec: ItemSpec) -> str:
    """The id of the item's session, which is made where there is none. NotFound, Refused, Unfit as `sessions.new`."""
    store = engine.store
    session_id = store.batches.session_of(item.id)
    if session_id is None:
        given = json.loads(item.spec)
        session, _ = sessions.new(
            engine,
            path=Path(spec.repo),
            prompt=spec.prompt,
            name=item.name,
            base=spec.base_branch,
            folder=spec.folder,
            script=spec.script_command,
            mode=spec.model,
            run=False,
            thread=given.get(THREAD_ID),
            origin=item.id,
            session_id=given.get(SESSION_ID),
            is_ready=True,
        )
        session_id = session.id
    if item.session_id != session_id:
        store.batches.bind_session(item.id, session_id)
    session = store.sessions.get(session_id)
    if session.trashed_at is not None:
        raise Refused(f"Its session {session.id} is in the trash.", f"ampsm trash restore {session.id}")
    return session_id


def checked_prompt(engine: Engine, spec: ItemSpec, item: BatchItem, tries: Sequence[BatchTry]) -> tuple[str, bool]:
    """The prompt of an item's step, and whether it quotes redacted text.

    Refused where a typed text has a marker in the place of a secret: it is not kept any more.
    """
    prompt = _prompt(engine, spec, item, tries)
    # What the script printed is redacted, and the prompt of a mend quotes it with its markers.
    quotes = item.step.startswith(progress.FIX_STEP)
    if prompt != CONTINUE:
        iterations.check_unredacted((spec.follow_up_on_failure or "") if quotes else prompt)
    return prompt, quotes


def _prompt(engine: Engine, spec: ItemSpec, item: BatchItem, tries: Sequence[BatchTry]) -> str:
    session_id = engine.store.batches.session_of(item.id)
    session = engine.store.sessions.get(session_id) if session_id else None
    earlier = engine.store.iterations.of(session.id) if session else ()
    last = earlier[-1] if earlier else None
    again = bool(tries) and tries[-1].outcome in ("error", "waits", "timeout", "stopped", "lost")
    if again and last and last.thread_id and session and session.thread_id and last.id == tries[-1].iteration_id:
        return CONTINUE
    judged = next((one for one in reversed(earlier) if one.test_result is not None), None)
    output = script_tail(engine, judged) if judged else ""
    return progress.prompt_of(spec, item.step, output, judged.test_exit_code if judged else None)


def first_try(item: BatchItem) -> int:
    """The number of the last try that counts no more: those before a person asked to try again."""
    found = json.loads(item.spec).get("triesBefore", 0)
    return int(found) if isinstance(found, int) else 0


def script_tail(engine: Engine, iteration: Iteration) -> str:
    """The last lines of what the script printed, without secrets and control characters."""
    with suppress(OSError):
        text = transcript.tail(engine.home.iteration(iteration.id).script_output)
        shown = visible(redact.text(text), "\n\t")
        return "\n".join(shown.splitlines()[-OUTPUT_LINES:])
    return ""


def _after(seconds: float) -> str:
    return timestamps.stamp(datetime.now(UTC) + timedelta(seconds=seconds))
