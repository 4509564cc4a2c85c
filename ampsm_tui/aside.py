"""Stepping aside: another program has the terminal in a session's worktree, and the app comes back after it."""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from textual.app import App, SuspendNotSupported

from ampsm_engine.errors import Failed, Refused, Unfit
from ampsm_tui.environment import without_safe_path


def words(environ: Mapping[str, str], names: Sequence[str], example: str) -> list[str]:
    """The program that the first set one of these variables names, with its arguments; Unfit when none does."""
    for name in names:
        text = environ.get(name, "")
        if text.strip():
            try:
                return shlex.split(text)
            except ValueError as reason:
                message = f"${name} cannot be read as a command: {reason}."
                raise Unfit(message, f"export {name}={example}") from reason
    message = f"{' and '.join(f'${name}' for name in names)} {'are' if len(names) > 1 else 'is'} not set."
    raise Unfit(message, f"export {names[-1]}={example}")


def step_aside(app: App[object], command: Sequence[str], folder: Path) -> None:
    """Give the terminal to a program in a folder until it ends. Refused, Unfit or Failed say why it did not work."""
    if not folder.is_dir():
        message = f"The worktree is gone: {folder}."
        raise Refused(message, "ampsm repair")
    # A handler of ours, not SIG_IGN: the program would inherit that one. Its ctrl+c is not meant for the app.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with app.suspend():
            environ = without_safe_path(os.environ) | {"PWD": str(folder)}
            code = subprocess.run(command, cwd=folder, env=environ, check=False).returncode
    except SuspendNotSupported as reason:
        message = "This terminal cannot be given to another program."
        raise Unfit(message, f"cd {folder}") from reason
    except OSError as reason:
        message = f"{command[0]} could not be started: {reason.strerror}."
        raise Unfit(message, "ampsm doctor") from reason
    finally:
        signal.signal(signal.SIGINT, before)
    if code not in (0, 130, -signal.SIGINT):
        message = f"{Path(command[0]).name} ended with exit code {code}."
        raise Failed(message)
