"""How many sessions stand how. Status bars ask all day long, so this reads with SQLite alone, in a few milliseconds.

It stands beside the store because importing that costs more than all the rest. It never writes, makes or mends.
"""

import os
import sqlite3
from contextlib import closing

SCHEMA = 5
"""The newest version of the schema that is read here; a test holds it to `migrations.LATEST`."""

_QUESTION = """
SELECT status, count(*) FROM sessions WHERE "trashedAt" IS NULL GROUP BY status
UNION ALL
SELECT 'queued', count(*) FROM iterations i JOIN sessions s ON s.id = i."sessionId"
 WHERE i.state = 'queued' AND s."trashedAt" IS NULL
"""


def standing(database: "str | os.PathLike[str]") -> dict[str, int] | None:
    """Sessions by status, and iterations that wait as `queued`; None when the store itself has to be asked."""
    address = os.fspath(database).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        connection = sqlite3.connect(f"file:{address}?mode=ro", uri=True, timeout=1.0)
    except (sqlite3.Error, ValueError):
        return None
    with closing(connection):
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            return dict(connection.execute(_QUESTION)) if version == SCHEMA else None
        except sqlite3.Error:
            return None
