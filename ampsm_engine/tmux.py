"""The tmux around us, through its own program: its options, and options of ours for its status bar.

Argument lists alone, never a shell. Of a tmux that does not answer nothing is known, and that is no error.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from ampsm_engine import file_lock
from ampsm_engine.home import Home, open_private
from ampsm_engine.known_terminals import Tmux

PATIENCE = 2.0
"""Seconds; a tmux that takes longer hangs."""

_FIELDS = (
    "version",
    "allow-passthrough",
    "set-clipboard",
    "focus-events",
    "escape-time",
    "client_termname",
    "client_termtype",  # the last: the only one that comes from outside
)


def query(environ: Mapping[str, str]) -> Tmux | None:
    """The options of the tmux that we run in; None when there is none, or when it does not answer."""
    if not environ.get("TMUX"):
        return None
    pane = ("-t", environ["TMUX_PANE"]) if environ.get("TMUX_PANE") else ()
    answer = _asked(environ, ("display-message", *pane, "-p", "|".join(f"#{{{field}}}" for field in _FIELDS)))
    parts = (answer or "").rstrip("\n").split("|", len(_FIELDS) - 1)
    return Tmux(*parts) if len(parts) == len(_FIELDS) else None


def has_cursor(environ: Mapping[str, str]) -> bool:
    """Whether what is typed goes to our pane: it is the one that the current window has chosen, and in no mode."""
    pane = environ.get("TMUX_PANE")
    question = ("display-message", "-t", pane or "", "-p", "#{pane_active}#{window_active}#{pane_in_mode}")
    return bool(pane) and (_asked(environ, question) or "").strip() == "110"


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


class StatusBarEntry:
    """The share of an app in the options of tmux's status bar: the last app that ends, even killed, unsets them."""

    def __init__(self, held: int, keeper: "subprocess.Popen[bytes] | None") -> None:
        self._held = held
        self._keeper = keeper

    def end(self) -> None:
        """Give up the share; a second call does nothing."""
        if self._held >= 0:
            os.close(self._held)
            self._held = -1
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()  # as the kernel does for an app that is killed
            self._keeper = None


def show_options(environ: Mapping[str, str], home: Home, options: Sequence[str]) -> StatusBarEntry:
    """Show these options in tmux's status bar; a shell that waits for the end of this process unsets them."""
    name = hashlib.sha256(environ.get("TMUX", "").partition(",")[0].encode()).hexdigest()[:16]
    place = home.viewer_locks / f"tmux-{name}"
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        held = open_private(place, os.O_RDWR | os.O_CREAT)
        file_lock.acquire(held, None, shared=True)  # who holds it alone is about to unset, which takes no time
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, sys.executable, str(place), *options],
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # the terminal that goes away under the app takes its process group along
        )
    except OSError:
        return StatusBarEntry(-1, None)  # then the options stay when this app is killed
    return StatusBarEntry(held, keeper)


_KEEPER = 'read -r _; exec "$0" -P -m ampsm_engine.tmux "$@"'
"""Reads until the app has closed its side of the pipe, or is dead."""


def unset_options(environ: Mapping[str, str], place: str, options: Sequence[str]) -> bool:
    """Unset the options unless another app still shows them; whether they were unset."""
    try:
        held = os.open(place, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return file_lock.acquire(held, 0) and publish(environ, dict.fromkeys(options))
    finally:
        os.close(held)


if __name__ == "__main__":
    unset_options(os.environ, sys.argv[1], sys.argv[2:])
