"""How states look: the glyph, the colour and the words of each state of a session, for screens and commands alike.

The states themselves are enums in `model.py`.

Imports nothing: a status bar asks every few seconds, and pays for each import.
"""


class StateStyle:
    """How a state is shown."""

    def __init__(self, glyph: str, colour: str, ansi: str) -> None:
        self.glyph = glyph
        """One cell, and different without colour."""
        self.colour = colour
        """A colour of the theme for the screens, perhaps with its share in per cent."""
        self.ansi = ansi
        """A colour of the terminal for what commands print; empty for its own."""


STATES = {
    "running": StateStyle("●", "primary", "cyan"),
    "queued": StateStyle("◌", "secondary", "cyan"),
    "awaiting-input": StateStyle("◆", "warning", "yellow"),
    "error": StateStyle("✗", "error", "red"),
    "idle": StateStyle("○", "foreground-muted", ""),
    "done": StateStyle("✓", "success", "green"),
}
"""How a state looks, by its word as `labels.state_word` gives it."""

BATCH_STATES = {
    "waiting": StateStyle("◌", "warning", "yellow"),
    "stopping": StateStyle("◍", "warning", "yellow"),
    "placed": StateStyle("◔", "primary", "cyan"),
    "unreachable": StateStyle("◇", "warning", "yellow"),
    "collecting": StateStyle("◕", "primary", "cyan"),
    "success": StateStyle("✓", "success", "green"),
    "fail": StateStyle("⊘", "error", "red"),
    "timeout": StateStyle("◷", "warning", "yellow"),
    "conflict": StateStyle("≠", "warning", "yellow"),
    "stopped": StateStyle("■", "foreground-muted", ""),
    "ended": StateStyle("○", "foreground-muted", ""),
}
"""How the states of batch runs and items look that no session has; running, queued and error are in `STATES`.

A run that has ended says nothing of whether its items passed: it is neither green nor red.
"""

SHOWN = STATES | BATCH_STATES
"""Every state that is shown anywhere."""

IN_STATUS_BARS = ("running", "queued", "awaiting-input", "error")
"""The states that are worth a place in a status bar."""


def status_line(counts: dict[str, int]) -> str:
    """The counts of a status bar that are not nought, as `●2 ◆1`; empty when all sessions are idle or done."""
    return " ".join(f"{STATES[word].glyph}{counts[word]}" for word in IN_STATUS_BARS if counts.get(word))
