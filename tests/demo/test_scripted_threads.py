"""Threads outlive the process that made them: continued, archived, busy and unknown ones."""

import pytest

CONTINUE = ["--execute", "--stream-json", "--no-archive-after-execute"]


def again(thread: str) -> list[str]:
    return ["threads", "continue", thread, *CONTINUE]


def test_a_follow_up_is_the_same_thread_and_plays_the_next_run(amp):
    first = amp.run(prompt=b"scenario: edit-twice")
    second = amp.run(None, again(first.thread), prompt=b"go on")
    assert second.thread == first.thread
    assert (first.result["result"], second.result["result"]) == ("first", "second")
    assert second.result["num_turns"] == 2, "a process counts its own answers only"
    assert sorted(file.name for file in amp.folder.iterdir()) == ["first.txt", "second.txt"]
    assert amp.run(None, again(f"https://ampcode.com/threads/{first.thread}")).result["result"] == "second"


def test_an_unknown_thread_does_not_exist(amp):
    thread = "T-18b99542-3725-4af9-8d04-335c2bd8bcbe"
    done = amp.run("ok", again(thread))
    assert (done.code, done.out) == (1, b"")
    assert done.err == f"Thread https://ampcode.com/threads/{thread} does not exist.\n"


@pytest.mark.parametrize("thread", ["T-1", "../../etc/passwd", "T-18b99542-3725-4af9-8d04-335c2bd8bcbe\n"])
def test_a_bad_id_is_refused(amp, thread):
    done = amp.run("ok", again(thread))
    assert (done.code, done.out) == (1, b"")
    assert done.err.startswith("Error: Invalid thread URL or ID: ")


def test_a_thread_is_archived_at_its_end_unless_told_otherwise(amp):
    thread = amp.run("ok", ["--execute", "--stream-json"]).thread
    refused = amp.run("ok", again(thread))
    assert (refused.code, refused.out) == (1, b"")
    assert "This thread is archived and cannot be continued" in refused.err
    assert amp.run(None, ["threads", "archive", "--unarchive", thread]).code == 0
    assert amp.run("ok", again(thread)).result["result"] == "ok"
    assert amp.run(None, ["threads", "archive", thread]).code == 0
    assert amp.run("ok", again(thread)).code == 1


def test_older_versions_do_not_archive(amp):
    old = "0.0.1773432280-gcd86a7"
    thread = amp.run("ok", ["--execute", "--stream-json"], AMPSM_SCRIPTED_VERSION=old).thread
    follow_up = ["threads", "continue", thread, "--execute", "--stream-json"]
    assert amp.run("ok", follow_up, AMPSM_SCRIPTED_VERSION=old).result["result"] == "ok"


def test_a_killed_run_leaves_the_thread_open_for_a_follow_up(amp):
    thread = amp.run("dies").thread
    assert amp.run("ok", again(thread)).result["result"] == "ok"


def test_a_thread_open_elsewhere_is_refused_until_that_one_is_gone(amp):
    thread = amp.run("ok").thread
    process = amp.start("hold", again(thread))
    amp.held()
    refused = amp.run("ok", again(thread))
    assert (refused.code, refused.out) == (1, b"")
    assert "already open and active in another Amp" in refused.err
    amp.go()
    assert amp.end(process).result["result"] == "went on"
    assert amp.run("ok", again(thread)).result["result"] == "ok"


def test_a_leftover_of_the_run_does_not_keep_the_thread_open(amp):
    thread = amp.run([{"background": "sleep 5"}, {"say": "ok"}]).thread
    assert amp.run("ok", again(thread)).result["result"] == "ok"


def test_a_rate_limit_lasts_as_many_runs_as_it_says(amp, tmp_path):
    limited = amp.run("rate-limited")
    assert limited.result["error"].startswith("429 ")
    assert "rate_limit" in limited.result["error"]
    assert amp.run("rate-limited", again(limited.thread)).result["is_error"]
    assert amp.run("rate-limited", again(limited.thread)).result["result"] == "ok"
    steps = [{"fail_times": {"n": 1, "state": str(tmp_path / "state")}}, {"say": "ok"}]
    assert amp.run(steps).result["is_error"]
    assert amp.run(steps).result["result"] == "ok", "the state is shared where the scenario names it"


def test_what_a_thread_cost_grows_with_its_answers(amp):
    thread = amp.run([{"repeat": 132, "steps": [{"say": "x"}]}]).thread
    assert amp.run(None, ["threads", "usage", thread]).out == b"Cost: $1.32\n"
    amp.run("ok", again(thread))
    assert amp.run(None, ["threads", "usage", thread, "--details"]).out == b"Cost: $1.33\n"


def test_threads_of_one_state_folder_are_unknown_to_another(amp, tmp_path):
    thread = amp.run("ok").thread
    elsewhere = amp.run("ok", again(thread), AMPSM_SCRIPTED_STATE=str(tmp_path / "other"))
    assert "does not exist" in elsewhere.err
