"""Every stream that a parser must survive, by the number it has in the list of amp's facts."""

import itertools
import json
import math
import sqlite3
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ampsm_engine.amp import stream
from ampsm_engine.amp.events import (
    Attempt,
    Init,
    Noise,
    Other,
    Prompt,
    RunResult,
    TextBlock,
    Thinking,
    Thread,
    TooLong,
    ToolResult,
    ToolUse,
    Turn,
    Usage,
    one_line,
)
from ampsm_engine.amp.stream import LINE_LIMIT, EventReader, attempt_line
from tests.amp.recorded import (
    ABOUT,
    NAMES,
    STREAMS,
    THREAD,
    assistant,
    failure,
    line,
    prompt,
    read,
    recorded,
    success,
    text,
    tool_result,
    tool_use,
)


def only(kind, data):
    return [event for event in read(data) if isinstance(event, kind)]


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_run_is_read_without_noise_or_unknowns(name):
    data = (STREAMS / name).read_bytes()
    events = read(data)
    if name.endswith(".jsonl"):
        assert [event for event in events if isinstance(event, Noise | Other | TooLong)] == []
        assert len(only(Thread, data)) == (1 if data else 0)
    for event in events:
        repr(event).encode()


@pytest.mark.parametrize("name", ["sigint-before-init", "sighup-model-wait", "stdin-over-1mib"])
def test_01_an_empty_output_has_no_events(name):
    assert read(recorded(name)) == []


def test_02_the_login_text_is_noise_to_its_last_prompt_without_a_newline():
    noise = only(Noise, recorded("login-flow"))
    assert noise[0].text == "No API key found. Starting login flow..."
    assert noise[-1].text == "When prompted, paste your code here:"


def test_03_a_line_of_200_kilobytes():
    (result,) = only(ToolResult, recorded("line-200k"))
    assert len(result.content) > 90_000
    assert result.exit_code == 0


@pytest.mark.parametrize("size", [3_000_000, 50_000_000])
def test_03_long_lines_are_read_in_one_pass_and_cut_for_those_who_show_them(size):
    data = line(assistant(text("x" * size)))
    reader = EventReader()
    events = []
    tracemalloc.start()
    for start in range(0, len(data), 65536):
        events += reader.feed(data[start : start + 65536])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (said,) = [event for event in events if isinstance(event, TextBlock)]
    assert said.text.startswith("x" * 1000)
    assert len(said.text) < stream.TEXT_LIMIT + 100
    assert f"{size - stream.TEXT_LIMIT} characters more" in said.text
    assert reader.offset == len(data)
    assert peak < 4 * size + 8_000_000


def test_03_a_line_over_the_limit_is_told_dropped_and_the_next_one_is_read():
    reader = EventReader(limit=1000)
    data = line(text("y" * 5000)) + line(success("after"))
    events = [event for start in range(0, len(data), 97) for event in reader.feed(data[start : start + 97])]
    assert isinstance(events[0], TooLong)
    assert events[0].bytes == data.index(b"\n")
    assert [event.text for event in events if isinstance(event, RunResult)] == ["after"]
    assert reader.offset == len(data)


