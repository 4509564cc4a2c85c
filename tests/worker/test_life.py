"""An iteration from prompt to commit: what a person sees afterwards is what happened."""

import json
import subprocess
from pathlib import Path

from ampsm_engine.engine import sessions
from ampsm_engine.model import Outcome, ScriptResult, State, Status
from tests.conftest import git
from tests.waiting import until
from tests.worker.bench import Bench

WRITE = {"create_file": "hello.txt", "content": "hello\n"}
DONE = {"say": "I've added hello.txt with a greeting."}


def test_an_iteration_ends_in_a_commit_on_the_sessions_branch(bench: Bench) -> None:
    """With a tally of the stream, context files that no commit has, no secrets file, and nothing left running."""
    counted = {"input_tokens": 10, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 3000}
    bench.scenario(
        {"background": "sleep 4242", "usage": None},
        {"create_file": ".env", "content": "X=1\n", "usage": None},
        {**WRITE, "usage": counted | {"output_tokens": 40}},
        {**DONE, "usage": counted | {"output_tokens": 2}},
    )
    session = bench.new(None, name="greeting")
    sessions.edit(bench.engine, session.id, notes="private: ask Bob")
    bench.iterate(session, "Write a greeting")
    last = bench.settled(session)
    assert (last.outcome, last.state, last.failure, last.error) == (Outcome.DONE, State.SETTLED, None, None)
    now = bench.now(session)
    assert now.status is Status.IDLE
    worktree = Path(session.worktree_path)
    assert git(worktree, "rev-parse", session.branch_name).strip() == last.commit_sha
    assert git(worktree, "show", "HEAD:hello.txt") == "hello\n"
    subject, _, body = git(worktree, "log", "-1", "--format=%B").partition("\n")
    assert subject == "amp: added hello.txt with a greeting"
    assert f"Ampsm-Session: {session.id}" in body
    assert f"Amp-Thread-ID: https://ampcode.com/threads/{now.thread_id}" in body
    assert last.changed_files == 1
    assert git(bench.repo, "status", "--porcelain") == ""
    assert git(bench.repo, "fsck", "--full") == ""
    assert git(worktree, "status", "--porcelain").split() == ["??", ".env"]
    assert ".env" in bench.fact(session, "left-out")

    tally = last.tally
    assert (tally.input_tokens, tally.cache_creation_tokens, tally.cache_read_tokens) == (20, 400, 6000)
    assert (tally.output_tokens, tally.turns, tally.tools) == (42, 4, 3)
    assert tally.token_usage == 6462
    calls = bench.engine.store.iterations.tool_calls(last.id)
    assert [(call.name, call.success) for call in calls][-1] == ("create_file", True)

    folder = worktree / "AGENT_CONTEXT"
    assert "greeting" in (folder / "SESSION.md").read_text()
    assert not [file for file in folder.iterdir() if "Bob" in file.read_text()], "notes are for people"
    assert "hello.txt" in (folder / "DIFF_SUMMARY.md").read_text()
    assert "## 1: done" in (folder / "ITERATION_LOG.md").read_text()
    status = json.loads((folder / "LAST_STATUS.json").read_text())
    assert (status["outcome"], status["iteration"], status["changedFiles"]) == ("done", 1, 1)
    assert "AGENT_CONTEXT" not in git(worktree, "ls-files")
    bench.quiet()


def test_follow_ups_go_on_in_the_same_thread_and_the_script_judges_each(bench: Bench) -> None:
    second_file = {"create_file": "second.txt", "content": "2"}
    nothing = {"say": "There is nothing to do here."}
    bench.scenario(runs=[[WRITE, DONE], [second_file, {"say": "Added the second."}], [nothing]])
    session = bench.new(script="test -f second.txt || { echo broken; exit 7; }; echo checked")
    first = bench.settled(session)
    assert (first.outcome, first.test_result, first.test_exit_code) == (Outcome.DONE, ScriptResult.FAIL, 7)
    assert bench.now(session).status is Status.AWAITING_INPUT
    assert first.commit_sha
    bench.iterate(session, "And another")
    second = bench.settled(session)
    assert second.thread_id == first.thread_id == bench.now(session).thread_id
    assert (second.number, second.start_sha, second.changed_files) == (2, first.commit_sha, 1)
    assert git(Path(session.worktree_path), "log", "--format=%s", "main..").count("amp: ") == 2
    assert (second.test_result, second.test_exit_code) == (ScriptResult.PASS, 0)
    assert bench.now(session).status is Status.IDLE
    assert bench.engine.home.iteration(second.id).script_output.read_text() == "checked\n"
    bench.iterate(session, "And nothing more")
    third = bench.settled(session)
    assert (third.outcome, third.commit_sha, third.changed_files) == (Outcome.DONE, None, 0)
    assert bench.now(session).status is Status.IDLE


