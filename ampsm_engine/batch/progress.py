"""What follows from how an iteration of an item ended: the next step, another try, a wait of the whole run, an end.

Pure. The steps of an item, in their order: `prompt`, `follow-up 1` ..., then `fix 1` ... as long as the script fails
and the item allows it, then `merge` where it is to be merged.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from ampsm_engine import durations, timestamps
from ampsm_engine.amp.failures import TIMEOUT, Cure, failure_named
from ampsm_engine.batch.values import FIX, ItemSpec
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import BatchTry, ItemState, Iteration, Outcome, ScriptResult, Status, TryKind

PROMPT = "prompt"
FOLLOW_UP = "follow-up"
FIX_STEP = "fix"
MERGE = "merge"

LONGEST_DELAY = 900.0
"""Seconds that a retry waits at most."""

LONGEST_WAIT = 3600.0
"""Seconds that a wait of the whole run is doubled up to."""

BELIEVED = 3
"""How often in a row amp is believed when it says how long to wait: `0 seconds` would have it asked without end."""

MOST_DOUBLED = 20
"""Doublings of a delay, by which every one has come to the longest."""

LONGEST_TOLD = 366 * 86_400.0
"""Seconds up to which amp is believed when it says how long to wait: no clock reaches some of what a text may say."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(
    r"(?:try again|retry|available|resets?|wait|reset)(?:[ -](?:again|after|in|for))*[\s:\"']*"
    r"((?:\d+(?:\.\d+)?\s*(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|[smhd])?\b[\s,]*(?:and\s+)?)+)",
    re.IGNORECASE,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])?", re.IGNORECASE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
