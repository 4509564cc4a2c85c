"""The message of a merge or squash, written in the user's editor, and kept until it stands in a commit."""

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import click

from ampsm_engine.cli import output
from ampsm_engine.errors import Refused, Unfit
from ampsm_engine.home import PRIVATE_FOLDER, write_private
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.plain_text import plural
from ampsm_engine.unsent_texts import UnsentText

if TYPE_CHECKING:
    from pathlib import Path

    from ampsm_engine.context import Engine
    from ampsm_engine.merging.results import MergePreview, Options
    from ampsm_engine.model import Session

PURPOSE = "merge message"
"""The purpose under which the app keeps an unsent message, too: begun here, it can be ended there."""

SCISSORS = "# ------------------------ >8 ------------------------"
"""git's own: what stands below it is no part of a message, and lines with # above it are."""


def can_edit() -> bool:
    """Whether there is a terminal in which an editor can run."""
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def written(engine: "Engine", session: "Session", options: "Options") -> "Options":
    """The options with the message that the user leaves in the editor.

    It begins with the given message, else with what was written before and did not come to a commit, else with a
    draft. Refused when the message is empty or the editor failed; what was written is kept then, and offered again.
    """
    if not can_edit():
        raise click.UsageError("There is no terminal for an editor: give the message with -m MSG.")
    from ampsm_engine.merging import preflight

    plan = preflight.plan(engine, session.id, options)
    place = UnsentText(engine.home, session.id, PURPOSE)
    file = place.path.with_suffix(".txt")
    again = f"ampsm {options.kind} {session.id} -e"
    text = options.message or _left(file) or (kept.text if (kept := place.read()) else "") or plan.draft
    for folder in (file.parent.parent, file.parent):
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    write_private(file, f"{text}\n\n{_instructions(session, plan)}".encode(), lasting=False)
    command = _editor(session)
    try:
        code = subprocess.run([*command, str(file)], check=False).returncode
    except OSError as reason:
        file.unlink(missing_ok=True)
        raise Unfit(f"The editor {command[0]} could not be run: {reason.strerror}.", f"EDITOR=nano {again}") from reason
    message = _left(file)
    if code != 0:
        place.write(message)
        file.unlink(missing_ok=True)
        how = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
        raise Refused(f"The editor {how}. Nothing was changed, and what you wrote is kept.", f"{again} goes on with it")
    if not message:
        file.unlink(missing_ok=True)
        place.drop()
        raise Refused("The message is empty: nothing was changed.", again)
    place.write(message)
    file.unlink(missing_ok=True)
    return replace(options, message=message)


def forget(engine: "Engine", session_id: str) -> None:
    """Drop the kept message: it stands in a commit."""
    UnsentText(engine.home, session_id, PURPOSE).drop()


def _left(file: "Path") -> str:
    """The message in the editor's file, which a killed editor leaves as well; empty without one."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(line.rstrip() for line in text.partition(SCISSORS)[0].splitlines()).strip()


def _instructions(session: "Session", plan: "MergePreview") -> str:
    commits = [f"{commit.sha[:10]} {commit.subject}" for commit in plan.commits[-40:]]
    lines = [
        f"The message of {session.name} on its way to {plan.target}. An empty one calls it off; nothing is lost.",
        "This line and all below it are left out.",
        "",
        *(step.text for step in plan.steps),
        "",
        f"{plural(len(plan.commits), 'commit')}:",
        *commits,
    ]
    return "\n".join((SCISSORS, *(f"# {output.one_line(line)}".rstrip() for line in lines), ""))


def _editor(session: "Session") -> list[str]:
    """The user's editor as git would choose it."""
    from pathlib import Path

    from ampsm_engine.git import program

    configured = program.read(Path(session.repo_root), "config", "--get", "core.editor")
    chosen = (os.environ.get("GIT_EDITOR"), configured.line if configured.ok else "")
    words = (*chosen, os.environ.get("VISUAL"), os.environ.get("EDITOR"), "vi")
    named = next(filter(None, map(str.strip, filter(None, words))))
    try:
        return shlex.split(named) or ["vi"]
    except ValueError as reason:
        raise Unfit(f"The editor {named!r} cannot be read as a command: {reason}.", "echo $GIT_EDITOR") from reason
