"""The first version of the schema, frozen: its columns, in the words of SQL.

A default is what a row means that another program adds to the tables: an iteration that is over and unnumbered.
"""

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