def test_03_a_line_over_the_limit_is_not_kept_in_memory():
    reader = EventReader()
    piece = b"z" * 65536
    tracemalloc.start()
    for _ in range(LINE_LIMIT // 65536 + 200):
        assert reader.feed(piece) == []
    left = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert left < 1_000_000
    (told,) = reader.close()
    assert told == TooLong(LINE_LIMIT + 200 * 65536)


def test_04_a_line_cut_anywhere_loses_that_line_only():
    whole = recorded("unicode")
    complete = read(whole)
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    before = read(whole[:last])
    for end in range(last + 1, len(whole) - 2):
        events = read(whole[:end])
        assert events[: len(before)] == before
        assert [type(event) for event in events[len(before) :]] == [Noise]
    assert read(whole[:-1]) == complete


def test_05_line_separators_of_unicode_end_no_line():
    said = json.dumps(
        {"type": "assistant", "message": {"content": [text("a\u2028b\u2029c\u0085d\x0be")]}}, ensure_ascii=False
    )
    assert [event.text for event in only(TextBlock, said.encode() + b"\n")] == ["a\u2028b\u2029c\u0085d\x0be"]
    assert "\u2028" in only(TextBlock, recorded("unicode"))[0].text


@pytest.mark.parametrize("name", ["-unicode", "output-cut-in-surrogate"])
def test_06_unpaired_surrogates_become_something_that_can_be_stored(name):
    database = sqlite3.connect(":memory:")
    database.execute("create table kept (text)")
    for event in only(TextBlock | ToolResult | RunResult, recorded(name)):
        words = event.content if isinstance(event, ToolResult) else event.text
        words.encode()
        database.execute("insert into kept values (?)", (words,))


def test_06_surrogates_are_cleaned_in_every_corner():
    bad = "\ud83d"
    data = b"".join(
        line(content)
        for content in (
            assistant(tool_use(bad, bad, **{bad: [bad, {bad: bad}]}), stop=bad, id=bad, parent=bad, usage={}),
            tool_result(bad, [text(bad), {"type": bad}, bad], parent=bad),
            {
                "type": "system",
                "subtype": "init",
                "cwd": bad,
                "tools": [bad],
                "mcp_servers": [{"name": bad, "status": bad}],
            },
            {"type": bad, "session_id": bad},
            failure(bad, subtype=bad),
            {"type": "result", "is_error": True, "error": {bad: [bad]}},
        )
    )
    events = read(data)
    assert len(events) > 8
    for event in events:
        for name in event.__slots__:
            json.dumps(getattr(event, name), ensure_ascii=False, default=repr).encode()


def test_06_a_pair_of_escaped_surrogates_is_one_character():
    (said,) = only(
        TextBlock, b'{"type":"assistant","message":{"content":[{"type":"text","text":"\\ud83d\\ude00 \\ud83d"}]}}\n'
    )
    assert said.text == "\U0001f600 ?"


def test_07_control_characters_stay_data():
    (said,) = only(TextBlock, recorded("-unicode"))
    assert "\x00" in said.text
    assert "\x1b[31mred\x1b[0m" in said.text
    assert "\r\n" in said.text
    raw = b'{"type":"assistant","message":{"content":[{"type":"text","text":"tab\there \x1b[0m"}]}}\n'
    assert only(TextBlock, raw)[0].text == "tab\there \x1b[0m"


def test_08_bytes_that_are_not_utf8_are_replaced():
    data = b'{"type":"assistant","message":{"content":[{"type":"text","text":"a\xff\xfeb\xc3"}]}}\n\xff\xfe\xfd\n'
    assert only(TextBlock, data)[0].text == "a\ufffd\ufffdb\ufffd"
    assert only(Noise, data) == [Noise("\ufffd\ufffd\ufffd")]


def test_09_crlf_blank_lines_bom_and_terminal_modes():
    data = (
        b"\xef\xbb\xbf"
        + line(prompt("hi")).replace(b"\n", b"\r\n")
        + b"\r\n\n  \t\n"
        + b"\x1b[=0u\x1b[<u\x1b[?25h"
        + line(success())
    )
    assert read(data) == [Prompt("hi"), *read(line(success()))]


def test_09_two_objects_in_one_line_are_two():
    data = line(json.dumps(prompt("one")) + json.dumps(prompt("two")) + "  " + json.dumps(success()))
    assert [type(event) for event in read(data)] == [Prompt, Prompt, RunResult]


def test_09_an_object_over_two_lines_is_noise_and_hurts_nobody_else():
    data = line(prompt("one")) + b'{"type":"result",\n"is_error":false}\n' + line(prompt("two"))
    assert [type(event) for event in read(data)] == [Prompt, Noise, Noise, Prompt]


def test_09_a_line_of_nothing_but_objects_does_not_fill_the_memory():
    events = read(b"{}" * 100_000 + b"\n")
    assert len(events) < 2000
    assert isinstance(events[-1], Noise)


def test_10_other_text_between_lines_is_kept_as_text():
    data = b"(node:1) Warning: old\n" + line(prompt("p")) + b"npm notice\n" + line(success()) + b"bye"
    assert [event.text for event in only(Noise, data)] == ["(node:1) Warning: old", "npm notice", "bye"]
    assert len(only(RunResult, data)) == 1


def test_10_text_behind_an_object_is_text():
    assert [type(event) for event in read(line(json.dumps(success()) + " and more"))] == [RunResult, Noise]


@pytest.mark.parametrize("content", ["null", "[]", "42", '"x"', "true", "NaN", "[" * 100_000, '{"a":' * 100_000])
def test_11_json_that_is_no_object_is_text(content):
    assert [type(event) for event in read(line(content))] == [Noise]


def test_11_deep_nesting_inside_a_good_line_is_bounded():
    deep = '{"a":[' * 200 + '"core"' + "]}" * 200
    (tool,) = only(ToolUse, line(json.dumps(assistant(tool_use("t1", value="DEEP"))).replace('"DEEP"', deep)))
    assert json.dumps(tool.arguments).count("[") < 40


def test_11_numbers_that_are_none_become_text_that_json_can_hold():
    data = b'{"type":"assistant","message":{"content":[{"type":"tool_use","id":"t","name":"n","input":{"a":NaN,"b":-Infinity,"c":1e999,"d":1.5}}]}}\n'
    (tool,) = only(ToolUse, data)
    assert tool.arguments == {"a": "NaN", "b": "-Infinity", "c": "1e999", "d": 1.5}
    assert json.loads(json.dumps(tool.arguments, allow_nan=False)) == tool.arguments


def test_11_a_number_too_long_to_read_costs_its_line_only():
    assert [type(event) for event in read(b'{"a":' + b"9" * 10_000 + b"}\n" + line(success()))] == [Noise, RunResult]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"type": None},
        {"type": "rate_limit_event"},
        {"type": "system"},
        {"type": "system", "subtype": "compact"},
        {"type": "assistant"},
        {"type": "assistant", "message": None},
        {"type": "assistant", "message": []},
        {"type": "user", "message": "x"},
        {"type": ["result"]},
        {"type": "ampsm", "subtype": "attempt", "number": True},
        {"type": "ampsm", "subtype": "attempt"},
        {"type": "x" * 100_000},
    ],
)
def test_12_unknown_and_broken_lines_are_other(content):
    (event,) = read(line(content))
    assert isinstance(event, Other)
    assert len(event.kind) < 100


