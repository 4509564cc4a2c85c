"""The fourth version of the schema, frozen: who made a session's branch."""

import sqlite3

_STATEMENTS = (
    """ALTER TABLE "sessions" ADD COLUMN "branchMadeBy" TEXT NOT NULL DEFAULT 'user'""",
    # A session's folder bears its id where ampsm made both; one that was adopted had its name before.
    """UPDATE "sessions" SET "branchMadeBy" = 'ampsm'
       WHERE "worktreePath" = "repoRoot" || '/.worktrees/' || "id" AND "branchName" LIKE 'amp/%/%'""",
)


def extend(connection: sqlite3.Connection) -> None:
    """Add the column; what is not known to be ours counts as the user's."""
    for statement in _STATEMENTS:
        connection.execute(statement)
