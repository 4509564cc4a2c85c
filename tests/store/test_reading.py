"""What the store answers: the board, sessions by reference, iterations, facts."""

import dataclasses
import pickle
import sqlite3
from pathlib import Path

import pytest

from ampsm_engine.cli.tables import board_row
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Outcome, State, Status, Tally, ToolCall
from ampsm_engine.store import Store
from ampsm_engine.store.tables import TABLES
from tests.store.values import a_session, an_iteration


def settled(store: Store, key: str, session: str = "s1") -> None:
    store.queue.add(an_iteration(key, session))
    assert store.queue.claim().id == key
    store.iterations.begin_settling(key, outcome=Outcome.DONE)
    store.iterations.settle(key, status=Status.IDLE)


def test_every_field_comes_back_as_it_went_in(store: Store) -> None:
    session = a_session(
        base_commit="c" * 40, script_command="make test", model_override="deep", notes="note", thread_id="T-1",
        last_run="2026-01-02T00:00:00.000Z", status=Status.AWAITING_INPUT,
    )  # fmt: skip
    store.sessions.add(session)
    assert store.sessions.get("s1") == session
    iteration = an_iteration(
        queued_at="2026-01-01T00:00:00.000Z", mode="smart", thread_id="T-1", start_sha="a" * 40,
        tally=Tally(1, 2, 3, 4, 5, 6, 7, 8),
    )  # fmt: skip
    assert store.queue.add(iteration) == dataclasses.replace(iteration, number=1)
    assert store.iterations.get("i1") == dataclasses.replace(iteration, number=1)


def test_the_tables_have_the_columns_of_the_models(store: Store) -> None:
    connection = sqlite3.connect(store.path)
    for table in TABLES:
        columns = {row[1] for row in connection.execute(f'PRAGMA table_info("{table._meta.table_name}")')}
        assert {field.column_name for field in table._meta.sorted_fields} == columns
    connection.close()


def test_the_named_columns_hold_the_named_values(store: Store) -> None:
    """Scripts of the predecessor's users read the tables themselves."""
    store.sessions.add(a_session(script_command="make", model_override="deep"))
    store.queue.add(an_iteration())
    store.queue.claim()
    store.iterations.record("i1", tally=Tally(1, 20, 300, 4000), offset=1, activity=None, thread_id="T-9")
    connection = sqlite3.connect(store.path)
    row = connection.execute(
        "SELECT i.sessionId, i.tokenUsage, i.state, s.ampPrompt, s.repoRoot, s.baseBranch, s.branchName,"
        " s.worktreePath, s.status, s.scriptCommand, s.modelOverride, s.threadId FROM iterations i"
        " JOIN sessions s ON s.id = i.sessionId"
    ).fetchone()
    connection.close()
    assert row == (
        "s1", 4321, "running", "fix the login", "/repo", "main", "amp/s1/20260101-000000",
        "/repo/.worktrees/s1", "running", "make", "deep", "T-9",
    )  # fmt: skip


def test_a_board_shows_the_iteration_that_runs_then_the_newest_that_began_then_the_first_that_waits(
    store: Store,
) -> None:
    store.sessions.add(a_session())
    assert [(row.iterations, row.queued, row.current) for row in store.sessions.board().rows] == [(0, 0, None)]
    store.queue.add(an_iteration("i1"))
    store.queue.add(an_iteration("i2"))
    (row,) = store.sessions.board().rows
    assert (row.iterations, row.queued, row.current.id) == (2, 2, "i1")
    store.queue.claim()
    (row,) = store.sessions.board().rows
    assert (row.queued, row.current.id, row.session.status) == (1, "i1", Status.RUNNING)
    store.iterations.begin_settling("i1", outcome=Outcome.DONE)
    store.iterations.settle("i1", status=Status.IDLE)
    (row,) = store.sessions.board().rows
    assert row.current.id == "i1"
    settled_second = store.queue.claim()
    assert store.sessions.board().rows[0].current == settled_second
    store.iterations.begin_settling("i2", outcome=Outcome.DONE)
    store.iterations.settle("i2", status=Status.IDLE)
    store.queue.add(an_iteration("i3"))
    store.queue.ask_to_stop("s1")
    (row,) = store.sessions.board().rows
    assert (row.iterations, row.queued, row.current.id) == (3, 0, "i2")
    assert board_row(row.session, store.iterations.of("s1")) == row, "the command line tells it as the screens do"


