"""Runs of batches, their items, and each try of one.

An item's state changes by compare-and-set, in a transaction before the act that it announces: of two who want to take
the same step one is told that it came too late, and who comes after a death knows what may have been done.
"""

# ruff: noqa: S608 - every piece is a column list of `rows` or a word of this file; values are bound

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ampsm_engine import timestamps
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.lean_dataclass import asdict, replace
from ampsm_engine.model import (
    OPEN_ITEMS,
    Batch,
    BatchItem,
    BatchProgress,
    BatchState,
    BatchTry,
    ItemState,
    Placement,
    TryKind,
)
from ampsm_engine.naming import LEAST_OF_AN_ID
from ampsm_engine.store import records, rows
from ampsm_engine.store.connection import Database, StorePart
from ampsm_engine.store.lazy_tables import tables

BATCHES = f'SELECT {rows.BATCH_COLUMNS} FROM "batchRuns" b'
ITEMS = f'SELECT {rows.ITEM_COLUMNS} FROM "batchItems" n'
TRIES = f'SELECT {rows.TRY_COLUMNS} FROM "batchTries" t'
PLACEMENTS = f'SELECT {rows.PLACEMENT_COLUMNS} FROM "placements" p'

_ACTIVE = "b.state IN ('running', 'stopping')"
_OPEN = f"n.state IN ({', '.join(repr(str(state)) for state in OPEN_ITEMS)})"
_NEWEST_FIRST = ' ORDER BY b."createdAt" DESC, b.rowid DESC'

_TOKENS = """
SELECT coalesce(sum(i."tokenUsage"), 0) FROM "batchItems" n JOIN iterations i ON i."sessionId" = n."sessionId"
 WHERE n."batchId" = ?
"""

# What a thread cost since it began: of its answers the newest counts.
_SPENT = """
SELECT sum(q.micros) FROM "costQueries" q WHERE q.number IN (
    SELECT max(c.number) FROM "costQueries" c JOIN iterations i ON i.id = c."iterationId"
      JOIN "batchItems" n ON n."sessionId" = i."sessionId"
     WHERE n."batchId" = ? AND c.micros IS NOT NULL GROUP BY c."threadId")
"""

_BATCH_FIXED = frozenset({"id", "created_at"})
_ITEM_FIXED = frozenset({"id", "batch_id", "number", "state"})

LEAST_ENDED = 3
"""Items that must have ended before the time that the rest takes can be told."""


class ItemAttempt(NamedTuple):
    """A try of an item that is about to be made, and the step at which the item stands then."""

    item_id: str
    step: str
    kind: TryKind


def enter_try(db: Database, attempt: ItemAttempt, iteration_id: str | None) -> BatchTry:
    """Enter a try, inside `writing()`; Refused unless its run goes on, its item is at that step and not being tried."""
    found = db.select(f"{ITEMS} WHERE n.id = ?", (attempt.item_id,))
    item = rows.batch_item(found[0]) if found else None
    if item is None or item.state is not ItemState.RUNNING or item.step != attempt.step:
        raise Refused(f"The item {attempt.item_id} is not at the step {attempt.step!r} any more.", "ampsm batch ls")
    if db.select("SELECT 1 FROM \"batchRuns\" WHERE id = ? AND state <> 'running'", (item.batch_id,)):
        raise Refused(f"The run {item.batch_id} is being stopped.", f"ampsm batch status {item.batch_id}")
    if db.select(f'{TRIES} WHERE t."itemId" = ? AND t."endedAt" IS NULL', (item.id,)):
        raise Refused(f"The item {item.id} is being tried already.", f"ampsm batch status {item.batch_id}")
    begun = BatchTry(item.id, item.tries + 1, attempt.kind, timestamps.now(), iteration_id)
    db.execute(tables.BatchTryRow.insert(**asdict(begun)))
    db.execute(tables.BatchItemRow.update(tries=begun.number).where(tables.BatchItemRow.id == item.id))
    return begun


def _add_placement(db: Database, item_id: str, host: str, boot: str) -> int:
    (count,) = db.select('SELECT count(*) FROM placements WHERE "itemId" = ?', (item_id,))[0]
    number = int(count) + 1
    placed = Placement(item_id, number, host, boot, timestamps.now())
    db.execute(tables.PlacementRow.insert(**asdict(placed)))
    return number


def _end_placement(db: Database, item_id: str, number: int, outcome: str, tip: str | None) -> None:
    row = tables.PlacementRow
    ending = row.update(ended_at=timestamps.now(), outcome=outcome, tip=tip)
    db.execute(ending.where((row.item_id == item_id) & (row.number == number)))


