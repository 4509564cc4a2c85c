"""The store is lost: sessions come back from branches, worktrees, the trash and run directories, and are told."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ampsm_engine.engine import iterations, repair, session_trash
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.errors import Unfit
from ampsm_engine.model import Outcome, State, Status
from ampsm_engine.store import database_files
from tests.conftest import git
from tests.worker.bench import Bench


def lose(bench: Bench, *, copies: bool = False) -> None:
    """The database is gone with its log and, unless they are to stay, its copies."""
    for part in database_files.file_parts(bench.engine.home.database):
        part.unlink(missing_ok=True)
    for copy in () if copies else bench.engine.home.root.glob("*.copies/*.sqlite"):
        copy.unlink()
    with pytest.raises(Unfit, match="gone"):
        open_engine()


def worked(bench: Bench) -> tuple[str, str]:
    """A session with two iterations, and one that was made and not run."""
    bench.scenario(
        runs=[
            [{"create_file": "hello.txt", "content": "one\n"}, {"say": "Added a greeting."}],
            [{"create_file": "bye.txt", "content": "two\n"}, {"say": "Added a farewell."}],
        ]
    )
    session = bench.new("Greet people", script="true", name="Greetings")
    bench.settled(session)
    bench.iterate(session, "Say goodbye, too")
    bench.settled(session)
    return session.id, bench.new(None, name="Not begun").id


def test_everything_that_ran_comes_back(bench: Bench) -> None:
    ran, unbegun = worked(bench)
    store = bench.engine.store
    before = store.sessions.get(ran), store.iterations.of(ran), store.sessions.get(unbegun)
    calls = store.iterations.tool_calls(before[1][0].id)
    bench.quiet()
    store.close()
    lose(bench)
    assert store.sessions.all() == ()
    told = repair.find_disagreements(bench.engine)
    assert {finding.kind for finding in told} == {"lost"}
    assert store.sessions.all() == (), "repair only looks unless it is told to mend"
    mended = repair.find_disagreements(bench.engine, apply=True)
    assert all(finding.mended and "lost: review comments" in finding.action for finding in mended)
    assert (store.sessions.get(ran), store.iterations.of(ran)) == before[:2]
    untimed = tuple(replace(call, started_at=None, duration_ms=None) for call in calls)
    assert store.iterations.tool_calls(before[1][0].id) == untimed, "a stream says what was called, not when"
    assert replace(store.sessions.get(unbegun), created_at="") == replace(before[2], created_at="")
    assert repair.find_disagreements(bench.engine) == ()

    for record in bench.engine.home.iterations.glob("*/record.json"):
        record.unlink()  # run directories of before there were records
    store.close()
    lose(bench)
    repair.find_disagreements(bench.engine, apply=True)
    session, found = store.sessions.get(ran), store.iterations.of(ran)
    assert (session.name, session.script_command, session.amp_prompt) == ("Greetings", "true", "Greet people")
    assert (session.base_branch, session.base_commit) == ("main", git(bench.repo, "rev-parse", "main").strip())
    columns = ("id", "number", "prompt", "thread_id", "tally", "outcome", "commit_sha", "start_sha", "changed_files")
    for column in columns:
        assert [getattr(one, column) for one in found] == [getattr(one, column) for one in before[1]], column
    assert session.thread_id == before[1][-1].thread_id
    follow_up = bench.iterate(session, "And once more")
    assert follow_up.number == 3
    bench.settled(before[0])


@pytest.mark.parametrize("written", ["web/app", "/etc", "../..", "."])
def test_the_folder_that_a_session_is_about_is_known_again(bench: Bench, written: str) -> None:
    (bench.repo / "web" / "app").mkdir(parents=True)
    (bench.repo / "web" / "app" / "one.txt").write_text("one\n")
    git(bench.repo, "add", "web")
    git(bench.repo, "commit", "-q", "-m", "Web")
    session = bench.new(None, folder="web/app")
    notes = Path(session.worktree_path) / "AGENT_CONTEXT" / "SESSION.md"
    notes.write_text(notes.read_text().replace("`web/app`", f"`{written}`"))
    bench.engine.store.close()
    lose(bench)
    repair.find_disagreements(bench.engine, apply=True)
    assert bench.now(session).folder == (written if written == "web/app" else "")


def test_a_branch_alone_tells_its_session_and_its_iterations(bench: Bench) -> None:
    ran, _ = worked(bench)
    session = bench.now(bench.sessions[0])
    before = bench.engine.store.iterations.of(ran)
    bench.quiet()
    shutil.rmtree(bench.engine.home.iterations)
    git(bench.repo, "worktree", "remove", "--force", session.worktree_path)
    lose(bench)
    findings = repair.find_disagreements(bench.engine, apply=True)
    assert not [finding for finding in findings if "branch -D" in finding.action]
    back = bench.engine.store.sessions.get(ran)
    assert (back.branch_name, back.base_commit) == (session.branch_name, session.base_commit)
    assert back.thread_id == session.thread_id
    found = bench.engine.store.iterations.of(ran)
    assert [(one.id, one.commit_sha, one.changed_files) for one in found] == [
        (one.id, one.commit_sha, one.changed_files) for one in before
    ]
    assert Path(session.worktree_path).is_dir(), "its worktree is made again, too"


def test_the_trash_and_the_merged_are_known_again(bench: Bench) -> None:
    ran, unbegun = worked(bench)
    bench.quiet()
    session_trash.remove(bench.engine, unbegun)
    git(bench.repo, "merge", "-q", "--squash", bench.now(bench.sessions[0]).branch_name)
    git(bench.repo, "commit", "-q", "-m", "Take it")
    lose(bench)
    repair.find_disagreements(bench.engine, apply=True)
    assert bench.engine.store.sessions.get(ran).status is Status.DONE
    assert [session.id for session in bench.engine.store.sessions.all(trashed=True)] == [unbegun]
    session_trash.restore(bench.engine, unbegun)
    assert Path(bench.engine.store.sessions.get(unbegun).worktree_path).is_dir()


def test_what_happened_after_the_copy_is_added_to_it(bench: Bench) -> None:
    bench.scenario({"say": "Looked at it."})
    session = bench.new("First")
    bench.settled(session)
    bench.quiet()
    bench.engine.store.copy_when_due()
    iteration = bench.iterate(session, "Second")
    bench.settled(session)
    bench.quiet()
    lose(bench, copies=True)
    assert [one.prompt for one in bench.engine.store.iterations.of(session.id)] == ["First"]
    (finding,) = repair.find_disagreements(bench.engine)
    assert "1 iteration of session" in finding.text
    repair.find_disagreements(bench.engine, apply=True)
    assert [one.prompt for one in bench.engine.store.iterations.of(session.id)] == ["First", "Second"]
    assert bench.last(session).id == iteration.id
    assert repair.find_disagreements(bench.engine) == ()


def test_amp_that_lives_on_is_adopted_and_what_waited_does_not_begin(bench: Bench) -> None:
    bench.scenario(
        {"wait_for": str(bench.flag("go"))}, {"create_file": "late.txt", "content": "x\n"}, {"say": "Done it."}
    )
    session = bench.new("Work on")
    running = bench.last(session)
    bench.amp(running)
    waiting = bench.iterate(session, "And then this")
    bench.kill_workers()
    lose(bench)
    repair.find_disagreements(bench.engine, apply=True)
    states = {one.id: (one.state, one.outcome, one.prompt) for one in bench.engine.store.iterations.of(session.id)}
    assert states[running.id] == (State.RUNNING, None, "Work on")
    assert states[waiting.id] == (State.SETTLED, Outcome.STOPPED, "And then this")
    bench.flag("go").touch()
    bench.sweep()
    iterations.wait(bench.engine, [session.id], timeout=60)
    done = bench.engine.store.iterations.get(running.id)
    assert (done.outcome, done.changed_files) == (Outcome.DONE, 1)


def test_a_forged_record_is_only_data_and_runs_of_another_database_are_left_to_it(bench: Bench) -> None:
    ran, _ = worked(bench)
    bench.quiet()
    with pytest.MonkeyPatch.context() as other:
        other.setenv("AMPSM_DB_PATH", str(bench.folder / "other.sqlite"))
        assert repair.find_disagreements(open_engine(), apply=True) == ()
    record = bench.engine.home.iteration(bench.last(bench.sessions[0]).id).record
    for content in ("", "[]", '{"database": 1}', json.dumps({"session": {"status": "no"}, "iteration": {}})):
        record.write_text(content)
        repair.find_disagreements(bench.engine)
    os.truncate(record, 0)
    lose(bench)
    repair.find_disagreements(bench.engine, apply=True)
    assert [one.prompt for one in bench.engine.store.iterations.of(ran)] == ["Greet people", "Say goodbye, too"]
