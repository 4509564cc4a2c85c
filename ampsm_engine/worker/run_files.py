"""The files of a run directory once its iteration is over: none of them holds a secret any more."""

import os
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.home import RunDirectory

STDERR_KEPT = 1 << 16
"""Bytes of amp's standard error that are kept, of its end."""

_UNNEEDED = ("amp.log", "settings.json", "again.txt", "told.txt", "before.json")
_LOCKS = ("lease", "script.lease")


def clean(run: RunDirectory) -> None:
    """Delete what nobody needs any more, and take the secrets out of everything else. OSError when it cannot be."""
    if not run.path.is_dir():
        return
    for path in sorted(run.path.iterdir()):
        # A name with a dot before it is a file of ours that was being written when its process was killed.
        if path.name in _UNNEEDED or path.name.startswith(".") or path.is_symlink() or not path.is_file():
            _delete(path)
        elif path.name not in _LOCKS:
            redact.file(path)
    # Redacted before anything is cut: half a secret would not be known any more.
    if run.stderr.exists() and run.stderr.stat().st_size > STDERR_KEPT:
        with run.stderr.open("rb+") as file:
            file.seek(-STDERR_KEPT, os.SEEK_END)
            tail = file.read()
            file.seek(0)
            file.write(tail)
            file.truncate()


def _delete(path: Path) -> None:
    """Delete a file, or a folder that an agent made there."""
    if path.is_dir() and not path.is_symlink():
        for inner in path.iterdir():
            _delete(inner)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