def _remove_items(db: Database, item_ids: Sequence[str]) -> None:
    for row in (tables.BatchTryRow, tables.PlacementRow):
        db.execute(row.delete().where(row.item_id.in_(item_ids)))
    freed = tables.SessionRow.update(origin=None)
    db.execute(freed.where(tables.SessionRow.origin.in_(item_ids)))
    db.execute(tables.BatchItemRow.delete().where(tables.BatchItemRow.id.in_(item_ids)))


def _is_changed(db: Database, batch: Batch, before: Sequence[BatchState], columns: dict[str, object]) -> bool:
    changed = tables.changes(tables.BatchRow, columns, fixed=_BATCH_FIXED)
    if batch.state not in before:
        return False
    db.execute(tables.BatchRow.update(changed).where(tables.BatchRow.id == batch.id))
    return True


class Batches(StorePart):
    """All batches, those that run and those that are over."""

    def start(self, batch: Batch, items: Sequence[BatchItem], prepare: Callable[[], None] = lambda: None) -> Batch:
        """Enter a batch with its items; Refused when its id is taken. Fact: batch-started.

        `prepare` is called once the id is known to be free, and before another process can take it or see the batch.
        """
        with self._db.writing():
            if self._db.select('SELECT 1 FROM "batchRuns" WHERE id = ?', (batch.id,)):
                raise Refused(f"There is a batch {batch.id} already.", f"ampsm batch status {batch.id}")
            prepare()
            self._db.execute(tables.BatchRow.insert(**asdict(batch)))
            for item in items:
                self._db.execute(tables.BatchItemRow.insert(**asdict(item)))
            records.add_fact(self._db, "batch-started", f"{batch.id} {batch.name}: {len(items)} items")
            return self.get(batch.id)

    def enter_item(self, batch: Batch, item: BatchItem, prepare: Callable[[], None]) -> None:
        """Enter an item of a run that another machine coordinates, with the run where it is new; it runs from now on.

        `prepare` is called as in `start`. An item that is there already stays as it is.
        """
        with self._db.writing():
            if not self._db.select('SELECT 1 FROM "batchRuns" WHERE id = ?', (batch.id,)):
                self._db.execute(tables.BatchRow.insert(**asdict(batch)))
                records.add_fact(self._db, "batch-started", f"{batch.id} {batch.name}: for another machine")
            if not self._db.select(f"{ITEMS} WHERE n.id = ?", (item.id,)):
                prepare()
                self._db.execute(tables.BatchItemRow.insert(**asdict(item)))
            resting = (BatchState.ENDED, BatchState.STOPPED)
            again: dict[str, object] = dict.fromkeys(("ended_at", "wait_until", "wait_reason")) | {"stop_requested": ""}
            _is_changed(self._db, self.get(batch.id), resting, {"state": BatchState.RUNNING, **again})

    def remove_item(self, item_id: str) -> None:
        """Remove an item with its tries and placements; its session, if there is one, stays and belongs to no item."""
        with self._db.writing():
            _remove_items(self._db, [item_id])

    def place(self, item_id: str, host: str, boot: str) -> bool:
        """Give a waiting item to a host, with the row of that placement; whether it still waited. NotFound."""
        with self._db.writing():
            item = self.item(item_id)
            columns: dict[str, object] = {
                "step": item.step or "prompt",
                "started_at": item.started_at or timestamps.now(),
            }
            columns |= {"next_at": None, "reason": None, "ended_at": None, "lost_at": None, "host": host}
            if not self._is_moved(item_id, (ItemState.QUEUED,), ItemState.PLACED, columns):
                return False
            _add_placement(self._db, item_id, host, boot)
            return True

    def note_late(self, item_id: str, host: str, boot: str, tip: str | None) -> bool:
        """Write down what a host brought to its end that was not asked for any more; False when that is known."""
        with self._db.writing():
            known = [one for one in self.placements(item_id) if (one.host, one.boot) == (host, boot)]
            if any(one.outcome == "late" and one.tip == tip for one in known):
                return False
            number = next((one.number for one in known if one.outcome in (None, "given up", "lost")), 0)
            _end_placement(self._db, item_id, number or _add_placement(self._db, item_id, host, boot), "late", tip)
            return True

    def leave_host(
        self,
        item_id: str,
        before: Sequence[ItemState],
        after: ItemState,
        outcome: str,
        *,
        tip: str | None = None,
        tries: Sequence[BatchTry] = (),
        **columns: object,
    ) -> bool:
        """End the placement of an item together with bringing it into another state; whether it was in one of those.

        `tries`: those that were made on the host, entered behind those that are known.
        """
        with self._db.writing():
            count = self.item(item_id).tries
            if not self._is_moved(item_id, before, after, columns | {"tries": count + len(tries)}):
                return False
            if outcome != "taken":  # its session is at work nowhere any more
                self._db.execute(tables.SessionRow.update(host=None).where(tables.SessionRow.origin == item_id))
            for number, one in enumerate(tries, start=count + 1):
                self._db.execute(tables.BatchTryRow.insert(**asdict(replace(one, item_id=item_id, number=number))))
            for placed in self.placements(item_id):
                if placed.ended_at is None:
                    _end_placement(self._db, item_id, placed.number, outcome, tip)
            return True

    def placements(self, item_id: str) -> tuple[Placement, ...]:
        """The placements of an item on hosts, in their order."""
        where = ' WHERE p."itemId" = ? ORDER BY p.number'
        return tuple(Placement(*row) for row in self._db.select(PLACEMENTS + where, (item_id,)))

    def placements_of_batch(self, batch_id: str) -> dict[str, tuple[Placement, ...]]:
        """The placements of all items of a batch by item, in one question; an item that was on no host is not in it."""
        where = ' WHERE p."itemId" IN (SELECT id FROM "batchItems" WHERE "batchId" = ?) ORDER BY p."itemId", p.number'
        found: dict[str, tuple[Placement, ...]] = {}
        for row in self._db.select(PLACEMENTS + where, (batch_id,)):
            one = Placement(*row)
            found[one.item_id] = (*found.get(one.item_id, ()), one)
        return found

    def get(self, batch_id: str) -> Batch:
        """The batch of exactly this id; NotFound."""
        for row in self._db.select(f"{BATCHES} WHERE b.id = ?", (batch_id,)):
            return rows.batch(row)
        raise NotFound(f"There is no batch {batch_id}.", "ampsm batch ls")

    def all(self) -> tuple[Batch, ...]:
        """All batches, the newest first."""
        return tuple(rows.batch(row) for row in self._db.select(BATCHES + _NEWEST_FIRST))

    def active(self) -> tuple[Batch, ...]:
        """The batches that have something to do, the oldest first; one question to an index that is mostly empty."""
        return tuple(rows.batch(row) for row in self._db.select(f"{BATCHES} WHERE {_ACTIVE} ORDER BY b.rowid"))

    def resolve(self, reference: str) -> Batch:
        """The batch that a reference names; NotFound, or Refused when it may name several.

        In this order: an exact id, an exact name (of the newest so called), a unique beginning of either.
        """
        wanted = reference.strip()
        every = self.all()
        exact = [one for one in every if one.id == wanted] or [one for one in every if one.name == wanted]
        if exact:
            return exact[0]
        begun = [
            one
            for one in every
            if wanted and (one.name.startswith(wanted) or (len(wanted) >= LEAST_OF_AN_ID and one.id.startswith(wanted)))
        ]
        if len(begun) > 1:
            named = ", ".join(f"{one.id} ({one.name})" for one in begun[:5])
            raise Refused(f"{wanted!r} means {len(begun)} batches: {named}.", "Name one by its id: ampsm batch ls")
        if not begun:
            raise NotFound(f"There is no batch {wanted!r}.", "ampsm batch ls")
        return begun[0]

    def change(self, batch_id: str, before: Sequence[BatchState], **columns: object) -> bool:
        """Change columns of a batch that is in one of some states; whether it was. NotFound."""
        with self._db.writing():
            return _is_changed(self._db, self.get(batch_id), before, columns)

    def end(self, batch_id: str, state: BatchState, *, reason: str | None = None) -> bool:
        """Let a batch rest in a state; whether it was at work until then. NotFound. Fact: batch-ended.

        A batch with an item that was resumed meanwhile has not ended.
        """
        with self._db.writing():
            batch = self.get(batch_id)
            if batch.state not in (BatchState.RUNNING, BatchState.STOPPING):
                return False
            if state is BatchState.ENDED and self.items(batch_id, OPEN_ITEMS):
                return False
            values: dict[str, object] = {"state": state, "ended_at": timestamps.now(), "wait_until": None}
            values |= {"stop_requested": "", "wait_reason": reason}
            changed = tables.changes(tables.BatchRow, values, fixed=_BATCH_FIXED)
            self._db.execute(tables.BatchRow.update(changed).where(tables.BatchRow.id == batch_id))
            text = f"{batch.id} {batch.name} {state}" + (f": {reason}" if reason else "")
            records.add_fact(self._db, "batch-ended", text)
            return True

    def items(self, batch_id: str, states: Sequence[ItemState] = ()) -> tuple[BatchItem, ...]:
        """The items of a batch by number, all or those in some states."""
        where, values = ' WHERE n."batchId" = ?', [batch_id]
        if states:
            where += " AND n.state IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(list(states)))
        return tuple(rows.batch_item(row) for row in self._db.select(f"{ITEMS}{where} ORDER BY n.number", values))

    def item(self, item_id: str) -> BatchItem:
        """The item of exactly this id; NotFound."""
        for row in self._db.select(f"{ITEMS} WHERE n.id = ?", (item_id,)):
            return rows.batch_item(row)
        raise NotFound(f"There is no item {item_id}.", "ampsm batch ls")

    def resting_item_of(self, session_id: str) -> BatchItem | None:
        """The item of a run that a session was made for, once it has come to its end; None without one."""
        where = f'{ITEMS} WHERE n."sessionId" = ? AND NOT {_OPEN}'
        return next((rows.batch_item(row) for row in self._db.select(where, (session_id,))), None)

    def open_item_of(self, session_id: str) -> BatchItem | None:
        """The item of a run that a session was made for, while it has not come to its end; None without one."""
        where = f'{ITEMS} WHERE n."sessionId" = ? AND {_OPEN}'
        return next((rows.batch_item(row) for row in self._db.select(where, (session_id,))), None)

    def move_item(
        self, item_id: str, before: Sequence[ItemState], after: ItemState, *, at: str | None = None, **columns: object
    ) -> bool:
        """Bring an item from one of some states, and with `at` from that step only, into another; whether it was.

        `columns` change with it. NotFound.
        """
        with self._db.writing():
            return self._is_moved(item_id, before, after, columns, at)

    def _is_moved(
        self,
        item_id: str,
        before: Sequence[ItemState],
        after: ItemState,
        columns: dict[str, object],
        at: str | None = None,
    ) -> bool:
        """Do what `move_item` does, inside the caller's `writing()`."""
        changed = tables.changes(tables.BatchItemRow, columns, fixed=_ITEM_FIXED)
        changed |= tables.changes(tables.BatchItemRow, {"state": after}, fixed=frozenset())
        item = self.item(item_id)
        if item.state not in before or (at is not None and item.step != at):
            return False
        self._db.execute(tables.BatchItemRow.update(changed).where(tables.BatchItemRow.id == item_id))
        return True

    def bind_session(self, item_id: str, session_id: str) -> None:
        """Write down the session that was made for an item; its state and all else stay as they are."""
        with self._db.writing():
            row = tables.BatchItemRow
            self._db.execute(row.update(session_id=session_id).where(row.id == item_id))

    def session_of(self, item_id: str) -> str | None:
        """The id of the session that was made for an item, in the trash or not; None when none was."""
        found = self._db.select("SELECT id FROM sessions WHERE origin = ?", (item_id,))
        return str(found[0][0]) if found else None

    def tries(self, item_id: str) -> tuple[BatchTry, ...]:
        """The tries of an item, in their order."""
        where = ' WHERE t."itemId" = ? ORDER BY t.number'
        return tuple(rows.batch_try(row) for row in self._db.select(TRIES + where, (item_id,)))

    def tries_of_batch(self, batch_id: str) -> dict[str, tuple[BatchTry, ...]]:
        """The tries of all items of a batch by item, in one question; an item without tries is not in it."""
        where = ' WHERE t."itemId" IN (SELECT id FROM "batchItems" WHERE "batchId" = ?) ORDER BY t."itemId", t.number'
        found: dict[str, list[BatchTry]] = {}
        for row in self._db.select(TRIES + where, (batch_id,)):
            read = rows.batch_try(row)
            found.setdefault(read.item_id, []).append(read)
        return {item_id: tuple(tries) for item_id, tries in found.items()}

    def begin_try(self, attempt: ItemAttempt) -> BatchTry:
        """Enter a try that is no iteration, before it is made; Refused as `enter_try`."""
        with self._db.writing():
            return enter_try(self._db, attempt, None)

    def end_try(
        self,
        ended: BatchTry,
        outcome: str,
        error: str | None = None,
        *,
        after: ItemState = ItemState.RUNNING,
        **columns: object,
    ) -> bool:
        """Enter how a try ended, and what its item is then, all at once; whether the try was under way until then."""
        row = tables.BatchTryRow
        changed = tables.changes(tables.BatchItemRow, columns, fixed=_ITEM_FIXED)
        changed |= tables.changes(tables.BatchItemRow, {"state": after}, fixed=frozenset())
        with self._db.writing():
            ending = row.update(ended_at=timestamps.now(), outcome=outcome, error=error)
            this = (row.item_id == ended.item_id) & (row.number == ended.number) & row.ended_at.is_null()
            if not self._db.execute(ending.where(this)):
                return False
            self._db.execute(tables.BatchItemRow.update(changed).where(tables.BatchItemRow.id == ended.item_id))
            return True

    def sessions_in_queue(self, batch_id: str) -> tuple[str, ...]:
        """The sessions of a batch that have an iteration in the queue which is a try under way: not begun yet."""
        found = self._db.select(
            'SELECT i."sessionId" FROM iterations i JOIN "batchTries" t ON t."iterationId" = i.id'
            ' JOIN "batchItems" n ON n.id = t."itemId" WHERE n."batchId" = ? AND i.state = \'queued\'',
            (batch_id,),
        )
        return tuple(str(session_id) for (session_id,) in found)

    def remove(self, batch_id: str) -> None:
        """Remove a batch with its items and tries; its sessions stay. NotFound; Refused while it runs."""
        with self._db.writing():
            batch = self.get(batch_id)
            if batch.state in (BatchState.RUNNING, BatchState.STOPPING):
                raise Refused(f"The batch {batch.name} is {batch.state}.", f"ampsm batch stop {batch.id}")
            items = [item.id for item in self.items(batch_id)]
            for start in range(0, len(items), 500):
                _remove_items(self._db, items[start : start + 500])
            self._db.execute(tables.BatchRow.delete().where(tables.BatchRow.id == batch_id))
            records.add_fact(self._db, "batch-removed", f"{batch.id} {batch.name}")

    def spent(self, batch_id: str) -> int | None:
        """What the threads of a batch cost by amp's own word, in millionths of a dollar; None while it said nothing."""
        ((micros,),) = self._db.select(_SPENT, (batch_id,))
        return None if micros is None else int(micros)

    def progress(self, batch_id: str) -> BatchProgress:
        """How far a batch has come; NotFound."""
        with self._db.reading():
            batch, items = self.get(batch_id), self.items(batch_id)
            ((tokens,),) = self._db.select(_TOKENS, (batch_id,))
        counts = dict.fromkeys(ItemState, 0)
        for item in items:
            counts[item.state] += 1
        end = timestamps.parse(batch.ended_at) if batch.ended_at else datetime.now(UTC)
        seconds = max(0.0, (end - timestamps.parse(batch.created_at)).total_seconds() - _rested(batch))
        return BatchProgress(counts, int(tokens), seconds, seconds_left(batch, items, end))


