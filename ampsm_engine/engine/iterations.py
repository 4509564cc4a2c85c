"""Iterations: queue one, edit and drop queued ones, stop them, wait for them."""

import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from ampsm_engine import redact, session_problems, timestamps
from ampsm_engine.amp import command, program
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.git import program as git
from ampsm_engine.home import write_private
from ampsm_engine.model import Iteration, Session, State
from ampsm_engine.naming import new_id
from ampsm_engine.plain_text import plural
from ampsm_engine.redact.rule import MARKER
from ampsm_engine.store.batches import ItemAttempt
from ampsm_engine.worker import iteration_directory, launch, locks
from ampsm_engine.worker.iteration_directory import IterationLimits

SWEEP_EVERY = 2.0
"""Seconds between two sweeps for dead workers while a caller waits."""

TICK = 0.05

STOP_MARGIN = 20.0
"""Seconds that a stop has beyond those of its phases: for what is left running, for redacting and for writing."""


def iterate(
    engine: Engine,
    session_id: str,
    prompt: str,
    *,
    answers: Sequence[str] = (),
    resolves: str | None = None,
    limits: IterationLimits | None = None,
    attempt: ItemAttempt | None = None,
    quotes: bool = False,
) -> Iteration:
    """Queue an iteration and start a worker for it. Unfit when amp is missing, Refused for a bad prompt.

    `limits` hold in place of the settings. `attempt`: the try of a batch's item that it is; no worker is started then.
    `quotes`: the prompt quotes what was redacted already, markers and all.

    `answers`: the comments and rejections of a review that are in the prompt. Refused while a merge of the session
    is open, but for the iteration that resolves its conflicts (`resolves`: the merge's id).
    """
    content = command.check_prompt(prompt)
    if not answers and resolves is None and not quotes:  # what a review or conflict quotes was redacted before
        check_unredacted(prompt)
    program.find(engine.settings, os.environ)
    git.refuse_unfit()  # too old a git is said now, not by a worker that finds it later
    store = engine.store
    session = store.sessions.get(session_id)
    session_problems.check_worktree(session)
    iteration = Iteration(
        id=new_id(),
        session_id=session.id,
        number=0,
        prompt=redact.text(prompt),
        state=State.QUEUED,
        queued_at=timestamps.now(),
        mode=session.model_override,
    )
    run = engine.home.iteration(iteration.id)
    run.path.mkdir(mode=0o700, parents=True)
    # Prompt and record are on disk before the queue knows of it: a worker may come at once, and write its own record.
    write_private(run.prompt, content)
    iteration_directory.write_record(engine.home, session, iteration)
    if limits is not None:
        iteration_directory.write_limits(run, limits)
    try:
        queued = store.queue.add(iteration, answers=answers, resolves=resolves, attempt=attempt)
    except BaseException:
        run.prompt.unlink()
        run.record.unlink(missing_ok=True)
        run.limits.unlink(missing_ok=True)
        run.path.rmdir()
        raise
    if attempt is not None:
        return queued
    try:
        launch.launch(engine.home)
    except Failed as reason:
        # It stays queued: the next command of any kind starts a worker. An error would make the user send it twice.
        store.facts.add("no-worker", f"it is queued: {reason}", session_id=session.id, iteration_id=queued.id)
    return queued


def check_unredacted(prompt: str) -> None:
    """Refused when a prompt has a marker in the place of a secret: amp would be given the marker."""
    if found := re.search(MARKER, prompt):
        message = f"The prompt says {found.group()} where a secret stood, which ampsm does not keep."
        raise Refused(message, "Write it again there, or the name of an environment variable that holds it.")


def last_prompt(engine: Engine, session_id: str) -> str:
    """The last prompt of a session as it was typed, redacted where only the store has it. Refused without one."""
    session = engine.store.sessions.get(session_id)
    iterations = engine.store.iterations.of(session.id)
    if not iterations and not session.amp_prompt:
        message = f"Session {session.name} has no prompt to run again."
        raise Refused(message, f'ampsm iterate {session.id} "PROMPT"')
    return _as_typed(engine, iterations[-1]) if iterations else session.amp_prompt


def _as_typed(engine: Engine, iteration: Iteration) -> str:
    try:
        return engine.home.iteration(iteration.id).prompt.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return iteration.prompt


def stop(engine: Engine, session_id: str) -> tuple[Iteration, ...]:
    """Ask the running iteration to stop, and drop the queued ones; Refused when there is neither."""
    store = engine.store
    session = store.sessions.get(session_id)
    touched = store.queue.ask_to_stop(session.id)
    if not touched:
        message = f"Nothing of session {session.name} is running or queued."
        raise Refused(message, f"ampsm show {session.id}")
    for iteration in touched:
        if iteration.state is State.SETTLED:  # no worker ever sees to what was typed for it
            with suppress(OSError):
                iteration_directory.clean(engine.home.iteration(iteration.id))
    _end_rejections(engine, session, touched[-1])
    return touched


