"""The coordinator of one run: which item is next, how many at once, merges, limits, waiting, stopping, the end.

One process a run, by a lease that the kernel frees when it dies; the next command starts another one, which finds in
the store where everything stands. Its event loop never waits for git: what takes long is done in threads.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

from ampsm_engine import labels, redact, timestamps
from ampsm_engine.batch import item_run, progress, runs
from ampsm_engine.batch.executor import RUN, STOP, CallResult, Executor, Host, LocalExecutor, RunContext
from ampsm_engine.batch.item_merge import ItemMerge
from ampsm_engine.batch.item_run import TICK, StoreWatch
from ampsm_engine.batch.values import BAD_ENDS, ItemSpec, Limits, limits_of
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.model import OPEN_ITEMS, Batch, BatchItem, BatchState, ItemState
from ampsm_engine.notifications import News, NotificationKind
from ampsm_engine.store import is_passing
from ampsm_engine.worker import end_notifications, launch

TOKENS_PAUSE = 2.0
"""Seconds between two sums of the tokens."""


@dataclass(slots=True)
class LimitWatch:
    """Whether a run has come to one of its limits."""

    engine: Engine
    batch: Batch
    limits: Limits = field(init=False)
    _asked: float = 0.0
    _since: str = field(init=False)
    """From when on it counts: the start, or when the run was last taken up again."""
    _tokens_before: int = field(init=False)
    _micros_before: int = field(init=False)

    def __post_init__(self) -> None:
        self.limits = limits_of(self.batch.plan)
        resumed = json.loads(self.batch.plan).get("resumed", {})
        self._since = resumed.get("at", self.batch.created_at)
        self._tokens_before, self._micros_before = resumed.get("tokens", 0), resumed.get("micros", 0)

    def note_end(self, item: BatchItem) -> None:
        """An item has come to an end: the next look is not put off."""
        if item.state.is_final:
            self._asked = 0.0

    def reached(self) -> str:
        """Which limit the run has come to, as a sentence; empty for none."""
        if self.limits == Limits() or time.monotonic() - self._asked < TOKENS_PAUSE:
            return ""
        self._asked = time.monotonic()
        return self._tokens() or self._amount() or self._time() or self._failures()

    def _tokens(self) -> str:
        limit = self.limits.tokens
        if limit is None:
            return ""
        used = self.engine.store.batches.progress(self.batch.id).tokens - self._tokens_before
        return f"it has used {used} tokens, and its limit is {limit}." if used >= limit else ""

    def _amount(self) -> str:
        limit = self.limits.amount
        micros = None if limit is None else self.engine.store.batches.spent(self.batch.id)
        if limit is None or micros is None or micros - self._micros_before < limit * 1_000_000:
            return ""
        cost = labels.dollars((micros - self._micros_before) / 1_000_000)
        return f"it has cost {cost} by amp's own figure, and its limit is {labels.dollars(limit)}."

    def _time(self) -> str:
        limit = self.limits.wall_time_sec
        if limit is None:
            return ""
        took = (datetime.now(UTC) - timestamps.parse(self._since)).total_seconds()
        return f"it has run for {took:.0f} s, and its limit is {limit:g} s." if took >= limit else ""

    def _failures(self) -> str:
        limit = self.limits.failures_in_a_row
        if limit is None:
            return ""
        ended = [item for item in self.engine.store.batches.items(self.batch.id) if (item.ended_at or "") > self._since]
        ended.sort(key=lambda item: item.ended_at or "")
        row = 0
        for item in reversed(ended):
            if item.state not in BAD_ENDS:
                break
            row += 1
        return f"{row} items in a row have ended badly, and its limit is {limit}." if row >= limit else ""


ROUND = 2.0
"""Seconds after which everything is looked at again, even without news of a change."""

PREPARED = 2
"""Sessions that are made ahead, so that a worker that is done finds its next iteration at once."""

THREADS = 3
"""Sessions and iterations that are made at once: two cores have no use for more."""

LINGER = 30.0
"""Seconds that the coordinator of another machine's run waits for its next item."""

PAUSE = 0.5
"""Seconds before a store that could not be used is asked again."""


ExecutorOf = Callable[[RunContext, Batch], Executor]
"""Makes what carries the items of a run out."""


