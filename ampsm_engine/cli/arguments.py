"""Parameters that several commands share, and what they mean to the store. Prints nothing."""

import os
import sys

import click

from ampsm_engine.cli.engine_access import confirm_guess as confirm_guess  # noqa: PLC0414 - handed on, as those below
from ampsm_engine.cli.engine_access import open_engine as open_engine  # noqa: PLC0414
from ampsm_engine.cli.engine_access import repository_root as repository_root  # noqa: PLC0414
from ampsm_engine.cli.engine_access import session as session  # noqa: PLC0414
from ampsm_engine.cli.engine_access import target as target  # noqa: PLC0414
from ampsm_engine.cli.engine_access import target_run as target_run  # noqa: PLC0414
from ampsm_engine.cli.output import one_line
from ampsm_engine.cli.parameters import TEXT as TEXT  # noqa: PLC0414
from ampsm_engine.cli.parameters import VISIBLE_TEXT as VISIBLE_TEXT  # noqa: PLC0414
from ampsm_engine.cli.parameters import AmpMode
from ampsm_engine.cli.parameters import LengthOfTime as LengthOfTime  # noqa: PLC0414
from ampsm_engine.cli.parameters import SessionReference as SessionReference  # noqa: PLC0414
from ampsm_engine.errors import Refused, unreadable
from ampsm_engine.model import Status

PROMPT_LIMIT = 1_048_576
"""Bytes that amp takes on its standard input."""


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
        raise unreadable("The file", one_line(file), reason) from reason
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