def _end_rejections(engine: Engine, session: Session, last: Iteration) -> None:
    """Carry out what was rejected while amp was at work, where its worker has died and none comes any more."""
    store = engine.store
    if last.state is not State.SETTLED or not store.reviews.waiting_rejections(session.id):
        return
    from ampsm_engine.worker import rejections

    hooks = engine.settings.switch("commit.hooks")
    with suppress(AmpsmError):  # the repository is busy, say: the next turn, or the next step of a review, does it
        rejections.carry_out_waiting(store, session, hooks=hooks, iteration_id=last.id, begun_only=False)


def stop_limit(engine: Engine) -> float:
    """Seconds, by the settings, within which an iteration that was asked to stop has ended by itself or by force."""
    settings = engine.settings
    return sum(settings.number(f"stop.{name}") for name in ("interrupt", "terminate", "commit")) + STOP_MARGIN


def await_stop(engine: Engine, touched: Sequence[Iteration]) -> tuple[Iteration, ...]:
    """Wait for iterations that were asked to stop; they are settled then, unless nothing could end them.

    Each phase ends by itself or by force in the time that the settings give it; see `end_by_force` for what does not.
    """
    found = _await_settled(engine, touched)
    return found if _are_settled(found) else end_by_force(engine, touched)


def end_by_force(engine: Engine, touched: Sequence[Iteration]) -> tuple[Iteration, ...]:
    """Kill the workers of iterations that ignored a stop, and wait until another worker has settled them."""
    for one in touched:
        if engine.store.iterations.get(one.id).state is not State.SETTLED:
            locks.end_holder(engine.home.iteration(one.id))
    return _await_settled(engine, touched)


def _await_settled(engine: Engine, touched: Sequence[Iteration]) -> tuple[Iteration, ...]:
    """The iterations as they are when all of them are settled, or when the time for a stop is over."""
    wanted = {one.id for one in touched}

    def seen(iterations: tuple[Iteration, ...]) -> None:
        if _are_settled([one for one in iterations if one.id in wanted]):
            raise _Ended

    with suppress(_Ended, Failed):
        wait(engine, tuple({one.session_id for one in touched}), timeout=stop_limit(engine), seen=seen)
    return tuple(engine.store.iterations.get(one.id) for one in touched)


def _are_settled(iterations: Sequence[Iteration]) -> bool:
    return all(one.state is State.SETTLED for one in iterations)


class _Ended(Exception):
    """The awaited iterations are settled, though others of their sessions may be queued."""


def wait(
    engine: Engine,
    session_ids: Sequence[str],
    *,
    timeout: float | None = None,
    seen: Callable[[tuple[Iteration, ...]], None] | None = None,
    trouble: Callable[[AmpsmError], None] | None = None,
) -> tuple[Iteration, ...]:
    """Wait until nothing of these sessions runs or is queued; the last iteration of each that has one.

    `seen` gets all their iterations whenever the store changed. Failed when the timeout (seconds) is over. With
    `trouble`, which gets the reason, an unreadable store is waited for as well.
    """
    store = engine.store
    if trouble is not None:
        store.retry_reads(trouble, timeout)
    deadline = None if timeout is None else time.monotonic() + timeout
    version, swept = -1, time.monotonic()
    while True:
        if (now := store.data_version()) != version:
            version = now
            groups = store.iterations.of_sessions(session_ids)
            every = tuple(iteration for group in groups.values() for iteration in group)
            if seen:
                seen(every)
            if all(iteration.state is State.SETTLED for iteration in every):
                return tuple(groups[key][-1] for key in session_ids if groups.get(key))
        if deadline is not None and time.monotonic() >= deadline:
            running = sum(iteration.state is not State.SETTLED for iteration in every)
            from ampsm_engine import durations

            message = f"{plural(running, 'iteration')} still unsettled after {durations.written(timeout or 0)}."
            raise Failed(message, "ampsm ls")
        if time.monotonic() - swept >= SWEEP_EVERY:
            swept = time.monotonic()
            with suppress(Failed):  # the next one will do; it is the questions that tell what is wrong
                launch.sweep(engine.home, store, int(engine.settings.number("slots")))
        time.sleep(TICK)


def edit_queued(engine: Engine, iteration_id: str, prompt: str) -> None:
    """Change the prompt of a queued iteration; Refused once it has started, or when the prompt is no good.

    On disk it is as typed, for amp to read; the store has it redacted.
    """
    content = command.check_prompt(prompt)
    check_unredacted(prompt)
    path = engine.home.iteration(iteration_id).prompt
    engine.store.queue.edit(iteration_id, redact.text(prompt), before=lambda: write_private(path, content))


def drop_queued(engine: Engine, iteration_id: str) -> None:
    """Remove a queued iteration from the queue; Refused once it has started."""
    engine.store.queue.drop(iteration_id)
    shutil.rmtree(engine.home.iteration(iteration_id).path, ignore_errors=True)


def queued_prompt(engine: Engine, iteration_id: str) -> str:
    """The prompt of a queued iteration as it was typed, for editing; redacted when it is not on disk any more."""
    try:
        return engine.home.iteration(iteration_id).prompt.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return engine.store.iterations.get(iteration_id).prompt
