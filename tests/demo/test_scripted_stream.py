"""The scripted amp's lines have the shape of the recorded ones, line by line, in five versions' dialects."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).with_name("recorded")
JANUARY, MARCH, JULY, NEWEST = (
    "0.0.1767830505-ga62310",
    "0.0.1773432280-gcd86a7",
    "0.0.1784106548-gd81d8b",
    "0.0.1790142911-g7618fb",
)


def recorded(name: str) -> list[dict[str, Any]]:
    text = (RECORDED / f"local-{name}.jsonl").read_bytes()
    return [json.loads(line) for line in text.split(b"\n") if line]


def shape(value: Any, key: str = "") -> Any:
    """Keys in their order, words that have a meaning, and the types of everything else."""
    if isinstance(value, dict):
        if key == "input":
            return dict.fromkeys(sorted(value), "...")
        return {name: shape(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [] if key in ("tools", "mcp_servers") else [shape(item) for item in value]
    if key in ("type", "subtype", "role", "name", "stop_reason", "service_tier", "is_error", "agent_mode"):
        return value
    if key == "parent_tool_use_id":
        return value is not None
    return type(value).__name__


def ordered(line: dict[str, Any]) -> str:
    return json.dumps(shape(line))


TOOLS = [
    {"think": "plan"},
    {"say": "Listing."},
    {"shell": "ls -la; echo err >&2; pwd"},
    {"message": [{"shell": "cat nope.txt"}, {"shell": "echo two"}]},
    {"apply_patch": '*** Begin Patch\n*** Add File: hello.py\n+print("héllo \u2028 😀")\n*** End Patch'},
    {
        "message": [
            {"create_file": "c.txt", "content": "abc\n"},
            {"edit_file": "c.txt", "old": "abc", "new": "abd"},
        ]
    },
    {"task": "sub", "prompt": "say pong", "answer": "subagent says pong", "steps": [{"say": "pong"}]},
    {"say": "All done."},
]


@pytest.mark.parametrize(
    ("name", "version", "thinking"),
    [("2026-09-tools-thinking", NEWEST, True), ("2026-09-tools", NEWEST, False), ("2026-07-tools", JULY, False)],
)
def test_a_run_with_every_tool_has_the_recorded_lines(amp, name, version, thinking):
    options = ["--execute", "--stream-json-thinking" if thinking else "--stream-json"]
    done = amp.run(TOOLS, options, AMPSM_SCRIPTED_VERSION=version)
    assert [ordered(line) for line in done.lines] == [ordered(line) for line in recorded(name)]
    assert done.code == 0


OLD_TOOLS = [
    {"think": "plan"},
    {"say": "Listing."},
    {"shell": "ls", "workdir": "."},
    {"message": [{"shell": "cat nope.txt"}, {"shell": "echo two"}]},
    {"create_file": "old.txt", "content": "abc\n"},
    {"edit_file": "old.txt", "old": "abc", "new": "abd"},
    {
        "message": [
            {"tool": "Read", "input": {"path": "x"}, "result": "{}"},
            {"tool": "Grep", "input": {"path": "x", "pattern": "y"}, "result": "Error", "is_error": True},
        ]
    },
    {
        "task": "sub task",
        "answer": "pong",
        "steps": [{"say": "sub working"}, {"shell": "echo from-sub"}, {"say": "pong"}],
    },
]


@pytest.mark.parametrize(
    ("name", "version", "todo_fails", "option"),
    [
        ("2026-01-subagent", JANUARY, False, "--stream-json"),
        ("2026-03-tools-thinking", MARCH, True, "--stream-json-thinking"),
    ],
)
def test_older_versions_have_their_own_lines(amp, name, version, todo_fails, option):
    todo = {"tool": "todo_write", "input": {"todos": []}, "result": "[]", "is_error": todo_fails}
    steps = [*OLD_TOOLS, todo, {"say": "All done."}]
    done = amp.run(steps, ["--execute", option, "--dangerously-allow-all"], AMPSM_SCRIPTED_VERSION=version)
    assert [ordered(line) for line in done.lines] == [ordered(line) for line in recorded(name)]
    assert done.result["num_turns"] == recorded(name)[-1]["num_turns"]
    assert done.lines[0]["tools"] == recorded(name)[0]["tools"]


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("2026-09-ok", [{"say": "ok"}]),
        ("2026-09-error-overloaded", [{"fail": "Model Provider Overloaded Try again in a few seconds."}]),
        ("2026-09-error-after-work", [{"say": "working"}, {"shell": "echo one"}, {"fail": "Out of Credits ..."}]),
        ("2026-09-tool-edit-failed", [{"edit_file": "gone.py", "old": "a", "new": "b"}, {"say": "tool done"}]),
        ("2026-09-tool-background", [{"shell": "sleep 0.2", "timeout": 0.01}, {"say": "tool done"}]),
    ],
)
def test_ends_and_failures_have_the_recorded_lines(amp, name, steps):
    done = amp.run(steps)
    assert [ordered(line) for line in done.lines] == [ordered(line) for line in recorded(name)]
    assert done.code == 0, "the real program exits with 0 on errors too"


def test_file_tools_answer_what_the_real_ones_answer(amp):
    done = amp.run(TOOLS)
    real = [
        block["content"]
        for line in recorded("2026-09-tools")
        if line["type"] == "user"
        for block in line["message"]["content"]
        if "content" in block
    ]
    wanted = [text.replace("/home/dev/app", str(amp.folder)) for text in real]
    assert done.contents[1:] == [wanted[1], wanted[2], wanted[3].replace("héllo   ", "héllo \u2028 "), *wanted[4:]]
    assert (amp.folder / "c.txt").read_text() == "abd\n"


def test_usage_adds_up(amp):
    done = amp.run(
        [{"say": "a"}, {"shell": "true"}, {"say": "b", "usage": {"input_tokens": 1}}, {"say": "c", "usage": None}]
    )
    answers = [line["message"] for line in done.lines if line["type"] == "assistant"]
    total = Counter()
    for answer in answers:
        total.update({name: figure for name, figure in answer.get("usage", {}).items() if isinstance(figure, int)})
    assert total == {
        "input_tokens": 11,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 1000,
        "output_tokens": 20,
    }
    assert done.result["num_turns"] == len(answers) == 3
    assert "usage" not in answers[-1]


def test_believable_usage_is_the_same_every_time(amp):
    runs = [amp.run("add-a-feature", AMPSM_SCRIPTED_PACE="0") for _ in range(2) if not amp.folder.mkdir(exist_ok=True)]
    figures = [[line["message"]["usage"] for line in run.lines if line["type"] == "assistant"] for run in runs]
    assert figures[0] == figures[1]
    assert figures[0][0] != figures[0][1]


def test_only_the_last_answer_ends_the_turn(amp):
    done = amp.run([{"say": "a"}, {"pause": 0}, {"say": "b"}, {"touch": str(amp.hold / "x")}])
    assert [line["message"]["stop_reason"] for line in done.lines if line["type"] == "assistant"] == [None, "end_turn"]


def test_a_cut_character_leaves_a_lone_surrogate_as_in_the_recording(amp):
    done = amp.run([{"shell": "python3 -c \"print('x'+chr(0x1F600)*30000)\""}], PYTHONUTF8="1")
    assert json.loads(done.contents[0])["output"][:2] == "\ude00\U0001f600"
    assert done.out.decode("utf-8")


def test_separators_of_unicode_stand_unescaped_inside_a_line(amp):
    done = amp.run([{"say": "one\u2028two\x85three\x00"}])
    assert "one\u2028two\x85three\\u0000".encode() in done.out
    assert done.result["result"] == "one\u2028two\x85three\x00"


def test_printed_subagents_carry_their_call(amp):
    done = amp.run("subagent")
    inner = [line for line in done.lines if line.get("parent_tool_use_id")]
    assert [line["parent_tool_use_id"] for line in inner] == [done.lines[2]["message"]["content"][0]["id"]] * 2
    assert {line["type"] for line in inner} == {"assistant"}, "a sub-agent's results are never printed"
    assert done.result["num_turns"] == 4


def test_raw_bytes_reach_stdout_as_they_are(amp):
    done = amp.run([{"raw": {"base64": "//4A"}, "repeat": 2}, {"no_result": True}])
    assert done.out == b"\xff\xfe\x00" * 2


def test_a_big_line_is_one_line(amp):
    done = amp.run([{"big": 3_000_000}])
    assert max(len(line) for line in done.out.split(b"\n")) > 3_000_000
    assert len(done.lines) == 4


def test_many_answers_repeat(amp):
    assert amp.run([{"repeat": 500, "steps": [{"say": "x"}]}]).result["num_turns"] == 500


def test_without_the_stream_only_the_last_text_is_printed(amp):
    assert amp.run([{"say": "a"}, {"shell": "true"}, {"say": "b"}], ["--execute"]).out == b"b\n"


def test_init_and_result_can_be_bent(amp):
    done = amp.run(
        [
            {"init": {"session_id": "T-1", "echo": False}},
            {"say": "a"},
            {"init": {"again": True}},
            {"result": {"subtype": "error_max_turns"}},
            {"say": "late"},
        ]
    )
    kinds = [line["type"] for line in done.lines]
    assert kinds == ["system", "assistant", "system", "user", "result", "assistant"]
    assert done.thread == "T-1"
    assert done.lines[4]["subtype"] == "error_max_turns"


def test_a_command_that_needs_approval_fails_in_march_without_the_flag(amp):
    done = amp.run("needs-approval", ["--execute", "--stream-json"], AMPSM_SCRIPTED_VERSION=MARCH)
    assert [ordered(line) for line in done.lines] == [ordered(line) for line in recorded("2026-03-needs-approval")]
    assert done.result["error"] == recorded("2026-03-needs-approval")[-1]["error"]
    assert amp.run("needs-approval").contents == ['{"output":"pushed\\n","exitCode":0}']


def test_an_unknown_step_is_told_apart_from_amp(amp):
    done = amp.run([{"sing": "loud"}])
    assert (done.code, done.out) == (70, b"")
    assert "unknown step" in done.err
