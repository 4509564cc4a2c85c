"""The versions of the schema: ordered steps, keyed on SQLite's own `user_version`.

A step is frozen once released and knows no model. All pending ones run in one transaction, in one
process, after a copy of the database was laid beside it. `user_version` lies in the file's header, so that
a program can tell a newer database before it touches one; a table of names, as peewee's runner keeps, cannot say that.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from ampsm_engine.errors import Unfit
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.store import database_files, predecessor

APPLICATION = 0x616D_7073
"""`amps`: SQLite's `application_id` of a database that is ours."""

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


_BATCHES = (
    """ALTER TABLE "sessions" ADD COLUMN "origin" TEXT""",
    # An item is run once, by any starter and however often: SQLite itself holds that.
    """CREATE UNIQUE INDEX "one_session_of_origin" ON "sessions" ("origin") WHERE "origin" IS NOT NULL""",
    # `batches` is a table of the predecessor, whose rows stay as they are.
    """CREATE TABLE "batchRuns" (
        "id" TEXT NOT NULL PRIMARY KEY,
        "name" TEXT NOT NULL,
        "state" TEXT NOT NULL,
        "plan" TEXT NOT NULL,
        "createdAt" TEXT NOT NULL,
        "concurrency" INTEGER NOT NULL,
        "endedAt" TEXT,
        "waitUntil" TEXT,
        "waitReason" TEXT,
        "stopRequested" TEXT NOT NULL DEFAULT ''
    )""",
    """CREATE INDEX "active_batches" ON "batchRuns" ("id") WHERE "state" IN ('running', 'stopping')""",
    """CREATE TABLE "batchItems" (
        "id" TEXT NOT NULL PRIMARY KEY,
        "batchId" TEXT NOT NULL REFERENCES "batchRuns"("id"),
        "number" INTEGER NOT NULL,
        "name" TEXT NOT NULL,
        "repo" TEXT NOT NULL,
        "prompt" TEXT NOT NULL,
        "spec" TEXT NOT NULL,
        "mode" TEXT,
        "state" TEXT NOT NULL,
        "step" TEXT NOT NULL DEFAULT '',
        "reason" TEXT,
        "sessionId" TEXT REFERENCES sessions(id) ON DELETE SET NULL,
        "tries" INTEGER NOT NULL DEFAULT 0,
        "nextAt" TEXT,
        "startedAt" TEXT,
        "endedAt" TEXT,
        "variantOf" TEXT
    )""",
    """CREATE UNIQUE INDEX "items_of_batch" ON "batchItems" ("batchId", "number")""",
    """CREATE INDEX "item_of_session" ON "batchItems" ("sessionId") WHERE "sessionId" IS NOT NULL""",
    """CREATE TABLE "batchTries" (
        "itemId" TEXT NOT NULL REFERENCES "batchItems"("id"),
        "number" INTEGER NOT NULL,
        "kind" TEXT NOT NULL,
        "startedAt" TEXT NOT NULL,
        "iterationId" TEXT REFERENCES iterations(id) ON DELETE SET NULL,
        "endedAt" TEXT,
        "outcome" TEXT,
        "error" TEXT,
        PRIMARY KEY ("itemId", "number")
    )""",
    """CREATE INDEX "try_of_iteration" ON "batchTries" ("iterationId") WHERE "iterationId" IS NOT NULL""",
)


