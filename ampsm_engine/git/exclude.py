"""Our two lines in a repository's `info/exclude`: sessions' worktrees and context files are never committed or shown.

What is there is kept; nothing else of the repository's configuration is written.
"""

import os
from pathlib import Path

from ampsm_engine.errors import Unfit
from ampsm_engine.git import lock

LINES = ("/.worktrees/", "/AGENT_CONTEXT/")
"""Anchored: a folder of that name deeper down is the user's own."""


def ensure(common_dir: Path) -> None:
    """Add what is missing of our lines; Unfit when the file cannot be written."""
    file = common_dir / "info" / "exclude"
    try:
        if _missing(file):
            with lock.writer(common_dir, "exclude"):
                _append(file)
    except OSError as reason:
        message = f"{file} cannot be written: {reason.strerror}."
        raise Unfit(message, f"ls -l {file}") from reason


def _missing(file: Path) -> list[str]:
    try:
        present = {line.strip() for line in file.read_text("utf-8", "surrogateescape").splitlines()}
    except FileNotFoundError:
        present = set()
    return [line for line in LINES if line not in present]


def _append(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    missing = _missing(file)
    if not missing:
        return
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "r+b") as whole:
        before = whole.read()
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        whole.write(gap + "".join(f"{line}\n" for line in missing).encode())
