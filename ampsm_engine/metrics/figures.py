"""The numbers of a set of iterations. Pure: rows of the store in, frozen values out.

Tokens are those of amp's stream, sub-agents included once. Counts that no iteration of the set knows are None; where
some know and some do not, the sum is that of those who know, and how many do not stands beside it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import CostQuery, Outcome, ScriptResult
from ampsm_engine.store.measurements import MeasuredIteration, MeasuredTool


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums of a set of iterations. Times are milliseconds; None: not known."""

    sessions: int = 0
    iterations: int = 0
    ended: int = 0
    """Iterations that are settled; the outcomes below are theirs."""
    succeeded: int = 0
    """Iterations that amp finished, and whose script, where there is one, passed."""
    failed: int = 0
    stopped: int = 0
    crashed: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_tokens: int | None = None
    cache_read_tokens: int | None = None
    token_usage: int | None = None
    """The sum of the four."""
    subagent_tokens: int | None = None
    """The part of the sum that sub-agents used, where the stream says."""
    uncounted: int = 0
    """Ended iterations of which amp reported no tokens."""
    turns: int = 0
    tools: int = 0
    tool_errors: int = 0
    tool_ms: int | None = None
    """Of the tool calls that were timed."""
    refusals: int = 0
    """Tool calls that a permission rule turned away."""
    duration_ms: int | None = None
    """From the start of amp to its end."""
    commits: int = 0
    """Iterations that ended with a commit."""
    changed_files: int = 0
    """Files changed, counted once for each iteration."""
    lines_added: int | None = None
    lines_deleted: int | None = None
    scripts: int = 0
    """Iterations that a script judged."""
    scripts_passed: int = 0
    script_ms: int | None = None
    green: int = 0
    """Sessions whose first success is among these iterations."""
    iterations_to_green: float | None = None
    """How many iterations those sessions needed for it, on average."""
    cost_micros: int | None = None
    """By amp's own figure, in millionths of a dollar."""
    unpriced: int = 0
    """Iterations that ran after the last figure of their thread: their cost is in none yet."""

    @property
    def success_rate(self) -> float | None:
        """The part of the ended iterations that succeeded, from 0 to 1; None where none ended."""
        return self.succeeded / self.ended if self.ended else None


@dataclass(frozen=True, slots=True)
class ToolFigures:
    """The calls of one tool. Times are milliseconds; None: not known."""

    name: str
    calls: int
    errors: int
    unfinished: int
    """Calls whose result never came, or has not yet."""
    duration_ms: int | None
    """Milliseconds of all calls that were timed; None when none was."""
    timed: int
    iterations: int
    """Iterations that called it."""

    @property
    def error_rate(self) -> float | None:
        """The part of the finished calls that failed, from 0 to 1; None where none finished."""
        finished = self.calls - self.unfinished
        return self.errors / finished if finished else None

    @property
    def mean_ms(self) -> float | None:
        """The mean milliseconds of the calls that were timed; None when none was."""
        return None if self.duration_ms is None or not self.timed else self.duration_ms / self.timed


@dataclass(frozen=True, slots=True)
class SessionFigures:
    """What the numbers of an iteration need to know of the others of its session and thread."""

    green: Mapping[str, int]
    """By the id of the iteration that was its session's first success: how many had ended by then, itself included."""
    costs: Mapping[str, int]
    """By iteration: how much its thread's cost had grown when amp was asked at its end; millionths of a dollar."""
    unpriced: frozenset[str]
    """Iterations that ran amp and ended after their thread's last figure."""


def history(iterations: Sequence[MeasuredIteration], queries: Sequence[CostQuery]) -> SessionFigures:
    """The history of all iterations of the store, which come by session and number."""
    green: dict[str, int] = {}
    ended: dict[str, int] = defaultdict(int)
    done: set[str] = set()
    for one in iterations:
        if one.is_ended:
            ended[one.session_id] += 1
            if one.is_success and one.session_id not in done:
                done.add(one.session_id)
                green[one.id] = ended[one.session_id]
    costs, last = _cost_growth(queries)
    unpriced = frozenset(
        one.id
        for one in iterations
        if one.attempts
        and one.is_ended
        and (one.thread_id is None or last.get(one.thread_id, "") < (one.end_time or ""))
    )
    return SessionFigures(green, costs, unpriced)


