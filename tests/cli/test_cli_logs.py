"""log: a transcript reads well, hides secrets, and never steers the terminal."""

import json
from pathlib import Path
from typing import get_args

import pytest

from ampsm_engine.amp.events import Event
from ampsm_engine.cli import logs
from ampsm_engine.model import Outcome, ScriptResult, State, Status, Tally
from tests.cli.conftest import Ampsm, Shelf, program
from tests.cli.test_cli_output import is_inert
from tests.soak import one_in

THREAD = "T-66be036f-c3f8-48a6-b9df-49061c2bc865"
RECORDED = sorted((Path(__file__).parent.parent / "demo" / "recorded").glob("*.jsonl"))
KEY = "sgamp_" + "user_01SECRET_" + "0123456789abcdef" * 2


def said(*content: object, parent: str | None = None, reason: str = "end_turn") -> dict[str, object]:
    usage = {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 4}
    message = {"type": "message", "role": "assistant", "content": content, "stop_reason": reason, "usage": usage}
    return {"type": "assistant", "message": message, "parent_tool_use_id": parent, "session_id": THREAD}


def answered(tool: str, content: object, *, is_error: bool = False, parent: str | None = None) -> dict[str, object]:
    text = content if isinstance(content, str) else json.dumps(content)
    part = {"type": "tool_result", "tool_use_id": tool, "content": text, "is_error": is_error}
    message = {"role": "user", "content": [part]}
    return {"type": "user", "message": message, "parent_tool_use_id": parent, "session_id": THREAD}


def call(tool: str, name: str, **arguments: object) -> dict[str, object]:
    return {"type": "tool_use", "id": tool, "name": name, "input": arguments}


def stream(*lines: object) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


STORY = stream(
    {"type": "system", "subtype": "init", "cwd": "/x", "session_id": THREAD, "tools": [], "mcp_servers": []},
    {"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": "Fix the login"}]},
     "parent_tool_use_id": None, "session_id": THREAD},
    said({"type": "thinking", "thinking": "Hm, a redirect."}, {"type": "text", "text": "Looking.\nOne moment."},
         call("1", "shell_command", command="make test"), reason="tool_use"),
    answered("1", {"output": "2 failed\n", "exitCode": 2}),
    said(call("2", "edit_file", path="/x/login.py"), call("3", "shell_command", command=f"echo {KEY}"), reason="tool_use"),
    answered("2", "File not found: login.py", is_error=True),
    answered("3", {"output": f"{KEY}\n", "exitCode": 0}),
    said({"type": "text", "text": "It is \x1b[2Jfixed."}),
    {"type": "result", "subtype": "success", "is_error": False, "duration_ms": 10, "num_turns": 3,
     "result": "It is fixed.", "session_id": THREAD},
)  # fmt: skip


@pytest.fixture
def told(shelf: Shelf) -> str:
    session = shelf.session()
    shelf.iteration(
        session,
        stream=STORY,
        commit_sha="c0ffee" * 6 + "1234",
        changed_files=3,
        test_result=ScriptResult.PASS,
        test_exit_code=0,
        tally=Tally(1000, 200, 30, 4, turns=3),
    )
    return session.id


def test_a_transcript_reads_well(ampsm: Ampsm, told: str) -> None:
    ran = ampsm("log", told)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "fix login, iteration 1",
        "> Fix the login",
        "",
        "Looking.",
        "One moment.",
        "▸ shell_command make test",
        "  exit 2: 2 failed",
        "▸ edit_file /x/login.py",
        "▸ shell_command echo [redacted:amp-key]",
        "  failed: File not found: login.py",
        "  [redacted:amp-key]",
        "It is ␛[2Jfixed.",
        "",
        "✓ iteration 1 done; commit c0ffeec0ffee, 3 files; script passed; 4.2s",
        "  1.2k tokens (1.0k in, 200 out, 30 cache written, 4 cache read), 3 turns",
    ]
    assert ran.err == f"hint: ampsm diff {told}\n"


def test_every_event_has_the_name_that_scripts_know() -> None:
    names = {logs.EVENT_TYPES[kind] for kind in get_args(Event)}
    assert names == {
        *("thread", "init", "prompt", "text", "thinking", "toolUse", "toolResult", "turn", "usage", "result"),
        *("attempt", "other", "noise", "tooLong"),
    }


def test_thinking_is_shown_when_asked_for(ampsm: Ampsm, told: str) -> None:
    assert "Hm, a redirect." not in ampsm("log", told).out
    assert "Hm, a redirect." in ampsm("log", told, "--thinking").out