def test_an_iteration_that_was_stopped_before_it_began_is_not_shown_as_current(store: Store) -> None:
    store.sessions.add(a_session())
    store.queue.add(an_iteration())
    store.queue.ask_to_stop("s1")
    (row,) = store.sessions.board().rows
    assert (row.iterations, row.queued, row.current) == (1, 0, None)
    assert board_row(row.session, store.iterations.of("s1")) == row


def test_the_board_holds_the_newest_sessions_first_and_the_newest_facts_last(store: Store) -> None:
    for number in range(60):
        store.sessions.add(a_session(f"s{number:02}", created_at=f"2026-01-01T00:00:{number:02}.000Z"))
    board = store.sessions.board()
    assert [row.session.id for row in board.rows] == [f"s{number:02}" for number in reversed(range(60))]
    assert [fact.session_id for fact in board.facts] == [f"s{number:02}" for number in range(10, 60)]


def test_the_trash_is_a_board_of_its_own(store: Store) -> None:
    store.sessions.add(a_session("s1"))
    store.sessions.add(a_session("s2"))
    store.sessions.update("s1", trashed_at="2026-01-02T00:00:00.000Z")
    assert [row.session.id for row in store.sessions.board().rows] == ["s2"]
    assert [row.session.id for row in store.sessions.board(trashed=True).rows] == ["s1"]
    assert [session.id for session in store.sessions.all(trashed=True)] == ["s1"]
    assert store.sessions.get("s1").trashed_at is not None


def test_sessions_are_found_by_repository_and_status(store: Store) -> None:
    store.sessions.add(a_session("s1", repo_root="/a", status=Status.ERROR))
    store.sessions.add(a_session("s2", repo_root="/a", status=Status.DONE))
    store.sessions.add(a_session("s3", repo_root="/b", status=Status.ERROR))
    assert {session.id for session in store.sessions.all(repo_root="/a")} == {"s1", "s2"}
    assert {session.id for session in store.sessions.all(statuses=(Status.ERROR, Status.IDLE))} == {"s1", "s3"}
    assert [session.id for session in store.sessions.all(repo_root="/a", statuses=(Status.ERROR,))] == ["s1"]


