"""The commands retry and queue: the last prompt once more, and the prompts that are queued in a session."""

from typing import TYPE_CHECKING

import click

from ampsm_engine.cli import arguments, diagnostics, documents, output
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.cli.runs import finish_queued
from ampsm_engine.errors import NotFound
from ampsm_engine.model import Iteration, State

if TYPE_CHECKING:
    from ampsm_engine.context import Engine


@click.command(cls=Command, short_help="Send amp a session's last prompt again.")
@arguments.session_argument
@arguments.wait_option
@arguments.json_option
def retry_command(reference: str, *, wait: bool, as_json: bool) -> int:
    """Queue the last prompt of a session once more, as it was typed: after a failure, or a stop.

    amp goes on with the same thread in the same worktree. A prompt that held a secret is refused: ampsm does not
    keep the secret.

      ampsm retry dark --wait
    """
    engine = arguments.open_engine()
    session = arguments.target(engine, reference)
    from ampsm_engine.engine import runs

    iteration = runs.iterate(engine, session.id, runs.last_prompt(engine, session.id))
    return finish_queued(engine, session, iteration, wait=wait, as_json=as_json)


@click.command(cls=Command, short_help="List, change or drop a session's queued prompts.")
@arguments.session_argument
@click.option("--edit", "edited", metavar="N", type=int, help="Give iteration N the prompt of --prompt-file.")
@click.option("--drop", "dropped", metavar="N", type=int, help="Take iteration N out of the queue.")
@arguments.prompt_file_option
@arguments.json_option
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
    engine = arguments.open_engine()
    session = arguments.session(engine, reference) if edited is dropped is None else arguments.target(engine, reference)
    from ampsm_engine.engine import runs

    if edited is not None:
        prompt = arguments.required_prompt(None, prompt_file)
        runs.edit_queued(engine, _numbered(engine, session.id, edited).id, prompt)
    if dropped is not None:
        runs.drop_queued(engine, _numbered(engine, session.id, dropped).id)
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