@dataclass(slots=True)
class Coordinator:
    """Brings one run to its end, or to where it was stopped."""

    engine: Engine
    batch: Batch
    specs: dict[str, ItemSpec]
    """What each item is to do, as it was typed."""
    executor_of: ExecutorOf = LocalExecutor
    watch: StoreWatch = field(init=False)
    executor: Executor = field(init=False)
    _threads: ThreadPoolExecutor = field(init=False)
    _merge_threads: ThreadPoolExecutor = field(init=False)
    """Of their own: a merge takes as long as its script, and new items must not wait for that."""
    _given: set[str] = field(default_factory=set)
    """Items that the executor has."""
    _merging: dict[str, tuple[str, Future[None]]] = field(default_factory=dict)
    """Items that are being merged, with their repository."""
    _preparing: dict[str, Future[str]] = field(default_factory=dict)
    _swept: float = 0.0
    _forced: set[str] = field(default_factory=set)
    _idle_since: float = 0.0
    """Since when the run has had no open item, as `time.monotonic` counts; 0 while it has one."""
    _limits: LimitWatch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = StoreWatch(self.engine.store)
        self._threads = ThreadPoolExecutor(THREADS, "ampsm-batch")
        self._merge_threads = ThreadPoolExecutor(int(self.engine.settings.number("slots")), "ampsm-batch-merge")
        self.executor = self.executor_of(RunContext(self.engine, self.watch, self._threads, self._spec), self.batch)
        self._limits = LimitWatch(self.engine, self.batch)

    async def work(self) -> None:
        """Work until the run has ended or was stopped."""
        watching = asyncio.create_task(self.watch.run())
        executing = asyncio.create_task(self.executor.run())
        try:
            while await self._patient_round():
                await self.watch.changed(TICK if self._idle_since else ROUND)
        finally:
            for task in (watching, executing):
                task.cancel()
            await asyncio.wait((watching, executing))
            self._log_events()
            for threads in (self._threads, self._merge_threads):
                threads.shutdown(wait=False, cancel_futures=True)
        # A session that is still being made for an item is there before the next coordinator looks for it.
        self._threads.shutdown(wait=True)

    def _lingers(self) -> bool:
        """Whether more items may come from another machine, which each start of a coordinator would hold up."""
        if not runs.is_anothers(self.batch):
            return False
        self._idle_since = self._idle_since or time.monotonic()
        return time.monotonic() - self._idle_since < LINGER

    def _ended(self) -> bool:
        self._end_run(BatchState.ENDED)
        if runs.is_anothers(self.batch) and not self.engine.store.batches.items(self.batch.id):
            with suppress(AmpsmError):  # all was taken over; an item that comes just now keeps it
                runs.remove(self.engine, self.batch.id)
        return False

    def _log_events(self) -> None:
        for event in self.executor.events():
            told = json.loads(event.content)
            log(f"{event.host} {told['item']} {told['text']}")

    async def _patient_round(self) -> bool:
        try:
            return self._round()
        except (AmpsmError, OSError) as reason:
            if not is_passing(reason):
                raise
            log(f"waits: {reason}")
            await asyncio.sleep(PAUSE)
            return True

    def _round(self) -> bool:
        """Look at everything once; whether there is more to do."""
        store = self.engine.store
        self.batch = batch = store.batches.get(self.batch.id)
        if batch.state not in (BatchState.RUNNING, BatchState.STOPPING):
            return False
        self._log_events()
        for answer in self.executor.poll():
            self._answered(answer)
        self._end_preparing()
        self._end_merging()
        if batch.state is BatchState.RUNNING and (reason := self._limits.reached()):
            self._stop_run(f"The run was stopped: {reason}")
            return True
        items = store.batches.items(batch.id, OPEN_ITEMS)
        if batch.state is BatchState.STOPPING:
            return self._stopping(items)
        if not items:
            return self._lingers() or self._ended()
        self._idle_since = 0.0
        self._adopt(items)
        if not self._waits():
            self._fill(items)
        self._sweep()
        return True

    # Items that run already: after a start they are given out again, and go on where they were left.

    def _adopt(self, items: tuple[BatchItem, ...]) -> None:
        for item in items:
            if not item.state.is_at_work:
                continue
            if item.step == progress.MERGE and item.state is ItemState.RUNNING:
                self._begin_merge(item)
            elif item.id not in self._given:
                self._give(item)

    def _give(self, item: BatchItem, host: Host | None = None) -> None:
        self._given.add(item.id)
        self.executor.call(host, RUN, json.dumps({"item": item.id}).encode())

    def _answered(self, answer: CallResult) -> None:
        end = json.loads(answer.content)
        self._given.discard(end["item_id"])
        if end["end"] == "halts":
            self._stop_run(f"The run was stopped, for every item would meet it: {end['reason']}")
        elif end["end"] == "waits":
            self._wait(end["until"], end["reason"])
        elif end["end"] == "ended":
            self._note_end(end["item_id"])

    def _note_end(self, item_id: str) -> None:
        item = self.engine.store.batches.item(item_id)
        self._limits.note_end(item)
        if item.state.is_final:
            runs.forget_secrets(self.engine, self.batch.id)

    # New items, as long as there is room.

    def _fill(self, items: tuple[BatchItem, ...]) -> None:
        now = timestamps.now()
        room = min(self.batch.concurrency, self.executor.room())
        begun = (ItemState.PLACED, ItemState.RUNNING, ItemState.UNREACHABLE)
        at_work = sum(item.state in begun and item.step != progress.MERGE for item in items)
        due = [item for item in items if item.state is ItemState.QUEUED and (item.next_at or "") <= now]
        due.sort(key=lambda item: (not item.step, item.number))
        for item in due[: max(room - at_work, 0)]:
            # One whose session is being made keeps its turn: a later one that was ready sooner would go first else.
            if item.id not in self._preparing and (host := self.executor.begin(item)) is not None:
                self._give(item, host)
        for item in due[max(room - at_work, 0) :][:PREPARED]:
            self._prepare(item)

    def _prepare(self, item: BatchItem) -> None:
        """Make the session of an item that comes soon; one that is merged starts from the base of its own time."""
        spec = self._spec(item.id)
        if item.session_id is None and item.id not in self._preparing and not spec.merge_on_pass:
            future = self._threads.submit(item_run.prepared, self.engine, item, spec)
            future.add_done_callback(lambda _: self.watch.wake_from_thread())
            self._preparing[item.id] = future

    def _end_preparing(self) -> None:
        for item_id, future in list(self._preparing.items()):
            if future.done():
                del self._preparing[item_id]
                future.exception()  # whatever it is, it is told when the item begins

    # Merges, one at a time in a repository.

    def _begin_merge(self, item: BatchItem) -> None:
        busy = {repo for repo, _ in self._merging.values()}
        if item.id in self._merging or item.repo in busy:
            return
        merge = ItemMerge(self.engine, item.id, self._spec(item.id), self._is_stopping)
        self._merging[item.id] = item.repo, self._merge_threads.submit(merge.until_ended)
        self._merging[item.id][1].add_done_callback(lambda _: self.watch.wake_from_thread())

    def _end_merging(self) -> None:
        for item_id, (_, future) in list(self._merging.items()):
            if not future.done():
                continue
            del self._merging[item_id]
            if (reason := future.exception()) is not None:
                if is_passing(reason):
                    continue
                log(f"{item_id}: {type(reason).__name__}: {reason}")
                text = f"It passed, and is not merged: {reason}"
                self.engine.store.batches.move_item(
                    item_id, (ItemState.RUNNING,), ItemState.ERROR, reason=text, ended_at=timestamps.now()
                )
            self._note_end(item_id)

    # Waiting and stopping.

    def _wait(self, until: str | None, reason: str | None) -> None:
        until = until or timestamps.now()
        if until > (self.batch.wait_until or ""):
            self.engine.store.batches.change(self.batch.id, (BatchState.RUNNING,), wait_until=until, wait_reason=reason)
            self.batch = self.engine.store.batches.get(self.batch.id)

    def _waits(self) -> bool:
        """Whether nothing may begin at present; a wait that is over is removed."""
        until = self.batch.wait_until
        if until is None:
            # What it says besides is of a coordinator that failed.
            if (trouble := self.executor.trouble() or None) != self.batch.wait_reason:
                self.engine.store.batches.change(self.batch.id, (BatchState.RUNNING,), wait_reason=trouble)
            return False
        left = (timestamps.parse(until) - datetime.now(UTC)).total_seconds()
        if left > 0:
            asyncio.get_running_loop().call_later(min(left, ROUND), self.watch.wake)
            return True
        self.engine.store.batches.change(self.batch.id, (BatchState.RUNNING,), wait_until=None, wait_reason=None)
        return False

    def _stop_run(self, reason: str) -> None:
        self.engine.store.batches.change(
            self.batch.id, (BatchState.RUNNING,), state=BatchState.STOPPING, stop_requested="gentle", wait_reason=reason
        )
        self.watch.wake()

    def _is_stopping(self) -> bool:
        return self.batch.state is not BatchState.RUNNING

    def _stopping(self, items: tuple[BatchItem, ...]) -> bool:
        """Begin nothing; end what is in the queue and, by force, what runs. Whether something is still at work."""
        store = self.engine.store
        running = [item for item in items if item.state.is_at_work]
        for session_id in store.batches.sessions_in_queue(self.batch.id):
            with suppress(AmpsmError):
                store.queue.ask_to_stop(session_id)
        for item in running:
            self._end_item(item)
        if any(store.batches.item(item.id).state.is_at_work for item in running):
            self._sweep()
            return True
        for item in items:
            if item.state is ItemState.QUEUED:
                self._stop_item(item, None)
        self._end_run(BatchState.STOPPED, self.batch.wait_reason)
        return False

    def _end_run(self, state: BatchState, reason: str | None = None) -> None:
        """Let the run rest, and tell the desktop: the ends of its sessions were not told one by one."""
        batches = self.engine.store.batches
        if not batches.end(self.batch.id, state, reason=reason):
            return
        counts = batches.progress(self.batch.id).counts
        passed = counts[ItemState.SUCCESS] == sum(counts.values())
        runs.forget_secrets(self.engine, self.batch.id)
        kind = NotificationKind.FINISHED if passed else NotificationKind.NEEDS_INPUT
        told = ", ".join(f"{count} {known}" for known, count in counts.items() if count)
        news = News(kind, self.batch.id, self.batch.name, f"{told}. {reason or ''}".strip())
        end_notifications.announce(self.engine.home, self.engine.settings, news)

    def _end_item(self, item: BatchItem) -> None:
        """Bring an item that runs to where it can be stopped."""
        if item.step == progress.MERGE and item.state is ItemState.RUNNING:
            if item.id not in self._merging:
                self._stop_item(item, "The run was stopped before its merge.")
        elif item.id not in self._given:
            self._give(item)  # of a coordinator that died
        elif self.batch.stop_requested == "force" and item.id not in self._forced:
            self._forced.add(item.id)
            self.executor.call(None, STOP, json.dumps({"item": item.id}).encode())

    def _stop_item(self, item: BatchItem, reason: str | None) -> None:
        self.engine.store.batches.move_item(
            item.id, OPEN_ITEMS, ItemState.STOPPED, reason=reason, next_at=None, ended_at=timestamps.now()
        )

    def _sweep(self) -> None:
        """Start workers for what waits, and now and then for what lost its own."""
        slot_count = int(self.engine.settings.number("slots"))
        try:
            launch.launch_if_needed(self.engine.home, self.engine.store, slot_count)
            if time.monotonic() - self._swept >= ROUND:
                self._swept = time.monotonic()
                launch.sweep(self.engine.home, self.engine.store, slot_count)
        except Failed as reason:
            log(str(reason))

    def _spec(self, item_id: str) -> ItemSpec:
        if item_id not in self.specs:  # entered since; or its file is gone: the store has it redacted
            self.specs.update(runs.specs(self.engine, self.batch.id))
        if item_id not in self.specs:
            self.specs[item_id] = ItemSpec.read(self.engine.store.batches.item(item_id).spec)
        return self.specs[item_id]


def log(text: str) -> None:
    """Write into the log of the run."""
    print(f"{timestamps.now()} coordinator {redact.text(text)}", file=sys.stderr, flush=True)
