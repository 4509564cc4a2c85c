"""Every way in which amp ends, through the whole engine: outcome, failure, sentence, hint, and the work kept."""

import os
import subprocess
from pathlib import Path

import pytest

from ampsm_engine.engine import session_trash
from ampsm_engine.errors import Refused
from ampsm_engine.model import Outcome, Status
from tests.conftest import git
from tests.soak import one_in
from tests.worker.bench import Bench

pytestmark = pytest.mark.usefixtures("workers_here")

WORK = {"create_file": "half.txt", "content": "half"}
Steps = list[dict[str, object]]

ENDINGS: list[tuple[str, Steps, Outcome, str | None]] = [
    ("login", [{"login_wait": True}], Outcome.FAILED, "not-logged-in"),
    (
        "credit",
        [WORK, {"fail": "402 Execute mode (amp -x) and the Amp SDK require paid credits"}],
        Outcome.FAILED,
        "no-credit",
    ),
    ("no result", [WORK, {"no_result": True}], Outcome.FAILED, "no-result"),
    ("killed", [WORK, {"kill_self": "SIGKILL"}], Outcome.CRASHED, "killed"),
    ("lingers", [WORK, {"stall": True}], Outcome.DONE, None),
    (
        "noise, much on stderr and a long line",
        [
            {"raw": "Warning: old node\n{broken\nnull\n[1]\n\xff\n"},
            {"stderr": "x" * 1000 + "\n", "repeat": 10_000},
            {"big": 12_000_000},
            WORK,
            {"say": "Wrote the long line."},
        ],
        Outcome.DONE,
        None,
    ),
    ("held stdout", [{"hold_stdout": 60}, WORK], Outcome.DONE, None),
    ("late exit code", [WORK, {"result": {}}, {"exit": 1}], Outcome.DONE, None),
]


@pytest.mark.parametrize(("steps", "outcome", "failure"), [row[1:] for row in ENDINGS], ids=[row[0] for row in ENDINGS])
def test_an_ending_is_named_and_the_work_is_kept(
    bench: Bench, steps: Steps, outcome: Outcome, failure: str | None
) -> None:
    bench.scenario(*steps)
    session = bench.new()
    last = bench.settled(session)
    assert (last.outcome, last.failure) == (outcome, failure)
    if outcome is not Outcome.DONE:
        assert last.error
        assert last.hint
        assert bench.now(session).status is Status.ERROR
    if WORK in steps:
        assert last.commit_sha, "what amp changed before it failed is committed"
        assert (Path(session.worktree_path) / "half.txt").read_text() == "half"
    bench.quiet()


def test_a_rate_limit_is_tried_again_and_counted_once_each(bench: Bench) -> None:
    bench.scenario({"fail_times": {"n": 2, "state": str(bench.flag("tries"))}}, WORK, {"say": "Done at the third try."})
    session = bench.new()
    last = bench.settled(session)
    assert (last.outcome, last.attempts) == (Outcome.DONE, 3)
    assert bench.facts(session).count("retry") == 2


def test_a_rate_limit_that_stays_is_given_up(bench: Bench) -> None:
    bench.configure(iteration__retries=1)
    bench.scenario({"fail_times": {"n": 99, "state": str(bench.flag("tries"))}})
    last = bench.settled(bench.new())
    assert (last.outcome, last.failure, last.attempts) == (Outcome.FAILED, "rate-limit", 2)


def test_silence_is_told_and_then_ended(bench: Bench) -> None:
    bench.configure(silence__tell=1, silence__stop=2)
    bench.scenario(WORK, {"hang": True})
    session = bench.new()
    last = bench.settled(session)
    assert (last.outcome, last.failure) == (Outcome.FAILED, "silent")
    assert "silent" in bench.facts(session)
    assert last.commit_sha


def test_a_lost_connection_is_ended_with_the_way_on(bench: Bench) -> None:
    bench.configure(silence__lost_connection=1)
    bench.scenario(WORK, {"lost_connection": True})
    last = bench.settled(bench.new())
    assert (last.outcome, last.failure) == (Outcome.FAILED, "lost-connection")
    assert last.commit_sha