@pytest.mark.parametrize(
    "content",
    [
        None,
        5,
        {},
        [],
        [None],
        [5, "x", []],
        [{}],
        [{"type": "image"}],
        [{"type": "text"}],
        [{"type": "text", "text": 5}],
    ],
)
def test_12_odd_content_still_makes_a_turn(content):
    message = {"content": content, "stop_reason": 7, "usage": None}
    events = read(line({"type": "assistant", "message": message}))
    assert [event for event in events if not isinstance(event, Other)] == [Turn(None)]
    assert not [event for event in read(line({"type": "user", "message": message})) if not isinstance(event, Other)]


def test_12_content_as_a_plain_string():
    assert only(TextBlock, line({"type": "assistant", "message": {"content": "hello"}})) == [TextBlock("hello")]
    assert only(Prompt, line({"type": "user", "message": {"content": "hello"}})) == [Prompt("hello")]


@pytest.mark.parametrize("count", [-1, 1.5, "7", None, True, [], 10**13, math.inf])
def test_12_counts_that_are_none_are_unknown(count):
    data = (
        json.dumps(assistant(usage={"input_tokens": count, "output_tokens": 4, "max_tokens": 168000})).encode() + b"\n"
    )
    assert only(Usage, data) == [Usage(None, 4)]


@pytest.mark.parametrize("usage", [None, [], "x", 5])
def test_12_usage_that_is_no_object_is_none(usage):
    assert only(Usage, line(assistant(usage=usage))) == []


def test_12_a_missing_parent_is_none():
    assert only(TextBlock, b'{"type":"assistant","message":{"content":[{"type":"text","text":"x"}]}}\n') == [
        TextBlock("x", None)
    ]


def test_12_tool_input_that_is_no_object_is_kept():
    data = line(assistant({"type": "tool_use", "input": ["a"]}))
    assert only(ToolUse, data) == [ToolUse("", "?", {"input": ["a"]})]


def test_13_the_first_well_formed_thread_wins_and_others_are_told():
    other = THREAD.replace("0199", "0200")
    data = b"".join(
        line({"type": "system", "subtype": "init", "session_id": name})
        for name in ("T-1", "--help", THREAD, other, THREAD)
    )
    events = read(data)
    assert [event for event in events if isinstance(event, Thread)] == [Thread(THREAD)]
    kinds = [event.kind for event in events if isinstance(event, Other)]
    assert kinds == ["session_id malformed", "session_id malformed", "session_id changed"]
    assert len(only(Init, data)) == 5


