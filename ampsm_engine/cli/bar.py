"""`ampsm status --tmux` without the rest of the command line: tmux runs it every few seconds, all day long."""

import sys

from ampsm_engine.home import home
from ampsm_engine.standing import standing

ARGUMENTS = ["status", "--tmux"]

SHOWN = {"running": "●", "queued": "◌", "awaiting-input": "◆", "error": "✗"}
"""What is worth a place in a status bar, as `wording.GLYPHS` has it."""


def told() -> bool:
    """Write the line; False when the whole command has to do it, which can mend things and say what is wrong."""
    try:
        database = home().database
        counts = standing(database) if database.exists() else {}
        if counts is None:
            return False
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
        sys.stdout.write(line(counts) + "\n")
        sys.stdout.flush()
    except OSError:
        return False
    return True


def line(counts: dict[str, int]) -> str:
    """The counts that are not nought."""
    return " ".join(f"{glyph}{counts[word]}" for word, glyph in SHOWN.items() if counts.get(word))
