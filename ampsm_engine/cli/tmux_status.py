"""`ampsm status --tmux` without the rest of the command line: tmux runs it every few seconds, all day long.

It reads with SQLite alone, in a few milliseconds: importing the store costs more than all the rest. It never writes,
makes or mends anything.
"""

import os
import sqlite3
import sys

from ampsm_engine.folders import database_file
from ampsm_engine.state_styles import status_line

_QUESTION = """
SELECT CASE WHEN status != 'running' AND waits THEN 'queued' ELSE status END AS word, count(*)
  FROM (SELECT status, "archivedAt", EXISTS (
          SELECT 1 FROM iterations i WHERE i."sessionId" = s.id AND i.state = 'queued') AS waits
          FROM sessions s WHERE "trashedAt" IS NULL AND "historyFrom" IS NULL)
 WHERE "archivedAt" IS NULL OR waits OR status = 'running' GROUP BY word
"""
"""The counts of `labels.status_counts`."""


def print_status_line() -> bool:
    """Write the line to stdout; False when the whole command has to do it, which can mend things and raise errors."""
    try:
        database = database_file(os.environ)
        counts = count_sessions(database) if os.path.exists(database) else {}
        if counts is None:
            return False
        # Past the buffer: what could not be written would stay in it, and fail the whole command once more.
        os.write(sys.stdout.fileno(), f"{status_line(counts)}\n".encode(sys.stdout.encoding, "replace"))
    except OSError:
        return False
    return True


def count_sessions(database: "str | os.PathLike[str]") -> dict[str, int] | None:
    """Sessions by the words of their states, of a schema of any version that has these columns.

    None when the store itself has to be asked.
    """
    address = os.fspath(database).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        connection = sqlite3.connect(f"file:{address}?mode=ro", uri=True, timeout=1.0)
    except (sqlite3.Error, ValueError):
        return None
    try:
        return dict(connection.execute(_QUESTION))
    except sqlite3.Error:
        return None
    finally:
        connection.close()
