"""What a whole run may use: tokens, amp's own figure, time, and how many items may end badly one after the other."""

import json
import time
from datetime import UTC, datetime

from ampsm_engine import labels, timestamps
from ampsm_engine.batch.values import Limits, limits_of
from ampsm_engine.context import Engine
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.model import Batch, BatchItem, ItemState

EVERY = 2.0
"""Seconds between two sums of the tokens."""

BAD = frozenset({ItemState.FAIL, ItemState.ERROR, ItemState.TIMEOUT, ItemState.CONFLICT})


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
        if self.limits == Limits() or time.monotonic() - self._asked < EVERY:
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
            if item.state not in BAD:
                break
            row += 1
        return f"{row} items in a row have ended badly, and its limit is {limit}." if row >= limit else ""
