"""`ampsm status --tmux` without the rest of the command line: tmux runs it every few seconds, all day long."""

import os
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
        # Past the buffer: what could not be written would stay in it, and fail the whole command once more.
        os.write(sys.stdout.fileno(), f"{line(counts)}\n".encode(sys.stdout.encoding, "replace"))
    except OSError:
        return False
    return True


def line(counts: dict[str, int]) -> str:
    """The counts that are not nought."""
    return " ".join(f"{glyph}{counts[word]}" for word, glyph in SHOWN.items() if counts.get(word))
