"""What `doctor` says of this terminal, of the tmux around it, and of whether workers outlive a logout.

Nothing here can make a machine unfit: each check is fine or worth knowing.
"""

import configparser
import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from ampsm_engine import terminals, tmux
from ampsm_engine.engine.check import Check
from ampsm_engine.terminals import Terminal, Tmux, Way

WAYS = {
    Way.OSC9: "notifications (OSC 9)",
    Way.OSC99: "notifications (OSC 99)",
    Way.OSC777: "notifications (OSC 777)",
    Way.BELL: "no notifications but the bell",
}
CLIPBOARD = {True: "clipboard (OSC 52)", None: "clipboard where it is allowed (OSC 52)", False: "no clipboard"}

SLOW_ESCAPE = 100
"""Milliseconds that tmux may hold an Esc back before a person notices."""

_LOGIND = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd")
_LINGER = "var/lib/systemd/linger"


def checks(environ: Mapping[str, str], *, chosen: str = "auto", root: Path = Path("/")) -> tuple[Check, ...]:
    """The terminal, tmux where we are in one, and lingering where logging out would end workers."""
    around = tmux.around(environ)
    here = terminals.known(environ, around, chosen=chosen)
    return (terminal(here, environ), *multiplexer(here, around), *linger(environ, root))


def terminal(here: Terminal, environ: Mapping[str, str]) -> Check:
    """What the terminal can do, as far as its environment tells."""
    if not environ.get("TERM"):
        return Check("terminal", ok=None, text="none here", hint="the screens need a terminal; the commands do not")
    many = {0: "no colours", 1 << 24: "16 million colours"}.get(here.colours, f"{here.colours} colours")
    text = f"{here.name}: {many}, {WAYS[here.way]}, {CLIPBOARD[here.clipboard]}"
    unsure = here.way is Way.BELL and not environ.get("NO_COLOR")
    hint = "when it can do more: ampsm config set notify.terminal osc9 (or osc99, osc777)" if unsure else ""
    return Check("terminal", ok=None if here.way is Way.BELL else True, text=text, hint=hint)


def multiplexer(here: Terminal, around: Tmux | None) -> tuple[Check, ...]:
    """What stands between us and the terminal, and what to put into its configuration."""
    if here.inside == "screen":
        return (Check("screen", ok=True, text="notifications and the clipboard are handed through it"),)
    if here.inside != "tmux":
        return ()
    if around is None:
        text = "it is on another machine, or does not answer"
        return (Check("tmux", ok=None, text=text, hint="there: set -g allow-passthrough on"),)
    missing = tuple(_missing(around))
    if not missing:
        return (Check("tmux", ok=True, text=f"tmux {around.version} lets everything through"),)
    reasons = "; ".join(reason for reason, _ in missing)
    lines = " | ".join(line for _, line in missing)
    return (Check("tmux", ok=None, text=f"tmux {around.version}: {reasons}", hint=f"in ~/.tmux.conf: {lines}"),)


def _missing(around: Tmux) -> Iterator[tuple[str, str]]:
    """What tmux holds back, and the line that lets it through."""
    if not around.passes:
        # `all` lets through what comes from windows that are not shown: those that have something to tell.
        word = "all" if around.numbers >= (3, 4) else "on"
        yield "notifications do not reach the terminal", f"set -g allow-passthrough {word}"
    if around.clipboard == "off":
        yield "copying does not reach the clipboard", "set -s set-clipboard on"
    if around.focus_events in ("0", "off"):
        yield "nobody learns whether you look", "set -g focus-events on"
    if around.escape_time.isdigit() and int(around.escape_time) > SLOW_ESCAPE:
        yield f"Esc takes {around.escape_time} ms", "set -s escape-time 10"


def linger(environ: Mapping[str, str], root: Path = Path("/"), user: str | None = None) -> tuple[Check, ...]:
    """Whether logging out ends what runs: systemd does so where `KillUserProcesses` is on."""
    if not sys.platform.startswith("linux") or not (root / "run/systemd/system").is_dir():
        return ()
    if not kills_user_processes(root):
        return (Check("logging out", ok=True, text="workers go on when you log out"),)
    name = user or environ.get("USER") or getpass.getuser()
    if _lingers(root, name):
        text = "workers go on when you log out, for lingering is on"
        return (Check("logging out", ok=True, text=text),)
    text = "workers end when you log out: KillUserProcesses is on in logind.conf"
    return (Check("logging out", ok=None, text=text, hint=f"loginctl enable-linger {name}"),)


def kills_user_processes(root: Path = Path("/")) -> bool:
    """What logind.conf and its drop-ins say; a later file has the last word, and drop-ins come after the main file."""
    said = False
    for path in _logind_files(root):
        parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
        try:
            parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, configparser.Error):
            continue
        value = parser.get("Login", "KillUserProcesses", fallback=None)
        if value is not None:
            said = value.strip().lower() in ("yes", "true", "on", "1", "y", "t")
    return said


def _logind_files(root: Path) -> tuple[Path, ...]:
    """The main file that counts, then the drop-ins by name; of one name that in /etc counts."""
    folders = [root / folder for folder in _LOGIND]
    main = [path for folder in folders if (path := folder / "logind.conf").is_file()][:1]
    by_name: dict[str, Path] = {}
    for folder in folders:
        for path in (folder / "logind.conf.d").glob("*.conf"):
            by_name.setdefault(path.name, path)
    return (*main, *(by_name[name] for name in sorted(by_name)))


def _lingers(root: Path, user: str) -> bool:
    """Lingering is a file of the user's name; where its folder is closed to us, loginctl knows."""
    if "/" in user or user in ("", ".", ".."):
        return False
    if os.access(root / _LINGER, os.X_OK):
        return (root / _LINGER / user).exists()
    program = shutil.which("loginctl")
    if program is None or root != Path("/"):
        return False
    try:
        asked = [program, "show-user", user, "--property=Linger", "--value"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == "yes"