def test_work_that_git_cannot_commit_is_left_in_place_and_a_person_is_asked(bench: Bench) -> None:
    bench.scenario(WORK, {"shell": 'echo broken > "$(git rev-parse --git-dir)/index"'}, {"say": "Did it."})
    session = bench.new()
    last = bench.settled(session)
    assert (last.outcome, last.commit_sha) == (Outcome.DONE, None)
    assert bench.now(session).status is Status.AWAITING_INPUT
    assert f"the changes are left in {session.worktree_path}" in bench.fact(session, "not-committed")
    assert (Path(session.worktree_path) / "half.txt").read_text() == "half"


def test_work_beside_the_sessions_branch_asks_for_a_person(bench: Bench) -> None:
    ours = "echo 1 > a.txt; git add a.txt; git commit -qm a"
    beside = "git switch -qc mine HEAD~1; echo 1 > o.txt; git add o.txt; git commit -qm o"
    bench.scenario({"shell": f"{ours}; {beside}"}, {"say": "Did it."})
    session = bench.new()
    bench.settled(session)
    assert bench.now(session).status is Status.AWAITING_INPUT, "a merge would not find all of it"
    assert git(bench.repo, "show", "mine:o.txt") == git(bench.repo, "show", f"{session.branch_name}:a.txt") == "1\n"


def test_a_full_context_begins_a_new_thread_in_the_same_worktree(bench: Bench) -> None:
    bench.scenario(WORK, {"fail": "413 Prompt is too long"})
    session = bench.new()
    first = bench.settled(session)
    assert (first.outcome, first.failure) == (Outcome.FAILED, "context-full")
    assert first.commit_sha, "what amp changed before it failed is committed"
    bench.scenario({"say": "{prompt}"})
    bench.iterate(session, "carry on")
    second = bench.settled(session)
    assert second.outcome is Outcome.DONE
    assert second.thread_id not in (None, first.thread_id)
    assert "AGENT_CONTEXT" in bench.engine.home.iteration(second.id).stream.read_text()


@pytest.mark.parametrize(
    "version", one_in(3, ["0.0.1767830505-ga62310", "0.0.1773432280-gcd86a7", "0.0.1784106548-gd81d8b"])
)
def test_older_amps_work(bench: Bench, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("AMPSM_SCRIPTED_VERSION", version)
    bench.configure(amp__allow_all="true")
    bench.scenario(WORK, {"say": "Wrote the file."})
    session = bench.new()
    assert bench.settled(session).outcome is Outcome.DONE
    bench.iterate(session)
    assert bench.settled(session).outcome is Outcome.DONE


def test_an_archived_thread_is_made_active_again_and_continued(bench: Bench) -> None:
    bench.scenario({"say": "{prompt}"})
    session = bench.new("first")
    thread = bench.settled(session).thread_id
    assert thread
    subprocess.run([os.environ["AMP_CLI_PATH"], "threads", "archive", thread], check=True)
    bench.iterate(session, "second")
    last = bench.settled(session)
    assert (last.outcome, last.thread_id, last.attempts) == (Outcome.DONE, thread, 2)


def test_a_session_goes_on_with_a_thread_that_was_begun_elsewhere(bench: Bench) -> None:
    bench.scenario({"say": "{prompt}"})
    begun = bench.settled(bench.new("begun elsewhere")).thread_id
    session_trash.remove(bench.engine, bench.sessions[0].id)
    session = bench.new("here", thread=f"https://ampcode.com/threads/{begun}")
    assert bench.settled(session).thread_id == begun
    with pytest.raises(Refused, match="goes on with thread"):
        bench.new("there", thread=begun)
    with pytest.raises(Refused, match="names no thread"):
        bench.new("there", thread="T-1")


def test_a_key_that_the_server_refuses_names_the_variable_that_holds_it(bench: Bench) -> None:
    bench.scenario(
        runs=[[{"stderr": "Error: Invalid or missing API key. Run 'amp login' to authenticate.\n"}, {"exit": 1}]]
    )
    last = bench.settled(bench.new())
    assert (last.outcome, last.failure) == (Outcome.FAILED, "bad-key")
    assert "AMP_API_KEY" in (last.hint or "")