def test_json_is_one_document(ampsm: Ampsm, told: str) -> None:
    ran = ampsm("log", told, "--json")
    assert (ran.code, ran.err, ran.json["version"]) == (0, "", 1)
    assert ran.json["iteration"]["outcome"] == "done"
    kinds = [event["type"] for event in ran.json["events"]]
    assert {"init", "prompt", "thinking", "text", "toolUse", "toolResult", "result"} <= set(kinds)
    assert KEY not in ran.out


def test_followers_print_one_object_a_line(ampsm: Ampsm, told: str) -> None:
    ran = ampsm("log", told, "--follow", "--json")
    assert ran.code == 0
    assert ran.lines[-1]["type"] == "settled"
    assert ran.lines[-1]["iteration"]["commitSha"].startswith("c0ffee")
    assert KEY not in ran.out


def test_raw_is_amps_stream_without_secrets(ampsm: Ampsm, told: str) -> None:
    ran = ampsm("log", told, "--raw")
    assert [line["type"] for line in ran.lines] == [json.loads(line)["type"] for line in STORY.splitlines()]
    assert ran.out.isascii()
    assert KEY not in ran.out


@pytest.mark.parametrize("path", one_in(5, RECORDED), ids=lambda path: path.stem)
@pytest.mark.parametrize("form", [[], ["--thinking"], ["--json"], ["--raw"], ["--follow"]], ids=" ".join)
def test_what_amp_really_wrote_can_be_shown(ampsm: Ampsm, shelf: Shelf, path: Path, form: list[str]) -> None:
    session = shelf.session()
    shelf.iteration(session, stream=path.read_bytes(), outcome=Outcome.DONE)
    ran = ampsm("log", session.id, *form)
    assert ran.code == 0
    assert len(ran.out) > 80
    assert is_inert(ran.out, "\n\t")


def test_hostile_streams_are_inert(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session()
    hostile = "\x1b]52;c;ZWNobw==\x07\x9b2J\u202e\x00"
    lines = stream(
        said({"type": "text", "text": hostile}, call("1", hostile, command=hostile), reason="tool_use"),
        answered("1", hostile, is_error=True),
        said(call("2", "grep", **{hostile: hostile}), parent="1"),
        {"type": "result", "subtype": hostile, "is_error": True, "error": hostile, "session_id": THREAD},
    )
    shelf.iteration(session, stream=lines + f"noise {hostile}\n".encode() + b"\xff\xfe\x1b[31m\n{broken\n")
    for form in ([], ["--thinking"], ["--json"], ["--raw"], ["--follow", "--json"]):
        ran = ampsm("log", session.id, *form)
        assert ran.code == 0
        assert is_inert(ran.out + ran.err, "\n\t"), form


def test_half_a_secret_is_a_secret(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session()
    for length in range(100, 170):
        shelf.iteration(session, stream=stream(said(call("1", "shell_command", command=f"{'x' * length} {KEY}"))))
    for number in range(1, 71):
        assert "sgamp" not in ampsm("log", session.id, "--iteration", str(number)).out


def test_numbers_and_none(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session()
    ran = ampsm("log", session.id)
    assert (ran.code, ran.out) == (3, "")
    shelf.iteration(session, prompt="first")
    shelf.iteration(session, prompt="second")
    assert "> second" in ampsm("log", session.id).out
    assert "> first" in ampsm("log", session.id, "--iteration", "1").out
    assert ampsm("log", session.id, "--iteration", "3").code == 3


def test_a_running_iteration_is_followed_to_its_end(shelf: Shelf) -> None:
    session = shelf.session()
    iteration = shelf.iteration(session, State.RUNNING)
    process = program("log", session.id, "--follow")
    assert process.stdout
    lines = iter(process.stdout.readline, b"")
    assert b"iteration 1" in next(lines)
    half = len(STORY) // 2
    path = shelf.engine.home.iteration(iteration.id).stream
    with path.open("ab") as file:
        file.write(STORY[:half])
        file.flush()
        assert any(b"make test" in line for line in lines)
        file.write(STORY[half:])
        file.flush()
        assert any(b"fixed" in line for line in lines)
    store = shelf.engine.store
    store.iterations.begin_settling(
        iteration.id, outcome=Outcome.STOPPED, failure=None, error=None, hint=None, exit_code=130, duration_ms=1
    )
    store.iterations.settle(iteration.id, status=Status.IDLE, facts=[])
    assert b"iteration 1 stopped" in b"".join(lines)
    assert process.wait() == 0


def test_what_still_runs_is_shown_so_far(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session()
    shelf.iteration(session, State.RUNNING, stream=STORY[: STORY.index(b'{"type": "result"')])
    ran = ampsm("log", session.id)
    assert ran.code == 0
    assert "fixed" in ran.out
    assert "is not over" in ran.err
