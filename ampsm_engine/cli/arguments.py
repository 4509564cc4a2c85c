"""Parameters that several commands share, what completes them, and what they mean to the store. Prints nothing."""

import os
import re
import sys
from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from ampsm_engine.cli.engine_access import confirm_guess as confirm_guess  # noqa: PLC0414 - handed on, as those below
from ampsm_engine.cli.engine_access import open_engine as open_engine  # noqa: PLC0414
from ampsm_engine.cli.engine_access import repository_root as repository_root  # noqa: PLC0414
from ampsm_engine.cli.engine_access import session as session  # noqa: PLC0414
from ampsm_engine.cli.engine_access import target as target  # noqa: PLC0414
from ampsm_engine.cli.output import one_line
from ampsm_engine.config import SETTINGS
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.model import Session, Status

PROMPT_LIMIT = 1_048_576
"""Bytes that amp takes on its standard input."""


class Utf8Text(click.types.StringParamType):
    """Text from the command line; what is not valid UTF-8 is wrong usage."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it stands."""
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("this is not valid UTF-8 text.", param, ctx)
        return text

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """What completes the word that is typed, as click asks for it."""
        return list(self.completions(incomplete))

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:  # noqa: ARG002 - of those that have some
        """What completes the word that is typed: nothing known."""
        return ()


TEXT = Utf8Text()


class LengthOfTime(Utf8Text):
    """A length of time as people write it; seconds to the command."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The seconds that the text names; wrong usage where it names none."""
        from ampsm_engine import durations

        found = durations.seconds(super().convert(value, param, ctx))
        if found is None:
            self.fail(f"{value!r} is no length of time such as {durations.EXAMPLES}.", param, ctx)
        return found


class SessionReference(Utf8Text):
    """What names a session; completed with ids and with names that need no quotes."""

    name = "session"

    def __init__(self, *, trashed: bool = False) -> None:
        self._trashed = trashed

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:
        """Ids and names that begin with what is typed."""
        for known in _known_sessions(trashed=self._trashed):
            name = one_line(known.name)
            if known.id.startswith(incomplete):
                yield CompletionItem(known.id, help=name)
            if name.startswith(incomplete) and re.fullmatch(r"[\w.][\w.-]*", name, re.ASCII):
                yield CompletionItem(name, help=known.status.value)


def _known_sessions(*, trashed: bool) -> tuple[Session, ...]:
    # Completing must neither make a home nor start a worker: a database that is there is only read.
    from ampsm_engine.home import home

    database = home().database
    if not database.exists():
        return ()
    from ampsm_engine.store import Store

    try:
        return Store(database).sessions.all(trashed=trashed)
    except AmpsmError:
        return ()


class SettingName(Utf8Text):
    """The dotted name of a setting, or of a key (`keys.<id>`)."""

    name = "name"

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:
        """Names that begin with what is typed."""
        return (
            CompletionItem(name, help=setting.meaning)
            for name, setting in SETTINGS.items()
            if name.startswith(incomplete)
        )


class AmpMode(Utf8Text):
    """A mode of amp's, or several joined by commas; completed with those that amp lists."""

    name = "mode"

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:
        """The modes of amp whose names begin like the last word typed, each after the modes typed before it."""
        from ampsm_engine.amp import program
        from ampsm_engine.context import engine_at

        engine = engine_at()
        before, comma, begun = incomplete.rpartition(",")
        try:
            listed = program.modes(program.find(engine.settings, os.environ), engine.home.cache, os.environ)
        except AmpsmError:
            return []
        return [CompletionItem(f"{before}{comma}{mode}") for mode in listed if mode.startswith(begun)]


STATUS = click.Choice([status.value for status in Status])

session_argument = click.argument("reference", metavar="SESSION", type=SessionReference())
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
prompt_argument = click.argument("prompt", required=False, type=TEXT)
prompt_file_option = click.option(
    "--prompt-file",
    "-F",
    metavar="FILE",
    type=click.Path(),
    help="Read the prompt from a file; - reads standard input.",
)
wait_option = click.option(
    "--wait", "-w", is_flag=True, help="Stay until the iteration has ended; the exit code tells how."
)
script_option = click.option(
    "--script", metavar="CMD", type=TEXT, help="Shell command that checks each iteration, such as 'make test'."
)
mode_option = click.option(
    "--mode", metavar="M", type=AmpMode(), help="amp's mode, such as low, medium, high or ultra."
)


def prompt_text(prompt: str | None, file: str | None) -> str | None:
    """The prompt that was given in one of the two ways, None when in neither; wrong usage when in both or empty."""
    if prompt is not None and file is not None:
        raise click.UsageError("Give the prompt either as an argument or with --prompt-file, not both.")
    text = _read_prompt(file) if file is not None else prompt
    if text is not None and not text.strip():
        raise click.UsageError("The prompt is empty.")
    return text


def required_prompt(prompt: str | None, file: str | None) -> str:
    """The prompt; wrong usage when there is none."""
    text = prompt_text(prompt, file)
    if text is None:
        raise click.UsageError("A prompt is needed: 'what amp is to do', or --prompt-file FILE.")
    return text


def _read_prompt(file: str) -> str:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(PROMPT_LIMIT + 1)
        else:
            with open(os.path.expanduser(file), "rb") as opened:  # noqa: PTH111, PTH123 - bytes as they are
                content = opened.read(PROMPT_LIMIT + 1)
    except OSError as reason:
        raise click.BadParameter(f"{file}: {reason.strerror}.", param_hint="--prompt-file") from reason
    if len(content) > PROMPT_LIMIT:
        message = f"The prompt in {file} is larger than {PROMPT_LIMIT} bytes, which is all that amp takes."
        raise Refused(message, "Put the long part into a file of the repository and name that in the prompt")
    if b"\0" in content:
        message = f"{file} is no text: byte {content.index(0)} is NUL."
        raise click.BadParameter(message, param_hint="--prompt-file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        message = f"{file} is not UTF-8 text (byte {reason.start})."
        raise click.BadParameter(message, param_hint="--prompt-file") from reason
