"""What the screens show of batch runs: all of them with their progress, and one with its items. Reads only."""

from ampsm_engine.context import Engine
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.metrics import columns
from ampsm_engine.model import Batch, BatchItem, BatchProgress, BatchState, Iteration, Session


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as a list shows it."""

    batch: Batch
    progress: BatchProgress


@dataclass(frozen=True, slots=True)
class ItemLine:
    """An item of a run as a list shows it."""

    item: BatchItem
    tokens: int | None
    """Of all iterations of its session; None as long as amp told of none."""
    iterations: int


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with all its items, by number."""

    batch: Batch
    progress: BatchProgress
    items: tuple[ItemLine, ...]
    cost: str = ""
    """What it cost by amp's own figure, as a text; empty where that is not known."""


def run_lines(engine: Engine) -> tuple[RunLine, ...]:
    """All runs, the newest first; how far those that rest have come is worked out once in a process."""
    return tuple(RunLine(batch, _progress(engine, batch)) for batch in engine.store.batches.all())


_AT_REST: dict[tuple[str, Batch], BatchProgress] = {}
"""By database and run as it was: one that is taken up again has another state, and ends at another time."""


def _progress(engine: Engine, batch: Batch) -> BatchProgress:
    if batch.state not in (BatchState.ENDED, BatchState.STOPPED):
        return engine.store.batches.progress(batch.id)
    key = (str(engine.home.database), batch)
    if key not in _AT_REST:
        _AT_REST[key] = engine.store.batches.progress(batch.id)
    return _AT_REST[key]


def run_view(engine: Engine, batch_id: str) -> RunView:
    """A run and its items as they are now; NotFound."""
    store = engine.store
    batch, items = store.batches.get(batch_id), store.batches.items(batch_id)
    made = [item.session_id for item in items if item.session_id]
    iterations = store.iterations.of_sessions(made)
    lines = tuple(_item_line(item, iterations.get(item.session_id or "", ())) for item in items)
    return RunView(batch, store.batches.progress(batch_id), lines, _cost(engine, batch_id, iterations))


def _cost(engine: Engine, batch_id: str, iterations: dict[str, tuple[Iteration, ...]]) -> str:
    """What amp says that a run cost so far; a `+` behind it where amp was not asked for every thread."""
    spent = engine.store.batches.spent(batch_id)
    threads = {one.thread_id for each in iterations.values() for one in each if one.thread_id}
    priced = {query.thread_id for query in engine.store.costs.all() if query.micros is not None}
    return columns.cost(spent, partly=bool(threads - priced)) if spent is not None else ""


def _item_line(item: BatchItem, iterations: tuple[Iteration, ...]) -> ItemLine:
    known = [one.tally.token_usage for one in iterations if one.tally.token_usage is not None]
    return ItemLine(item, sum(known) if known else None, len(iterations))


def sessions_of_run(engine: Engine, batch_id: str) -> tuple[Session, ...]:
    """The sessions of a run that are not in the trash, by the number of their item; NotFound without the run."""
    engine.store.batches.get(batch_id)
    known = {session.id: session for session in engine.store.sessions.all()}
    made = (item.session_id for item in engine.store.batches.items(batch_id))
    return tuple(known[one] for one in made if one is not None and one in known)