class TestResolve:
    @pytest.fixture(autouse=True)
    def sessions(self, store: Store) -> None:
        store.sessions.add(a_session("abc1", name="login"))
        store.sessions.add(a_session("abd2", name="twice"))
        store.sessions.add(a_session("xyz3", name="twice"))
        store.sessions.add(a_session("old4", name="gone", trashed_at="2026-01-02T00:00:00.000Z"))

    @pytest.mark.parametrize("reference", ["abc1", "login", " login ", "ABC1", "log", "long-i", "LONG-I"])
    def test_an_id_a_name_or_a_beginning_names_one(self, store: Store, reference: str) -> None:
        store.sessions.add(a_session("long-id", name="other"))
        found = store.sessions.match(reference)
        assert found.session.id == ("long-id" if "ong" in reference.lower() else "abc1")
        assert found.is_exact is (reference.strip().lower() in ("abc1", "login"))

    @pytest.mark.parametrize("reference", ["a", "abc", "7", "7ax"])
    def test_a_short_word_is_the_beginning_of_no_id(self, store: Store, reference: str) -> None:
        """`ampsm rm 7`, done twice, must not hit a session whose id begins with 7."""
        store.sessions.add(a_session("7axg", name="important"))
        with pytest.raises(NotFound):
            store.sessions.resolve(reference)

    def test_what_is_named_exactly_in_the_trash_is_no_beginning_of_another(self, store: Store) -> None:
        store.sessions.add(a_session("gone5", name="gone too"))
        for reference in ("gone", "old4"):
            with pytest.raises(NotFound, match=r"gone \(old4\) is in the trash"):
                store.sessions.resolve(reference)
        store.sessions.add(a_session("new6", name="gone"))
        assert store.sessions.resolve("gone").id == "new6"
        assert store.sessions.resolve("gone", trashed=True).id == "old4"

    def test_a_beginning_of_a_name_comes_before_that_of_an_id(self, store: Store) -> None:
        store.sessions.add(a_session("loginx", name="z"))
        assert store.sessions.match("logi") == (store.sessions.get("abc1"), "beginning of the name")
        store.sessions.add(a_session("q1", name="logic"))
        with pytest.raises(Refused, match="means 2 sessions"):
            store.sessions.resolve("logi")

    def test_a_whole_id_wins_over_a_beginning(self, store: Store) -> None:
        store.sessions.add(a_session("abc1x"))
        assert store.sessions.resolve("abc1").id == "abc1"

    @pytest.mark.parametrize("reference", ["twi", "twice"])
    def test_what_means_two_is_refused_with_both(self, store: Store, reference: str) -> None:
        with pytest.raises(Refused, match="abd2") as told:
            store.sessions.resolve(reference)
        assert told.value.hint == "Name one by its id: ampsm ls"

    def test_a_name_that_is_the_beginning_of_another_ones_id_is_exact(self, store: Store) -> None:
        store.sessions.add(a_session("q1", name="xyz3"))
        store.sessions.add(a_session("q2", name="abc"))
        assert store.sessions.match("abc") == (store.sessions.get("q2"), "name")
        assert store.sessions.resolve("xyz3").id == "xyz3"

    @pytest.mark.parametrize("reference", ["", " ", "%", "_", "ab%", "nothing", "\0", "\udc80"])
    def test_what_means_none_is_not_found(self, store: Store, reference: str) -> None:
        with pytest.raises(NotFound):
            store.sessions.resolve(reference)

    def test_a_near_name_is_offered(self, store: Store) -> None:
        with pytest.raises(NotFound) as told:
            store.sessions.resolve("logn")
        assert "'login'" in told.value.hint

    def test_the_beginning_of_an_id_is_offered_where_it_is_too_short_for_a_name(self, store: Store) -> None:
        store.sessions.add(a_session("qrstvwxyz1", name="other"))
        with pytest.raises(NotFound) as told:
            store.sessions.resolve("qr")
        assert told.value.hint == "Did you mean 'qrstvwxyz1'? ampsm ls"

    def test_the_beginning_of_what_lies_in_the_trash_is_told_where_it_is(self, store: Store) -> None:
        with pytest.raises(NotFound, match=r"gone \(old4\) is in the trash"):
            store.sessions.resolve("gon")

    def test_what_lies_in_the_trash_is_said_to(self, store: Store) -> None:
        with pytest.raises(NotFound, match="in the trash") as told:
            store.sessions.resolve("old4")
        assert told.value.hint == "ampsm trash restore old4"
        assert store.sessions.resolve("gone", trashed=True).id == "old4"
        with pytest.raises(NotFound, match="not in the trash"):
            store.sessions.resolve("abc1", trashed=True)


def test_iterations_of_many_sessions_come_in_one_question(store: Store) -> None:
    for session in ("s1", "s2", "s3"):
        store.sessions.add(a_session(session))
    for key, session in (("a", "s1"), ("b", "s2"), ("c", "s1")):
        store.queue.add(an_iteration(key, session))
    found = store.iterations.of_sessions(["s1", "s2", "s3", "nobody"])
    assert {key: [one.id for one in own] for key, own in found.items()} == {
        "s1": ["a", "c"], "s2": ["b"], "s3": [], "nobody": [],
    }  # fmt: skip


def test_facts_can_be_followed_without_missing_one(store: Store) -> None:
    store.sessions.add(a_session())
    for number in range(10):
        store.facts.add("note", f"fact {number}", session_id="s1" if number % 2 else None)
    assert [fact.text for fact in store.facts.read(limit=2)] == ["fact 8", "fact 9"]
    seen: list[str] = []
    last = 1
    while batch := store.facts.read(after=last, limit=3):
        seen += [fact.text for fact in batch]
        last = batch[-1].number
    assert seen == [f"fact {number}" for number in range(10)]
    assert len(store.facts.read(session_id="s1")) == 6


