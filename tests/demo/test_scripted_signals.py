"""Signals do to the scripted amp what they do to the real one: to it, to its tool, and to what runs beside it."""

import os
import signal
from pathlib import Path

import pytest

from tests.waiting import until

TOOL = [
    {"say": "w"},
    {
        "shell": 'trap "" INT TERM; echo $$ > "$AMPSM_HOLD/pid.new"; mv "$AMPSM_HOLD/pid.new" "$AMPSM_HOLD/pid"; while [ ! -e "$AMPSM_HOLD/go" ]; do sleep 0.02; done'
    },
]


def marked(alone: int = 0) -> list[int]:
    """Processes that carry this test's mark and this test's folder, by the environment they were started with."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if (
                f"HOME={os.environ['HOME']}\0".encode() in environment
                and b"AMPSM_RUN_ID=run-of-this-test\0" in environment
            ):
                found.append(int(folder.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_kills_the_tool_and_prints_the_cancelled_result(amp, alive, number):
    process = amp.start(TOOL)
    tool = int(amp.held("pid").read_text())
    process.send_signal(number)
    done = amp.end(process)
    assert done.code == 0
    assert done.result["error"] == "User cancelled (SIGINT/SIGTERM)"
    assert done.result["subtype"] == "error_during_execution"
    assert [line["type"] for line in done.lines] == ["system", "user", "assistant", "result"]
    assert not alive(tool)


def test_a_stop_before_the_first_answer_still_prints_init(amp):
    process = amp.start("hold-before-init")
    amp.held()
    process.send_signal(signal.SIGINT)
    done = amp.end(process)
    assert [line["type"] for line in done.lines] == ["system", "user", "result"]
    assert (done.code, done.result["num_turns"]) == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_starting_kills_silently(amp, number):
    process = amp.start("hold-at-start")
    amp.held()
    process.send_signal(number)
    done = amp.end(process)
    assert (done.code, done.out, done.err) == (-number, b"", "")


def test_a_hangup_kills_without_a_word(amp):
    process = amp.start("hold-before-init")
    amp.held()
    process.send_signal(signal.SIGHUP)
    done = amp.end(process)
    assert (done.code, done.out) == (-signal.SIGHUP, b"")


def test_a_hard_kill_leaves_the_tool_running(amp, alive):
    process = amp.start(TOOL)
    tool = int(amp.held("pid").read_text())
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert alive(tool)
    amp.go()
    until(lambda: not alive(tool))


def test_a_second_stop_changes_nothing(amp):
    process = amp.start(TOOL)
    amp.held("pid")
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
    done = amp.end(process)
    assert [line["type"] for line in done.lines].count("result") == 1
    assert done.code == 0


def test_a_stubborn_one_goes_on(amp):
    process = amp.start(
        [{"ignore_signals": True}, {"touch": "$AMPSM_HOLD/here"}, {"wait_for": "$AMPSM_HOLD/go"}, {"say": "ok"}]
    )
    amp.held()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    amp.go()
    assert amp.end(process).result["result"] == "ok"


def test_one_that_stalls_has_printed_its_result(amp):
    process = amp.start("stalls")
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(4)]
    assert b'"type":"result"' in lines[-1]
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    done = amp.end(process)
    assert (done.code, done.out) == (0, b"")


def test_a_lost_connection_is_said_once_and_can_be_stopped(amp):
    process = amp.start("lost-connection")
    assert process.stderr
    assert b"Cannot reach Amp servers" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert amp.end(process).result["error"] == "User cancelled (SIGINT/SIGTERM)"


@pytest.mark.parametrize("scenario", ["leaves-processes", "holds-stdout"])
def test_what_it_leaves_behind_carries_the_mark(amp, scenario):
    process = amp.start(scenario)
    process.wait(timeout=60)
    assert process.returncode == 0
    left = marked()
    assert left
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert amp.end(process).result["result"] == "ok"
    until(lambda: not marked())


def test_it_can_kill_itself_and_exit_as_told(amp):
    died = amp.run("dies")
    assert died.code == -signal.SIGKILL
    assert (amp.folder / "half.txt").exists()
    assert amp.run([{"kill_self": "SIGTERM"}]).code == -signal.SIGTERM
    gone = amp.run("exits")
    assert (gone.code, gone.lines[-1]["type"]) == (1, "assistant")
    assert "guarded file" in gone.err


def test_cancelling_at_any_moment_leaves_whole_lines(amp):
    """A stop in the middle of a torrent of lines: each line is whole, and the last one is the result."""
    for size in (1, 3000, 200_000):
        steps = [{"touch": "$AMPSM_HOLD/here"}, {"repeat": 100_000, "steps": [{"say": "x" * size}]}]
        process = amp.start(steps if size < 100_000 else [steps[0], {"repeat": 100_000, "steps": [{"big": size}]}])
        amp.held().unlink()
        process.send_signal(signal.SIGTERM)
        done = amp.end(process)
        assert done.code == 0
        assert done.result["error"] == "User cancelled (SIGINT/SIGTERM)"
        assert done.result["num_turns"] == len([line for line in done.lines if line["type"] == "assistant"])
