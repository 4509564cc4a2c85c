"""The commands iterate, retry, queue, wait, stop and run, and waiting for iterations with progress on stderr."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ampsm_engine.amp.failures import failure_named
from ampsm_engine.cli import diagnostics, documents, engine_access, output, parameters
from ampsm_engine.cli.iteration_text import end_hint, end_text, sentences
from ampsm_engine.cli.output import Styled, clean, one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import AmpsmError, NotFound
from ampsm_engine.model import Fact, Iteration, Outcome, Session, State
from ampsm_engine.state_styles import STATES

if TYPE_CHECKING:
    from ampsm_engine.context import Engine


@click.command(cls=Command, short_help="Send amp a follow-up in a session.")
@parameters.session_argument
@parameters.prompt_argument
@parameters.prompt_file_option
@parameters.wait_option
@parameters.json_option
def iterate_command(reference: str, prompt: str | None, prompt_file: str | None, *, wait: bool, as_json: bool) -> int:
    """Send amp a follow-up: the next iteration on the same thread, in the same worktree.

    While an iteration runs, the new one is queued behind it.

      ampsm iterate dark 'Use the colours of the logo'
      ampsm iterate dark --prompt-file review.md --wait

    With --wait the exit code is that of the outcome: 0 done, 1 failed, stopped or crashed,
    5 amp is missing or not logged in. A failing script does not change it.
    """
    text = parameters.required_prompt(prompt, prompt_file)
    engine = engine_access.open_engine()
    session = engine_access.target(engine, reference)
    from ampsm_engine.engine import iterations

    iteration = iterations.iterate(engine, session.id, text)
    return finish_queued(engine, session, iteration, wait=wait, as_json=as_json)


def finish_queued(engine: "Engine", session: Session, iteration: Iteration, *, wait: bool, as_json: bool) -> int:
    """Report an iteration that was just queued and, with `wait`, stay until it has ended; the exit code."""
    diagnostics.warn_of_login()
    if not as_json:
        output.line(f"Iteration {iteration.number} of {one_line(session.name)} ({session.id}) is queued.")
    code = diagnostics.OK
    if wait:
        code = wait_for(engine, (session.id,), iteration_id=iteration.id)
    elif not as_json:
        diagnostics.hint(f"ampsm log --follow {session.id}")
    if as_json:
        from ampsm_engine.cli.session_details import print_session

        latest = engine.store.iterations.get(iteration.id)
        print_session(
            engine,
            session.id,
            iteration=documents.iteration_document(latest, engine.store.facts.notes_of((session.id,))),
        )
    return code


@click.command(cls=Command, short_help="Wait until sessions have nothing more to do.")
@click.argument("references", metavar="SESSION...", nargs=-1, required=True, type=parameters.SessionReference())
@click.option("--timeout", metavar="T", type=parameters.LengthOfTime(), help="Give up after T, as 90s (exit code 1).")
@parameters.json_option
def wait_command(references: tuple[str, ...], timeout: float | None, *, as_json: bool) -> int:
    """Wait until nothing of the sessions runs or is queued.

    The exit code is that of their last iterations, the worst of several: 0 done, 1 failed, stopped or
    crashed (or the time is over), 5 amp is missing or not logged in. A failing script does not change it.

      ampsm wait dark login && make release
    """
    engine = engine_access.open_engine()
    sessions = [engine_access.session(engine, reference) for reference in references]
    ids = tuple(dict.fromkeys(session.id for session in sessions))
    code = wait_for(engine, ids, timeout=timeout)
    if as_json:
        store = engine.store
        groups, notes = store.iterations.of_sessions(ids), store.facts.notes_of(ids)
        found = [documents.session_document(store.sessions.get(key), groups.get(key, ()), notes) for key in ids]
        output.document({"sessions": found})
    return code


@click.command(cls=Command, short_help="Stop what runs and is queued in a session.")
@parameters.session_argument
@click.option("--wait/--no-wait", default=True, help="Until it has ended, or not at all.  [default: wait]")
@parameters.json_option
def stop_command(reference: str, *, wait: bool, as_json: bool) -> int:
    """Stop the iteration that runs in a session and drop the queued ones; print what became of them.

    amp is asked to end; if it does not, it is killed within seconds. What it changed is still committed. A commit,
    a hook or a script that does not end either is ended, after the times that the settings `stop.` give.

      ampsm stop dark
      ampsm stop dark --no-wait
    """
    engine = engine_access.open_engine()
    session = engine_access.target(engine, reference)
    from ampsm_engine.engine import iterations

    touched = iterations.stop(engine, session.id)
    active = tuple(one for one in touched if one.state is not State.SETTLED)
    if active and wait:
        again = f"It is asked to end. ampsm wait {session.id}, ampsm show {session.id}"
        with diagnostics.working("Stopping"), diagnostics.interruptible(again):
            iterations.await_stop(engine, active)
    touched = tuple(engine.store.iterations.get(one.id) for one in touched)
    stays = wait and any(one.state is not State.SETTLED for one in touched)
    notes = engine.store.facts.notes_of((session.id,))
    if as_json:
        output.document({"iterations": [documents.iteration_document(iteration, notes) for iteration in touched]})
        return diagnostics.FAILED if stays else diagnostics.OK
    for iteration in touched:
        found = notes.get(iteration.id, ())
        output.line(_stop_text(iteration, found, wait=wait))
        for text in (text for serious, text in sentences(found) if serious):
            diagnostics.warning(text)
    if stays:
        diagnostics.hint(f"ampsm show {session.id}")
    elif active and not wait:
        diagnostics.hint(f"ampsm wait {session.id}")
    return diagnostics.FAILED if stays else diagnostics.OK


def _stop_text(iteration: Iteration, facts: Sequence[Fact], *, wait: bool) -> str:
    """The result of a stop for one iteration, in a sentence."""
    if iteration.state is not State.SETTLED and not wait:
        return f"Iteration {iteration.number} is asked to end."
    if iteration.state is not State.SETTLED:
        doing = one_line(iteration.activity or iteration.state.value)
        return f"Iteration {iteration.number} has not ended: {doing}."
    if not iteration.start_time:
        return f"Iteration {iteration.number} left the queue."
    return f"{end_text(iteration, facts).capitalize()}."


@click.command(cls=Command, short_help="Run a session's script now.")
@parameters.session_argument
@parameters.json_option
def run_command(reference: str, *, as_json: bool) -> int:
    """Run the session's script in its worktree now, and record the result with its last iteration.

    What the script prints goes to stdout (with --json to stderr). The exit code is 0 when the script
    passed, 1 when it failed. A session gets its script from `ampsm new --script` or `ampsm edit --script`.

      ampsm run dark
    """
    engine = engine_access.open_engine()
    session = engine_access.target(engine, reference)
    from ampsm_engine.engine import scripts

    stream = sys.stderr if as_json else sys.stdout

    def show(content: bytes) -> None:
        stream.write(clean(content.decode("utf-8", "replace"), lines=True))
        stream.flush()

    with diagnostics.interruptible("The script was ended."):
        ran = scripts.run_script(engine, session.id, show)
    if as_json:
        result = {"exitCode": ran.exit_code, "result": ran.result, "seconds": ran.seconds, "timedOut": ran.timed_out}
        output.document({"sessionId": session.id, **result})
    else:
        took = f"after {ran.seconds:.1f} s"
        failed = f"was ended {took}: its time is over" if ran.timed_out else f"failed {took}: exit code {ran.exit_code}"
        diagnostics.note(f"The script passed {took}." if ran.exit_code == 0 else f"The script {failed}.")
    return diagnostics.OK if ran.exit_code == 0 else diagnostics.FAILED


class _Settled(Exception):
    """The awaited iteration has settled, though others of its session may be queued."""


def outcome_code(iteration: Iteration) -> int:
    """The exit code of an iteration's outcome: done 0, failed, stopped and crashed 1, a machine that is not fit 5."""
    if iteration.outcome is Outcome.DONE:
        return diagnostics.OK
    return diagnostics.UNFIT if failure_named(iteration.failure).is_unfit else diagnostics.FAILED


