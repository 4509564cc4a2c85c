"""`ampsm status --tmux` without the rest of the command line: tmux runs it every few seconds, all day long."""

import os
import sys

from ampsm_engine.folders import database_file
from ampsm_engine.standing import standing
from ampsm_engine.states import status_line

ARGUMENTS = ["status", "--tmux"]


def told() -> bool:
    """Write the line; False when the whole command has to do it, which can mend things and say what is wrong."""
    try:
        database = database_file(os.environ)
        counts = standing(database) if os.path.exists(database) else {}
        if counts is None:
            return False
        # Past the buffer: what could not be written would stay in it, and fail the whole command once more.
        os.write(sys.stdout.fileno(), f"{status_line(counts)}\n".encode(sys.stdout.encoding, "replace"))
    except OSError:
        return False
    return True
