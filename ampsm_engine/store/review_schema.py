"""The second version of the schema, frozen: what belongs to reviewing a session."""

import sqlite3

STATEMENTS = (
    """CREATE TABLE "viewedHunks" (
        "sessionId" TEXT NOT NULL REFERENCES sessions(id),
        "path" TEXT NOT NULL,
        "key" TEXT NOT NULL,
        "viewedAt" TEXT NOT NULL,
        PRIMARY KEY ("sessionId", "path", "key")
    ) WITHOUT ROWID""",
    """CREATE TABLE "lookedTrees" (
        "sessionId" TEXT NOT NULL PRIMARY KEY REFERENCES sessions(id),
        "tree" TEXT NOT NULL,
        "lookedAt" TEXT NOT NULL
    )""",
    """CREATE TABLE "reviewComments" (
        "id" TEXT NOT NULL PRIMARY KEY,
        "sessionId" TEXT NOT NULL REFERENCES sessions(id),
        "path" TEXT NOT NULL,
        "oldPath" TEXT,
        "side" TEXT NOT NULL,
        "line" INTEGER NOT NULL,
        "lineEnd" INTEGER NOT NULL,
        "quote" TEXT NOT NULL,
        "context" TEXT NOT NULL,
        "blob" TEXT NOT NULL,
        "otherBlob" TEXT NOT NULL,
        "text" TEXT NOT NULL,
        "state" TEXT NOT NULL,
        "createdAt" TEXT NOT NULL,
        "updatedAt" TEXT NOT NULL,
        "outcome" TEXT,
        "iterationId" TEXT REFERENCES iterations(id),
        "nowPath" TEXT,
        "nowLine" INTEGER,
        "nowLineEnd" INTEGER,
        "nowBlob" TEXT
    )""",
    """CREATE TABLE "rejections" (
        "id" TEXT NOT NULL PRIMARY KEY,
        "sessionId" TEXT NOT NULL REFERENCES sessions(id),
        "path" TEXT NOT NULL,
        "oldPath" TEXT,
        "reason" TEXT,
        "quote" TEXT NOT NULL,
        "tree" TEXT NOT NULL,
        "createdAt" TEXT NOT NULL,
        "commitSha" TEXT,
        "undoneAt" TEXT,
        "iterationId" TEXT REFERENCES iterations(id),
        "note" TEXT
    )""",
    """CREATE INDEX "comments_of_session" ON "reviewComments" ("sessionId", "createdAt")""",
    """CREATE INDEX "rejections_of_session" ON "rejections" ("sessionId", "createdAt")""",
    # Iterations are taken out of the queue: SQLite looks for what refers to them.
    """CREATE INDEX "comments_of_iteration" ON "reviewComments" ("iterationId") WHERE "iterationId" IS NOT NULL""",
    """CREATE INDEX "rejections_of_iteration" ON "rejections" ("iterationId") WHERE "iterationId" IS NOT NULL""",
)


def create(connection: sqlite3.Connection) -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        connection.execute(statement)
