"""Puts the scripted amp where it can be found and started like the real program. Nothing is played here."""

import os
import shlex
import sys
from pathlib import Path

from ampsm_engine.errors import Failed

PROGRAM = Path(__file__).with_name("scripted_amp.py")


def install(folder: Path, *, state: Path | None = None) -> Path:
    """Writes an executable `amp` into the folder and answers its path; with `state`, its threads are kept there."""
    script = folder / "amp"
    # A wrapper, because a first line naming an interpreter breaks on long paths and on spaces. -S and -E: the
    # program needs no site packages, and the environment of the project it works in must not reach it.
    command = shlex.join([sys.executable, "-S", "-E", str(PROGRAM)])
    keep = f"AMPSM_SCRIPTED_STATE={shlex.quote(str(state))}\nexport AMPSM_SCRIPTED_STATE\n" if state else ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        script.write_bytes(os.fsencode(f'#!/bin/sh\n{keep}exec {command} "$@"\n'))
        script.chmod(0o755)
    except OSError as problem:
        raise Failed(f"The scripted amp could not be written to {script}: {problem.strerror}") from problem
    return script