def test_a_hook_that_refuses_leaves_the_work_in_place_and_says_so(bench: Bench) -> None:
    """The last status is what the store says, while it runs and when amp's commit was refused."""
    bench.scenario({"touch": str(bench.flag("on"))}, {"wait_for": str(bench.flag("go"))}, WRITE, DONE)
    session = bench.new("Write a greeting")
    file = Path(session.worktree_path) / "AGENT_CONTEXT" / "LAST_STATUS.json"
    until(bench.flag("on").exists)
    running = json.loads(file.read_text())
    assert (running["status"], running["state"], running["iteration"]) == ("running", "running", 1)
    hook = bench.repo / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho no tabs please >&2\nexit 1\n")
    hook.chmod(0o755)
    bench.flag("go").touch()
    last = bench.settled(session)
    ended = json.loads(file.read_text())
    assert (
        (ended["status"], ended["state"])
        == (bench.now(session).status.value, "settled")
        == ("awaiting-input", "settled")
    )
    assert (ended["outcome"], ended["tokenUsage"]) == ("done", last.tally.token_usage)
    assert (last.outcome, last.commit_sha) == (Outcome.DONE, None)
    assert "no tabs please" in bench.fact(session, "not-committed")
    assert (Path(session.worktree_path) / "hello.txt").read_text() == "hello\n"


def test_a_script_over_its_time_is_ended_with_all_it_started(bench: Bench) -> None:
    bench.configure(script__timeout=1)
    bench.scenario(WRITE, DONE)
    session = bench.new(script="sleep 300 & sleep 301")
    last = bench.settled(session)
    assert (last.test_result, last.test_exit_code) == (ScriptResult.FAIL, 124)
    assert bench.fact(session, "tested") == "the script took longer than 1 s and was ended"
    bench.quiet()


def test_a_commit_that_amp_made_itself_counts(bench: Bench) -> None:
    bench.scenario(WRITE, {"commit": "feat: greet"}, DONE)
    session = bench.new()
    last = bench.settled(session)
    worktree = Path(session.worktree_path)
    assert git(worktree, "log", "-1", "--format=%s").strip() == "feat: greet"
    assert last.commit_sha == git(worktree, "rev-parse", "HEAD").strip()
    assert last.changed_files == 1


def test_an_agent_that_detaches_head_loses_nothing(bench: Bench) -> None:
    bench.scenario(
        {"detach": True}, WRITE, {"commit": "on no branch"}, {"create_file": "late.txt", "content": "x"}, DONE
    )
    session = bench.new()
    bench.settled(session)
    worktree = Path(session.worktree_path)
    assert git(worktree, "symbolic-ref", "--short", "HEAD").strip() == session.branch_name
    assert {"hello.txt", "late.txt"} <= set(git(worktree, "ls-tree", "--name-only", session.branch_name).split())


def test_the_worktree_gone_is_said_and_ends_settled(bench: Bench) -> None:
    bench.scenario(WRITE, {"touch": str(bench.flag("there"))}, {"wait_for": str(bench.flag("go"))}, DONE)
    session = bench.new()
    until(bench.flag("there").exists)
    subprocess.run(["rm", "-rf", session.worktree_path], check=True)
    bench.flag("go").touch()
    assert bench.settled(session).state is State.SETTLED
    assert "gone" in bench.fact(session, "lost-worktree")
    assert bench.now(session).status is not Status.RUNNING


def test_commits_on_an_orphan_branch_are_kept_and_a_person_is_asked(bench: Bench) -> None:
    orphan = "git checkout -q --orphan o; git rm -rfq --cached .; echo 1 > o.txt; git add o.txt; git commit -qm o"
    bench.scenario({"shell": orphan}, {"say": "Made it on a branch of its own."})
    session = bench.new()
    bench.settled(session)
    assert bench.now(session).status is Status.AWAITING_INPUT
    assert "o.txt" in git(bench.repo, "ls-tree", "-r", "--name-only", "refs/heads/o")
    assert bench.fact(session, "branch")
