"""Iterations: ask for one, stop them, wait for them, run the script by hand."""

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine import conditions, lifecycle, redact, wording
from ampsm_engine.amp import command, process, program
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.git import program as git
from ampsm_engine.home import RunDirectory, write_private
from ampsm_engine.model import Iteration, ScriptResult, Session, State, Status
from ampsm_engine.naming import new_id, plural
from ampsm_engine.redact.spans import MARKER
from ampsm_engine.store import PatientStore
from ampsm_engine.worker import agent_context, launch, run_directory, slots

if TYPE_CHECKING:
    from ampsm_engine.worker.script import ScriptRun

SWEEP_EVERY = 2.0
"""Seconds between two looks for workers that died while somebody waits."""

TICK = 0.05

STOP_MARGIN = 20.0
"""Seconds that a stop has beyond those of its phases: for what is left running, for redacting and for writing."""


def iterate(
    engine: Engine,
    session_id: str,
    prompt: str,
    *,
    launch_worker: bool = True,
    answers: Sequence[str] = (),
    resolves: str | None = None,
) -> Iteration:
    """Queue an iteration and see that a worker comes for it. Unfit when there is no amp, Refused on a bad prompt.

    `answers`: the comments and rejections of a review that the prompt tells of. Refused while a merge of the session
    is open, but for the iteration that resolves its conflicts (`resolves`: the merge's id).
    """
    content = command.check_prompt(prompt)
    if not answers and resolves is None:  # what a review or a conflict quotes was redacted before a person read it
        check_unredacted(prompt)
    program.find(engine.settings, os.environ)
    git.version()  # too old a git is said now, not by a worker that finds it later
    store = engine.store
    session = store.sessions.get(session_id)
    conditions.check_worktree(session)
    iteration = Iteration(
        id=new_id(),
        session_id=session.id,
        number=0,
        prompt=redact.text(prompt),
        state=State.QUEUED,
        queued_at=wording.now(),
        mode=session.model_override,
    )
    run = engine.home.run(iteration.id)
    run.path.mkdir(mode=0o700, parents=True)
    # Prompt and record are on disk before the queue knows of it: a worker may come at once, and write its own record.
    write_private(run.prompt, content)
    run_directory.write_record(engine.home, session, iteration)
    try:
        queued = store.queue.add(iteration, answers=answers, resolves=resolves)
    except BaseException:
        run.prompt.unlink()
        run.record.unlink(missing_ok=True)
        run.path.rmdir()
        raise
    if launch_worker:
        try:
            launch.launch(engine.home)
        except Failed as reason:
            # It is queued, and stays so: any command looks for what nobody serves. An error would be sent twice.
            store.facts.add("no-worker", f"it waits: {reason}", session_id=session.id, iteration_id=queued.id)
    return queued


def check_unredacted(prompt: str) -> None:
    """Refused when a prompt has a marker in the place of a secret: amp would be given the marker."""
    if found := re.search(MARKER, prompt):
        message = f"The prompt says {found.group()} where a secret stood, which ampsm does not keep."
        raise Refused(message, "Write it again there, or the name of an environment variable that holds it.")


def last_prompt(engine: Engine, session_id: str) -> str:
    """The last prompt of a session, as typed as far as it is kept: secrets are not. Refused without one."""
    session = engine.store.sessions.get(session_id)
    iterations = engine.store.iterations.of(session.id)
    if not iterations and not session.amp_prompt:
        message = f"Session {session.name} has no prompt to run again."
        raise Refused(message, f'ampsm iterate {session.id} "PROMPT"')
    return _as_typed(engine, iterations[-1]) if iterations else session.amp_prompt


def _as_typed(engine: Engine, iteration: Iteration) -> str:
    try:
        return engine.home.run(iteration.id).prompt.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return iteration.prompt


def stop(engine: Engine, session_id: str) -> tuple[Iteration, ...]:
    """Ask what runs to end and take what waits out of the queue; Refused when there is neither."""
    store = engine.store
    session = store.sessions.get(session_id)
    touched = store.queue.ask_to_stop(session.id)
    if not touched:
        message = f"Nothing of session {session.name} runs or waits."
        raise Refused(message, f"ampsm show {session.id}")
    for iteration in touched:
        if iteration.state is State.SETTLED:  # no worker ever sees to what was typed for it
            with suppress(OSError):
                run_directory.clean(engine.home.run(iteration.id))
    return touched


def stop_limit(engine: Engine) -> float:
    """Seconds after which an iteration that was asked to stop has ended by itself or by force, as the settings say."""
    settings = engine.settings
    return sum(settings.number(f"stop.{name}") for name in ("interrupt", "terminate", "commit")) + STOP_MARGIN


def await_stop(engine: Engine, touched: Sequence[Iteration]) -> tuple[Iteration, ...]:
    """What became of iterations that were asked to stop: they are settled, unless nothing could end them.

    Each phase ends by itself or by force in the time that the settings give it; see `end_by_force` for what does not.
    """
    found = _await_settled(engine, touched)
    return found if _are_settled(found) else end_by_force(engine, touched)


def end_by_force(engine: Engine, touched: Sequence[Iteration]) -> tuple[Iteration, ...]:
    """What became of iterations whose workers did not even see to a stop.

    Those workers are killed, and another one brings the iterations to their end.
    """
    for one in touched:
        if engine.store.iterations.get(one.id).state is not State.SETTLED:
            slots.end_holder(engine.home.run(one.id))
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
    """What is waited for is settled, though others of its session may wait."""


