"""A version of the schema, frozen: the mark of a session outside of whose worktree something changed."""

import sqlite3


def add(connection: sqlite3.Connection) -> None:
    """Add the column; no session is marked."""
    connection.execute('ALTER TABLE "sessions" ADD COLUMN "outside" TEXT')
