"""The predecessor's history comes in once and whole, and its database stays as it is."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from ampsm_engine import session_problems
from ampsm_engine.context import Engine
from ampsm_engine.engine import history_import, session_trash, sessions, views
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.metrics.summary import Selection, summarize
from ampsm_engine.model import BatchState, ItemState, Outcome, Status
from tests.conftest import git

SAMPLE = Path(__file__).parents[1] / "store" / "data" / "predecessor.sqlite"
LOGIN = "e8042b2e-2430-40bb-b7a9-6194d751dd80"
FLAKY = "cfe69a16-a779-41f3-a690-7ee92ef54ecf"


@pytest.fixture
def engine(hermetic: Path) -> Engine:
    return open_engine()


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "old" / "sessions.sqlite"
    path.parent.mkdir()
    shutil.copyfile(SAMPLE, path)
    return path


def change(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def dump(engine: Engine) -> dict[str, list[dict[str, object]]]:
    names = ("sessions", "iterations", "toolCalls", "batchRuns", "batchItems", "facts")
    return {name: list(engine.store.table_rows.read(name)) for name in names}


def test_everything_comes_in_and_the_source_is_untouched(engine: Engine, sample: Path) -> None:
    before = sample.read_bytes()
    result = history_import.import_history(engine, sample)
    counts = (result.sessions, result.iterations, result.tool_calls, result.batches, result.items)
    assert counts == (5, 6, 11, 1, 2)
    assert (result.known_sessions, result.left_out) == (0, ())
    assert sample.read_bytes() == before
    assert [path.name for path in sample.parent.iterdir()] == ["sessions.sqlite"]
    first, second = engine.store.iterations.of(LOGIN)
    assert (first.prompt, first.outcome, first.tally.token_usage) == ("write a README.md for login", Outcome.DONE, 2300)
    assert (second.number, second.lines_added, second.lines_deleted) == (2, 29, 1)
    read, edited = engine.store.iterations.tool_calls(first.id)
    assert [(call.name, call.duration_ms) for call in (read, edited)] == [("Read", 150), ("edit_file", 300)]
    assert "squash-rebase-merge into main" in " ".join(fact.text for fact in engine.store.facts.read(session_id=LOGIN))


def test_twice_is_the_same_as_once(engine: Engine, sample: Path) -> None:
    history_import.import_history(engine, sample)
    once = dump(engine)
    again = history_import.import_history(engine, sample)
    assert (again.sessions, again.iterations, again.tool_calls, again.batches, again.known_sessions) == (0, 0, 0, 0, 5)
    assert again.history == ()
    assert dump(engine) == once


def test_what_has_no_worktree_is_told_and_kept_as_history(engine: Engine, sample: Path) -> None:
    result = history_import.import_history(engine, sample)
    assert {session.id for session in result.history} >= {LOGIN, FLAKY}
    store = engine.store
    assert store.sessions.all() == ()
    assert store.sessions.board().rows == ()
    assert store.sessions.resolve("Fix flaky test").history_from == str(sample)
    assert summarize(store, "session").total.iterations == 6
    with pytest.raises(Refused, match="is history, imported from"):
        session_problems.check_worktree(store.sessions.get(FLAKY))


def test_history_does_not_come_between_a_person_and_the_work(engine: Engine, sample: Path, repo: Path) -> None:
    history_import.import_history(engine, sample)
    session, _ = sessions.new(engine, path=repo, prompt="Fix it", name="Fix this", run=False)
    assert engine.store.sessions.resolve("Fix").id == session.id
    assert engine.store.sessions.resolve("Fix fl").id == FLAKY


def test_what_amp_printed_can_be_read_without_its_secrets(engine: Engine, sample: Path) -> None:
    key = "sk-ant-api03-" + "a1B2" * 22 + "AA"
    change(sample, f"UPDATE iterations SET output = replace(output, 'I will edit', 'I will edit {key}')")
    history_import.import_history(engine, sample)
    (iteration,) = engine.store.iterations.of(FLAKY)
    stream = engine.home.iteration(iteration.id).stream
    assert stream.stat().st_mode & 0o777 == 0o600
    text = stream.read_text()
    assert "I will edit" in text
    assert key not in text
    assert any("I will edit" in getattr(event, "text", "") for event in views.follow_log(engine, iteration.id))


def test_a_batch_comes_in_with_its_items(engine: Engine, sample: Path) -> None:
    change(sample, "UPDATE batch_items SET status = 'running' WHERE prompt = 'write a .gitignore'")
    history_import.import_history(engine, sample)
    (batch,) = engine.store.batches.all()
    assert (batch.state, batch.concurrency) == (BatchState.ENDED, 2)
    assert [item.state for item in engine.store.batches.items(batch.id)] == [ItemState.SUCCESS, ItemState.STOPPED]
    assert engine.store.batches.active() == ()
    assert summarize(engine.store, "batch", Selection(batch=batch.id)).total.token_usage == 4600


def test_a_session_whose_worktree_is_there_goes_on(engine: Engine, sample: Path, repo: Path) -> None:
    worktree = repo / ".worktrees" / LOGIN
    git(repo, "worktree", "add", "-q", "-b", "amp/add-login-form/2026", str(worktree))
    places = f"repoRoot = '{repo}', worktreePath = '{worktree}', branchName = 'amp/add-login-form/2026'"
    change(sample, f"UPDATE sessions SET {places} WHERE id = '{LOGIN}'")
    result = history_import.import_history(engine, sample)
    assert LOGIN not in {session.id for session in result.history}
    (session,) = engine.store.sessions.all()
    assert (session.id, session.status, session.history_from) == (LOGIN, Status.IDLE, None)
    assert session.base_commit == git(repo, "rev-parse", "main").strip()
    assert views.show(engine, session).trouble is None


def test_what_was_done_there_since_comes_in_later(engine: Engine, sample: Path) -> None:
    history_import.import_history(engine, sample)
    change(
        sample,
        "INSERT INTO iterations (id, sessionId, startTime, endTime, exitCode, totalTokens)"
        f" VALUES ('later-one', '{LOGIN}', '2026-11-23T00:00:00.000Z', '2026-11-23T00:01:00.000Z', 1, 7)",
    )
    result = history_import.import_history(engine, sample)
    assert (result.sessions, result.iterations) == (0, 1)
    last = engine.store.iterations.of(LOGIN)[-1]
    assert (last.id, last.number, last.outcome, last.tally.token_usage) == ("later-one", 3, Outcome.FAILED, 7)


def test_a_session_that_was_renamed_here_keeps_its_name(engine: Engine, sample: Path) -> None:
    history_import.import_history(engine, sample)
    sessions.edit(engine, FLAKY, name="mine now")
    history_import.import_history(engine, sample)
    assert engine.store.sessions.get(FLAKY).name == "mine now"


def test_an_id_that_would_leave_the_home_is_left_out(engine: Engine, sample: Path, tmp_path: Path) -> None:
    change(
        sample,
        "PRAGMA foreign_keys = 0",
        f"UPDATE iterations SET id = '../../../escaped' WHERE sessionId = '{FLAKY}'",
        f"UPDATE sessions SET id = '/etc/passwd' WHERE id = '{LOGIN}'",
    )
    result = history_import.import_history(engine, sample)
    assert len(result.left_out) == 2
    assert result.sessions == 4
    assert engine.store.iterations.of(FLAKY) == ()
    assert not list(tmp_path.rglob("*escaped*"))


def test_what_is_written_to_it_and_still_in_its_log_comes_in_too(engine: Engine, sample: Path) -> None:
    with contextlib.closing(sqlite3.connect(sample)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute(f"UPDATE sessions SET name = 'in the log' WHERE id = '{FLAKY}'")
        connection.commit()
        log = sample.with_name(f"{sample.name}-wal")
        assert log.stat().st_size
        before = (sample.read_bytes(), log.read_bytes())
        history_import.import_history(engine, sample)
        assert (sample.read_bytes(), log.read_bytes()) == before
    assert engine.store.sessions.get(FLAKY).name == "in the log"


def test_what_is_no_database_of_the_predecessor_is_refused(engine: Engine, tmp_path: Path) -> None:
    text, other, own = tmp_path / "text", tmp_path / "other.sqlite", engine.home.database
    text.write_text("no database\n" * 100)
    change(other, "CREATE TABLE bookmarks (url TEXT)")
    for path in (text, other, own, tmp_path):
        with pytest.raises(Refused):
            history_import.import_history(engine, path)
    with pytest.raises(NotFound):
        history_import.import_history(engine, tmp_path / "nothing")
    assert engine.store.sessions.is_empty()


def test_the_repository_s_own_checkout_is_no_worktree_of_a_session(engine: Engine, sample: Path, repo: Path) -> None:
    places = f"repoRoot = '{repo}', worktreePath = '{repo}', branchName = 'main'"
    change(sample, f"UPDATE sessions SET {places} WHERE id = '{LOGIN}'")
    assert LOGIN in {session.id for session in history_import.import_history(engine, sample).history}
    assert engine.store.sessions.all() == ()


def test_a_worktree_that_another_session_works_in_gets_no_second_one(
    engine: Engine, sample: Path, repo: Path, tmp_path: Path
) -> None:
    worktree = tmp_path / "elsewhere"
    git(repo, "worktree", "add", "-q", "-b", "mine", str(worktree))
    adopted = sessions.adopt(engine, worktree)
    places = f"repoRoot = '{repo}', worktreePath = '{worktree}', branchName = 'mine'"
    change(sample, f"UPDATE sessions SET {places} WHERE id IN ('{LOGIN}', '{FLAKY}')")
    result = history_import.import_history(engine, sample)
    assert {LOGIN, FLAKY} <= {session.id for session in result.history}
    assert [session.id for session in engine.store.sessions.all()] == [adopted.id]
    session_trash.remove(engine, adopted.id)
    assert not worktree.exists()


def test_what_amp_printed_comes_in_after_an_import_that_was_killed(
    engine: Engine, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(history_import, "_write_transcripts", lambda *_: None)  # it was killed before that
        history_import.import_history(engine, sample)
    (iteration,) = engine.store.iterations.of(FLAKY)
    assert not engine.home.iteration(iteration.id).stream.exists()
    history_import.import_history(engine, sample)
    assert "I will edit" in engine.home.iteration(iteration.id).stream.read_text()


def test_what_would_be_in_the_way_of_every_sum_is_left_out_and_told(engine: Engine, sample: Path) -> None:
    change(
        sample,
        f"UPDATE iterations SET changedFiles = 'many' WHERE sessionId = '{FLAKY}'",
        f"UPDATE sessions SET createdAt = 'once' WHERE id = '{LOGIN}'",
    )
    change(sample, "UPDATE iterations SET endTime = '2001-01-01T00:00:00Z'")
    result = history_import.import_history(engine, sample)
    assert (result.sessions, len(result.left_out)) == (4, 2)
    assert (summarize(engine.store, "day").total.duration_ms or 0) >= 0, "an end before the beginning tells no time"
    assert "changedFiles is no number" in result.left_out[0]
    assert result.left_out[1] == f"session '{LOGIN}': its createdAt is no time"
    assert summarize(engine.store, "day").total.iterations == result.iterations
    change(sample, "UPDATE iterations SET changedFiles = 0, tokenUsage = 9e30")
    history_import.import_history(engine, sample)  # a number that no store of SQLite's holds


def test_what_is_told_of_an_import_has_no_secrets(engine: Engine, sample: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    change(sample, f"UPDATE sessions SET name = 'With {token}'")
    history = history_import.import_history(engine, sample).history
    assert history
    assert not any(token in session.name for session in history)
