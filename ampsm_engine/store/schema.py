"""The versions of the schema, frozen, in the words of SQL; the first of them is laid by `predecessor`.

A default is what a row means that another program adds to the tables: an iteration that is over and unnumbered.
"""

import sqlite3

SESSIONS = {
    "id": "TEXT NOT NULL PRIMARY KEY",
    "name": "TEXT NOT NULL",
    "ampPrompt": "TEXT",
    "repoRoot": "TEXT NOT NULL",
    "baseBranch": "TEXT NOT NULL",
    "branchName": "TEXT NOT NULL",
    "worktreePath": "TEXT NOT NULL",
    "status": "TEXT NOT NULL DEFAULT 'idle'",
    "scriptCommand": "TEXT",
    "modelOverride": "TEXT",
    "createdAt": "TEXT NOT NULL",
    "lastRun": "TEXT",
    "notes": "TEXT",
    "threadId": "TEXT",
    "baseCommit": "TEXT NOT NULL DEFAULT ''",
    "trashedAt": "TEXT",
}

ITERATIONS = {
    "id": "TEXT NOT NULL PRIMARY KEY",
    "sessionId": "TEXT NOT NULL REFERENCES sessions(id)",
    "startTime": "TEXT",
    "endTime": "TEXT",
    "commitSha": "TEXT",
    "changedFiles": "INTEGER NOT NULL DEFAULT 0",
    "testResult": "TEXT",
    "testExitCode": "INTEGER",
    "tokenUsage": "INTEGER",
    "number": "INTEGER NOT NULL DEFAULT 0",
    "prompt": "TEXT NOT NULL DEFAULT ''",
    "state": "TEXT NOT NULL DEFAULT 'settled'",
    "outcome": "TEXT",
    "queuedAt": "TEXT NOT NULL DEFAULT ''",
    "startSha": "TEXT",
    "failure": "TEXT",
    "error": "TEXT",
    "hint": "TEXT",
    "threadId": "TEXT",
    "mode": "TEXT",
    "activity": "TEXT",
    "attempts": "INTEGER NOT NULL DEFAULT 0",
    "offset": "INTEGER NOT NULL DEFAULT 0",
    "stopRequestedAt": "TEXT",
    "durationMs": "INTEGER",
    "exitCode": "INTEGER",
    "inputTokens": "INTEGER",
    "outputTokens": "INTEGER",
    "cacheCreationTokens": "INTEGER",
    "cacheReadTokens": "INTEGER",
    "subagentTokens": "INTEGER",
    "turns": "INTEGER NOT NULL DEFAULT 0",
    "tools": "INTEGER NOT NULL DEFAULT 0",
    "refusals": "INTEGER NOT NULL DEFAULT 0",
}

OTHERS = (
    """CREATE TABLE "toolCalls" (
        "iterationId" TEXT NOT NULL REFERENCES iterations(id),
        "sequence" INTEGER NOT NULL,
        "toolId" TEXT NOT NULL,
        "name" TEXT NOT NULL,
        "arguments" TEXT NOT NULL,
        "success" INTEGER,
        "summary" TEXT NOT NULL DEFAULT '',
        PRIMARY KEY ("iterationId", "sequence")
    )""",
    # Facts outlive what they are about: no reference. AUTOINCREMENT: a number is never given twice.
    """CREATE TABLE "facts" (
        "number" INTEGER PRIMARY KEY AUTOINCREMENT,
        "time" TEXT NOT NULL,
        "kind" TEXT NOT NULL,
        "sessionId" TEXT,
        "iterationId" TEXT,
        "text" TEXT NOT NULL
    )""",
    """CREATE INDEX "facts_of_session" ON "facts" ("sessionId", "number")""",
    """CREATE INDEX "iterations_of_session" ON "iterations" ("sessionId", "number", "state", "startTime")""",
    """CREATE INDEX "iterations_by_state" ON "iterations" ("state")""",
    # The store's first law, held by SQLite itself: a session has at most one iteration at work.
    """CREATE UNIQUE INDEX "one_active_iteration" ON "iterations" ("sessionId")
       WHERE "state" IN ('running', 'settling')""",
    """CREATE UNIQUE INDEX "numbers_of_session" ON "iterations" ("sessionId", "number") WHERE "number" > 0""",
)
"""Everything but the two tables that the predecessor has too."""

_REVIEWS = (
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

_MERGES = (
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

_BRANCH_MADE_BY = (
    """ALTER TABLE "sessions" ADD COLUMN "branchMadeBy" TEXT NOT NULL DEFAULT 'user'""",
    # A session's folder bears its id where ampsm made both; one that was adopted had its name before.
    """UPDATE "sessions" SET "branchMadeBy" = 'ampsm'
       WHERE "worktreePath" = "repoRoot" || '/.worktrees/' || "id" AND "branchName" LIKE 'amp/%/%'""",
)


def create_reviews(connection: sqlite3.Connection) -> None:
    """The second version: viewed marks, comments, rejections, what was looked at."""
    _execute(connection, _REVIEWS)


def create_merges(connection: sqlite3.Connection) -> None:
    """The third version: the journal of merges."""
    _execute(connection, _MERGES)


def add_branch_made_by(connection: sqlite3.Connection) -> None:
    """The fourth version: who made a session's branch; what is not known to be ours counts as the user's."""
    _execute(connection, _BRANCH_MADE_BY)


def add_outside(connection: sqlite3.Connection) -> None:
    """The fifth version: the mark of a session outside of whose worktree something changed; none is marked."""
    connection.execute('ALTER TABLE "sessions" ADD COLUMN "outside" TEXT')


def _execute(connection: sqlite3.Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(statement)