_CLOCK = re.compile(r"(?:at|until)\s+(\d{1,2}):(\d\d)(?:\s*(?:UTC|GMT))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a try came to, and what its item does next."""

    outcome: str
    """Of the try: `pass`, `fail`, `error`, `timeout`, `stopped`, `waits`."""
    state: ItemState
    """Of the item: running when it goes on with `step` at once, queued when it waits for its next try."""
    step: str
    reason: str | None = None
    delay: float = 0.0
    """Seconds until its next try."""
    waits: bool = False
    """Whether the whole run waits so long."""
    halts: bool = False
    """Whether the whole run stops."""


def kind_of(step: str) -> TryKind:
    """The kind of a try at a step that is an iteration."""
    return {PROMPT: TryKind.PROMPT, FOLLOW_UP: TryKind.FOLLOW_UP}.get(step.partition(" ")[0], TryKind.FIX)


def prompt_of(spec: ItemSpec, step: str, output: str = "", exit_code: int | None = None) -> str:
    """What amp is told at a step; `output` is the end of what the script printed, for a step that mends."""
    name, _, number = step.partition(" ")
    if name == FOLLOW_UP:
        return spec.follow_up_prompts[int(number) - 1]
    if name != FIX_STEP:
        return spec.prompt
    words = spec.follow_up_on_failure or FIX
    if "{output}" not in words:
        words += "\n\nThe last lines of the script:\n\n{output}"
    values = {"script": spec.script_command or "", "exitCode": str(exit_code), "output": output}
    return re.sub(r"\{(script|exitCode|output)\}", lambda found: values[found[1]], words)


def is_judged(spec: ItemSpec, step: str) -> bool:
    """Whether the script runs after a step: not before the last of prompt and follow-ups."""
    name, _, number = step.partition(" ")
    return name == FIX_STEP or (int(number) if name == FOLLOW_UP else 0) >= len(spec.follow_up_prompts)


def after_iteration(
    spec: ItemSpec, step: str, iteration: Iteration, before: Sequence[BatchTry], status: Status, *, retry_delay: float
) -> Verdict:
    """What a settled iteration at a step comes to. `before`: the tries of the item that count, without this one.

    `status`: of the session; `retry_delay`: seconds before a first retry.
    """
    if iteration.outcome is Outcome.DONE:
        return _done(spec, step, iteration, status)
    if iteration.outcome is Outcome.STOPPED:
        return Verdict("stopped", ItemState.STOPPED, step, iteration.error or "It was stopped.")
    return _after_failure(spec, step, iteration, before, retry_delay)


def _after_failure(
    spec: ItemSpec, step: str, iteration: Iteration, before: Sequence[BatchTry], retry_delay: float
) -> Verdict:
    failure, said = failure_named(iteration.failure), iteration.error
    if failure is TIMEOUT:
        return Verdict("timeout", ItemState.TIMEOUT, step, said)
    if failure.cure is Cure.WAIT:
        told, waited = requested_delay(said or "", datetime.now(UTC)), _last(before, "waits")
        first = failure.delay or max(retry_delay, 0.0)
        delay = min(first * 2 ** min(waited, MOST_DOUBLED), LONGEST_WAIT)
        if told is not None:
            delay = told if waited < BELIEVED else max(told, delay)
        return Verdict("waits", ItemState.QUEUED, step, said, delay, waits=True)
    if failure.cure is Cure.PERSON:
        return Verdict("error", ItemState.STOPPED, step, said, halts=True)
    tried = _last(before, "error")
    if failure.cure is Cure.RETRY and tried < (spec.retries if spec.retries is not None else 0):
        delay = min(retry_delay * 2**tried, LONGEST_DELAY)
        return Verdict("error", ItemState.QUEUED, step, said, delay)
    return Verdict("error", ItemState.ERROR, step, said or f"amp ended: {iteration.failure or iteration.outcome}.")


def _done(spec: ItemSpec, step: str, iteration: Iteration, status: Status) -> Verdict:
    result = iteration.test_result
    if status is Status.AWAITING_INPUT and result is not ScriptResult.FAIL:
        return Verdict("error", ItemState.ERROR, step, "What amp changed could not be committed.")
    if is_judged(spec, step) and spec.script_command:
        if result is None:
            return Verdict("error", ItemState.ERROR, step, "The script was not run.")
        if result is ScriptResult.FAIL:
            return after_failing_script(spec, step, iteration.test_exit_code)
    return Verdict("pass", *_next(spec, step))


def after_failing_script(spec: ItemSpec, step: str, exit_code: int | None) -> Verdict:
    """What a script that failed comes to: one more run of amp to mend it, or the item's end."""
    from ampsm_engine.worker.script import TIMED_OUT  # with asyncio, which a command that only looks can do without

    name, _, number = step.partition(" ")
    fixes = int(number) if name == FIX_STEP else 0
    why = f"The script failed with exit code {exit_code}{_time_over(spec) if exit_code == TIMED_OUT else ''}."
    if fixes < spec.most_fixes:
        return Verdict("fail", ItemState.RUNNING, f"{FIX_STEP} {fixes + 1}", why)
    tries = f" {1 + fixes} runs of amp did not make it pass." if fixes else ""
    return Verdict("fail", ItemState.FAIL, step, why + tries)


def _time_over(spec: ItemSpec) -> str:
    """What that exit code means, and whose the time is; a script may end with it by itself, too."""
    limit = spec.script_timeout_sec
    whose = "the setting script.timeout" if limit is None else f"{durations.written(limit)}, the plan's scriptTimeout"
    return f", which says that its time was over ({whose})"


def _next(spec: ItemSpec, step: str) -> tuple[ItemState, str]:
    name, _, number = step.partition(" ")
    followed = int(number) if name == FOLLOW_UP else 0
    if name != FIX_STEP and followed < len(spec.follow_up_prompts):
        return ItemState.RUNNING, f"{FOLLOW_UP} {followed + 1}"
    return (ItemState.RUNNING, MERGE) if spec.merge_on_pass else (ItemState.SUCCESS, step)


def _last(tries: Sequence[BatchTry], outcome: str) -> int:
    """How many tries at the end of the list came to that outcome, one after the other."""
    count = 0
    for one in reversed(tries):
        if one.outcome == outcome:
            count += 1
        elif one.outcome != "lost":
            break
    return count


def requested_delay(said: str, now: datetime) -> float | None:
    """The seconds that an error says to wait; None when it does not say, or says what no run could wait for."""
    delay = _delay_in(said, now)
    return delay if delay is not None and delay <= LONGEST_TOLD else None


def _delay_in(said: str, now: datetime) -> float | None:
    if found := _MOMENT.search(said):
        with suppress(ValueError):  # there is no such day, hour or zone
            moment = timestamps.parse(found.group().replace(" ", "T"))
            if moment > now:
                return (moment - now).total_seconds()
    if found := _SPAN.search(said):
        parts = _PART.findall(found[1])
        return sum(float(number) * _UNITS[(unit or "s").lower()] for number, unit in parts)
    if found := _CLOCK.search(said):
        hour, minute = int(found[1]), int(found[2])
        if hour < 24 and minute < 60:
            moment = now.astimezone(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
            return ((moment if moment > now else moment + timedelta(days=1)) - now).total_seconds()
    return None