def wait(
    engine: Engine,
    session_ids: Sequence[str],
    *,
    timeout: float | None = None,
    seen: Callable[[tuple[Iteration, ...]], None] | None = None,
    trouble: Callable[[AmpsmError], None] | None = None,
) -> tuple[Iteration, ...]:
    """Wait until nothing of these sessions runs or waits; answers the last iteration of each that has one.

    `seen` gets all their iterations whenever the store changed. Failed when the timeout (seconds) is over. With
    `trouble`, which hears why, a store that does not answer is waited for as well.
    """
    store = engine.store
    if trouble is not None:
        store.outlast(trouble, timeout)
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
            message = f"{plural(running, 'iteration')} still unsettled after {timeout:g} seconds."
            raise Failed(message, "ampsm ls")
        if time.monotonic() - swept >= SWEEP_EVERY:
            swept = time.monotonic()
            with suppress(Failed):  # the next one will do; it is the questions that tell what is wrong
                launch.sweep(engine.home, store, int(engine.settings.number("slots")))
        time.sleep(TICK)


def run_script(
    engine: Engine,
    session_id: str,
    output: Callable[[bytes], None],
    *,
    stop: Callable[[], bool] = lambda: False,
) -> "ScriptRun":
    """Run the session's script now and record the result with its last iteration; Refused while amp works.

    A script that `stop` ended says nothing about the work: that is not recorded.
    """
    import asyncio  # 20 ms that those need not pay who only ask for an iteration

    from ampsm_engine.worker import script

    store = engine.store
    session = store.sessions.get(session_id)
    iterations = store.iterations.of(session.id)
    may_run_script(session, iterations)
    last = iterations[-1] if iterations else None
    run = engine.home.run(last.id if last else session.id)
    run.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _put_aside(engine, session.id, last, run)
    shown = 0

    def show_more() -> bool:
        nonlocal shown
        with run.script_output.open("rb") as file:
            file.seek(shown)
            new = file.read()
        whole = new[: _showable(new)]
        shown += len(whole)
        if whole:
            output(redact.bytes_(whole))
        return stop()

    async def show_until_stopped() -> None:
        while not show_more():  # noqa: ASYNC110 - a file that grows tells nobody
            await asyncio.sleep(TICK)

    began, settings, mark = datetime.now(UTC), engine.settings, last.id if last else session.id
    try:
        ran = asyncio.run(
            script.run(
                session.script_command or "",
                Path(session.worktree_path),
                run.script_output,
                command.environment(os.environ, mark),
                limit=settings.number("script.timeout"),
                stop=show_until_stopped(),
            )
        )
    finally:
        if not settings.switch("iteration.keep-strays"):
            process.end_strays(mark, settings.number("stop.terminate"))
    with run.script_output.open("rb") as file:
        file.seek(shown)
        output(redact.bytes_(file.read()))
    redact.file(run.script_output)
    if not ran.stopped:
        _record_script(engine, session, last, ran, began)
    return ran


KEY_LENGTH = 1 << 16
"""Bytes of a private key that are waited for, at most."""


def _showable(output: bytes) -> int:
    """How much of a growing output may be redacted and shown: whole lines, and no beginning of a private key."""
    end = output.rfind(b"\n") + 1
    begun = output.rfind(b"-----BEGIN", 0, end)
    is_open = begun >= 0 and output.find(b"-----END", begun, end) < 0
    return begun if is_open and end - begun < KEY_LENGTH else end


def _put_aside(engine: Engine, session_id: str, last: Iteration | None, run: RunDirectory) -> None:
    """Keep what the run before this one printed. A stopped run, which has no fact, is not kept."""
    facts = engine.store.facts.read(session_id=session_id)
    told = [one.number for one in facts if one.kind == "tested" and one.iteration_id == (last.id if last else None)]
    if told and not (kept := run.script_output_of(told[-1])).exists():
        redact.file(run.script_output)  # whoever ran it may have been killed before
        with suppress(FileNotFoundError):
            run.script_output.rename(kept)


def may_run_script(session: Session, iterations: Sequence[Iteration]) -> None:
    """Refused without a script or a worktree, and while amp works in it."""
    if not session.script_command:
        message = f"Session {session.name} has no script."
        raise Refused(message, f"ampsm edit {session.id} --script 'make test'")
    conditions.check_worktree(session)
    if any(lifecycle.is_active(iteration.state) for iteration in iterations):
        message = f"amp is at work in session {session.name}; its script runs when it is done."
        raise Refused(message, f"ampsm wait {session.id}")


def _record_script(engine: Engine, session: Session, last: Iteration | None, ran: "ScriptRun", began: datetime) -> None:
    store = PatientStore(
        engine.home.database
    )  # it ran for minutes, maybe: a busy database must not lose what it came to
    if last is not None:
        store.iterations.update(last.id, test_result=ran.result, test_exit_code=ran.exit_code)
    store.facts.add(
        "tested",
        f"{ran.text}, run by hand at {wording.stamp(began)}",
        session_id=session.id,
        iteration_id=last.id if last else None,
    )
    # Read again: a message may have come in meanwhile, and amp is at work now.
    if store.sessions.get(session.id).status in (Status.IDLE, Status.AWAITING_INPUT):
        status = Status.IDLE if ran.result is ScriptResult.PASS else Status.AWAITING_INPUT
        store.sessions.update(session.id, status=status)
    agent_context.update_status(store.sessions.get(session.id), store.iterations.of(session.id))
