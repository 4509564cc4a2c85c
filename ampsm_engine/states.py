"""The states of a session as they are shown: the one table of words, glyphs and colours, for screens and commands.

Imports nothing: a status bar asks every few seconds, and pays for each import.
"""

from collections.abc import Mapping
from typing import NamedTuple


class StateStyle(NamedTuple):
    """How a state is shown."""

    glyph: str
    """One cell, and different without colour."""
    colour: str
    """In the screens: a colour of their theme, perhaps with its share in per cent."""
    ansi: str
    """In what commands print: a colour of the terminal; empty for its own."""


STATES = {
    "running": StateStyle("●", "primary", "cyan"),
    "queued": StateStyle("◌", "secondary", "cyan"),
    "awaiting-input": StateStyle("◆", "warning", "yellow"),
    "error": StateStyle("✗", "error", "red"),
    "idle": StateStyle("○", "foreground 60%", ""),
    "done": StateStyle("✓", "success", "green"),
}
"""By the word of a state, as `labels.state_word` gives it."""

IN_STATUS_BARS = ("running", "queued", "awaiting-input", "error")
"""The states that are worth a place in a status bar."""


def status_line(counts: Mapping[str, int]) -> str:
    """The counts of a status bar that are not nought, each behind its glyph: `●2 ◆1`; empty when there are none."""
    return " ".join(f"{STATES[word].glyph}{counts[word]}" for word in IN_STATUS_BARS if counts.get(word))
