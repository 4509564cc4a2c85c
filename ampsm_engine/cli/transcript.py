"""How amp's events read: lines for a person, objects for a program, both without secrets. Reads no files."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ampsm_engine import redact, wording
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
from ampsm_engine.cli.documents import Document, plain
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.model import Tally

Line = tuple[str | Styled, ...]

NOISE = 200
"""Characters that are shown of a line that is no JSON."""

_TYPES: Mapping[type, str] = {
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


def event_document(event: Event) -> Document:
    """An event as one JSON object: its `type` and its fields, texts redacted."""
    fields = plain(event)
    head: Document = {"type": _TYPES[type(event)]}
    return head | {str(key): redacted(value) for key, value in dict(fields).items()}  # type: ignore[call-overload]


def redacted(value: object) -> object:
    """JSON with every text in it redacted."""
    if isinstance(value, str):
        return redact.text(value)
    if isinstance(value, dict):
        return {key: redacted(each) for key, each in value.items()}
    return [redacted(each) for each in value] if isinstance(value, list) else value


def without_secrets(event: Event) -> Event:
    """The event with every text in it redacted, before anything is cut: half a key would not be known."""
    texts = {
        name: redacted(dict(value) if isinstance(value, Mapping) else value)
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
                yield from prompt_lines(event.text)
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
        return self._near(tally.described(event).removeprefix(event.name).removeprefix(":").strip())

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


def prompt_lines(text: str) -> Iterator[Line]:
    """What the user said."""
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


def tokens_text(counts: Tally) -> str:
    """The token counts of a tally in words; empty when none is known."""
    names = ("input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")
    words = ("in", "out", "cache written", "cache read")
    known = [
        f"{wording.count(getattr(counts, name))} {word}"
        for name, word in zip(names, words, strict=True)
        if getattr(counts, name) is not None
    ]
    return ", ".join(known)
