"""All of standard output. What is shown passes `clean`: no control character of a session or of amp gets out.

Words about what happens are not printed here: they go to stderr, by diagnostics.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ampsm_engine.errors import Failed
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.plain_text import visible

if TYPE_CHECKING:
    from typing import TextIO

VERSION = 1
"""The version of every JSON document; it grows when a key changes its meaning or goes."""

_BEYOND_ASCII = re.compile("[^\x00-\x7f]+")

_STYLES = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


@dataclass(frozen=True, slots=True)
class Styled:
    """A piece of a line that has a style on a terminal: a word of `_STYLES`, or nothing."""

    text: str
    style: str = ""


def clean(text: str, *, lines: bool = False) -> str:
    """The text with every unseen character made visible (`␛`, `<U+202E>`); `lines` keeps newline and tab."""
    if text.isascii() and text.isprintable():
        return text
    return visible(text, "\n\t" if lines else "")


def one_line(text: str) -> str:
    """The text on one line: runs of white space become one space, the rest is cleaned."""
    return clean(" ".join(text.split()))


def takes_colour(stream: "TextIO") -> bool:
    """Whether a stream takes colour: by NO_COLOR, then CLICOLOR_FORCE, then as a terminal without CLICOLOR=0."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb" and os.environ.get("CLICOLOR") != "0"


def coloured() -> bool:
    """Whether stdout takes colour."""
    return takes_colour(sys.stdout)


def line(*parts: str | Styled) -> None:
    """Write one line (or, where a part has newlines, several) to stdout, cleaned; styles only on a terminal."""
    colour = coloured()
    write("".join(_rendered(part, colour=colour) for part in parts) + "\n")


def styled(piece: Styled) -> str:
    """A piece of a line as a terminal shows it in colour, cleaned."""
    return _rendered(piece, colour=True)


def _rendered(part: str | Styled, *, colour: bool) -> str:
    if isinstance(part, str):
        return clean(part, lines=True)
    text = clean(part.text, lines=True)
    if not (colour and part.style and text):
        return text
    code = ";".join(_STYLES[style] for style in part.style.split())
    return f"\x1b[{code}m{text}\x1b[0m"


class ReaderLeft(Exception):
    """The reader of standard output has closed it. No OSError, for click would end with exit code 1 on that."""


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Failed for a full disk, ReaderLeft for a reader that has closed its end."""
    try:
        yield
    except BrokenPipeError as reason:
        raise ReaderLeft from reason
    except OSError as reason:
        raise Failed(f"What was to be printed could not be written: {reason.strerror}.") from reason


def write(text: str) -> None:
    """Write text that is already clean to stdout."""
    with _translated_errors():
        sys.stdout.write(text)


def flush() -> None:
    """Flush stdout: before something is written to stderr, or because a program reads along."""
    with _translated_errors():
        sys.stdout.flush()


def untouched(content: bytes) -> None:
    """Write bytes to stdout exactly as they are: for programs, never for a terminal."""
    flush()
    with _translated_errors():
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


has_document = False
"""Whether the one document of this command has been written: an error after it adds no second one."""


def document(content: dict[str, object]) -> None:
    """Write the one JSON document of a command to stdout."""
    global has_document  # noqa: PLW0603 - of the command, as standard output is
    has_document = True
    write(encoded({"version": VERSION, **content}) + "\n")


def written_document(members: str) -> None:
    """Write the JSON document of a command whose members are JSON text already."""
    global has_document  # noqa: PLW0603 - as above
    has_document = True
    text = f'{{"version":{VERSION},{members}}}'
    write((text if text.isascii() else _BEYOND_ASCII.sub(_escaped, text)).replace("\x7f", "\\u007f") + "\n")


def _escaped(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def record(content: dict[str, object]) -> None:
    """Write one JSON object on its line, at once: its reader follows."""
    write(encoded({"version": VERSION, **content}) + "\n")
    flush()


def encoded(content: object) -> str:
    """JSON in ASCII alone, so that no character of it acts on a terminal."""
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")).replace("\x7f", "\\u007f")


def fields(rows: Iterable[tuple[str, str]]) -> None:
    """Write `name  value` lines, the values aligned; rows without a value are left out."""
    kept = [(name, value) for name, value in rows if value]
    width = max((len(name) for name, _ in kept), default=0)
    for name, value in kept:
        line(Styled(f"  {name:<{width}}  ", "dim"), value)