_MEASUREMENTS = (
    *(f'ALTER TABLE "iterations" ADD COLUMN "{name}" INTEGER' for name in ("linesAdded", "linesDeleted", "scriptMs")),
    """ALTER TABLE "toolCalls" ADD COLUMN "startedAt" TEXT""",
    """ALTER TABLE "toolCalls" ADD COLUMN "durationMs" INTEGER""",
    """ALTER TABLE "sessions" ADD COLUMN "historyFrom" TEXT""",
    # Entries outlive what they were asked for: they are counted against what amp allows in an hour.
    """CREATE TABLE "costQueries" (
        "number" INTEGER PRIMARY KEY AUTOINCREMENT,
        "threadId" TEXT NOT NULL,
        "askedAt" TEXT NOT NULL,
        "iterationId" TEXT REFERENCES iterations(id) ON DELETE SET NULL,
        "micros" INTEGER
    )""",
    """CREATE INDEX "costs_by_time" ON "costQueries" ("askedAt")""",
    """CREATE INDEX "cost_of_iteration" ON "costQueries" ("iterationId") WHERE "iterationId" IS NOT NULL""",
)

_TAGS = (
    """ALTER TABLE "sessions" ADD COLUMN "tags" TEXT NOT NULL DEFAULT '[]'""",
    """ALTER TABLE "sessions" ADD COLUMN "archivedAt" TEXT""",
)

_SENT = """(SELECT "iterationId" FROM "reviewComments" WHERE "iterationId" IS NOT NULL
    UNION SELECT "iterationId" FROM "rejections" WHERE "iterationId" IS NOT NULL)"""

_REVIEW_ROUNDS = (
    """CREATE TABLE "reviewRounds" (
        "sessionId" TEXT NOT NULL REFERENCES sessions(id),
        "number" INTEGER NOT NULL,
        "iterationId" TEXT NOT NULL REFERENCES iterations(id),
        "sentAt" TEXT NOT NULL,
        PRIMARY KEY ("sessionId", "number")
    )""",
    """CREATE UNIQUE INDEX "round_of_iteration" ON "reviewRounds" ("iterationId")""",
    # What was sent before there were rounds was sent in some, all the same.
    f"""INSERT INTO "reviewRounds" SELECT i."sessionId", (SELECT count(*) FROM iterations b
            WHERE b."sessionId" = i."sessionId" AND b.number <= i.number AND b.id IN {_SENT}), i.id, i."queuedAt"
        FROM iterations i WHERE i.id IN {_SENT}""",  # noqa: S608 - a constant of this file
    *(f'ALTER TABLE "reviewComments" ADD COLUMN "{name}" TEXT' for name in ("answer", "answerText", "answeredAt")),
    """ALTER TABLE "reviewComments" ADD COLUMN "author" TEXT NOT NULL DEFAULT ''""",
    """ALTER TABLE "rejections" ADD COLUMN "state" TEXT NOT NULL DEFAULT 'done'""",
    *(f'ALTER TABLE "rejections" ADD COLUMN "{name}" TEXT' for name in ("key", "hunk", "oldEnd", "newEnd", "seen")),
    """CREATE INDEX "queued_rejections" ON "rejections" ("sessionId") WHERE "state" IN ('queued', 'doing')""",
)

_PULL_REQUEST = (
    *("url", "title", "body", "author", "baseBranch", "headSha", "baseSha", "startSha", "tool", "host", "project"),
    "remote",
)

_HOSTS = (
    """ALTER TABLE "batchItems" ADD COLUMN "host" TEXT""",
    """ALTER TABLE "batchItems" ADD COLUMN "lostAt" TEXT""",
    """ALTER TABLE "sessions" ADD COLUMN "host" TEXT""",
    """CREATE TABLE "placements" (
        "itemId" TEXT NOT NULL REFERENCES "batchItems"("id"),
        "number" INTEGER NOT NULL,
        "host" TEXT NOT NULL,
        "boot" TEXT NOT NULL,
        "placedAt" TEXT NOT NULL,
        "endedAt" TEXT,
        "outcome" TEXT,
        "tip" TEXT,
        PRIMARY KEY ("itemId", "number")
    )""",
)

