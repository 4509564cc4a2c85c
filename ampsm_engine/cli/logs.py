"""The command log: what amp says and does in an iteration, as lines for a person or objects for a program.

Every text is redacted before anything is cut.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ampsm_engine import labels, redact
from ampsm_engine.amp import tally
from ampsm_engine.amp.events import (
    Attempt,
    Event,
    Init,
    Noise,
    Other,
    Prompt,
    RunResult,
    TextBlock,
    Thinking,
    Thread,
    TooLong,
    ToolResult,
    ToolUse,
    Turn,
    Usage,
)
from ampsm_engine.cli import diagnostics, documents, engine_access, output, parameters
from ampsm_engine.cli.documents import Document, plain
from ampsm_engine.cli.iteration_text import end_hint, end_text, is_uncommitted, sentences
from ampsm_engine.cli.output import Styled, clean, one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import Failed
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Fact, Iteration, Session, State, Tally
from ampsm_engine.state_styles import STATES

if TYPE_CHECKING:
    from ampsm_engine.context import Engine

TICK = 0.1
"""Seconds between two reads of a transcript that grows."""

SWEEP_EVERY = 20
"""Reads between two sweeps for dead workers while a transcript is followed."""

Line = tuple[str | Styled, ...]

NOISE = 200
"""Characters that are shown of a line that is no JSON."""

EVENT_TYPES: Mapping[type, str] = {
    Attempt: "attempt",
    Init: "init",
    Noise: "noise",
    Other: "other",
    Prompt: "prompt",
    RunResult: "result",
    TextBlock: "text",
    Thinking: "thinking",
    Thread: "thread",
    TooLong: "tooLong",
    ToolResult: "toolResult",
    ToolUse: "toolUse",
    Turn: "turn",
    Usage: "usage",
}
"""How scripts know each event, whatever its class is called here."""


@click.command(cls=Command, short_help="Show what amp says and does in a session.")
@parameters.session_argument
@click.option(
    "--iteration", "-i", "number", metavar="N", type=click.IntRange(min=1), help="That one. [default: the latest]"
)
@click.option("--follow", "-f", is_flag=True, help="Go on until the iteration has ended.")
@click.option("--thinking", is_flag=True, help="Show what the model thinks, too.")
@click.option("--raw", is_flag=True, help="Print amp's own stream (JSON lines) instead.")
@parameters.json_option
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

    engine = engine_access.open_engine()
    session = engine_access.session(engine, reference)
    iteration = views.find_iteration(engine, session, number)
    goes_on = f"The iteration is not disturbed. To stop it: ampsm stop {session.id}" if follow else ""
    with diagnostics.interruptible(goes_on):
        if raw:
            _print_raw(engine, iteration, follow=follow)
        elif as_json:
            _print_json(engine, session, iteration, follow=follow)
        else:
            _print_lines(engine, session, iteration, follow=follow, thinking=thinking)
    return diagnostics.OK


class SetupReader:
    """Prints what the setup command has printed of late: whole lines, redacted, of which amp's come after."""

    def __init__(self, file: Path, *, is_growing: bool) -> None:
        self._file = file
        self._is_growing = is_growing
        self._shown = 0

    def print_more(self) -> None:
        """Print the output that has come since the last call."""
        from ampsm_engine.engine.scripts import whole_lines

        with suppress(OSError), self._file.open("rb") as opened:
            opened.seek(self._shown)
            new = opened.read()
            whole = new[: whole_lines(new)] if self._is_growing else new
            self._shown += len(whole)
            for line in redact.bytes_(whole).decode("utf-8", "replace").splitlines():
                output.line(Styled(f"  {one_line(line)}", "dim"))


def _events(
    engine: "Engine", iteration_id: str, *, follow: bool, idle: Callable[[], None] = lambda: None
) -> Iterator[Event]:
    """What is there and, when following, what comes until the iteration is settled.

    `idle` is called before the first event, and whenever there is none.
    """
    from ampsm_engine.engine import startup, views

    idle()
    looks = 0
    for event in views.follow_log(engine, iteration_id, diagnostics.warn_of_store if follow else None):
        if event is not None:
            yield event
        elif not follow:
            return
        else:
            idle()
            output.flush()
            looks += 1
            if looks % SWEEP_EVERY == 0:
                with suppress(Failed):  # the next one will do
                    startup.make_ready(engine)
            time.sleep(TICK)


def _print_lines(engine: "Engine", session: Session, iteration: Iteration, *, follow: bool, thinking: bool) -> None:
    name = one_line(session.name)
    output.line(Styled(f"{name}, iteration {iteration.number}", "dim"))
    for line in _prompt_lines(iteration.prompt):
        output.line(*line)
    reading = TranscriptWriter(iteration.prompt, worktree=session.worktree_path, thinking=thinking)
    is_growing = iteration.state is not State.SETTLED
    setup = SetupReader(engine.home.iteration(iteration.id).setup_output, is_growing=is_growing)
    for event in _events(engine, iteration.id, follow=follow, idle=setup.print_more):
        for line in reading.lines(event):
            output.line(*line)
    facts = engine.store.facts.notes_of((session.id,)).get(iteration.id, ())
    _print_end(engine.store.iterations.get(iteration.id), session, facts)