def wait_for(
    engine: "Engine", session_ids: Sequence[str], *, timeout: float | None = None, iteration_id: str | None = None
) -> int:
    """Wait until nothing of the sessions runs or is queued; writes each end to stderr; the worst exit code of them.

    `iteration_id`: only this iteration counts, whatever is queued behind it.
    """
    from ampsm_engine.engine import iterations

    progress = diagnostics.ProgressLine()

    def no_answer(reason: AmpsmError) -> None:
        progress.end()
        diagnostics.warn_of_store(reason)

    store = engine.store
    store.retry_reads(no_answer, timeout)
    names = {key: one_line(store.sessions.get(key).name) for key in session_ids}

    def seen(awaited: tuple[Iteration, ...]) -> None:
        if any(each.id == iteration_id and each.state is State.SETTLED for each in awaited):
            raise _Settled
        unsettled = [each for each in awaited if each.state is not State.SETTLED]
        if unsettled:
            progress.show(*_state(unsettled, names))

    goes_on = "The work goes on: " + ", ".join(f"ampsm log --follow {key}" for key in session_ids[:1])
    with diagnostics.interruptible(f"{goes_on}, ampsm stop {session_ids[0]}"):
        try:
            ended = iterations.wait(engine, session_ids, timeout=timeout, seen=seen, trouble=no_answer)
        except _Settled:
            ended = ()
        finally:
            progress.end()
    if iteration_id is not None:
        ended = (store.iterations.get(iteration_id),)
    facts = store.facts.notes_of(session_ids)
    for iteration in ended:
        _print_end(iteration, names[iteration.session_id], facts.get(iteration.id, ()))
    return max((outcome_code(iteration) for iteration in ended), default=diagnostics.OK)


