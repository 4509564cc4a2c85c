"""The first version of the schema: made afresh, or laid over the tables of the Amp Session Orchestrator.

Of its database every row, column and table stays as it is; missing columns are added and filled from what it knew.
Its one constraint that cannot hold (an iteration has begun as soon as it exists) is taken away.
"""

# ruff: noqa: S608 - names are those of the schema; values are bound

import json
import re
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ampsm_engine import timestamps
from ampsm_engine.errors import Unfit
from ampsm_engine.model import Outcome, State, Status
from ampsm_engine.store.lazy_tables import tables

# The first version of the schema, frozen. A default is what a row means that another program adds to the tables: an
# iteration that is over and unnumbered.

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
"""Statements that create everything but the two tables that the predecessor has, too."""

Row = Mapping[str, Any]


def is_its_database(version: int, tables: Collection[str]) -> bool:
    """Whether a database is the predecessor's, whose databases have version 0."""
    return version == 0 and {"sessions", "iterations"} <= set(tables)


def adopt(connection: sqlite3.Connection) -> None:
    """Migration 1: make the tables, or add what the predecessor's lack and translate its rows."""
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "sessions" not in found:
        _create(connection, "sessions", SESSIONS)
        _create(connection, "iterations", ITERATIONS)
        execute_all(connection, OTHERS)
        return
    _allow_null_start(connection)
    _extend(connection, "sessions", SESSIONS)
    _extend(connection, "iterations", ITERATIONS)
    execute_all(connection, OTHERS)
    sessions = _rows(connection, "sessions")
    iterations = _rows(connection, "iterations")
    _translate(connection, sessions, iterations, found)
    if "tool_calls" in found:
        _copy_tool_calls(connection)
    text = f"{len(sessions)} sessions and {len(iterations)} iterations of the Amp Session Orchestrator"
    connection.execute("INSERT INTO facts (time, kind, text) VALUES (?, 'adopted', ?)", (timestamps.now(), text))


def _create(connection: sqlite3.Connection, table: str, columns: Mapping[str, str]) -> None:
    body = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    connection.execute(f'CREATE TABLE "{table}" ({body})')


def execute_all(connection: sqlite3.Connection, statements: Sequence[str]) -> None:
    """Execute SQL statements in order."""
    for statement in statements:
        connection.execute(statement)


def columns_of(connection: sqlite3.Connection, table: str) -> dict[str, bool]:
    """The columns of a table, and whether each refuses NULL; none where there is no such table."""
    return {row[1]: bool(row[3]) for row in connection.execute(f'PRAGMA table_info("{table}")')}


def _extend(connection: sqlite3.Connection, table: str, columns: Mapping[str, str]) -> None:
    present = {name.lower() for name in columns_of(connection, table)}
    for name, kind in columns.items():
        if name.lower() not in present:
            connection.execute(f'ALTER TABLE "{table}" ADD COLUMN "{name}" {kind}')


def _allow_null_start(connection: sqlite3.Connection) -> None:
    """Rebuild `iterations` without NOT NULL on its start: a queued iteration has not begun.

    SQLite's documented way: a new table from the old one's own words, its rows in their order, then its name.
    """
    if not columns_of(connection, "iterations").get("startTime"):
        return
    (words,) = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'iterations'"
    ).fetchone()
    others = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND tbl_name = 'iterations' AND sql > ''"
    ).fetchall()
    body, changed = re.subn(
        r"(startTime\W\s*\w*)\s+NOT\s+NULL", r"\1", words[words.index("(") :], count=1, flags=re.IGNORECASE
    )
    if not changed:
        raise Unfit(
            "The table iterations of this database demands a startTime in a way that ampsm does not know.",
            "Set AMPSM_DB_PATH to another database.",
        )
    connection.execute(f"CREATE TABLE iterations_waiting {body}")
    connection.execute("INSERT INTO iterations_waiting SELECT * FROM iterations ORDER BY rowid")
    connection.execute("DROP TABLE iterations")
    connection.execute("ALTER TABLE iterations_waiting RENAME TO iterations")
    execute_all(connection, [sql for (sql,) in others])


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    cursor = connection.execute(f'SELECT * FROM "{table}" ORDER BY rowid')
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _translate(
    connection: sqlite3.Connection, sessions: Sequence[Row], iterations: Sequence[Row], tables: Collection[str]
) -> None:
    measured: dict[str, Row] = {}
    messages: dict[str, str] = {}
    if "metric_iterations" in tables:
        measured = {row["id"]: row for row in _rows(connection, "metric_iterations")}
    if "metric_user_messages" in tables:
        for row in _rows(connection, "metric_user_messages"):
            messages.setdefault(row["iteration_id"], row["message"])
    for session in sessions:
        own = [row for row in iterations if row["sessionId"] == session["id"]]
        own.sort(key=lambda row: str(row["startTime"]))
        prompts = _prompts(session)
        for number, row in enumerate(own, start=1):
            prompt = messages.get(row["id"]) or prompts[min(number, len(prompts)) - 1]
            values = _iteration(row, number, prompt, session, measured.get(row["id"], {}))
            _update(connection, "iterations", row["id"], values)
        _update(connection, "sessions", session["id"], {"status": _status(session, own)})


