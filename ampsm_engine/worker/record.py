"""Writing into the store what an iteration's stream adds up to, while it grows.

What is written is always the whole tally: written again, it is the same, so nothing is ever counted twice.
"""

import time
from dataclasses import dataclass, field

from ampsm_engine.home import RunDirectory
from ampsm_engine.model import ToolCall
from ampsm_engine.store import Store
from ampsm_engine.worker import attempt
from ampsm_engine.worker.watch import Transcript

EVERY = 0.1
"""Seconds between two writes while amp talks."""


@dataclass(slots=True)
class Recorder:
    """What of one iteration is in the store already."""

    store: Store
    run: RunDirectory
    written_at: float = 0.0
    _written: tuple[int, str | None, str | None] = (-1, None, None)
    _calls: dict[int, ToolCall] = field(default_factory=dict)
    """Tool calls that are not written yet."""

    def is_due(self) -> bool:
        """Whether the last write is long enough ago."""
        return time.monotonic() - self.written_at >= EVERY

    def write(self, said: Transcript) -> None:
        """Write what is new, if anything. Failed while the store cannot be written; nothing is forgotten then."""
        fold = said.fold
        self.written_at = time.monotonic()
        thread_id = fold.thread_id or attempt.thread_in_log(self.run)
        now = (said.reader.offset, fold.activity, thread_id)
        self._calls |= {call.sequence: call for call in fold.take_tool_calls()}
        if now == self._written and not self._calls:
            return
        self.store.iterations.record(
            self.run.path.name,
            tally=fold.tally,
            offset=said.reader.offset,
            activity=fold.activity,
            thread_id=thread_id,
            tool_calls=tuple(self._calls.values()),
        )
        self._written = now
        self._calls.clear()
