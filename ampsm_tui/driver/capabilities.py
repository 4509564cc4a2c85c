"""Which control sequences the driver may write to save bytes: scrolling, margins, erasing; by TERM and answers."""

from collections.abc import Mapping

from ampsm_engine.lean_dataclass import dataclass


@dataclass(slots=True)
class Capabilities:
    """The control sequences that may be written to save bytes."""

    scrolls: bool = True
    """A scroll region (DECSTBM)."""
    scrolls_by_lines: bool = False
    """The terminal scrolls when lines are deleted or inserted (DL, IL), not by SU and SD."""
    has_margins: bool = False
    """Left and right margins (DECSLRM); only a terminal that has shown it by its answer."""
    erases_in_background: bool = True
    """Whether an erased cell takes the background of the current style (bce)."""
    synchronizes: bool = False
    """The terminal shows a frame at once (mode 2026)."""


_KNOWN = (
    "xterm", "tmux", "screen", "rxvt", "linux", "alacritty", "kitty", "foot", "wezterm", "ghostty", "konsole", "vte",
    "gnome", "iterm", "mintty", "contour", "st-", "putty", "vt2", "vt3", "vt4", "vt5",
)  # fmt: skip
"""Beginnings of TERM of terminals that move, erase and scroll as an xterm does."""


def is_known(environ: Mapping[str, str]) -> bool:
    """Whether TERM names a terminal of which it is known how to write little."""
    return environ.get("TERM", "").startswith(_KNOWN) or environ.get("TERM") == "st"


def capabilities_of(environ: Mapping[str, str]) -> Capabilities:
    """What the terminal named by TERM can do; what only its answers tell is taken for missing.

    GNU screen and a few others leave their own background where they erase. tmux calls itself screen, too; over SSH it
    cannot be told from it. The Linux console and VTs before the 420 have no SU and SD.
    """
    term = environ.get("TERM", "")
    is_screen = term.startswith("screen") and ("TMUX" not in environ or "STY" in environ)
    return Capabilities(
        scrolls_by_lines=term.startswith(("linux", "vt", "screen")),
        erases_in_background=not is_screen and not term.startswith(("eterm", "vt", "ansi")),
    )