_PREDECESSORS_MEASUREMENTS = {
    (
        "tool_calls",
        frozenset({"id", "timestamp", "durationMs"}),
    ): """UPDATE "toolCalls" SET ("startedAt", "durationMs") = (
        SELECT t."timestamp", t."durationMs" FROM "tool_calls" t WHERE t."id" = "toolCalls"."toolId")
        WHERE "toolId" IN (SELECT "id" FROM "tool_calls")""",
    (
        "metric_iterations",
        frozenset({"id", "status", "loc_added", "loc_deleted"}),
    ): """UPDATE "iterations" SET ("linesAdded", "linesDeleted") = (
        SELECT m."loc_added", m."loc_deleted" FROM "metric_iterations" m WHERE m."id" = "iterations"."id")
        WHERE "id" IN (SELECT "id" FROM "metric_iterations" WHERE "status" = 'success')""",
}
"""What tables of the predecessor know, where they have these columns. Its costs are by a price list: left alone."""


def create_reviews(connection: sqlite3.Connection) -> None:
    """The second version: viewed marks, comments, rejections, what was looked at."""
    predecessor.execute_all(connection, _REVIEWS)


def create_merges(connection: sqlite3.Connection) -> None:
    """The third version: the journal of merges."""
    predecessor.execute_all(connection, _MERGES)


def add_branch_made_by(connection: sqlite3.Connection) -> None:
    """The fourth version: who made a session's branch; what is not known to be ours counts as the user's."""
    predecessor.execute_all(connection, _BRANCH_MADE_BY)


def add_outside(connection: sqlite3.Connection) -> None:
    """The fifth version: the mark of a session outside of whose worktree something changed; none is marked."""
    connection.execute('ALTER TABLE "sessions" ADD COLUMN "outside" TEXT')


def create_batches(connection: sqlite3.Connection) -> None:
    """The sixth version: runs of batches, their items and each try of one; which item a session was made for."""
    predecessor.execute_all(connection, _BATCHES)


def add_measurements(connection: sqlite3.Connection) -> None:
    """The seventh version: lines, times of scripts and tool calls, what amp says of costs, and imported history."""
    predecessor.execute_all(connection, _MEASUREMENTS)
    for (table, needed), sql in _PREDECESSORS_MEASUREMENTS.items():
        if needed <= predecessor.columns_of(connection, table).keys():
            connection.execute(sql)


def add_tags(connection: sqlite3.Connection) -> None:
    """The eighth version: tags of a person's own, and archived sessions."""
    predecessor.execute_all(connection, _TAGS)


def create_review_rounds(connection: sqlite3.Connection) -> None:
    """The ninth version: rounds of comments, amp's answers, notes by scripts, rejections that wait for amp."""
    predecessor.execute_all(connection, _REVIEW_ROUNDS)


def create_pull_requests(connection: sqlite3.Connection) -> None:
    """The tenth version: the pull request that a session began from."""
    columns = ", ".join(f'"{name}" TEXT NOT NULL' for name in _PULL_REQUEST)
    connection.execute(
        f"""CREATE TABLE "pullRequests" (
            "sessionId" TEXT NOT NULL PRIMARY KEY REFERENCES sessions(id), "number" INTEGER NOT NULL, {columns})"""
    )


def add_hosts(connection: sqlite3.Connection) -> None:
    """The eleventh version: the hosts of a cluster that items run on."""
    predecessor.execute_all(connection, _HOSTS)


def add_folder(connection: sqlite3.Connection) -> None:
    """The twelfth version: the folder that a session is about, and what was merged by other ways than ampsm's."""
    connection.execute("""ALTER TABLE "sessions" ADD COLUMN "folder" TEXT NOT NULL DEFAULT ''""")
    connection.execute('ALTER TABLE "sessions" ADD COLUMN "landed" TEXT')


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    # 1: sessions, iterations, tool calls, facts; the predecessor's tables are extended, its rows kept.
    predecessor.adopt,
    create_reviews,
    create_merges,
    add_branch_made_by,
    add_outside,
    create_batches,
    add_measurements,
    add_tags,
    create_review_rounds,
    create_pull_requests,
    add_hosts,
    add_folder,
)

