"""All commands in one document, made of their own help: the manual page, and the reference of the site.

It is made when a wheel is built (`hatch_build.py`), so nothing is imported here but click and the commands.
"""

import inspect
import re
from collections.abc import Iterator
from typing import NamedTuple

import click

from ampsm_engine.cli.root import is_verbatim, root


class ManualEntry(NamedTuple):
    """A command in the manual: how it is called, its help by paragraphs, and its options."""

    name: str
    """The words that call it: `ampsm batch start`."""
    usage: str
    """What may follow those words."""
    paragraphs: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    """Each option as it is typed, and what it does."""


def entries() -> tuple[ManualEntry, ...]:
    """`ampsm` itself, then each of its commands and theirs, in the order of the help."""
    return tuple(_walk(root, click.Context(root, info_name="ampsm", **root.context_settings)))


def _walk(command: click.Command, ctx: click.Context) -> Iterator[ManualEntry]:
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    records = (parameter.get_help_record(ctx) for parameter in command.get_params(ctx))
    options = tuple(record for record in records if record and record[0] != "-h, --help")
    usage = " ".join(command.collect_usage_pieces(ctx))
    yield ManualEntry(ctx.command_path, usage, tuple(filter(None, paragraphs)), options)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            if inner := command.get_command(ctx, name):
                yield from _walk(inner, click.Context(inner, info_name=name, parent=ctx))


def man_page(version: str) -> str:
    """The manual page `ampsm.1`: roff with the macros of man(7), in ASCII."""
    first, *commands = entries()
    lines = [
        f'.TH AMPSM 1 "" "ampsm {_roff(version)}" "User Commands"',
        ".SH NAME",
        r"ampsm \- Amp coding-agent sessions as git branches that you review",
        ".SH SYNOPSIS",
        ".B ampsm",
        _roff(first.usage),
        ".SH DESCRIPTION",
        *_paragraphs(first.paragraphs),
        ".SH OPTIONS",
        *_options(first.options),
        ".TP",
        r"\fB\-h\fR, \fB\-\-help\fR",
        "Show the help of ampsm, or of the command before it.",
        ".SH COMMANDS",
    ]
    for entry in commands:
        lines += [f'.SS "{_roff(entry.name)} {_roff(entry.usage)}"', *_paragraphs(entry.paragraphs)]
        lines += _options(entry.options)
    return "\n".join([*lines, ""])


def _paragraphs(paragraphs: tuple[str, ...]) -> Iterator[str]:
    for paragraph in paragraphs:
        yield ".PP"
        if is_verbatim(paragraph):
            yield from (".RS 2", ".nf", *map(_roff, paragraph.split("\n")), ".fi", ".RE")
        else:
            yield from map(_roff, paragraph.split("\n"))


def _options(options: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for typed, meaning in options:
        yield from (".TP", f".B {_roff(typed)}", _roff(meaning))


def _roff(text: str) -> str:
    """Text that roff shows as it is: no requests in it, no hyphen for a minus, ASCII alone."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    plain = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in escaped)
    return re.sub(r"^(?=[.'])", r"\\&", plain)


def markdown() -> str:
    """All commands as one Markdown document."""
    first, *commands = entries()
    lines = ["# Commands", "", "What `ampsm COMMAND --help` says, of all commands.", "", *_markdown_of(first)]
    for entry in commands:
        lines += [f"## {entry.name}", "", "```text", f"{entry.name} {entry.usage}", "```", "", *_markdown_of(entry)]
    return "\n".join(lines)


def _markdown_of(entry: ManualEntry) -> Iterator[str]:
    for paragraph in entry.paragraphs:
        fence = ("```text", paragraph, "```") if is_verbatim(paragraph) else (paragraph,)
        yield from (*fence, "")
    yield from (f"- `{typed}`: {meaning}" for typed, meaning in entry.options)
    yield ""