def _print_end(iteration: Iteration, session: Session, facts: Sequence[Fact]) -> None:
    if iteration.state is not State.SETTLED:
        output.flush()
        waits = iteration.state is State.QUEUED
        diagnostics.note(f"Iteration {iteration.number} {'is queued' if waits else 'is not over'}.")
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
    total = labels.count(iteration.tally.token_usage)
    told = _tokens_text(iteration.tally)
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
    events = map(_event_document, _events(engine, iteration.id, follow=follow))
    if follow:
        for event in events:
            output.record(event)
        output.record({"type": "settled", "iteration": _document(engine, iteration)})
        return
    from ampsm_engine.engine import history

    setup = history.setup_output(engine, iteration.id)
    content: Document = {"sessionId": session.id, "setup": setup or None, "events": list(events)}
    output.document({"iteration": _document(engine, iteration), **content})


def _document(engine: "Engine", iteration: Iteration) -> Document:
    """The iteration as it is now."""
    store = engine.store
    return documents.iteration_document(
        store.iterations.get(iteration.id), store.facts.notes_of((iteration.session_id,))
    )


def _print_raw(engine: "Engine", iteration: Iteration, *, follow: bool) -> None:
    path, store = engine.home.iteration(iteration.id).stream, engine.store
    if follow:
        store.retry_reads(diagnostics.warn_of_store)
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


def _event_document(event: Event) -> Document:
    """An event as one JSON object: its `type` and its fields, texts redacted."""
    fields = plain(event)
    head: Document = {"type": EVENT_TYPES[type(event)]}
    return head | {str(key): _redacted(value) for key, value in dict(fields).items()}  # type: ignore[call-overload]


def _redacted(value: object) -> object:
    """JSON with every text in it redacted."""
    if isinstance(value, str):
        return redact.text(value)
    if isinstance(value, dict):
        return {key: _redacted(each) for key, each in value.items()}
    return [_redacted(each) for each in value] if isinstance(value, list) else value


def without_secrets(event: Event) -> Event:
    """The event with every text in it redacted, before anything is cut: half a key would not be known."""
    texts = {
        name: _redacted(dict(value) if isinstance(value, Mapping) else value)
        for name in event.__dataclass_fields__
        if isinstance(value := getattr(event, name), str | Mapping)
    }
    return replace(event, **texts)  # type: ignore[arg-type]


class TranscriptWriter:
    """Turns the events of one iteration into lines; knows which tool a result belongs to."""

    def __init__(self, prompt: str, *, worktree: str = "", thinking: bool = False) -> None:
        self._prompt = prompt.strip()
        self._below = f"{worktree}/"
        self._thinking = thinking

    def lines(self, event: Event) -> Iterator[Line]:
        """The lines for one event; none for what only programs need."""
        event = without_secrets(event)
        match event:
            case TextBlock():
                yield from _block(event.text, event.parent)
            case Thinking() if self._thinking and event.text:
                yield from _block(event.text, event.parent, "dim")
            case Prompt() if event.parent is None and event.text.strip() != self._prompt:
                yield from _prompt_lines(event.text)
            case ToolUse():
                name = Styled(one_line(event.name), "bold")
                yield (_margin(event.parent), Styled("▸ ", "cyan"), name, f" {self._called(event)}".rstrip())
            case ToolResult():
                yield (_margin(event.parent), self._result(event))
            case RunResult() if not event.ok:
                yield (Styled(f"✗ {one_line(event.error or event.text or 'amp ended with an error')}", "red"),)
            case _:
                yield from _our_lines(event)

    def _called(self, event: ToolUse) -> str:
        """What a tool is called with, on one line."""
        return self._near(tally.main_argument(event))

    def _result(self, event: ToolResult) -> Styled:
        told = self._near(tally.summary(event))
        if event.refused:
            return Styled(f"  refused by a permission rule: {told}", "yellow")
        if event.is_error:
            return Styled(f"  failed: {told}", "red")
        if event.running or event.exit_code:
            return Styled(f"  {told}", "yellow" if event.running else "red")
        # What is JSON still has nothing to say in one line.
        return Styled(f"  {told}" if told and not told.startswith('{"') else "  ok", "dim")

    def _near(self, text: str) -> str:
        """The text on one line, paths in the worktree as one would type them there."""
        return one_line(text).replace(self._below, "")


def _our_lines(event: Event) -> Iterator[Line]:
    match event:
        case Attempt():
            yield (Styled(f"── attempt {event.number}: amp was started again ──", "yellow"),)
        case Noise() if event.text.strip():
            yield (Styled(one_line(event.text)[:NOISE], "dim"),)
        case TooLong():
            yield (Styled(f"(a line of {event.bytes} bytes is left out)", "dim"),)
        case _:
            return  # turns, usage, thread: for programs


def _prompt_lines(text: str) -> Iterator[Line]:
    """The lines of a prompt."""
    for number, each in enumerate(text.strip().split("\n")):
        yield (Styled("> " if number == 0 else "  ", "blue"), Styled(each, "bold"))
    yield ("",)


def _block(text: str, parent: str | None, style: str = "") -> Iterator[Line]:
    shown = text.strip()
    if not shown:
        return
    margin = _margin(parent)
    for each in shown.split("\n"):
        yield (margin, Styled(each, style))


def _margin(parent: str | None) -> Styled:
    return Styled("  │ " if parent else "", "dim")


def _tokens_text(counts: Tally) -> str:
    """The token counts of a tally in words; empty when none is known."""
    names = ("input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")
    words = ("in", "out", "cache written", "cache read")
    known = [
        f"{labels.count(getattr(counts, name))} {word}"
        for name, word in zip(names, words, strict=True)
        if getattr(counts, name) is not None
    ]
    return ", ".join(known)
