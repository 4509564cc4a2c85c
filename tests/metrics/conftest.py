"""A store with iterations made of recorded streams or of chosen columns; no git, no amp."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ampsm_engine.amp.stream import EventReader
from ampsm_engine.amp.tally import Fold
from ampsm_engine.context import Engine
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.model import Iteration, Outcome, Session, State, Status
from tests.store.values import a_session, an_iteration


@dataclass
class Ledger:
    """Puts sessions and settled iterations into a real store, as a worker does."""

    engine: Engine
    _numbers: Any

    def session(self, key: str, **columns: Any) -> Session:
        session = a_session(key, **columns)
        self.engine.store.sessions.add(session)
        return session

    def iteration(
        self,
        session: Session,
        stream: bytes = b"",
        *,
        outcome: Outcome = Outcome.DONE,
        mode: str | None = None,
        **columns: Any,
    ) -> Iteration:
        """A settled iteration whose tally is that of a stream."""
        store, key = self.engine.store, f"i{next(self._numbers):03}"
        store.queue.add(an_iteration(key, session.id, mode=mode))
        assert store.queue.claim().id == key
        store.iterations.begin_attempt(key)
        reader, fold = EventReader(), Fold(key)
        fold.add_all(reader.feed(stream) + reader.close())
        store.iterations.record(
            key, tally=fold.tally, offset=len(stream), activity=None, thread_id=fold.thread_id,
            tool_calls=fold.take_tool_calls(),
        )  # fmt: skip
        store.iterations.begin_settling(key, outcome=outcome, duration_ms=columns.pop("duration_ms", 1000))
        store.iterations.settle(key, status=Status.IDLE)
        if columns:
            store.iterations.update(key, **columns)
        found = store.iterations.get(key)
        assert found.state is State.SETTLED
        return found


@pytest.fixture
def ledger(hermetic: Path) -> Ledger:
    return Ledger(open_engine(), count(1))
