"""Which state may follow which, and the status of a session when an iteration ends.

Pure. The store refuses every transition that is not in this table.
"""

from ampsm_engine.model import Outcome, ScriptResult, State, Status

NEXT_STATES: dict[State, frozenset[State]] = {
    # A queued iteration that is stopped settles without having run.
    State.QUEUED: frozenset({State.RUNNING, State.SETTLED}),
    # Back to the queue: its worker died before amp was started.
    State.RUNNING: frozenset({State.SETTLING, State.QUEUED}),
    State.SETTLING: frozenset({State.SETTLED}),
    State.SETTLED: frozenset(),
}


def may_follow(before: State, after: State) -> bool:
    """Whether an iteration may go from one state to the other."""
    return after in NEXT_STATES[before]


def is_active(state: State) -> bool:
    """Whether an iteration occupies its session, so that the next one stays queued."""
    return state in (State.RUNNING, State.SETTLING)


def status_after(outcome: Outcome, script: ScriptResult | None, *, commit_refused: bool = False) -> Status:
    """What a session becomes when an iteration settles.

    amp's own error weighs more than the script's; work that could not be committed needs a person.
    """
    if outcome in (Outcome.FAILED, Outcome.CRASHED):
        return Status.ERROR
    if commit_refused or script is ScriptResult.FAIL:
        return Status.AWAITING_INPUT
    return Status.IDLE
