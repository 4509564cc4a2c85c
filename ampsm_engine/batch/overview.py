"""What the screens show of batch runs: all of them, one with its items, variants side by side. Reads only."""

from ampsm_engine.context import Engine
from ampsm_engine.engine import views
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git.entities import FileChange
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.metrics import columns
from ampsm_engine.model import Batch, BatchItem, BatchProgress, BatchState, Iteration, Placement, ScriptResult, Session


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
    late: tuple[str, ...] = ()
    """Hosts that brought it to an end, too, after another one had."""


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
"""The progress of runs at rest, by database and run: a run that is taken up again has another state, and ends later."""


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
    placed = store.batches.placements_of_batch(batch_id) if any(item.host for item in items) else {}
    lines = tuple(
        _item_line(item, iterations.get(item.session_id or "", ()), placed.get(item.id, ())) for item in items
    )
    return RunView(batch, store.batches.progress(batch_id), lines, _cost(engine, batch_id, iterations))


def _cost(engine: Engine, batch_id: str, iterations: dict[str, tuple[Iteration, ...]]) -> str:
    """What amp says that a run cost so far; a `+` behind it where amp was not asked for every thread."""
    spent = engine.store.batches.spent(batch_id)
    threads = {one.thread_id for each in iterations.values() for one in each if one.thread_id}
    priced = {query.thread_id for query in engine.store.costs.all() if query.micros is not None}
    return columns.cost(spent, partly=bool(threads - priced)) if spent is not None else ""


def _item_line(item: BatchItem, iterations: tuple[Iteration, ...], placed: tuple[Placement, ...]) -> ItemLine:
    known = [one.tally.token_usage for one in iterations if one.tally.token_usage is not None]
    late = tuple(one.host for one in placed if one.outcome == "late")
    return ItemLine(item, sum(known) if known else None, len(iterations), late)


def sessions_of_run(engine: Engine, batch_id: str) -> tuple[Session, ...]:
    """The sessions of a run that are not in the trash, by the number of their item; NotFound without the run."""
    engine.store.batches.get(batch_id)
    made = {session.origin: session for session in engine.store.sessions.all()}
    return tuple(made[item.id] for item in engine.store.batches.items(batch_id) if item.id in made)


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the sessions that answer the same prompt, with what it changed."""

    item: BatchItem
    letter: str
    """Its short name among the others: `A`, `B`, at last `A1`."""
    session: Session | None = None
    """None before it has begun, and once it is in the trash or gone."""
    trouble: str = ""
    """Why its changes are not known; empty when they are."""
    files: tuple[FileChange, ...] = ()
    """Every file that it changed against its base, uncommitted work included."""
    tokens: int | None = None
    iterations: int = 0
    milliseconds: int | None = None
    """How long amp worked on it, in all iterations; None where no end was seen."""
    test: ScriptResult | None = None
    """What its script said last; None where none ran."""

    @property
    def paths(self) -> frozenset[str]:
        """The paths of the files that the variant changed."""
        return frozenset(file.path for file in self.files)

    @property
    def additions(self) -> int:
        """How many lines the variant added, in all files."""
        return sum(file.additions or 0 for file in self.files)

    @property
    def deletions(self) -> int:
        """How many lines the variant removed, in all files."""
        return sum(file.deletions or 0 for file in self.files)


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file that at least one variant changed."""

    path: str
    lines: dict[str, tuple[int, int]]
    """Lines added and removed, by the letter of the variant; both 0 where lines are not counted."""


@dataclass(frozen=True, slots=True)
class VariantComparison:
    """All variants of one prompt, by number."""

    batch: Batch
    prompt: str
    variants: tuple[Variant, ...]

    def shared(self, variant: Variant) -> int:
        """How many of a variant's files another one changed, too."""
        others = [one.paths for one in self.variants if one.item.id != variant.item.id]
        return len(variant.paths & frozenset().union(*others))

    def files(self) -> tuple[SharedFile, ...]:
        """Every file that any of them changed; those of most variants come first."""
        found: dict[str, dict[str, tuple[int, int]]] = {}
        for variant in self.variants:
            for file in variant.files:
                found.setdefault(file.path, {})[variant.letter] = (file.additions or 0, file.deletions or 0)
        every = [SharedFile(path, lines) for path, lines in found.items()]
        return tuple(sorted(every, key=lambda one: (-len(one.lines), one.path)))


def compare_variants(engine: Engine, batch_id: str, variant_of: str) -> VariantComparison:
    """The items of a run that are variants of one prompt; NotFound, Refused where there are fewer than two."""
    batch = engine.store.batches.get(batch_id)
    items = [item for item in engine.store.batches.items(batch_id) if item.variant_of == variant_of]
    if len(items) < 2:
        message = f"The run {batch.name} has no variants of this prompt to compare."
        raise Refused(message, 'ampsm new "PROMPT" --copies 3')
    found = tuple(_variant(engine, item, _letter(at)) for at, item in enumerate(items))
    return VariantComparison(batch, items[0].prompt, found)


def _variant(engine: Engine, item: BatchItem, letter: str) -> Variant:
    if item.session_id is None:
        return Variant(item, letter, trouble="not begun")
    try:
        session = engine.store.sessions.get(item.session_id)
    except NotFound:
        return Variant(item, letter, trouble="gone")
    if session.trashed_at is not None:
        return Variant(item, letter, trouble="in the trash")
    view = views.show(engine, session)
    known = [one.tally.token_usage for one in view.iterations if one.tally.token_usage is not None]
    took = [one.duration_ms for one in view.iterations if one.duration_ms is not None]
    return Variant(
        item,
        letter,
        session,
        trouble=view.trouble or "",
        files=view.files or (),
        tokens=sum(known) if known else None,
        iterations=len(view.iterations),
        milliseconds=sum(took) if took else None,
        test=_last_result(view.iterations),
    )


def _last_result(iterations: tuple[Iteration, ...]) -> ScriptResult | None:
    results = [one.test_result for one in iterations if one.test_result is not None]
    return results[-1] if results else None


def _letter(at: int) -> str:
    turn, letter = divmod(at, 26)
    return chr(ord("A") + letter) + (str(turn) if turn else "")
