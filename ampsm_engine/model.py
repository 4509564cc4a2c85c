"""The values that rooms hand to each other: frozen, comparable, picklable.

Field names are the columns of the store and the keys of JSON in snake case: a field stands nowhere else in a list.
"""

from enum import StrEnum
from typing import NamedTuple

from ampsm_engine.lean_dataclass import dataclass, fields


class Status(StrEnum):
    """The state of a session in one word."""

    IDLE = "idle"
    RUNNING = "running"
    AWAITING_INPUT = "awaiting-input"
    ERROR = "error"
    DONE = "done"
    """The session's work was merged."""


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
    origin: str | None = None
    """The id of the batch item that it was made for, which no other session has; None for one that a person made."""
    history_from: str | None = None
    """The database that it was imported from when its worktree was gone already: history, in no list of sessions."""
    tags: tuple[str, ...] = ()
    """Words of a person's own by which sessions are grouped and found."""
    archived_at: str | None = None
    """When it was put away: everything of it stays where it is, and lists leave it out unless they are asked."""
    host: str | None = None
    """The host of a cluster where its last iterations ran; None where they ran here."""
    folder: str = ""
    """The folder of the repository that it is about, in which amp and the script work; empty for all of it."""
    landed: str | None = None
    """That its work came into its base by other ways than a merge of ampsm's, and how; None as far as is known."""

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
    """A run of amp in a session, with its prompt, state and figures."""

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
    lines_added: int | None = None
    """Lines that its commits added, binary files aside; None where they were not counted."""
    lines_deleted: int | None = None
    script_ms: int | None = None
    """Milliseconds that the session's script took; None where it did not run to its end, or was not timed."""
    tally: Tally = Tally()


class SessionPlace(NamedTuple):
    """Where a session is, for lists of thousands: fields of it, as they are there."""

    id: str
    status: Status
    repo_root: str
    worktree_path: str
    base_branch: str


SESSION_FIELDS = tuple(field.name for field in fields(Session))
ITERATION_FIELDS = tuple(field.name for field in fields(Iteration) if field.name != "tally")
"""Names of an iteration's own fields; those of its tally stand beside them, in the store and in JSON."""
TALLY_FIELDS = (*(field.name for field in fields(Tally)), "token_usage")


def camel(name: str) -> str:
    """A field as the store and JSON call it: `base_branch` is `baseBranch`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool in an iteration, in the order of the stream."""

    iteration_id: str
    sequence: int
    tool_id: str
    name: str
    arguments: str
    """Its arguments as JSON text, cut to a length that a list can bear."""
    success: bool | None
    """None while (or for ever when) no result came."""
    summary: str = ""
    started_at: str | None = None
    """When it was read that amp called it (amp's stream has no times); None where it was read later than written."""
    duration_ms: int | None = None
    """Milliseconds until its result was read; None where one of both was read later than written."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An entry of a session's history; `number` only grows."""

    number: int
    time: str
    kind: str
    session_id: str | None
    iteration_id: str | None
    text: str


SCRIPT_CHANGED = "script-changed"
"""The kind of the fact that a session has another script: what the one before said does not count any more."""

FILES_COPIED = "files-copied"
"""The kind of the fact that a new worktree was given ignored files of the checkout."""

LEFT_BEHIND = "left-behind"
"""The kind of facts about what of the checkout a new worktree does not have, as it is meant to be."""

LACKS = frozenset({"worktree", LEFT_BEHIND})
"""The kinds of facts about what a worktree lacks; amp is told, too."""


class SetupState(StrEnum):
    """How the setup of a session's worktree stands: the kind of the newest fact of these. None of them: no setup."""

    WAITS = "setup-waits"
    """The setup runs before amp begins."""
    PASSED = "setup-passed"
    FAILED = "setup-failed"
    """The setup runs again before amp begins, unless a person says otherwise."""
    SKIPPED = "setup-skipped"
    """A person goes on without."""

    @property
    def is_due(self) -> bool:
        """Whether the setup is to run before amp begins."""
        return self in (SetupState.WAITS, SetupState.FAILED)


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A session as the list shows it."""

    session: Session
    iterations: int
    queued: int
    current: Iteration | None
    """The iteration that runs, else the newest one that began, else the first in the queue."""
    has_conflict: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """The whole state that a screen shows at one moment."""

    rows: tuple[BoardRow, ...] = ()
    facts: tuple[Fact, ...] = ()
    """The newest fifty, oldest first."""
    stale: str = ""
    """Why all this may be old: the error of the last read; empty when it succeeded."""
    trouble: str = ""
    """Why what waits in the queue is not begun: no worker can start; empty mostly."""


@dataclass(frozen=True, slots=True)
class CostQuery:
    """A question to amp for the cost of a thread. amp allows sixty an hour, so each is an entry."""

    number: int
    thread_id: str
    asked_at: str
    iteration_id: str | None = None
    """The iteration at whose end it was asked; None once that is purged."""
    micros: int | None = None
    """What the thread cost since it began, in millionths of a dollar; None: amp did not say, or has not yet."""


class MergeState(StrEnum):
    """How far an operation of the journal has come: a merge, a squash or a rebase."""

    WORKING = "working"
    """A process is at it, or one died in its middle."""
    CONFLICTED = "conflicted"
    """A conflict lies in the session's worktree and waits for its resolution."""
    DONE = "done"
    UNDONE = "undone"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled-back"
    """The operation could not be brought to its end, and nothing of it is left."""


