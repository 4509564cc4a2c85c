"""The values that rooms hand to each other: frozen, comparable, picklable.

Field names are the columns of the store and the keys of JSON in snake case: a field stands nowhere else in a list. No
input or output in here.
"""

from dataclasses import dataclass, fields
from enum import StrEnum


class Status(StrEnum):
    """The state of a session in one word."""

    IDLE = "idle"
    RUNNING = "running"
    AWAITING_INPUT = "awaiting-input"
    ERROR = "error"
    DONE = "done"
    """Merged."""


class State(StrEnum):
    """How far an iteration has come."""

    QUEUED = "queued"
    RUNNING = "running"
    SETTLING = "settling"
    SETTLED = "settled"


class Outcome(StrEnum):
    """How an iteration ended."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    CRASHED = "crashed"


class ScriptResult(StrEnum):
    """The result of the session's script for an iteration; the column is `testResult`."""

    PASS = "pass"  # noqa: S105 - a test result
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Session:
    """A task on its own branch in its own worktree. Times are ISO 8601 in UTC."""

    id: str
    name: str
    amp_prompt: str
    repo_root: str
    base_branch: str
    branch_name: str
    worktree_path: str
    status: Status
    created_at: str
    base_commit: str = ""
    """The commit that the branch started from."""
    script_command: str | None = None
    model_override: str | None = None
    """amp's mode, a free string; the column keeps its old name."""
    last_run: str | None = None
    notes: str | None = None
    thread_id: str | None = None
    trashed_at: str | None = None
    branch_made_by: str = "user"
    """`ampsm`, or `user` for one that was adopted: that branch is never deleted."""
    outside: str | None = None
    """What changed outside of its worktree while its iterations ran, in a few words; None when nothing did."""

    @property
    def owns_branch(self) -> bool:
        """Whether the branch came with the session and goes with it."""
        return self.branch_made_by == "ampsm"


@dataclass(frozen=True, slots=True)
class Tally:
    """Tokens, turns and tools so far. None: amp reported none."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_tokens: int | None = None
    cache_read_tokens: int | None = None
    turns: int = 0
    tools: int = 0
    refusals: int = 0
    """Tool calls that a permission rule turned away."""
    subagent_tokens: int | None = None
    """The part of the sum that sub-agents used, where the stream says."""

    @property
    def token_usage(self) -> int | None:
        """The sum of the four token counts, None when not one of them is known."""
        known = [
            count
            for count in (
                self.input_tokens,
                self.output_tokens,
                self.cache_creation_tokens,
                self.cache_read_tokens,
            )
            if count is not None
        ]
        return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class Iteration:
    """One run of amp in a session."""

    id: str
    session_id: str
    number: int
    """1 for the first iteration of its session."""
    prompt: str
    state: State
    queued_at: str
    start_time: str | None = None
    end_time: str | None = None
    commit_sha: str | None = None
    start_sha: str | None = None
    """Where the branch stood before amp began: the old side of this iteration's diff."""
    changed_files: int = 0
    test_result: ScriptResult | None = None
    test_exit_code: int | None = None
    outcome: Outcome | None = None
    failure: str | None = None
    """The name of the failure (amp/failures.py), None when there was none."""
    error: str | None = None
    hint: str | None = None
    thread_id: str | None = None
    mode: str | None = None
    activity: str | None = None
    """What amp says or which tool it runs at this moment, one line."""
    attempts: int = 0
    """How often amp was started for this iteration."""
    offset: int = 0
    """Bytes of the stream that the tally covers."""
    stop_requested_at: str | None = None
    duration_ms: int | None = None
    exit_code: int | None = None
    tally: Tally = Tally()


SESSION_FIELDS = tuple(field.name for field in fields(Session))
ITERATION_FIELDS = tuple(field.name for field in fields(Iteration) if field.name != "tally")
"""Those of an iteration's own; its tally stands beside them, in the store and in JSON."""
TALLY_FIELDS = (*(field.name for field in fields(Tally)), "token_usage")


def camel(name: str) -> str:
    """A field as the store and JSON call it: `base_branch` is `baseBranch`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool that amp called in an iteration, in the order of the stream."""

    iteration_id: str
    sequence: int
    tool_id: str
    name: str
    arguments: str
    """Its arguments as JSON text, cut to a length that a list can bear."""
    success: bool | None
    """None while (or for ever when) no result came."""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that became true; `number` only grows."""

    number: int
    time: str
    kind: str
    session_id: str | None
    iteration_id: str | None
    text: str


SCRIPT_CHANGED = "script-changed"
"""The kind of the fact that a session has another script: what the one before said does not count any more."""


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One session on the board."""

    session: Session
    iterations: int
    queued: int
    current: Iteration | None
    """The iteration that runs, else the newest one that began, else the first in the queue."""


@dataclass(frozen=True, slots=True)
class Board:
    """The whole state that a screen shows at one moment."""

    rows: tuple[BoardRow, ...] = ()
    facts: tuple[Fact, ...] = ()
    """The newest fifty, oldest first."""
    stale: str = ""
    """Why all this may be old: the error of the last read; empty when it succeeded."""


class MergeState(StrEnum):
    """How far an operation of the journal has come: a merge, a squash or a rebase."""

    WORKING = "working"
    """A process is at it, or one died in its middle."""
    CONFLICTED = "conflicted"
    """Its conflict lies in the session's worktree and waits for somebody."""
    DONE = "done"
    UNDONE = "undone"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled-back"
    """It could not be brought to its end, and nothing of it is left."""


@dataclass(frozen=True, slots=True)
class Merge:
    """One operation of the journal. Commits are whole ids; empty where there is none (yet)."""

    id: str
    session_id: str
    kind: str
    """`merge`, `squash` or `rebase`."""
    state: MergeState
    step: str
    """What is done next, or was being done when the process died; written before it is done."""
    started_at: str
    target: str = ""
    """The branch that gets the work; empty when only the session's own branch changes."""
    base_before: str = ""
    base_after: str = ""
    branch_before: str = ""
    branch_after: str = ""
    message: str = ""
    plan: str = "{}"
    """What was asked for, and all that finishing or taking back needs to know (JSON)."""
    ended_at: str | None = None
    error: str | None = None
