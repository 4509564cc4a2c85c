"""The schema's versions, and the predecessor's database, which is the oldest of them."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from ampsm_engine.errors import Failed, Unfit
from ampsm_engine.model import Outcome, ScriptResult, State, Status
from ampsm_engine.store import Store, database_files, migrations
from ampsm_engine.store.tables import TABLES
from tests.store.values import a_session, an_iteration, ended, start

pytestmark = pytest.mark.usefixtures("real_making")

SAMPLE = Path(__file__).parent / "data" / "predecessor.sqlite"
VERSIONS = range(1, migrations.LATEST + 1)


def backups(database: Path) -> list[Path]:
    return sorted(database.parent.glob("*.bak"))


def dump(path: Path, sql: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def build(path: Path, version: int) -> None:
    """A database as the ampsm of that version left it, with a session and an iteration in it."""
    database_files.create(path)
    with contextlib.closing(database_files.connect(path)) as connection, database_files.exclusive_change(path):
        migrations.migrate(connection, path, version)
        connection.execute(
            "INSERT INTO sessions (id, name, ampPrompt, repoRoot, baseBranch, branchName, worktreePath, createdAt)"
            " VALUES ('s1', 'kept', 'p', '/r', 'main', 'amp/kept', '/r/.worktrees/s1', '2026')"
        )
        connection.execute(
            "INSERT INTO iterations (id, sessionId, number, state, queuedAt) VALUES ('i1', 's1', 1, 'queued', '2026')"
        )


def test_a_branch_counts_as_ours_only_where_its_worktree_says_so(database: Path) -> None:
    build(database, 3)
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        columns = "(id, name, repoRoot, baseBranch, branchName, worktreePath, createdAt)"
        for key, branch, place in (
            ("s2", "amp/made/20260101-000000", "/r/.worktrees/s2"),
            ("s3", "amp/adopted/20260101-000000", "/r/.worktrees/s2"),
            ("s4", "feature", "/r/.worktrees/s4"),
        ):
            values = (key, key, "/r", "main", branch, place, "2026")
            connection.execute(f"INSERT INTO sessions {columns} VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    store = Store(database)
    store.open()
    assert [key for key in ("s1", "s2", "s3", "s4") if store.sessions.get(key).owns_branch] == ["s2"]


@pytest.fixture
def predecessor(database: Path) -> Path:
    database.parent.mkdir()
    shutil.copyfile(SAMPLE, database)
    return database


@pytest.mark.parametrize("column", ["tool_calls.durationMs", "metric_iterations.loc_added"])
def test_a_predecessor_that_measured_less_is_taken_over_all_the_same(predecessor: Path, column: str) -> None:
    table, name = column.split(".")
    with contextlib.closing(sqlite3.connect(predecessor)) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME COLUMN {name} TO of_another_version")
    Store(predecessor).open()
    assert dump(predecessor, "PRAGMA user_version") == [(migrations.LATEST,)]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_ours_is_brought_up_to_date(database: Path, version: int) -> None:
    build(database, version)
    store = Store(database)
    store.open()
    assert store.sessions.get("s1").name == "kept"
    assert store.queue.claim().id == "i1"
    assert dump(database, "PRAGMA user_version") == [(migrations.LATEST,)]
    assert len(backups(database)) == (version < migrations.LATEST)
    for table in TABLES:
        columns = {row[1] for row in dump(database, f'PRAGMA table_info("{table._meta.table_name}")')}
        assert {field.column_name for field in table._meta.sorted_fields} == columns


def test_a_fresh_database_is_not_copied(store: Store) -> None:
    assert backups(store.path) == []
    assert dump(store.path, "PRAGMA user_version") == [(migrations.LATEST,)]


def test_opening_again_changes_nothing(store: Store) -> None:
    before = store.path.read_bytes()
    Store(store.path).open()
    assert store.path.read_bytes() == before


def test_the_predecessors_database_is_copied_and_taken_over(predecessor: Path) -> None:
    store = Store(predecessor)
    store.open()
    (copy,) = backups(predecessor)
    assert copy.name.startswith("ampsm.sqlite.v0-")
    assert copy.stat().st_mode & 0o777 == 0o600
    for (table,) in dump(SAMPLE, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        columns = ", ".join(f'"{row[1]}"' for row in dump(SAMPLE, f'PRAGMA table_info("{table}")'))
        rows = dump(SAMPLE, f"SELECT {columns} FROM {table} ORDER BY rowid")
        assert dump(copy, f"SELECT {columns} FROM {table} ORDER BY rowid") == rows
        if table == "iterations":  # its one column of ours was empty
            columns = columns.replace('"tokenUsage"', "NULL")
        assert dump(predecessor, f"SELECT {columns} FROM {table} ORDER BY rowid") == rows
    assert dump(predecessor, "PRAGMA foreign_key_check") == []
    assert dump(predecessor, "PRAGMA integrity_check") == [("ok",)]
    references = dump(predecessor, "PRAGMA foreign_key_list(tool_calls)")
    assert {row[2] for row in references} == {"sessions", "iterations"}


def test_what_the_predecessor_knew_is_understood(predecessor: Path) -> None:
    store = Store(predecessor)
    sessions = {session.name: session for session in store.sessions.all()}
    assert len(sessions) == 5
    login = sessions["Add login form"]
    assert (login.status, login.script_command, login.amp_prompt) == (
        Status.IDLE, "true", "write a README.md for login",
    )  # fmt: skip
    first, second = store.iterations.of(login.id)
    assert [one.prompt for one in (first, second)] == ["write a README.md for login", "now add gitignore"]
    assert [one.number for one in (first, second)] == [1, 2]
    assert (first.state, first.outcome, first.exit_code, first.changed_files) == (State.SETTLED, Outcome.DONE, 0, 5)
    assert (first.tally.input_tokens, first.tally.output_tokens, first.tally.token_usage) == (1500, 800, 2300)
    assert (first.start_sha, first.duration_ms) == ("43503bf149945168b4b621079bf7883145b518cd", 797)
    assert (first.tally.cache_read_tokens, first.test_result, first.tally.tools) == (None, None, 2)
    assert [call.name for call in store.iterations.tool_calls(first.id)] == ["Read", "edit_file"]
    flaky = sessions["Fix flaky test"]
    assert store.iterations.of(flaky.id)[0].thread_id == flaky.thread_id == "T-ed6975a8-50e9-48ef-899c-29337f97b6e2"
    assert store.iterations.unsettled() == ()
    assert [fact.kind for fact in store.facts.read()] == ["adopted"]


def test_work_goes_on_in_a_session_of_the_predecessor(predecessor: Path) -> None:
    store = Store(predecessor)
    session = store.sessions.resolve("Add login form")
    queued = store.queue.add(an_iteration("new", session.id))
    assert (queued.number, queued.start_time) == (3, None)
    assert store.queue.claim().id == "new"
    assert store.sessions.resolve("e8042b2e").id == session.id


def test_a_purged_session_of_the_predecessor_is_gone_from_its_tables_too(predecessor: Path) -> None:
    store = Store(predecessor)
    for session in store.sessions.all():
        store.sessions.remove(session.id)
    store.close()
    counts = {
        table: dump(predecessor, f'SELECT count(*) FROM "{table}"')[0][0]
        for (table,) in dump(predecessor, "SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    kept = {table: count for table, count in counts.items() if count and not table.startswith("sqlite_")}
    assert kept == {"batches": 1, "batch_items": 2, "facts": 1}, (
        "a batch's history names the repository, not the session"
    )
    assert dump(predecessor, "PRAGMA foreign_key_check") == []


ODD = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, name TEXT NOT NULL, ampPrompt TEXT, followUpPrompts TEXT,
  repoRoot TEXT NOT NULL, baseBranch TEXT NOT NULL, branchName TEXT NOT NULL, worktreePath TEXT NOT NULL,
  status TEXT NOT NULL, createdAt TEXT NOT NULL);
CREATE TABLE iterations (id TEXT PRIMARY KEY, sessionId TEXT NOT NULL, "startTime"  text  not  null, endTime TEXT,
  testResult TEXT, tokenUsage INTEGER, completionTokens INTEGER, exitCode INTEGER,
  FOREIGN KEY(sessionId) REFERENCES sessions(id));
CREATE INDEX by_end ON iterations (endTime);
CREATE TABLE notes (id INTEGER PRIMARY KEY, iterationId TEXT REFERENCES iterations(id));
INSERT INTO sessions VALUES ('a', 'n', NULL, 'no json', '/r', 'main', 'amp/a', '/w', 'running', '2025-01-01');
INSERT INTO sessions VALUES ('b', 'n', 'p', '["two"]', '/r', 'main', 'amp/b', '/w', 'running', '2025-01-01');
INSERT INTO sessions VALUES ('c', 'n', 'p', NULL, '/r', 'main', 'amp/c', '/w', 'asleep', '2025-01-01');
INSERT INTO sessions VALUES ('d', 'n', 'p', NULL, '/r', 'main', 'amp/d', '/w', 'awaiting-input', '2025-01-01');
INSERT INTO iterations VALUES ('a1', 'a', '2025-01-01T00:00:00Z', NULL, NULL, NULL, NULL, NULL);
INSERT INTO iterations VALUES ('b2', 'b', '2025-01-02T00:00:00Z', '2025-01-02T00:00:01Z', 'fail', 50, 20, 2);
INSERT INTO iterations VALUES ('b1', 'b', '2025-01-01T00:00:00Z', 'later', 'pass', 50, NULL, 0);
INSERT INTO iterations VALUES ('lost', 'nobody', '2025-01-01T00:00:00Z', NULL, NULL, NULL, NULL, NULL);
INSERT INTO notes VALUES (1, 'a1');
"""