@pytest.mark.parametrize("thread", [None, 5, [], "", THREAD + "\n", THREAD + "0", "x" + THREAD, THREAD.upper()])
def test_13_no_other_form_is_a_thread(thread):
    assert only(Thread, line({"type": "result", "session_id": thread})) == []


def test_13_no_init_and_late_init():
    assert only(Thread, line(assistant(text("x")))) == [Thread(THREAD)]


def test_14_no_echo_of_the_prompt():
    assert only(Prompt, recorded("01-error-402")) == []
    assert len(only(RunResult, recorded("01-error-402"))) == 1


def test_15_tools_and_servers_of_init():
    (init,) = only(Init, recorded("-mcp"))
    assert {name for name, _ in init.mcp_servers} >= {"good"}
    assert only(Init, recorded("-ok"))[0].agent_mode == "medium"
    (odd,) = only(
        Init, line({"type": "system", "subtype": "init", "tools": [1, "a"], "mcp_servers": [3, {"name": "n"}, {}]})
    )
    assert odd == Init("", ("a",), (("n", "?"), ("?", "?")))


def test_16_thinking_empty_redacted_and_alone():
    assert Thinking("", redacted=True) in read(recorded("empty-thinking"))
    data = line(assistant({"type": "thinking", "thinking": ""}, {"type": "redacted_thinking", "data": "zz"}))
    assert only(Thinking, data) == [Thinking(""), Thinking("", redacted=True)]
    assert Thinking("plan") in read(recorded("09-tools-thinking"))


def test_18_the_forms_of_a_tools_answer():
    def result(content):
        return only(ToolResult, line(tool_result("t", content)))[0]

    assert result('{"output":"x","exitCode":1}').exit_code == 1
    assert not result('{"output":"x","exitCode":1}').success
    assert result('{"output":"x","exitCode":').exit_code is None
    assert result('{"output":"x"}').exit_code is None
    assert result('{"exitCode":true}').exit_code is None
    assert result('{"exitCode":"1"}').exit_code is None
    assert result('{"exitCode":1' + '{"a":' * 50_000).exit_code is None
    assert result('["exitCode"]').exit_code is None
    assert result([text("a"), {"type": "image"}, "b", 5]).content == "a\n[block image]\nb"
    assert result(None).content == ""
    assert result(7).content == ""
    (running,) = only(ToolResult, recorded("tool-background"))
    assert running.running
    assert running.success
    big = result(json.dumps({"output": "o" * (2 * stream.TEXT_LIMIT), "exitCode": 3}))
    assert big.exit_code == 3
    assert len(big.content) < stream.TEXT_LIMIT + 100
    assert only(ToolResult, recorded("-mcp"))[0].content.startswith("[{")


def test_18_is_error_is_a_boolean_or_nothing():
    assert not only(
        ToolResult, line({"type": "user", "message": {"content": [{"type": "tool_result", "is_error": "no"}]}})
    )[0].is_error
    assert only(ToolResult, recorded("tool-unknown"))[0].is_error


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("permission-ask-rejected", True),
        ("permission-user-reject", True),
        ("permission-delegate-reject", True),
        ("tool-unknown", False),
    ],
)
def test_25_refusals_are_told_by_how_the_text_begins(name, refused):
    assert [event.refused for event in only(ToolResult, recorded(name))] == [refused]


def test_25_a_file_that_speaks_of_refusals_is_none():
    (result,) = only(ToolResult, line(tool_result("t", '{"output":"Tool rejected by plugin: x","exitCode":0}')))
    assert not result.refused


def test_19_results_with_gaps():
    assert only(RunResult, line(success(""))) == [RunResult(ok=True, subtype="success", turns=1)]
    assert only(RunResult, line(failure(None)))[0].error == ""
    assert not only(RunResult, line(success("x", is_error=True)))[0].ok
    assert only(RunResult, line({"type": "result", "subtype": "success"}))[0].ok
    assert not only(RunResult, line({"type": "result"}))[0].ok
    assert not only(RunResult, line({"type": "result", "subtype": "success", "is_error": "false"}))[0].ok
    assert (
        only(RunResult, line({"type": "result", "is_error": True, "error": {"message": "m"}}))[0].error
        == '{"message": "m"}'
    )


