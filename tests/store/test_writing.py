"""What the store does, and what it refuses: each write is all or nothing and records its facts."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ampsm_engine import redact
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Outcome, ScriptResult, State, Status, Tally, ToolCall
from ampsm_engine.store import Store
from ampsm_engine.store.tables import TABLES, Plain, RedactedText
from tests.store.values import a_session, an_iteration

NOTHING = {"activity": None, "thread_id": None}


@pytest.fixture(autouse=True)
def session(store: Store) -> None:
    store.sessions.add(a_session())


def kinds(store: Store) -> list[str]:
    return [fact.kind for fact in store.facts.read()]


def running(store: Store, key: str = "i1") -> None:
    store.queue.add(an_iteration(key))
    assert store.queue.claim().id == key


def settling(store: Store, key: str = "i1") -> None:
    running(store, key)
    store.iterations.begin_settling(key, outcome=Outcome.DONE)


def test_the_whole_way_of_an_iteration_is_told_in_facts(store: Store) -> None:
    queued = store.queue.add(an_iteration(prompt="Fix the login\nand more"))
    assert (queued.number, queued.state, queued.queued_at != "") == (1, State.QUEUED, True)
    claimed = store.queue.claim()
    assert (claimed.state, claimed.start_time is not None) == (State.RUNNING, True)
    assert store.sessions.get("s1").status is Status.RUNNING
    assert store.sessions.get("s1").last_run == claimed.start_time
    store.iterations.begin_attempt("i1")
    store.iterations.begin_settling(
        "i1", outcome=Outcome.FAILED, failure="no-credit", error="e", hint="h", exit_code=1, duration_ms=5
    )
    ended = store.iterations.settle(
        "i1", status=Status.ERROR, facts=[("failed", "no credit"), ("committed", "abc")],
        commit_sha="f" * 40, changed_files=2, test_result=ScriptResult.FAIL, test_exit_code=3,
    )  # fmt: skip
    assert ended == dataclasses.replace(
        claimed, state=State.SETTLED, attempts=1, outcome=Outcome.FAILED, failure="no-credit", error="e", hint="h",
        exit_code=1, duration_ms=5, commit_sha="f" * 40, changed_files=2, test_result=ScriptResult.FAIL,
        test_exit_code=3, end_time=ended.end_time,
    )  # fmt: skip
    assert ended.end_time is not None
    assert store.sessions.get("s1").status is Status.ERROR
    assert [(fact.kind, fact.text, fact.iteration_id) for fact in store.facts.read()] == [
        ("created", "name of s1", None),
        ("queued", "iteration 1: Fix the login", "i1"),
        ("started", "iteration 1", "i1"),
        ("failed", "no credit", "i1"),
        ("committed", "abc", "i1"),
    ]


def test_a_second_iteration_waits_for_the_first_and_another_session_does_not(store: Store) -> None:
    store.sessions.add(a_session("s2"))
    for key, of in (("a", "s1"), ("b", "s1"), ("c", "s2")):
        store.queue.add(an_iteration(key, of))
    assert [store.queue.claim().id, store.queue.claim().id, store.queue.claim()] == ["a", "c", None]
    store.iterations.begin_settling("a", outcome=Outcome.DONE)
    assert store.queue.claim() is None
    store.iterations.settle("a", status=Status.IDLE)
    assert store.queue.claim().id == "b"


def test_a_session_in_the_trash_starts_nothing(store: Store) -> None:
    store.queue.add(an_iteration())
    store.sessions.update("s1", trashed_at="2026-01-02T00:00:00.000Z")
    assert (store.queue.claim(), store.queue.count()) == (None, 0)
    with pytest.raises(Refused, match="trash"):
        store.queue.add(an_iteration("i2"))
    store.sessions.update("s1", trashed_at=None)
    assert store.queue.count() == 1
    assert store.queue.claim().id == "i1"


def test_recording_again_changes_nothing_and_recording_less_is_ignored(store: Store) -> None:
    running(store)
    store.iterations.record("i1", tally=Tally(input_tokens=10, turns=2), offset=100, activity="reads", thread_id="T-1")
    first = store.iterations.get("i1")
    store.iterations.record("i1", tally=Tally(input_tokens=10, turns=2), offset=100, activity="reads", thread_id="T-1")
    assert store.iterations.get("i1") == first
    late = ToolCall("i1", 1, "t", "Read", "{}", None)
    store.iterations.record(
        "i1", tally=Tally(input_tokens=3), offset=40, activity="old", thread_id="T-2", tool_calls=[late]
    )
    assert store.iterations.get("i1") == first
    assert store.iterations.tool_calls("i1") == ()
    store.iterations.record("i1", tally=Tally(input_tokens=12), offset=120, activity=None, thread_id=None)
    after = store.iterations.get("i1")
    assert (after.tally, after.offset, after.activity, after.thread_id) == (Tally(input_tokens=12), 120, None, "T-1")


def test_the_first_thread_that_is_known_stays(store: Store) -> None:
    running(store)
    store.iterations.record("i1", tally=Tally(), offset=1, activity=None, thread_id="T-1")
    store.iterations.record("i1", tally=Tally(), offset=2, activity=None, thread_id="T-2")
    assert (store.iterations.get("i1").thread_id, store.sessions.get("s1").thread_id) == ("T-1", "T-1")
    store.iterations.begin_settling("i1", outcome=Outcome.DONE)
    store.iterations.settle("i1", status=Status.IDLE)
    running(store, "i2")
    store.iterations.record("i2", tally=Tally(), offset=1, activity=None, thread_id="T-3")
    assert (store.iterations.get("i2").thread_id, store.sessions.get("s1").thread_id) == ("T-3", "T-1")


def test_an_iteration_goes_back_to_the_front_of_the_queue(store: Store) -> None:
    running(store)
    store.queue.add(an_iteration("i2"))
    store.queue.requeue("i1")
    iteration = store.iterations.get("i1")
    assert (iteration.state, iteration.start_time, store.sessions.get("s1").status) == (State.QUEUED, None, Status.IDLE)
    again = store.facts.read(session_id="s1")[-1]
    assert (again.kind, again.text) == ("queued", "iteration 1 again: its worker was gone")
    assert store.queue.claim().id == "i1"


@pytest.mark.parametrize("begin", [lambda store: store.queue.add(an_iteration()), running, settling])
def test_a_session_at_work_does_not_go_to_the_trash(store: Store, begin: Callable[[Store], object]) -> None:
    begin(store)
    with pytest.raises(Refused, match="1 iteration running or queued") as told:
        store.sessions.begin_trash("s1")
    assert told.value.hint == "ampsm stop s1"
    assert store.sessions.get("s1").trashed_at is None
    assert store.queue.count() + len(store.iterations.unsettled()) == 1


def test_an_iteration_that_was_to_stop_does_not_run_again(store: Store) -> None:
    running(store)
    store.queue.ask_to_stop("s1")
    store.queue.requeue("i1")
    iteration = store.iterations.get("i1")
    assert (iteration.state, iteration.outcome) == (State.SETTLED, Outcome.STOPPED)
    assert store.queue.claim() is None


def test_stopping_settles_what_waits_and_asks_what_runs(store: Store) -> None:
    running(store)
    store.queue.add(an_iteration("i2"))
    assert [one.id for one in store.queue.ask_to_stop("s1")] == ["i1", "i2"]
    asked = store.iterations.get("i1").stop_requested_at
    assert asked is not None
    stopped = store.iterations.get("i2")
    assert (stopped.state, stopped.outcome, stopped.start_time) == (State.SETTLED, Outcome.STOPPED, None)
    assert kinds(store)[-1] == "stopped"
    assert store.queue.ask_to_stop("s1") == (store.iterations.get("i1"),)
    assert store.iterations.get("i1").stop_requested_at == asked
    with pytest.raises(NotFound):
        store.queue.ask_to_stop("nobody")


def test_a_prompt_can_be_edited_and_dropped_until_it_starts(store: Store) -> None:
    store.queue.add(an_iteration("i1"))
    store.queue.add(an_iteration("i2"))
    store.queue.edit("i2", "another")
    assert store.iterations.get("i2").prompt == "another"
    store.queue.drop("i2")
    with pytest.raises(NotFound):
        store.iterations.get("i2")
    store.queue.claim()
    for late in (lambda: store.queue.edit("i1", "x"), lambda: store.queue.drop("i1")):
        with pytest.raises(Refused, match="started"):
            late()
    assert store.iterations.get("i1").prompt == "do i1"


VERBS = {
    "record": lambda store: store.iterations.record("i1", tally=Tally(turns=9), offset=9, **NOTHING),
    "begin_attempt": lambda store: store.iterations.begin_attempt("i1"),
    "requeue": lambda store: store.queue.requeue("i1"),
    "begin_settling": lambda store: store.iterations.begin_settling("i1", outcome=Outcome.FAILED),
    "settle": lambda store: store.iterations.settle("i1", status=Status.DONE, facts=[("never", "")]),
}
ALLOWED = {
    State.QUEUED: set(),
    State.RUNNING: {"record", "begin_attempt", "requeue", "begin_settling"},
    State.SETTLING: {"record", "settle"},
    State.SETTLED: set(),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", State)
def test_what_the_state_forbids_is_refused_and_changes_nothing(store: Store, state: State, verb: str) -> None:
    store.queue.add(an_iteration())
    if state is not State.QUEUED:
        store.queue.claim()
    if state in (State.SETTLING, State.SETTLED):
        store.iterations.begin_settling("i1", outcome=Outcome.DONE)
    if state is State.SETTLED:
        store.iterations.settle("i1", status=Status.IDLE)
    before = (store.sessions.board(), store.iterations.of("s1"))
    if verb in ALLOWED[state]:
        VERBS[verb](store)
        assert (store.sessions.board(), store.iterations.of("s1")) != before
    else:
        with pytest.raises(Refused):
            VERBS[verb](store)
        assert (store.sessions.board(), store.iterations.of("s1")) == before


@pytest.mark.parametrize("verb", VERBS)
def test_an_iteration_that_is_not_there_is_not_found(store: Store, verb: str) -> None:
    with pytest.raises(NotFound):
        VERBS[verb](store)


def test_an_id_is_given_once(store: Store) -> None:
    with pytest.raises(Refused, match="s1"):
        store.sessions.add(a_session())
    store.queue.add(an_iteration())
    with pytest.raises(Refused):
        store.queue.add(an_iteration())
    assert (kinds(store), len(store.iterations.of("s1"))) == (["created", "queued"], 1)


def test_an_iteration_needs_its_session_and_the_queued_state(store: Store) -> None:
    with pytest.raises(NotFound):
        store.queue.add(an_iteration(session="nobody"))
    with pytest.raises(Refused):
        store.queue.add(an_iteration(state=State.RUNNING))


@pytest.mark.parametrize("column", ["id", "created_at", "nonsense", "state; DROP TABLE sessions"])
def test_a_column_that_may_not_change_is_an_error_of_the_caller(store: Store, column: str) -> None:
    with pytest.raises(TypeError):
        store.sessions.update("s1", **{column: "x"})
    running(store)
    with pytest.raises(TypeError):
        store.iterations.update("i1", **{column: "x"})
    kept = ("state", "number", "session_id", "offset", "input_tokens", "token_usage")
    for one in kept:
        with pytest.raises(TypeError):
            store.iterations.update("i1", **{one: 1})
    store.iterations.begin_settling("i1", outcome=Outcome.DONE)
    for one in (column, *kept):
        with pytest.raises(TypeError):
            store.iterations.settle("i1", status=Status.IDLE, **{one: "other"})
    assert store.iterations.get("i1").state is State.SETTLING


def test_columns_can_be_changed(store: Store) -> None:
    assert store.sessions.update("s1", name="new", notes=None, status=Status.DONE).name == "new"
    assert store.sessions.update("s1") == store.sessions.get("s1")
    running(store)
    store.iterations.update("i1", start_sha="a" * 40, test_result=ScriptResult.PASS, test_exit_code=0)
    assert store.iterations.get("i1").test_result is ScriptResult.PASS
    for change in (
        lambda: store.sessions.update("nobody", name="x"),
        lambda: store.iterations.update("nobody", mode="x"),
    ):
        with pytest.raises(NotFound):
            change()


def test_a_session_goes_to_the_trash_once(store: Store) -> None:
    first = store.sessions.begin_trash("s1")
    with pytest.raises(Refused, match="in the trash already"):
        store.sessions.begin_trash("s1")
    assert store.sessions.get("s1").trashed_at == first.trashed_at


def test_the_repository_that_a_session_moved_to_is_remembered_without_the_database(store: Store) -> None:
    store.sessions.update("s1", repo_root="/moved")
    assert store.repositories() == (Path("/repo"), Path("/moved"))


def test_a_removed_session_leaves_its_facts_and_nothing_else(store: Store) -> None:
    store.sessions.add(a_session("s2"))
    running(store)
    store.iterations.record(
        "i1", tally=Tally(), offset=1, tool_calls=[ToolCall("i1", 1, "t", "Read", "{}", True)], **NOTHING
    )
    store.sessions.remove("s1")
    assert [session.id for session in store.sessions.all()] == ["s2"]
    assert (store.iterations.of("s1"), store.iterations.tool_calls("i1"), store.iterations.unsettled()) == ((), (), ())
    assert [fact.kind for fact in store.facts.read(session_id="s1")] == ["created", "queued", "started"]
    with pytest.raises(NotFound):
        store.sessions.remove("s1")


def test_a_creation_that_is_taken_back_leaves_no_fact(store: Store) -> None:
    store.sessions.remove("s1", with_facts=True)
    assert store.facts.read() == ()


HOSTILE = "a\0b\udc80c\u202e\x1b]0;x\x07\r\nü\U0001d518"


def test_hostile_text_survives(store: Store) -> None:
    kept = HOSTILE.replace("\udc80", "?")
    store.sessions.update("s1", name=HOSTILE, notes=HOSTILE)
    assert (store.sessions.get("s1").name, store.sessions.get("s1").notes) == (kept, kept)
    store.queue.add(an_iteration(prompt=HOSTILE, mode=HOSTILE))
    store.queue.claim()
    call = ToolCall("i1", 1, HOSTILE, HOSTILE, HOSTILE, False, HOSTILE)
    store.iterations.record("i1", tally=Tally(), offset=1, activity=HOSTILE, thread_id=None, tool_calls=[call])
    store.facts.add(HOSTILE, HOSTILE)
    iteration = store.iterations.get("i1")
    assert (iteration.prompt, iteration.mode, iteration.activity) == (kept, kept, kept)
    assert store.iterations.tool_calls("i1") == (ToolCall("i1", 1, kept, kept, kept, False, kept),)
    assert (store.facts.read()[-1].kind, store.facts.read()[-1].text) == (kept, kept)


SECRET = "hunter2-hunter2"


def test_every_word_passes_redaction_and_no_id_path_or_commit_does(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redact, "text", lambda text: re.sub(SECRET, "[gone]", text))
    text = f"so {SECRET}"
    names = {field.name: text for field in dataclasses.fields(a_session()) if field.name not in ("id", "trashed_at")}
    store.sessions.add(a_session(SECRET, **(names | {"status": Status.IDLE})))
    store.queue.add(
        an_iteration(
            f"i-{SECRET}", SECRET, prompt=text, mode=text, thread_id=text, start_sha=text, activity=text, error=text,
            hint=text, failure=text, commit_sha=text,
        )
    )  # fmt: skip
    assert store.queue.claim() is not None
    call = ToolCall("", 1, text, text, f'{{"a": "{SECRET}"}}', True, text)
    store.iterations.record(f"i-{SECRET}", tally=Tally(), offset=1, activity=text, thread_id=text, tool_calls=[call])
    store.facts.add("kind", text, session_id=SECRET)
    found = {}
    for table in TABLES:
        cursor = store.connection().execute(f'SELECT * FROM "{table._meta.table_name}"')
        names = [table._meta.columns[column].name for column, *_ in cursor.description]
        for row in cursor:
            for name, value in zip(names, row, strict=True):
                if isinstance(value, str) and SECRET in value:
                    found[table._meta.table_name, name] = type(table._meta.fields[name])
    assert set(found.values()) == {Plain}
    words = {
        (table._meta.table_name, field.name)
        for table in TABLES
        for field in table._meta.sorted_fields
        if isinstance(field, RedactedText)
    }
    assert words == {
        *(("sessions", name) for name in ("name", "amp_prompt", "script_command", "notes", "outside", "landed")),
        *(("iterations", name) for name in ("prompt", "activity", "error", "hint")),
        *(("toolCalls", name) for name in ("name", "arguments", "summary")),
        ("facts", "text"),
        *(("merges", name) for name in ("message", "error")),
        *(("reviewComments", name) for name in ("quote", "context", "text", "answer_text", "author")),
        *(("pullRequests", name) for name in ("title", "body", "author")),
        *(("rejections", name) for name in ("reason", "quote", "note")),
        *(("batchRuns", name) for name in ("name", "wait_reason")),
        *(("batchItems", name) for name in ("name", "prompt", "reason")),
        ("batchTries", "error"),
    }
    kept = store.sessions.get(SECRET)
    assert (kept.name, kept.amp_prompt, kept.notes, kept.script_command) == ("so [gone]",) * 4
    assert (kept.branch_name, kept.worktree_path, kept.repo_root) == (text, text, text)
    assert store.sessions.update(SECRET, notes=text).notes == "so [gone]"
    store.iterations.begin_settling(f"i-{SECRET}", outcome=Outcome.FAILED, error=text, hint=text)
    ended = store.iterations.settle(f"i-{SECRET}", status=Status.ERROR, facts=[("failed", text)])
    assert (ended.error, ended.hint, ended.prompt) == ("so [gone]",) * 3
    assert store.facts.read()[-1].text == "so [gone]"
    store.queue.add(an_iteration("i2", SECRET))
    store.queue.edit("i2", text)
    assert store.iterations.get("i2").prompt == "so [gone]"


def test_a_secret_that_a_fact_would_cut_in_two_is_gone_before(store: Store) -> None:
    key = "sgamp_" + "user_01H0PQ8Z5_" + "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6"
    store.queue.add(an_iteration(prompt=f"{'x' * 40} {key} and log in"))
    assert "sgamp_" not in "".join(fact.text for fact in store.facts.read())


def test_a_real_key_never_reaches_the_files(store: Store) -> None:
    key = "sgamp_" + "user_01H0PQ8Z5_" + "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6"
    store.sessions.update("s1", notes=f"use {key}", script_command=f"AMP_API_KEY={key} make")
    store.queue.add(an_iteration(prompt=f"log in with {key}"))
    store.queue.claim()
    call = ToolCall("i1", 1, "t", "shell_command", f'{{"command": "export K={key}"}}', True, key)
    store.iterations.record("i1", tally=Tally(), offset=1, activity=f"$ echo {key}", thread_id=None, tool_calls=[call])
    store.facts.add("note", key)
    for file in (path for path in store.path.parent.rglob("*") if path.is_file()):
        assert key.encode() not in file.read_bytes()