def test_an_early_database_of_the_predecessor_is_understood(database: Path) -> None:
    """It had fewer columns then, sessions that still run there, and rows whose session is gone."""
    database.parent.mkdir()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executescript(ODD)
    store = Store(database)
    statuses = {session.id: session.status for session in store.sessions.all()}
    assert statuses == {
        "a": Status.ERROR, "b": Status.IDLE, "c": Status.AWAITING_INPUT, "d": Status.AWAITING_INPUT,
    }  # fmt: skip
    (crashed,) = store.iterations.of("a")
    assert (crashed.outcome, crashed.prompt, crashed.end_time) == (Outcome.CRASHED, "", None)
    first, second = store.iterations.of("b")
    assert (first.id, first.outcome, first.test_result, first.prompt) == ("b1", Outcome.DONE, ScriptResult.PASS, "p")
    assert (second.id, second.outcome, second.prompt) == ("b2", Outcome.FAILED, "two")
    assert [one.tally.token_usage for one in (first, second)] == [50, 50]
    assert (second.tally.input_tokens, second.tally.output_tokens, second.duration_ms) == (30, 20, 1000)
    assert dump(database, "SELECT name FROM sqlite_master WHERE name = 'by_end'") == [("by_end",)]
    assert dump(database, "PRAGMA foreign_key_list(notes)")[0][2] == "iterations"
    assert store.queue.add(an_iteration(session="c")).number == 1