def _cost_growth(queries: Sequence[CostQuery]) -> tuple[dict[str, int], dict[str, str]]:
    """How much each figure is above its thread's figure before, by iteration; when each thread's last one was asked."""
    growth: dict[str, int] = defaultdict(int)
    before: dict[str, int] = {}
    last: dict[str, str] = {}
    for query in queries:
        if query.micros is None:
            continue
        if query.iteration_id is not None:
            growth[query.iteration_id] += query.micros - before.get(query.thread_id, 0)
        before[query.thread_id] = query.micros
        last[query.thread_id] = query.asked_at
    return growth, last


def figures(iterations: Iterable[MeasuredIteration], tools: Iterable[MeasuredTool], known: SessionFigures) -> Figures:
    """The sums of some iterations and of the tool calls in them."""
    chosen, calls = tuple(iterations), tuple(tools)
    ended = [one for one in chosen if one.is_ended]
    outcomes = [one.outcome for one in ended]
    succeeded = sum(one.is_success for one in ended)
    judged = [one for one in ended if one.test_result is not None]
    greens = [known.green[one.id] for one in chosen if one.id in known.green]
    lines = [_lines(one) for one in ended]
    return Figures(
        sessions=len({one.session_id for one in chosen}),
        iterations=len(chosen),
        ended=len(ended),
        succeeded=succeeded,
        # A script that says no makes an iteration a failure, whatever amp said.
        failed=outcomes.count(Outcome.FAILED) + outcomes.count(Outcome.DONE) - succeeded,
        stopped=outcomes.count(Outcome.STOPPED),
        crashed=outcomes.count(Outcome.CRASHED),
        input_tokens=total(one.input_tokens for one in chosen),
        output_tokens=total(one.output_tokens for one in chosen),
        cache_creation_tokens=total(one.cache_creation_tokens for one in chosen),
        cache_read_tokens=total(one.cache_read_tokens for one in chosen),
        token_usage=total(tokens_of(one) for one in chosen),
        subagent_tokens=total(one.subagent_tokens for one in chosen),
        uncounted=sum(tokens_of(one) is None for one in ended if one.attempts),
        turns=sum(one.turns for one in chosen),
        tools=sum(one.tools for one in chosen),
        tool_errors=sum(tool.errors for tool in calls),
        tool_ms=total(tool.duration_ms for tool in calls),
        refusals=sum(one.refusals for one in chosen),
        duration_ms=total(one.duration_ms for one in chosen),
        commits=sum(one.commit_sha is not None for one in ended),
        changed_files=sum(one.changed_files for one in chosen),
        lines_added=total(added for added, _ in lines),
        lines_deleted=total(deleted for _, deleted in lines),
        scripts=len(judged),
        scripts_passed=sum(one.test_result == ScriptResult.PASS for one in judged),
        script_ms=total(one.script_ms for one in judged),
        green=len(greens),
        iterations_to_green=sum(greens) / len(greens) if greens else None,
        cost_micros=total(known.costs.get(one.id) for one in chosen),
        unpriced=sum(one.id in known.unpriced for one in chosen),
    )


def tool_figures(tools: Iterable[MeasuredTool]) -> tuple[ToolFigures, ...]:
    """The calls by tool, the most called first."""
    by_name: dict[str, list[MeasuredTool]] = defaultdict(list)
    for tool in tools:
        by_name[tool.name].append(tool)
    found = (
        ToolFigures(
            name=name,
            calls=sum(one.calls for one in rows),
            errors=sum(one.errors for one in rows),
            unfinished=sum(one.unfinished for one in rows),
            duration_ms=total(one.duration_ms for one in rows),
            timed=sum(one.timed for one in rows),
            iterations=len({one.iteration_id for one in rows}),
        )
        for name, rows in by_name.items()
    )
    return tuple(sorted(found, key=lambda one: (-one.calls, one.name)))


def tokens_of(one: MeasuredIteration) -> int | None:
    """The tokens of an iteration, None when not one of the four counts is known."""
    return total((one.input_tokens, one.output_tokens, one.cache_creation_tokens, one.cache_read_tokens))


def total(counts: Iterable[int | None]) -> int | None:
    """The sum of the counts that are known; None when not one is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _lines(one: MeasuredIteration) -> tuple[int | None, int | None]:
    """Lines added and deleted: none where nothing was committed."""
    if one.lines_added is None and not one.commit_sha and not one.changed_files:
        return 0, 0
    return one.lines_added, one.lines_deleted