@pytest.mark.parametrize("part", ["sessions", "iterations"])
def test_what_is_not_there_is_not_found(store: Store, part: str) -> None:
    with pytest.raises(NotFound):
        getattr(store, part).get("nobody")
    assert store.iterations.tool_calls("nobody") == ()
    assert store.iterations.of("nobody") == ()


def test_words_that_another_program_wrote_never_break_a_reading(store: Store) -> None:
    store.sessions.add(a_session())
    store.queue.add(an_iteration())
    connection = sqlite3.connect(store.path)
    connection.execute("UPDATE sessions SET status = 'sleeping', ampPrompt = NULL")
    connection.execute("UPDATE iterations SET state = 'gone', outcome = 'fine', testResult = 'maybe', startTime = ''")
    connection.execute("UPDATE sessions SET notes = CAST(x'fffe41' AS TEXT)")
    connection.commit()
    connection.close()
    (row,) = store.sessions.board().rows
    assert (row.session.status, row.session.amp_prompt) == (Status.AWAITING_INPUT, "")
    assert row.session.notes == "\ufffd\ufffdA"
    (iteration,) = store.iterations.of("s1")
    assert (iteration.state, iteration.outcome, iteration.test_result) == (State.SETTLED, None, None)


def test_a_row_that_another_program_added_is_an_iteration_that_is_over(store: Store) -> None:
    store.sessions.add(a_session())
    connection = sqlite3.connect(store.path)
    for key in ("x", "y"):
        connection.execute("INSERT INTO iterations (id, sessionId, startTime) VALUES (?, 's1', '2026')", (key,))
    connection.commit()
    connection.close()
    assert [one.state for one in store.iterations.of("s1")] == [State.SETTLED, State.SETTLED]
    assert store.queue.add(an_iteration()).number == 1
    assert store.queue.claim().id == "i1"


def test_a_store_travels_to_another_process_by_its_path(store: Store) -> None:
    store.sessions.add(a_session())
    assert pickle.loads(pickle.dumps(store)).sessions.get("s1") == store.sessions.get("s1")


def test_a_store_opens_itself(database: Path) -> None:
    Store(database).sessions.add(a_session())
    assert [session.id for session in Store(database).sessions.all()] == ["s1"]


def test_tool_calls_keep_the_order_of_the_stream(store: Store) -> None:
    store.sessions.add(a_session())
    store.queue.add(an_iteration())
    store.queue.claim()
    calls = [ToolCall("i1", number, f"t{number}", "Read", "{}", None) for number in range(1, 251)]
    store.iterations.record("i1", tally=Tally(), offset=1, activity=None, thread_id=None, tool_calls=reversed(calls))
    assert list(store.iterations.tool_calls("i1")) == calls
    done = dataclasses.replace(calls[6], success=False, summary="no such file")
    store.iterations.record("i1", tally=Tally(), offset=2, activity=None, thread_id=None, tool_calls=[done])
    assert store.iterations.tool_calls("i1")[6] == done
    assert len(store.iterations.tool_calls("i1")) == 250


def test_notes_are_those_of_the_sessions_asked_for_by_iteration(store: Store) -> None:
    for session, key in (("s1", "i1"), ("s2", "i2")):
        store.sessions.add(a_session(session, name=session))
        settled(store, key, session)
        for kind in ("left-out", "not-committed", "tested", "committed"):
            store.facts.add(kind, f"{kind} {key}", session_id=session, iteration_id=key)
    store.facts.add("note", "of no iteration", session_id="s1")
    found = store.facts.notes_of(("s1", "nobody"))
    assert {key: [fact.text for fact in facts] for key, facts in found.items()} == {
        "i1": ["left-out i1", "not-committed i1", "tested i1"]
    }
    assert store.facts.notes_of(()) == {}
    assert set(store.facts.notes_of(("s1", "s2"))) == {"i1", "i2"}