def _rested(batch: Batch) -> float:
    """Seconds for which a batch rested before it was taken up again; none where its plan is of another program."""
    try:
        return float(_planned(batch).get("rested", 0.0))
    except (ValueError, TypeError):
        return 0.0


def _is_on_hosts(batch: Batch) -> bool:
    return bool(_planned(batch).get("on"))


def _planned(batch: Batch) -> dict[str, Any]:
    """The plan of a batch; nothing where it is of another program."""
    try:
        found = json.loads(batch.plan)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def seconds_left(batch: Batch, items: Sequence[BatchItem], now: datetime) -> float | None:
    """About how long the rest of a batch takes: the mean of the items that ended, over as many as run at once.

    None where fewer than LEAST_ENDED ended, and when nothing is left. Waiting for a rate limit's end comes on top.
    """
    took, begun, waiting = [], [], 0
    for item in items:
        if item.started_at and item.ended_at:
            took.append((timestamps.parse(item.ended_at) - timestamps.parse(item.started_at)).total_seconds())
        elif item.state.is_at_work and item.started_at:
            begun.append((now - timestamps.parse(item.started_at)).total_seconds())
        elif not item.state.is_final:
            waiting += 1
    if len(took) < LEAST_ENDED or not (begun or waiting):
        return None
    mean = sum(took) / len(took)
    rest = waiting * mean + sum(max(mean - age, 0.0) for age in begun)
    # How many slots its hosts have is in no row: so many as are at work now.
    at_once = len(begun) if begun and _is_on_hosts(batch) else min(batch.concurrency, len(begun) + waiting)
    until = (timestamps.parse(batch.wait_until) - now).total_seconds() if batch.wait_until else 0.0
    return rest / max(at_once, 1) + max(until, 0.0)
