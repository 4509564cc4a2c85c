"""The command log: what amp says and does in an iteration, read back or read along."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from ampsm_engine import redact, wording
from ampsm_engine.cli import arguments, diagnostics, documents, output
from ampsm_engine.cli.helping import Command
from ampsm_engine.cli.output import Styled, clean, one_line
from ampsm_engine.errors import Failed
from ampsm_engine.model import Fact, Iteration, Session, State
from ampsm_engine.states import STATES

if TYPE_CHECKING:
    from ampsm_engine.amp.events import Event
    from ampsm_engine.context import Engine

TICK = 0.1
"""Seconds between two looks at a transcript that grows."""

SWEEP_EVERY = 20
"""Looks between two searches for a worker that died while somebody follows."""


@click.command(cls=Command, short_help="Show what amp says and does in a session.")
@arguments.session_argument
@click.option(
    "--iteration", "-i", "number", metavar="N", type=click.IntRange(min=1), help="That one. [default: the latest]"
)
@click.option("--follow", "-f", is_flag=True, help="Go on until the iteration has ended.")
@click.option("--thinking", is_flag=True, help="Show what the model thinks, too.")
@click.option("--raw", is_flag=True, help="Print amp's own stream (JSON lines) instead.")
@arguments.json_option
def log_command(reference: str, number: int | None, *, follow: bool, thinking: bool, raw: bool, as_json: bool) -> int:
    """Show the transcript of an iteration: what amp says, which tools it calls, how it ended.

    Leaving with Ctrl-C does not disturb amp. With --json: one document; with --follow one object a line,
    the last one of type "settled". Secrets are hidden in every form.

      ampsm log dark --follow
      ampsm log dark --iteration 1 --thinking
    """
    if raw and as_json:
        raise click.UsageError("--raw prints JSON lines already; leave out --json.")
    from ampsm_engine.engine import views

    engine = arguments.open_engine()
    session = arguments.session(engine, reference)
    iteration = views.log(engine, session, number)
    goes_on = f"The iteration is not disturbed. To stop it: ampsm stop {session.id}" if follow else ""
    with diagnostics.interruptible(goes_on):
        if raw:
            _print_raw(engine, iteration, follow=follow)
        elif as_json:
            _print_json(engine, session, iteration, follow=follow)
        else:
            _print_lines(engine, session, iteration, follow=follow, thinking=thinking)
    return diagnostics.OK


def _events(engine: "Engine", iteration_id: str, *, follow: bool) -> Iterator["Event"]:
    """What is there and, when following, what comes until the iteration is settled."""
    from ampsm_engine.engine import startup, views

    looks = 0
    for event in views.follow_log(engine, iteration_id, diagnostics.no_answer if follow else None):
        if event is not None:
            yield event
        elif not follow:
            return
        else:
            output.flush()
            looks += 1
            if looks % SWEEP_EVERY == 0:
                with suppress(Failed):  # the next one will do
                    startup.make_ready(engine)
            time.sleep(TICK)


def _print_lines(engine: "Engine", session: Session, iteration: Iteration, *, follow: bool, thinking: bool) -> None:
    from ampsm_engine.cli.transcript import TranscriptWriter, prompt_lines

    name = one_line(session.name)
    output.line(Styled(f"{name}, iteration {iteration.number}", "dim"))
    for line in prompt_lines(iteration.prompt):
        output.line(*line)
    reading = TranscriptWriter(iteration.prompt, worktree=session.worktree_path, thinking=thinking)
    for event in _events(engine, iteration.id, follow=follow):
        for line in reading.lines(event):
            output.line(*line)
    facts = engine.store.facts.notes_of((session.id,)).get(iteration.id, ())
    _print_end(engine.store.iterations.get(iteration.id), session, facts)


def _print_end(iteration: Iteration, session: Session, facts: Sequence[Fact]) -> None:
    from ampsm_engine.cli.notes import is_uncommitted, sentences
    from ampsm_engine.cli.transcript import tokens_text
    from ampsm_engine.cli.waiting import end_hint, end_text

    if iteration.state is not State.SETTLED:
        output.flush()
        waits = iteration.state is State.QUEUED
        diagnostics.note(f"Iteration {iteration.number} {'waits for a slot' if waits else 'is not over'}.")
        diagnostics.hint(f"ampsm log --follow {session.id}")
        return
    word = "error" if iteration.outcome != "done" else "awaiting-input" if is_uncommitted(facts) else "done"
    state = STATES[word]
    output.line()
    output.line(Styled(f"{state.glyph} {end_text(iteration, facts)}", state.ansi))
    whole = (iteration.error or "").strip()
    if "\n" in whole:
        output.line(Styled(_indented(whole), "red"))
    for serious, text in sentences(facts):
        output.line(Styled(_indented(text), "yellow" if serious else ""))
    total = wording.count(iteration.tally.token_usage)
    told = tokens_text(iteration.tally)
    if told:
        output.line(Styled(f"  {total} tokens ({told}), {iteration.tally.turns} turns", "dim"))
    output.flush()
    hint = end_hint(iteration, facts)
    if hint.startswith("ampsm log "):  # that is what is read here
        hint = f"ampsm iterate {session.id} 'what amp is to do'"
    diagnostics.hint(hint)


def _indented(text: str) -> str:
    return "  " + text.replace("\n", "\n  ")


def _print_json(engine: "Engine", session: Session, iteration: Iteration, *, follow: bool) -> None:
    from ampsm_engine.cli.transcript import event_document

    events = map(event_document, _events(engine, iteration.id, follow=follow))
    if follow:
        for event in events:
            output.record(event)
        output.record({"type": "settled", "iteration": _document(engine, iteration)})
        return
    content: documents.Document = {"sessionId": session.id, "events": list(events)}
    output.document({"iteration": _document(engine, iteration), **content})


def _document(engine: "Engine", iteration: Iteration) -> documents.Document:
    """The iteration as it is now."""
    store = engine.store
    return documents.iteration_document(
        store.iterations.get(iteration.id), store.facts.notes_of((iteration.session_id,))
    )


def _print_raw(engine: "Engine", iteration: Iteration, *, follow: bool) -> None:
    path, store = engine.home.run(iteration.id).stream, engine.store
    if follow:
        store.outlast(diagnostics.no_answer)
    position = 0
    while True:
        settled = store.iterations.get(iteration.id).state is State.SETTLED
        content = b""
        if path.exists():
            with path.open("rb") as file:
                file.seek(position)
                content = file.read()
        whole = content if settled or not follow else content[: content.rfind(b"\n") + 1]
        position += len(whole)
        for line in whole.split(b"\n"):
            if line.strip():
                output.write(inert(redact.text(line.decode("utf-8", "replace"))) + "\n")
        output.flush()
        if settled or not follow:
            return
        time.sleep(TICK)


def inert(line: str) -> str:
    """A line of amp's stream that is safe on a terminal: the same JSON in ASCII; what is no JSON is cleaned."""
    try:
        return output.encoded(json.loads(line))
    except (ValueError, RecursionError):
        return clean(line)