LATEST = len(STEPS)


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The version and settings that a database file has."""

    version: int
    application: int
    journal: str
    tables: frozenset[str]

    @property
    def is_ready(self) -> bool:
        """Whether the file needs no migration and no setting."""
        return self.version == LATEST and self.application == APPLICATION and self.journal == "wal"


def read_state(connection: sqlite3.Connection) -> SchemaState:
    """Read the header and the names of the tables."""
    with decoding_errors_as_corrupt():
        version, application, journal = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("user_version", "application_id", "journal_mode")
        )
    ready = version == LATEST and application == APPLICATION
    rows = () if ready else connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return SchemaState(version, application, journal, frozenset(name for (name,) in rows))


def refuse_foreign(found: SchemaState, path: Path) -> None:
    """Unfit when the database is newer than this program, or of another program."""
    if found.application == APPLICATION:
        if found.version > LATEST:
            raise Unfit(
                f"The database {path} is of version {found.version}; this ampsm knows versions up to {LATEST}.",
                "Upgrade ampsm, or set AMPSM_DB_PATH to another database.",
            )
        return
    blank = not found.tables and not found.version and not found.application
    if not blank and not predecessor.is_its_database(found.version, found.tables):
        known = f"is of version {found.version} and " if found.version else ""
        raise Unfit(
            f"The database {path} {known}belongs to another program, or to a newer ampsm.",
            f"Upgrade ampsm, or set AMPSM_DB_PATH to another file; where it took the place of ampsm's:"
            f" mv {path} {path}.other, then: ampsm repair",
        )


@contextlib.contextmanager
def ready(path: Path) -> Iterator[None]:
    """Bring the database to the latest version, and keep it open meanwhile; Unfit or Failed when that cannot be.

    It stays open until the caller's own connection is, because the last one that closes has to tidy up.
    """
    if database_files.is_blank(path):
        with database_files.exclusive_change(path):
            database_files.refuse_network(path)
            database_files.create(path)
    database_files.make_private(path)
    with contextlib.closing(database_files.connect(path)) as connection:
        found = read_state(connection)
        if not found.is_ready:
            refuse_foreign(found, path)
            with database_files.exclusive_change(path):
                migrate(connection, path, LATEST)
        yield


def migrate(connection: sqlite3.Connection, path: Path, target: int) -> Path | None:
    """Run the steps that are missing, all or none; answers the copy of what was there before.

    `database_files.exclusive_change` must be held. Another process may have done it while this one waited.
    """
    found = read_state(connection)
    refuse_foreign(found, path)
    if found.journal != "wal":
        database_files.refuse_network(path)
        (journal,) = connection.execute("PRAGMA journal_mode = wal").fetchone()
        if journal != "wal":
            raise database_files.network_refusal(path, f"SQLite cannot use WAL there and stays with {journal!r}")
    if found.version >= target:
        return None
    check(connection)
    connection.execute("PRAGMA foreign_keys = 0")  # tables are rebuilt; it cannot be said inside a transaction
    connection.execute("BEGIN IMMEDIATE")
    copy = None
    try:
        copy = database_files.back_up(path, found.version) if found.tables else None
        for step in STEPS[found.version : target]:
            step(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {target}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        if copy:
            copy.unlink()  # nothing was changed, so it says nothing that the database does not
        raise
    return copy


def check(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError with SQLite's own code for corruption unless the database is sound."""
    with decoding_errors_as_corrupt():
        rows = connection.execute("PRAGMA quick_check(1)").fetchall()
    if rows != [("ok",)]:
        raise _corrupt(f"quick_check: {rows[0][0]}")


@contextlib.contextmanager
def decoding_errors_as_corrupt() -> Iterator[None]:
    """Where a schema is noise, SQLite's message quotes it and Python cannot decode that: a corrupt database, too."""
    try:
        yield
    except UnicodeDecodeError as reason:
        raise _corrupt("its schema is no text") from reason


def _corrupt(text: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
