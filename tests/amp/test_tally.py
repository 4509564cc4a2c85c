"""What a run's events add up to: the rules for tokens by their number, tools, activity, results and attempts."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.amp import events
from ampsm_engine.amp.events import Attempt, RunResult, TextBlock, Thread, ToolResult, ToolUse, Turn, Usage
from ampsm_engine.amp.stream import EventReader, attempt_line
from ampsm_engine.amp.tally import ARGUMENTS_LIMIT, Fold, described, summary
from ampsm_engine.model import Tally, ToolCall
from tests.amp.recorded import (
    NAMES,
    STREAMS,
    THREAD,
    assistant,
    failure,
    fold,
    prompt,
    read,
    recorded,
    success,
    text,
    tool_result,
    tool_use,
)

USED = {"input_tokens": 1, "output_tokens": 20, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 4000}


def test_1_usage_is_summed_over_the_assistant_lines():
    tally = fold(recorded("09-tools")).tally
    counts = [event for event in read(recorded("09-tools")) if isinstance(event, Usage)]
    assert tally.input_tokens == sum(each.input_tokens for each in counts)
    assert tally.cache_read_tokens == sum(each.cache_read_tokens for each in counts)
    assert tally.token_usage == sum(
        each.input_tokens + each.output_tokens + each.cache_creation_tokens + each.cache_read_tokens for each in counts
    )


def test_1_what_no_line_says_is_unknown_and_what_one_line_leaves_out_is_nothing():
    assert fold(assistant(text("x"))).tally == Tally(turns=1)
    assert fold().tally.token_usage is None
    tally = fold(
        assistant(usage={"output_tokens": 5}), assistant(usage={}), assistant(usage={"output_tokens": 7})
    ).tally
    assert (tally.output_tokens, tally.input_tokens, tally.token_usage) == (12, None, 12)


def test_2_the_size_of_the_context_window_is_never_added():
    with_size = recorded("07-tools")
    assert b'"max_tokens":' in with_size
    assert fold(with_size).tally == fold(with_size.replace(b'"max_tokens":', b'"other":')).tally
    assert fold(assistant(usage={"max_tokens": 168000})).tally.token_usage is None


def test_3_a_message_that_is_repeated_counts_once_and_its_last_word_wins():
    half = {**USED, "output_tokens": 1}
    tally = fold(assistant(text("a"), id="m1", usage=half), assistant(text("b"), id="m1", usage=USED)).tally
    assert (tally.output_tokens, tally.token_usage, tally.turns) == (20, 4321, 1)
    other = fold(
        assistant(id="m1", usage=USED), assistant(id="m2", usage=USED), assistant(usage=USED), assistant(usage=USED)
    )
    assert (other.tally.token_usage, other.tally.turns) == (4 * 4321, 4)


def test_3_a_repeated_message_that_loses_a_count_makes_it_unknown_again():
    tally = fold(assistant(id="m", usage={"input_tokens": 9}), assistant(id="m", usage={"output_tokens": 1})).tally
    assert (tally.input_tokens, tally.output_tokens) == (None, 1)


def test_4_the_results_own_usage_goes_before_the_sum():
    own = {"input_tokens": 50, "output_tokens": 60, "cache_read_input_tokens": "?"}
    tally = fold(assistant(usage=USED), success(usage=own)).tally
    assert (tally.input_tokens, tally.output_tokens, tally.cache_read_tokens) == (50, 60, 4000)


def test_5_sub_agents_count_once_in_the_sum_and_once_apart():
    folded = fold(recorded("01-subagent"))
    lines = [json.loads(line) for line in recorded("01-subagent").splitlines()]
    total = {True: 0, False: 0}
    for line in lines:
        usage = line.get("message", {}).get("usage", {})
        names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        total[line.get("parent_tool_use_id") is not None] += sum(usage.get(name, 0) for name in names)
    assert folded.tally.subagent_tokens == total[True] > 0
    assert folded.tally.token_usage == total[True] + total[False]
    assert fold(recorded("09-tools")).tally.subagent_tokens is None


def test_5_a_repeated_message_of_a_sub_agent_counts_once_apart_too():
    line = assistant(id="m", parent="t", usage=USED)
    assert fold(line, line).tally.subagent_tokens == 4321


@pytest.mark.parametrize("count", [-5, 1.0, "12", True, 10**15, None])
def test_7_counts_that_cannot_be_are_unknown(count):
    tally = fold(assistant(usage={"input_tokens": count}), assistant(usage={"output_tokens": 3})).tally
    assert (tally.input_tokens, tally.token_usage) == (None, 3)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".jsonl")])
def test_8_turns_are_what_amp_counts_itself(name):
    folded = fold((STREAMS / name).read_bytes())
    if folded.result is not None:
        assert folded.tally.turns == folded.result.turns


def test_tools_are_counted_paired_and_described():
    folded = fold(recorded("09-tools"))
    calls = folded.take_tool_calls()
    assert folded.tally.tools == len(calls) == 7
    assert [call.sequence for call in calls] == list(range(1, 8))
    assert [call.name for call in calls][:3] == ["shell_command"] * 3
    assert [call.success for call in calls] == [True, False, True, True, True, True, True]
    assert calls[1].summary == "exit 1: cat: nope.txt: No such file or directory"
    assert calls[0].iteration_id == "it1"
    assert json.loads(calls[1].arguments) == {"command": "cat nope.txt"}
    assert folded.take_tool_calls() == []
    assert folded.open_tools == 0


def test_a_call_is_taken_when_it_begins_and_again_when_it_ends():
    folded = fold(assistant(tool_use("t", command="npm test")))
    assert [call.success for call in folded.take_tool_calls()] == [None]
    assert folded.open_tools == 1
    assert folded.open_tool_names == ("shell_command",)
    folded.add_all(read(json.dumps(tool_result("t", '{"output":"ok\\n","exitCode":0}')).encode()))
    assert folded.take_tool_calls() == [
        ToolCall("it1", 1, "t", "shell_command", '{"command": "npm test"}', success=True, summary="ok")
    ]


def test_17_calls_and_results_that_do_not_pair():
    folded = fold(
        assistant(tool_use("a", command="1"), tool_use("b", command="2")),
        tool_result("unknown", "x"),
        tool_result("b", "second"),
        tool_result("a", "first"),
        tool_result("a", "again", is_error=True),
    )
    assert [(call.tool_id, call.summary, call.success) for call in folded.take_tool_calls()] == [
        ("a", "first", True),
        ("b", "second", True),
    ]
    assert fold(recorded("sigint-in-tool")).take_tool_calls()[0].success is None


def test_17_the_same_id_twice_is_one_call_while_it_is_open_and_another_after():
    folded = fold(
        assistant(tool_use("a")), assistant(tool_use("a", command="x")), tool_result("a"), assistant(tool_use("a"))
    )
    assert folded.tally.tools == 2
    assert [(call.sequence, call.success) for call in folded.take_tool_calls()] == [(1, True), (2, None)]


def test_17_calls_without_ids_count_and_wait_for_nothing():
    folded = fold(assistant({"type": "tool_use"}, {"type": "tool_use"}), tool_result(""))
    assert (folded.tally.tools, folded.open_tools) == (2, 0)


def test_24_a_sub_agents_calls_end_with_it():
    folded = fold(
        assistant(tool_use("task", "Task")),
        assistant(tool_use("inner", "Task"), parent="task"),
        assistant(tool_use("leaf"), parent="inner"),
    )
    assert folded.open_tools == 3
    folded.add(ToolResult("task", "done"))
    assert folded.open_tools == 0
    assert fold(recorded("01-subagent")).open_tools == 0


def test_refusals_are_counted_once_for_each_call():
    refused = "Tool rejected by plugin: no"
    folded = fold(
        assistant(tool_use("a"), tool_use("b")), *([tool_result("a", refused)] * 2), tool_result("b", refused)
    )
    assert folded.tally.refusals == 2
    assert [call.success for call in folded.take_tool_calls()] == [False, False]
    assert fold(recorded("permission-delegate-reject")).tally.refusals == 1


def test_long_arguments_are_cut_for_the_list():
    (call,) = fold(assistant(tool_use("t", content="x" * 10_000))).take_tool_calls()
    assert len(call.arguments) == ARGUMENTS_LIMIT


def test_the_activity_is_what_amp_says_or_runs_now_on_one_line():
    folded = fold(prompt("p"))
    assert folded.activity is None
    folded.add(TextBlock("\n# Looking\x1b[31m\nat it"))
    assert folded.activity == "# Looking[31m"
    folded.add(ToolUse("t", "shell_command", {"command": "npm\ttest\nrm x"}))
    assert folded.activity == "$ npm test"
    folded.add(TextBlock(""))
    assert folded.activity is None


def test_what_tools_and_answers_read_like():
    assert described(ToolUse("", "Read", {"path": "/a"})) == "Read /a"
    assert described(ToolUse("", "odd", {"x": 1, "command": 5, "path": " "})) == "odd"
    assert described(ToolUse("", "\x00", {})) == "?"
    assert summary(ToolResult("", '{"summary":"add: a","files":[]}')) == "add: a"
    assert summary(ToolResult("", '{"output":"","running":true}', running=True)) == "still running"
    assert summary(ToolResult("", '{"output":"a\\nb\\n\\n","exitCode":2}', exit_code=2)) == "exit 2: b"
    assert summary(ToolResult("", "line one\nline two")) == "line one"
    assert summary(ToolResult("", '{"broken')) == '{"broken'


def test_the_thread_is_the_first_one():
    folded = Fold()
    folded.add_all([Thread("T-a"), Thread("T-b")])
    assert folded.thread_id == "T-a"
    assert fold(recorded("09-tools")).thread_id.startswith("T-")


def test_the_last_result_counts_but_a_cancel_after_success_does_not():
    assert fold(success("one"), success("two")).result.text == "two"
    assert fold(success("one"), failure("overloaded")).result.error == "overloaded"
    assert fold(success("one"), failure("User cancelled (SIGINT/SIGTERM)")).result.ok
    assert not fold(failure("x"), failure("User cancelled (SIGINT/SIGTERM)")).result.ok


def test_a_turn_is_over_when_amp_itself_said_so_last():
    assert fold(assistant(text("x"), stop="end_turn")).ended_turn
    assert not fold(assistant(text("x"), stop="end_turn"), prompt("more")).ended_turn
    assert not fold(assistant(text("x"), stop="end_turn"), assistant(tool_use("t"))).ended_turn
    assert not fold(assistant(text("x"), stop="end_turn", parent="t")).ended_turn
    assert not fold(recorded("max-tokens-hang")).ended_turn
    assert fold(recorded("sigterm-after-end-turn")).ended_turn
    assert fold(assistant(text("main")), assistant(text("sub"), parent="t")).last_text == "main"


def test_no_tool_is_open_once_there_is_a_result():
    """An amp that lingers is ended after a silence, but never in the middle of a tool."""
    assert fold(prompt("p"), assistant(tool_use("t")), failure("User cancelled")).open_tools == 0


def test_an_attempt_begins_anew_and_keeps_what_was_paid():
    folded = fold(
        prompt("p"),
        assistant(tool_use("t"), id="m", usage=USED),
        failure("429", usage={"output_tokens": 100}),
        attempt_line(2),
    )
    assert (folded.result, folded.ended_turn, folded.open_tools, folded.prompted, folded.attempt) == (
        None,
        False,
        0,
        False,
        2,
    )
    assert (folded.tally.output_tokens, folded.tally.turns, folded.tally.tools) == (100, 1, 1)
    folded.add_all(read(json.dumps(assistant(text("x"), id="m", usage=USED, stop="end_turn")).encode()))
    assert (folded.tally.output_tokens, folded.tally.turns) == (120, 2)
    assert folded.thread_id == THREAD


def test_memory_is_not_kept_for_calls_that_were_taken():
    folded = Fold()
    for number in range(2000):
        folded.add(ToolUse(f"t{number}", "n", {"command": "x" * 1000}))
        folded.add(ToolResult(f"t{number}", "ok"))
        folded.take_tool_calls()
    assert folded.tally.tools == 2000
    assert not folded._open
    assert not folded._changed


def test_20000_events_are_read_and_folded():
    lines = recorded("09-tools") * 1200
    reader, folded = EventReader(), Fold("it")
    for start in range(0, len(lines), 65536):
        folded.add_all(reader.feed(lines[start : start + 65536]))
    assert folded.tally.tools == 7 * 1200
    assert folded.tally.turns == 6 * 1200


words = st.none() | st.text(max_size=4) | st.sampled_from(["a", "b", "end_turn", "success"])
counts = st.none() | st.integers(0, 50)
usages = st.builds(Usage, counts, counts, counts, counts, words, words)
EVENTS = st.one_of(
    usages,
    st.builds(TextBlock, st.text(max_size=5), words),
    st.builds(Turn, words, words, words),
    st.builds(
        ToolUse,
        st.text(max_size=2),
        st.text(max_size=5),
        st.dictionaries(st.text(max_size=3), st.text(max_size=9)),
        words,
    ),
    st.builds(
        ToolResult, st.text(max_size=2), st.text(max_size=9), st.booleans(), st.booleans(), counts, st.booleans(), words
    ),
    st.builds(
        RunResult, st.booleans(), st.text(max_size=5), st.sampled_from(["", "User cancelled"]), usage=st.none() | usages
    ),
    st.builds(Attempt, st.integers(1, 9)),
    st.builds(events.Prompt, st.text(max_size=5), words),
    st.builds(events.Thinking, st.text(max_size=5)),
    st.builds(Thread, st.text(max_size=5)),
    st.sampled_from([events.Noise("x"), events.Other("y"), events.TooLong(5), events.Init("/")]),
)


@given(st.lists(EVENTS, max_size=40))
def test_no_sequence_of_events_makes_the_fold_raise_or_count_below_zero(sequence):
    folded = Fold("it")
    for event in sequence:
        folded.add(event)
        tally = folded.tally
        numbers = [value for value in dataclasses.asdict(tally).values() if value is not None]
        assert all(value >= 0 for value in numbers)
        assert folded.open_tools >= 0
        assert folded.activity is None or folded.activity.isprintable()
    calls = folded.take_tool_calls()
    assert len({call.sequence for call in calls}) == len(calls) <= folded.tally.tools
