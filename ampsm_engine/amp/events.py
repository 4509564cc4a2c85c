"""What amp's stream says, as frozen values; and how such text reads on one line.

All text in here is free of unpaired surrogates, so it can be encoded and stored; everything else
that a string may hold (NUL, escape sequences, markup) is data and stays. No parsing of lines here.
"""

from collections.abc import Mapping

from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.plain_text import printable


@dataclass(frozen=True, slots=True)
class Thread:
    """The thread's id, `T-<uuid>`: the first well-formed one that the reader saw."""

    id: str


@dataclass(frozen=True, slots=True)
class Init:
    """amp begins its first inference. What it lists is often empty and proves nothing."""

    cwd: str
    tools: tuple[str, ...] = ()
    mcp_servers: tuple[tuple[str, str], ...] = ()
    """Name and status of each; the status is a free word."""
    agent_mode: str | None = None
    """The flag's value, not the thread's mode."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the user said: the prompt's echo, or a text steered in later."""

    text: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A text of the model."""

    text: str
    parent: str | None = None
    """The tool call of the sub-agent that speaks; None for amp itself."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """What the model thought; empty when it is redacted."""

    text: str
    parent: str | None = None
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The model calls a tool. Its result may never come."""

    id: str
    name: str
    arguments: Mapping[str, object]
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a call of a tool."""

    id: str
    content: str
    is_error: bool = False
    """amp's own word; a shell command that fails does not set it."""
    refused: bool = False
    """A permission rule turned the call away."""
    exit_code: int | None = None
    """The exit code of a shell command, where the content says it."""
    running: bool = False
    """The command outlived its time limit and still runs."""
    parent: str | None = None

    @property
    def success(self) -> bool:
        """Whether the tool did what it was asked."""
        return not self.is_error and not self.refused and self.exit_code in (None, 0)


@dataclass(frozen=True, slots=True)
class Turn:
    """The model has completed an answer: one assistant line."""

    stop_reason: str | None
    parent: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, not a running total. None: not said, or not a sane count."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_tokens: int | None = None
    cache_read_tokens: int | None = None
    parent: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """The end of a run as amp's last line gives it."""

    ok: bool
    text: str = ""
    """The last text, repeated; may be empty."""
    error: str = ""
    subtype: str = ""
    duration_ms: int | None = None
    turns: int | None = None
    usage: Usage | None = None
    """Never seen from amp; preferred to the sum of the lines where it is there."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Our own line: amp was started again, its output goes on in the same file."""

    number: int


@dataclass(frozen=True, slots=True)
class Other:
    """Something that this program has no use for, or does not know yet."""

    kind: str


@dataclass(frozen=True, slots=True)
class Noise:
    """A line, or the rest of one, that is no JSON object."""

    text: str


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line over the limit; its bytes are in the file and nowhere else."""

    bytes: int


Event = (
    Thread
    | Init
    | Prompt
    | TextBlock
    | Thinking
    | ToolUse
    | ToolResult
    | Turn
    | Usage
    | RunResult
    | Attempt
    | Other
    | Noise
    | TooLong
)


def one_line(text: str, limit: int = 160) -> str:
    """The first line with something in it, printable, cut to a length."""
    for line in text[: 16 * limit].split("\n"):
        words = " ".join(line.split())
        if not words.isprintable():
            words = printable(words[: 4 * limit])
        if words:
            return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"
    return ""
