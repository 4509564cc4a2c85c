"""Talking to the tmux around us, through its own program: what it is set to, and options of ours for its status bar.

Argument lists alone, never a shell. tmux that does not answer is no fault of ours: then nothing is known of it.
"""

import shutil
import subprocess
from collections.abc import Mapping

from ampsm_engine.terminals import Tmux

PATIENCE = 2.0
"""Seconds; a tmux that takes longer hangs, and nobody shall wait for it."""

_FIELDS = (
    "version",
    "allow-passthrough",
    "set-clipboard",
    "focus-events",
    "escape-time",
    "client_termname",
    "client_termtype",  # the last: the only one that comes from outside
)


def around(environ: Mapping[str, str]) -> Tmux | None:
    """What the tmux that we run in says; None when there is none, or when it does not answer."""
    if not environ.get("TMUX"):
        return None
    pane = ("-t", environ["TMUX_PANE"]) if environ.get("TMUX_PANE") else ()
    answer = _asked(environ, ("display-message", *pane, "-p", "|".join(f"#{{{field}}}" for field in _FIELDS)))
    parts = (answer or "").rstrip("\n").split("|", len(_FIELDS) - 1)
    return Tmux(*parts) if len(parts) == len(_FIELDS) else None


def publish(environ: Mapping[str, str], options: Mapping[str, str | None]) -> bool:
    """Set user options of the whole tmux server, None unsets; whether it took them.

    Values are shown in a status bar as they are: they must hold no foreign text.
    """
    if not environ.get("TMUX") or not options:
        return False
    words: list[str] = []
    for name, value in options.items():
        separator = (";",) if words else ()
        order = ("set-option", "-gqu", name) if value is None else ("set-option", "-gq", name, value)
        words += [*separator, *order]
    return _asked(environ, words) is not None


def _asked(environ: Mapping[str, str], words: "tuple[str, ...] | list[str]") -> str | None:
    """What the program answers; None when it cannot be run or refuses."""
    path = shutil.which("tmux", path=environ.get("PATH"))
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *words],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