def _state(unsettled: Sequence[Iteration], names: dict[str, str]) -> tuple[str, str]:
    current = next((each for each in unsettled if each.state is not State.QUEUED), unsettled[0])
    more = f" (+{len(unsettled) - 1})" if len(unsettled) > 1 else ""
    glyph = STATES["queued" if current.state is State.QUEUED else "running"].glyph
    text = f"{glyph} {names[current.session_id]}: iteration {current.number} {current.state.value}{more}"
    return text, current.activity or ""


def _print_end(iteration: Iteration, name: str, facts: Sequence[Fact]) -> None:
    diagnostics.note(f"{name}: {end_text(iteration, facts)}")
    for serious, text in sentences(facts):
        (diagnostics.warning if serious else diagnostics.note)(text)
    diagnostics.hint(end_hint(iteration, facts))


@click.command(cls=Command, short_help="Send amp a session's last prompt again.")
@parameters.session_argument
@parameters.wait_option
@parameters.json_option
def retry_command(reference: str, *, wait: bool, as_json: bool) -> int:
    """Queue the last prompt of a session once more, as it was typed: after a failure, or a stop.

    amp goes on with the same thread in the same worktree. A prompt that held a secret is refused: ampsm does not
    keep the secret.

      ampsm retry dark --wait
    """
    engine = engine_access.open_engine()
    session = engine_access.target(engine, reference)
    from ampsm_engine.engine import iterations

    iteration = iterations.iterate(engine, session.id, iterations.last_prompt(engine, session.id))
    return finish_queued(engine, session, iteration, wait=wait, as_json=as_json)


@click.command(cls=Command, short_help="List, change or drop a session's queued prompts.")
@parameters.session_argument
@click.option("--edit", "edited", metavar="N", type=int, help="Give iteration N the prompt of --prompt-file.")
@click.option("--drop", "dropped", metavar="N", type=int, help="Take iteration N out of the queue.")
@parameters.prompt_file_option
@parameters.json_option
def queue_command(
    reference: str, edited: int | None, dropped: int | None, prompt_file: str | None, *, as_json: bool
) -> int:
    """List the prompts that wait in a session behind what runs; `ampsm iterate` adds one.

    ampsm queue dark
    ampsm queue dark --drop 3
    echo 'Use the new colours' | ampsm queue dark --edit 4 --prompt-file -
    """
    if edited is not None and dropped is not None:
        raise click.UsageError("Choose one of --edit and --drop.")
    if (edited is None) != (prompt_file is None):
        raise click.UsageError("--edit and --prompt-file go together.")
    engine = engine_access.open_engine()
    find = engine_access.session if edited is dropped is None else engine_access.target
    session = find(engine, reference)
    from ampsm_engine.engine import iterations

    if edited is not None:
        prompt = parameters.required_prompt(None, prompt_file)
        iterations.edit_queued(engine, _numbered(engine, session.id, edited).id, prompt)
    if dropped is not None:
        iterations.drop_queued(engine, _numbered(engine, session.id, dropped).id)
    queued = [one for one in engine.store.iterations.of(session.id) if one.state is State.QUEUED]
    if as_json:
        output.document({"iterations": [documents.iteration_document(one, {}) for one in queued]})
        return diagnostics.OK
    for one in queued:
        output.line(Styled(f"{one.number:>4}  ", "bold"), one_line(one.prompt))
    if not queued:
        diagnostics.note(f"No prompt is queued in {one_line(session.name)}.")
    return diagnostics.OK


def _numbered(engine: "Engine", session_id: str, number: int) -> Iteration:
    """The iteration of that number; NotFound without it, and whether it still waits is the verb's to say."""
    for iteration in engine.store.iterations.of(session_id):
        if iteration.number == number:
            return iteration
    raise NotFound(f"There is no iteration {number} in this session.", f"ampsm queue {session_id}")
