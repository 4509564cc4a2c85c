"""The third version of the schema, frozen: the journal of merges."""

import sqlite3

_STATEMENTS = (
    """CREATE TABLE "merges" (
        "id" TEXT NOT NULL PRIMARY KEY,
        "sessionId" TEXT NOT NULL REFERENCES sessions(id),
        "kind" TEXT NOT NULL,
        "state" TEXT NOT NULL,
        "step" TEXT NOT NULL,
        "target" TEXT NOT NULL DEFAULT '',
        "baseBefore" TEXT NOT NULL DEFAULT '',
        "baseAfter" TEXT NOT NULL DEFAULT '',
        "branchBefore" TEXT NOT NULL DEFAULT '',
        "branchAfter" TEXT NOT NULL DEFAULT '',
        "message" TEXT NOT NULL DEFAULT '',
        "plan" TEXT NOT NULL DEFAULT '{}',
        "error" TEXT,
        "startedAt" TEXT NOT NULL,
        "endedAt" TEXT
    )""",
    """CREATE INDEX "merges_of_session" ON "merges" ("sessionId")""",
    # The journal's first law, held by SQLite itself; it is what every start looks into, and mostly empty.
    """CREATE UNIQUE INDEX "one_open_merge" ON "merges" ("sessionId") WHERE "state" IN ('working', 'conflicted')""",
)


def create(connection: sqlite3.Connection) -> None:
    """Make the table; its rows begin to be written with this version."""
    for statement in _STATEMENTS:
        connection.execute(statement)
