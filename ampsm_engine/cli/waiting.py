"""Waiting for iterations: what is shown on stderr meanwhile, and the exit code of how they ended. No stdout."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ampsm_engine import wording
from ampsm_engine.cli import diagnostics, notes
from ampsm_engine.cli.output import one_line
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Fact, Iteration, Outcome, ScriptResult, State
from ampsm_engine.naming import plural
from ampsm_engine.states import STATES

if TYPE_CHECKING:
    from ampsm_engine.context import Engine

UNFIT_FAILURES = frozenset({"not-installed", "not-logged-in", "bad-key", "amp-too-old"})
"""Failures of the machine rather than of the task."""


class _Settled(Exception):
    """The iteration that is waited for has settled, though others of its session may wait."""


def outcome_code(iteration: Iteration) -> int:
    """The exit code of an iteration's outcome: done 0, failed, stopped and crashed 1, a machine that is not fit 5."""
    if iteration.outcome is Outcome.DONE:
        return diagnostics.OK
    return diagnostics.UNFIT if iteration.failure in UNFIT_FAILURES else diagnostics.FAILED


def wait_for(
    engine: "Engine", session_ids: Sequence[str], *, timeout: float | None = None, iteration_id: str | None = None
) -> int:
    """Wait until nothing of the sessions runs or waits; tells each end on stderr and answers the worst exit code.

    `iteration_id`: only this iteration counts, whatever is queued behind it.
    """
    from ampsm_engine.engine import runs

    progress = diagnostics.ProgressLine()

    def no_answer(reason: AmpsmError) -> None:
        progress.end()
        diagnostics.no_answer(reason)

    store = engine.store
    store.outlast(no_answer, timeout)
    names = {key: one_line(store.sessions.get(key).name) for key in session_ids}

    def seen(iterations: tuple[Iteration, ...]) -> None:
        if any(each.id == iteration_id and each.state is State.SETTLED for each in iterations):
            raise _Settled
        unsettled = [each for each in iterations if each.state is not State.SETTLED]
        if unsettled:
            progress.show(*_state(unsettled, names))

    goes_on = "The work goes on: " + ", ".join(f"ampsm log --follow {key}" for key in session_ids[:1])
    with diagnostics.interruptible(f"{goes_on}, ampsm stop {session_ids[0]}"):
        try:
            ended = runs.wait(engine, session_ids, timeout=timeout, seen=seen, trouble=no_answer)
        except _Settled:
            ended = ()
        finally:
            progress.end()
    if iteration_id is not None:
        ended = (store.iterations.get(iteration_id),)
    facts = store.facts.notes_of(session_ids)
    for iteration in ended:
        _tell_end(iteration, names[iteration.session_id], facts.get(iteration.id, ()))
    return max((outcome_code(iteration) for iteration in ended), default=diagnostics.OK)


def _state(unsettled: Sequence[Iteration], names: dict[str, str]) -> tuple[str, str]:
    current = next((each for each in unsettled if each.state is not State.QUEUED), unsettled[0])
    more = f" (+{len(unsettled) - 1})" if len(unsettled) > 1 else ""
    glyph = STATES["queued" if current.state is State.QUEUED else "running"].glyph
    text = f"{glyph} {names[current.session_id]}: iteration {current.number} {current.state.value}{more}"
    return text, current.activity or ""


def _tell_end(iteration: Iteration, name: str, facts: Sequence[Fact]) -> None:
    diagnostics.note(f"{name}: {end_text(iteration, facts)}")
    for serious, text in notes.sentences(facts):
        (diagnostics.warning if serious else diagnostics.note)(text)
    diagnostics.hint(end_hint(iteration, facts))


def end_text(iteration: Iteration, facts: Sequence[Fact] = ()) -> str:
    """How an iteration ended, in one sentence; `facts` are its notes."""
    word = iteration.outcome.value if iteration.outcome else iteration.state.value
    parts = [f"iteration {iteration.number} {word}"]
    uncommitted = notes.is_uncommitted(facts)
    if iteration.error:
        parts.append(one_line(wording.gist(iteration.error)))
    if iteration.commit_sha:
        changed = plural(iteration.changed_files, "file")
        parts.append(f"commit {iteration.commit_sha[:12]}, {changed}")
    if uncommitted:
        parts.append("not all of it committed" if iteration.commit_sha else "not committed")
    elif iteration.outcome is Outcome.DONE and not iteration.commit_sha:
        parts.append("no commit")
    if iteration.test_result is not None:
        parts.append(notes.script_text(iteration, facts))
    if iteration.duration_ms is not None:
        parts.append(wording.duration(iteration.duration_ms))
    return "; ".join(parts)


def end_hint(iteration: Iteration, facts: Sequence[Fact] = ()) -> str:
    """What to do next after an iteration has ended."""
    if iteration.hint:
        return one_line(iteration.hint)
    if any(fact.kind == "lost-worktree" for fact in facts):
        return "ampsm repair"
    if notes.is_uncommitted(facts):
        return f"ampsm diff {iteration.session_id} --uncommitted"
    if iteration.test_result is ScriptResult.FAIL:
        return f"ampsm iterate {iteration.session_id} 'The check failed, please fix it'"
    return f"ampsm diff {iteration.session_id}" if iteration.commit_sha else f"ampsm log {iteration.session_id}"
