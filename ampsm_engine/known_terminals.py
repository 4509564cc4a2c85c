"""Known terminals: how each shows a notification, its colours, its clipboard; by the environment and what tmux says.

Pure: nothing is ever asked of the terminal itself, for its answer would arrive among the keys.
"""

import re
import sys
from collections.abc import Mapping
from enum import StrEnum

from ampsm_engine.lean_dataclass import dataclass


class NotificationProtocol(StrEnum):
    """How a terminal is made to show a notification; the values are those of the setting `notify.terminal`."""

    OSC9 = "osc9"
    OSC99 = "osc99"
    OSC777 = "osc777"
    BELL = "bell"


@dataclass(frozen=True, slots=True)
class Tmux:
    """The options of the tmux around us, as tmux prints them; empty where an option is not set."""

    version: str = ""
    passthrough: str = ""
    clipboard: str = ""
    focus_events: str = ""
    escape_time: str = ""
    client_name: str = ""
    """The TERM of the terminal that is attached."""
    client_type: str = ""
    """What that terminal calls itself (XTVERSION)."""

    @property
    def numbers(self) -> tuple[int, int]:
        """The version of tmux to compare with: 3.3a and next-3.4 are (3, 3) and (3, 4); (0, 0) if not known."""
        found = re.search(r"(\d+)\.(\d+)", self.version)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    @property
    def passes_notifications(self) -> bool:
        """Whether a notification gets through it; before 3.3 there was no option that forbids it."""
        return self.passthrough in ("on", "all", "1") or (0, 0) < self.numbers < (3, 3)


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal as the programs that run in it see it."""

    name: str
    protocol: NotificationProtocol
    colours: int
    clipboard: bool | None
    """Whether OSC 52 reaches its clipboard; None: only when it is set up for it, or not known."""
    inside: str = ""
    """The multiplexer in between: `tmux`, `screen` or none."""

    @property
    def rings_bell(self) -> bool:
        """Whether the bell goes along: a multiplexer marks its window by it, and may hold back all else."""
        return self.protocol is NotificationProtocol.BELL or bool(self.inside) or self.name == "VTE"


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    protocol: NotificationProtocol
    clipboard: bool | None
    words: tuple[str, ...]
    """What TERM, TERM_PROGRAM or XTVERSION begins with, in lower case."""
    variables: tuple[str, ...] = ()


_KNOWN = (
    _Known("kitty", NotificationProtocol.OSC99, True, ("xterm-kitty", "kitty"), ("KITTY_WINDOW_ID",)),
    _Known("Ghostty", NotificationProtocol.OSC777, True, ("xterm-ghostty", "ghostty"), ("GHOSTTY_RESOURCES_DIR",)),
    _Known("WezTerm", NotificationProtocol.OSC777, True, ("wezterm",), ("WEZTERM_PANE",)),
    _Known("iTerm2", NotificationProtocol.OSC9, None, ("iterm",), ("ITERM_SESSION_ID",)),
    _Known("foot", NotificationProtocol.OSC777, True, ("foot",)),
    _Known("urxvt", NotificationProtocol.OSC777, None, ("rxvt-unicode", "urxvt")),
    _Known("Warp", NotificationProtocol.OSC777, True, ("warpterminal",)),
    _Known("Contour", NotificationProtocol.OSC777, True, ("contour",)),
    _Known("VS Code", NotificationProtocol.BELL, True, ("vscode",)),
    _Known("Alacritty", NotificationProtocol.BELL, True, ("alacritty",), ("ALACRITTY_WINDOW_ID",)),
    _Known("Terminal.app", NotificationProtocol.BELL, False, ("apple_terminal",)),
    _Known("Windows Terminal", NotificationProtocol.BELL, True, (), ("WT_SESSION",)),
    _Known("Konsole", NotificationProtocol.BELL, None, ("konsole",), ("KONSOLE_VERSION",)),
    # Fedora's and others' VTE tell; the original stays silent and takes the bell as a mark on the window.
    _Known("VTE", NotificationProtocol.OSC777, None, ("vte",), ("VTE_VERSION",)),
    _Known("xterm", NotificationProtocol.BELL, None, ("xterm(",)),
)


def has_italics(environ: Mapping[str, str]) -> bool:
    """Whether italics are italics: GNU screen inverts them, the Linux console paints them green, a VT does nothing."""
    term = environ.get("TERM", "")
    return multiplexer(environ) != "screen" and re.match(r"linux|vt\d|screen|eterm|ansi|cons", term) is None


_MANY_COLOURS = ("xterm-kitty", "xterm-ghostty", "foot", "wezterm", "alacritty", "ghostty", "konsole", "contour", "vte")
"""What TERM begins with of terminals that have 256 colours at least, and do not say so by their name."""


def identify(environ: Mapping[str, str], tmux: Tmux | None = None, *, chosen: str = "auto") -> Terminal:
    """The terminal that an environment names. `chosen` is the setting `notify.terminal`, which knows better."""
    inside = multiplexer(environ)
    found = _named_by_tmux(tmux) if tmux else _named_by(environ)
    term = environ.get("TERM", "")
    name = found.name if found else (tmux.client_name if tmux else "") or term or "no terminal"
    protocol = found.protocol if found else NotificationProtocol.BELL
    if chosen in {one.value for one in NotificationProtocol}:
        protocol = NotificationProtocol(chosen)
    clipboard = found.clipboard if found else None
    return Terminal(name, protocol, colours(environ), clipboard, inside)


def multiplexer(environ: Mapping[str, str]) -> str:
    """`tmux`, `screen`, or nothing. A tmux at the other end of an SSH link is known by its TERM alone."""
    term = environ.get("TERM", "")
    if environ.get("TMUX") or term.startswith("tmux"):
        return "tmux"
    return "screen" if environ.get("STY") or term.startswith("screen") else ""


def _named_by_tmux(tmux: Tmux) -> _Known | None:
    """The attached terminal; the variables are those of the terminal in which tmux's server was started."""
    return _by_word(tmux.client_type) or _by_word(tmux.client_name)


def _named_by(environ: Mapping[str, str]) -> _Known | None:
    for variable in ("TERM_PROGRAM", "LC_TERMINAL", "TERM"):
        if found := _by_word(environ.get(variable, "")):
            return found
    for one in _KNOWN:
        if any(environ.get(variable) for variable in one.variables):
            return one
    return None


def _by_word(text: str) -> _Known | None:
    lower = text.lower()
    return next((one for one in _KNOWN if lower.startswith(one.words)), None) if lower else None


def has_desktop(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether the user of this terminal sees this machine's desktop: not over SSH."""
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return False
    return platform == "darwin" or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def colours(environ: Mapping[str, str]) -> int:
    """How many colours the environment promises: 16,777,216, 256, 16, 8, or 0 for none."""
    term, inside = environ.get("TERM", ""), multiplexer(environ)
    if environ.get("NO_COLOR") or term in ("", "dumb", "unknown") or re.match(r"vt\d|.*mono$", term):
        return 0
    # GNU screen hands on the word of the terminal around it, and has fewer itself.
    has_all = environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") and inside != "screen" and term != "linux"
    if has_all or term.endswith(("-direct", "-truecolor")):
        return 1 << 24
    # COLORTERM gets lost over SSH and by sudo: without it 256 are safe. tmux makes fewer of them where it has to.
    if "256" in term or term.startswith(_MANY_COLOURS) or inside == "tmux":
        return 256
    return 8 if term.startswith(("screen", "eterm", "ansi", "cons")) else 16
