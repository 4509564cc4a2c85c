"""What figures are made of: iterations with their sessions, tool calls by name, costs; all of one moment.

Prompts, errors and arguments are not read: a store of years is summed up in a fraction of a second.
"""

# ruff: noqa: S608 - every piece is a column list of `rows` or a word of this file

from typing import NamedTuple

from ampsm_engine.model import CostQuery, Outcome, ScriptResult, State, camel
from ampsm_engine.store.connection import StorePart
from ampsm_engine.store.costs import QUERIES


class MeasuredIteration(NamedTuple):
    """The columns of an iteration that figures are made of, and whose it is."""

    id: str
    session_id: str
    number: int
    state: str
    queued_at: str
    start_time: str | None
    end_time: str | None
    commit_sha: str | None
    changed_files: int
    lines_added: int | None
    lines_deleted: int | None
    test_result: str | None
    script_ms: int | None
    outcome: str | None
    mode: str | None
    thread_id: str | None
    attempts: int
    duration_ms: int | None
    input_tokens: int | None
    output_tokens: int | None
    cache_creation_tokens: int | None
    cache_read_tokens: int | None
    subagent_tokens: int | None
    turns: int
    tools: int
    refusals: int
    session_name: str
    repo_root: str
    batch_id: str | None
    batch_name: str | None
    host: str | None

    @property
    def is_ended(self) -> bool:
        """Whether the iteration is settled with an outcome."""
        return self.state == State.SETTLED and self.outcome is not None

    @property
    def is_success(self) -> bool:
        """Whether amp did what it was asked, and the script, where there is one, agreed."""
        return self.is_ended and self.outcome == Outcome.DONE and self.test_result != ScriptResult.FAIL

    @property
    def moment(self) -> str:
        """When the iteration began, or was queued where it has not begun; a timestamp."""
        return self.start_time or self.queued_at


class MeasuredTool(NamedTuple):
    """The calls of one tool in one iteration."""

    iteration_id: str
    name: str
    calls: int
    errors: int
    unfinished: int
    """Calls whose result never came, or has not yet."""
    duration_ms: int | None
    """Milliseconds of the calls that were timed; None when none was."""
    timed: int


class Measured(NamedTuple):
    """All measurements: iterations by session and number, tools by iteration, cost questions as they were asked."""

    iterations: tuple[MeasuredIteration, ...]
    tools: tuple[MeasuredTool, ...]
    costs: tuple[CostQuery, ...]


_OF_SESSION = {
    "session_name": "s.name",
    "repo_root": 's."repoRoot"',
    "batch_id": "b.id",
    "batch_name": "b.name",
    "host": "s.host",
}
_READ = {"start_time": "nullif(i.\"startTime\", '')"}
_COLUMNS = ", ".join(
    _OF_SESSION.get(name) or _READ.get(name) or f'i."{camel(name)}"' for name in MeasuredIteration._fields
)
_ITERATIONS = f"""
SELECT {_COLUMNS} FROM iterations i JOIN sessions s ON s.id = i."sessionId"
  LEFT JOIN "batchItems" n ON n.id = s.origin LEFT JOIN "batchRuns" b ON b.id = n."batchId"
 ORDER BY s."createdAt", i."sessionId", i.number
"""
_TOOLS = """
SELECT c."iterationId", c.name, count(*), sum(c.success IS 0), sum(c.success IS NULL), sum(c."durationMs"),
       count(c."durationMs")
  FROM "toolCalls" c GROUP BY c."iterationId", c.name
"""


class Measurements(StorePart):
    """Reads the values that the figures of `metrics` are made of."""

    def read(self) -> Measured:
        """What is known of every iteration, sessions in the trash and imported history included."""
        with self._db.reading():
            iterations = self._db.select(_ITERATIONS)
            tools = self._db.select(_TOOLS)
            costs = self._db.select(f"{QUERIES} ORDER BY q.number")
        return Measured(
            tuple(map(MeasuredIteration._make, iterations)),
            tuple(map(MeasuredTool._make, tools)),
            tuple(CostQuery(*row) for row in costs),
        )