def test_an_early_database_that_cannot_be_understood_is_refused_untouched(database: Path) -> None:
    database.parent.mkdir()
    odder = ODD.replace('"startTime"  text  not  null', "\"startTime\" text default '' not null")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executescript(odder)
    with pytest.raises(Unfit, match="startTime"):
        Store(database).open()
    assert dump(database, "SELECT count(*) FROM iterations") == [(4,)]
    assert dump(database, "PRAGMA user_version") == [(0,)]


def test_a_database_of_a_newer_ampsm_is_refused_untouched(store: Store) -> None:
    store.close()
    with contextlib.closing(sqlite3.connect(store.path)) as connection:
        connection.execute(f"PRAGMA user_version = {migrations.LATEST + 1}")
    before = store.path.read_bytes()
    with pytest.raises(Unfit, match=f"version {migrations.LATEST + 1}") as told:
        Store(store.path).open()
    assert "Upgrade ampsm" in told.value.hint
    assert store.path.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "PRAGMA user_version = 72",
        "CREATE TABLE bookmarks (url TEXT)",
        "CREATE TABLE sessions (id INTEGER)",
        "PRAGMA application_id = 7",
    ],
)
def test_the_database_of_another_program_is_refused_untouched(database: Path, sql: str) -> None:
    database.parent.mkdir()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute(sql)
    before = database.read_bytes()
    with pytest.raises(Unfit):
        Store(database).open()
    assert database.read_bytes() == before
    assert dump(database, "PRAGMA journal_mode") == [("delete",)]


def test_a_migration_that_fails_changes_nothing(predecessor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE batches")
        connection.execute("SELECT nonsense")

    before = dump(predecessor, "SELECT name, sql FROM sqlite_master")
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, broken))
    monkeypatch.setattr(migrations, "LATEST", len(migrations.STEPS))
    with pytest.raises(Failed, match="nonsense"):
        Store(predecessor).open()
    assert dump(predecessor, "SELECT name, sql FROM sqlite_master") == before
    assert dump(predecessor, "PRAGMA user_version") == [(0,)]
    assert backups(predecessor) == [], "the copy of what was not changed is of no use"


def test_the_next_version_copies_ours(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def next_step(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE sessions ADD COLUMN later TEXT")

    store.sessions.add(a_session())
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, next_step))
    monkeypatch.setattr(migrations, "LATEST", len(migrations.STEPS))
    # `store` is still open: another ampsm may well be running.
    newer = Store(store.path)
    assert newer.sessions.get("s1") == a_session()
    (copy,) = backups(store.path)
    assert copy.name.startswith(f"ampsm.sqlite.v{migrations.LATEST - 1}-")
    assert dump(copy, "SELECT id FROM sessions") == [("s1",)]


OPEN = """
    sys.stdin.readline()
    store = Store(Path(sys.argv[1]))
    store.open()
    store.facts.add("here", sys.argv[2])
"""


@pytest.mark.parametrize("which", ["fresh", "predecessor"])
def test_five_processes_may_open_one_database_at_once(database: Path, which: str) -> None:
    if which == "predecessor":
        database.parent.mkdir()
        shutil.copyfile(SAMPLE, database)
    processes = [start(OPEN, database, number) for number in range(5)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        ended(process)
    store = Store(database)
    texts = [fact.text for fact in store.facts.read() if fact.kind == "here"]
    assert sorted(texts) == sorted(str(number) for number in range(5))
    assert len(backups(database)) == (which == "predecessor")
    assert [fact.kind for fact in store.facts.read()].count("adopted") == (which == "predecessor")
    assert dump(database, "PRAGMA integrity_check") == [("ok",)]