def _update(connection: sqlite3.Connection, table: str, key: str, values: Row) -> None:
    columns = ", ".join(f'"{name}" = ?' for name in values)
    connection.execute(f'UPDATE "{table}" SET {columns} WHERE id = ?', (*values.values(), key))


def _prompts(session: Row) -> list[str]:
    """The prompts of a session in order; the predecessor stored follow-ups as a JSON list."""
    try:
        later = json.loads(session.get("followUpPrompts") or "[]")
    except ValueError:
        later = []
    return [session["ampPrompt"] or "", *(str(prompt) for prompt in later)]


def _iteration(row: Row, number: int, prompt: str, session: Row, measured: Row) -> Row:
    known, output = row.get("promptTokens"), row.get("completionTokens")
    total = row.get("totalTokens") or row.get("tokenUsage")
    if known is None and total is not None:
        known = max(total - (output or 0), 0)  # only the sum is known: it must stay the sum
    parts = [count for count in (known, output) if count is not None]
    return {
        "number": number,
        "prompt": tables.RedactedText().db_value(prompt),
        "state": State.SETTLED.value,
        "outcome": _outcome(row).value,
        "queuedAt": row["startTime"],
        "startSha": measured.get("git_sha_start"),
        "threadId": session.get("threadId"),
        "attempts": 1,
        "durationMs": _duration(row),
        "inputTokens": known,
        "outputTokens": output,
        "tokenUsage": sum(parts) if parts else None,
        "tools": row.get("cliToolUsageCount") or 0,
    }


def _duration(row: Row) -> int | None:
    """Milliseconds from its start to its end, where both are times."""
    try:
        span = timestamps.parse(row["endTime"]) - timestamps.parse(row["startTime"])
    except (TypeError, ValueError):
        return None
    return int(span.total_seconds() * 1000)


def _outcome(row: Row) -> Outcome:
    if not row["endTime"]:
        return Outcome.CRASHED
    return Outcome.FAILED if row.get("exitCode") else Outcome.DONE


def _status(session: Row, own: Sequence[Row]) -> str:
    """The status of a session from the predecessor; one that was running is idle now, or in error after a crash."""
    status: str = session["status"]
    if status == Status.RUNNING.value:
        crashed = bool(own) and _outcome(own[-1]) is Outcome.CRASHED
        return Status.ERROR.value if crashed else Status.IDLE.value
    return status if status in {known.value for known in Status} else Status.AWAITING_INPUT.value


def _copy_tool_calls(connection: sqlite3.Connection) -> None:
    words = tables.RedactedText().db_value
    last: dict[str, int] = {}
    known = {key for (key,) in connection.execute("SELECT id FROM iterations")}
    for row in sorted(_rows(connection, "tool_calls"), key=lambda row: str(row["timestamp"])):
        key = row["iterationId"]
        if key not in known:
            continue
        last[key] = last.get(key, 0) + 1
        values = (key, last[key], row["id"], words(row["toolName"]), words(row["argsJson"]), row["success"])
        connection.execute(
            'INSERT INTO "toolCalls" ("iterationId", sequence, "toolId", name, arguments, success)'
            " VALUES (?, ?, ?, ?, ?, ?)",
            values,
        )