def test_20_two_results_and_lines_after_them():
    data = line(success("one")) + line(success("two")) + line(assistant(text("late")))
    assert [event.text for event in only(RunResult, data)] == ["one", "two"]
    assert only(TextBlock, data) == [TextBlock("late")]


def test_22_one_result_for_two_turns():
    assert [len(only(kind, recorded("input-two-turns"))) for kind in (Prompt, Turn, RunResult)] == [2, 2, 1]


def test_23_a_text_of_the_user_between_result_and_answer():
    data = line(tool_result("t")) + line(prompt("steer")) + line(assistant(text("ok")))
    assert [type(event) for event in read(data)][:2] == [ToolResult, Prompt]


def test_24_lines_of_a_sub_agent_name_its_call():
    parents = {event.parent for event in only(Turn, recorded("01-subagent"))}
    assert len(parents - {None}) == 1


def test_25_a_stop_without_a_reason():
    assert only(Turn, recorded("max-tokens-hang")) == [Turn(None)]


def test_26_ten_thousand_lines_and_a_byte_at_a_time():
    data = recorded("09-tools")
    assert len(read(data * 800)) == 800 * (len(read(data)) - 1) + 1
    slow = EventReader()
    assert [event for byte in data for event in slow.feed(bytes([byte]))] + slow.close() == read(data)


def test_attempts_are_our_own_lines_and_survive_a_cut_line_before_them():
    data = b'{"type":"assis' + attempt_line(2) + line(success())
    assert [type(event) for event in read(data)] == [Noise, Attempt, RunResult]
    assert only(Attempt, data) == [Attempt(2)]


def test_offsets_are_ends_of_whole_lines_and_readers_go_on_from_them():
    data = recorded("09-tools") + b'{"type":"resu'
    reader = EventReader()
    located = reader.located(data)
    assert reader.offset == data.rindex(b"\n") + 1
    assert all(data[offset - 1 : offset] == b"\n" for offset, _ in located)
    offset, _ = located[10]
    rest = EventReader(offset=offset)
    later = [event for at, event in located if at > offset]
    assert [event for event in rest.feed(data[offset:]) if not isinstance(event, Thread)] == later
    assert rest.offset == reader.offset
    reader.close()
    assert reader.offset == len(data)


BYTES = st.one_of(
    st.binary(),
    st.lists(st.sampled_from([(STREAMS / name).read_bytes()[:4000] for name in NAMES]), max_size=3).map(b"".join),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(alphabet=st.characters())
        | st.sampled_from(
            [
                "assistant",
                "user",
                "result",
                "system",
                "init",
                "text",
                "tool_use",
                "tool_result",
                "success",
                THREAD,
                "ampsm",
                "attempt",
            ]
        ),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "type",
                        "subtype",
                        "message",
                        "content",
                        "text",
                        "usage",
                        "input",
                        "id",
                        "name",
                        "error",
                        "result",
                        "is_error",
                        "session_id",
                        "tool_use_id",
                        "parent_tool_use_id",
                        "stop_reason",
                        "input_tokens",
                        "number",
                        "tools",
                        "mcp_servers",
                    ]
                ),
                inner,
            )
        ),
        max_leaves=30,
    ).map(lambda value: json.dumps(value).encode() + b"\n"),
)


@given(st.lists(BYTES, max_size=4).map(b"".join))
@example(b"\xf0\x9f\x98\n{")
def test_no_bytes_make_the_reader_raise(data):
    for event in read(data):
        repr(event).encode()


@given(st.lists(BYTES, max_size=4).map(b"".join), st.lists(st.integers(0, 5000), max_size=12))
def test_every_cutting_of_the_same_bytes_gives_the_same_events(data, cuts):
    reader = EventReader(limit=3000)
    whole = reader.located(data)
    whole_end = reader.close()
    again = EventReader(limit=3000)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert [found for piece in pieces for found in again.located(piece)] == whole
    assert again.close() == whole_end
    assert again.offset == reader.offset == len(data)


def test_one_line_is_clean_and_short():
    assert one_line("\n\n  a\tb\x1b[31m\u202e  c \nnext") == "a b[31m c"
    assert one_line("x" * 500) == "x" * 159 + "…"
    assert one_line("\x00\n\u200b\n") == ""


def test_every_recorded_run_is_in_the_index():
    assert {path.name for path in STREAMS.iterdir()} - {"help-flags.json", "local-index.json"} == set(ABOUT)