@dataclass(frozen=True, slots=True)
class Merge:
    """An entry of the journal of merges. Commits are full ids; empty where there is none (yet)."""

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


class BatchState(StrEnum):
    """How far a run of a batch has come."""

    RUNNING = "running"
    STOPPING = "stopping"
    """Asked to stop: no item is started any more, those at work come to their end, or are ended."""
    STOPPED = "stopped"
    ENDED = "ended"
    """Each item has ended, well or not."""


class ItemState(StrEnum):
    """How far an item of a batch has come."""

    QUEUED = "queued"
    PLACED = "placed"
    """A host of a cluster was chosen for it, and is about to be told."""
    RUNNING = "running"
    UNREACHABLE = "unreachable"
    """Its host does not answer; what runs there may go on."""
    COLLECTING = "collecting"
    """Its host has brought it to its end, and what came of it is on its way here."""
    SUCCESS = "success"
    FAIL = "fail"
    """The script said no to what amp made, as often as the item allows."""
    TIMEOUT = "timeout"
    ERROR = "error"
    """amp, or something around it, failed."""
    CONFLICT = "conflict"
    """The work is done and passed, and does not merge into its base."""
    STOPPED = "stopped"

    @property
    def is_final(self) -> bool:
        """Whether the item runs no more by itself."""
        return self is not ItemState.QUEUED and not self.is_at_work

    @property
    def is_at_work(self) -> bool:
        """Whether something is done for it, here or on a host."""
        return self in ITEMS_AT_WORK


ITEMS_AT_WORK = (ItemState.PLACED, ItemState.RUNNING, ItemState.UNREACHABLE, ItemState.COLLECTING)
OPEN_ITEMS = (ItemState.QUEUED, *ITEMS_AT_WORK)
"""States of items that have not come to their end."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A run of a plan. Times are ISO 8601 in UTC."""

    id: str
    name: str
    state: BatchState
    plan: str
    """The plan as it was understood: JSON of its settings for the whole run, its items not among them."""
    created_at: str
    concurrency: int
    """The most items that amp or a script is at at once, merges aside; the machine's slots may allow fewer."""
    ended_at: str | None = None
    """When it ended or was stopped; None while it runs."""
    wait_until: str | None = None
    """Until when nothing is started, as a rate limit or spent credit asks for."""
    wait_reason: str | None = None
    """Why it waits, stops or was stopped by itself: a sentence."""
    stop_requested: str = ""
    """Empty, `gentle` (what runs comes to its end) or `force` (it is ended)."""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """An item of a batch: a session with its iterations, script, follow-ups and merge."""

    id: str
    """`<batch id>-<number>`; its session has it as its `origin`."""
    batch_id: str
    number: int
    """1 for the first item of its batch."""
    name: str
    repo: str
    prompt: str
    spec: str
    """All that the plan says of it (JSON): its own settings over the plan's defaults."""
    mode: str | None = None
    state: ItemState = ItemState.QUEUED
    step: str = ""
    """What is done next or just now: `prompt`, `follow-up 1`, `fix 2`, `merge`; empty before it began."""
    reason: str | None = None
    """Why it is in this state, or what it waits for: a sentence."""
    session_id: str | None = None
    tries: int = 0
    next_at: str | None = None
    """When it is tried again; None when it need not wait."""
    started_at: str | None = None
    ended_at: str | None = None
    variant_of: str | None = None
    """What items that are variants of one prompt have in common; None for an item that has none."""
    host: str | None = None
    """The host of a cluster that has it, or brought it to its end; None where it runs here, or waits for a host."""
    lost_at: str | None = None
    """Since when its host does not answer; None while it does."""


class TryKind(StrEnum):
    """The kind of a step that was tried for an item."""

    PROMPT = "prompt"
    FOLLOW_UP = "follow-up"
    FIX = "fix"
    """An iteration that was told what the script had said."""
    SCRIPT = "script"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class BatchTry:
    """A step that was tried for an item, whether it ended well or not."""

    item_id: str
    number: int
    """1 for the first try of its item."""
    kind: TryKind
    started_at: str
    iteration_id: str | None = None
    ended_at: str | None = None
    outcome: str | None = None
    """`pass`, `fail`, `error`, `timeout`, `conflict`, `stopped`, `waits` or `lost`; None while it runs."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """An item on a host of a cluster, from its placement until its result is known."""

    item_id: str
    number: int
    """1 for the first placement of its item."""
    host: str
    boot: str
    """Of the host: what ran there in another one is over."""
    placed_at: str
    ended_at: str | None = None
    outcome: str | None = None
    """`taken`: what came of it is here; `late`: another placement was first; `lost`: the host has it no more;
    `given up`: the host was away too long. None while it is there."""
    tip: str | None = None
    """The commit that came of it; None while that is not known, or where there is none."""


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch has come, in numbers."""

    counts: dict[ItemState, int]
    """Items by state; a state that none has is there with 0."""
    tokens: int
    """Of all iterations of its sessions, as far as amp reported any."""
    seconds: float
    """From its start until now, or until it ended."""
    seconds_left: float | None
    """An estimate by the items that have ended; None where too few have, and when nothing is left to do."""

    @property
    def total(self) -> int:
        """How many items there are."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """How many items have come to an end."""
        return sum(count for state, count in self.counts.items() if state.is_final)
