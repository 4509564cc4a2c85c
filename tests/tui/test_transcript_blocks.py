"""Events to blocks: nothing that amp said is lost, whichever end of a stream is read first."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.amp.events import (
    Attempt,
    Event,
    Noise,
    Prompt,
    RunResult,
    TextBlock,
    Thinking,
    TooLong,
    ToolResult,
    ToolUse,
)
from ampsm_engine.amp.stream import EventReader
from ampsm_tui.widgets.transcript.blocks import Block, BlockBuilder, BlockKind, arguments, outcome
from ampsm_tui.widgets.transcript.slices import shown

STREAMS = Path(__file__).parent.parent / "amp" / "streams"


def events_of(name: str) -> list[Event]:
    reader = EventReader()
    return [*shown(reader.feed((STREAMS / name).read_bytes())), *shown(reader.close())]


def told(events: Sequence[Event], *, cut: int = 0, prompt: str = "") -> list[Block]:
    """The blocks when what is behind the cut is read first."""
    builder = BlockBuilder(prompt)
    behind = builder.earlier(events[cut:]).new
    before = builder.earlier(events[:cut]).new
    return [block for block in before + behind if not block.is_hidden]


def looks(blocks: Sequence[Block]) -> list[tuple[object, ...]]:
    return [(block.kind, block.text, block.call, block.answer) for block in blocks]


@pytest.mark.parametrize("path", sorted(STREAMS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_every_recorded_stream_reads_the_same_from_either_end(path: Path) -> None:
    events = events_of(path.name)
    whole = looks(told(events))
    for cut in range(len(events) + 1):
        assert looks(told(events, cut=cut)) == whole


def test_a_call_and_its_answer_are_one_block() -> None:
    blocks = told(events_of("local-2026-09-tools.jsonl"))
    calls = [block for block in blocks if block.kind is BlockKind.TOOL]
    assert [block.call.name for block in calls if block.call][:3] == ["shell_command"] * 3
    assert all(block.answer for block in calls)
    assert BlockKind.ANSWER not in {block.kind for block in blocks}


def test_a_subagents_words_stand_below_its_call() -> None:
    blocks = told(events_of("local-2026-01-subagent.jsonl"))
    inside = [block for block in blocks if block.depth]
    assert [block.text or (block.call and block.call.name) for block in inside] == ["sub working", "Bash", "pong"]


def test_the_prompts_echo_is_not_said_twice() -> None:
    builder = BlockBuilder(" Do it ")
    assert builder.later([Prompt("Do it")]).new == []
    assert [block.text for block in builder.later([Prompt("And that")]).new] == ["And that"]


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        (Attempt(2), BlockKind.ATTEMPT, "attempt 2"),
        (RunResult(ok=False, error="Overloaded"), BlockKind.ERROR, "Overloaded"),
        (RunResult(ok=False), BlockKind.ERROR, "ended with an error"),
        (Noise("login first"), BlockKind.NOISE, "login first"),
        (TooLong(70_000_000), BlockKind.NOISE, "70,000,000 bytes"),
        (Thinking("", redacted=True), BlockKind.THINKING, "not shown"),
    ],
)
def test_what_stands_alone(event: Event, kind: BlockKind, text: str) -> None:
    (block,) = BlockBuilder().later([event]).new
    assert block.kind is kind
    assert text in block.text


@pytest.mark.parametrize("event", [Thinking(""), TextBlock("  \n"), Noise(" "), RunResult(ok=True, text="Done")])
def test_what_says_nothing_is_no_block(event: Event) -> None:
    assert BlockBuilder().later([event]).new == []


def test_a_late_answer_changes_the_block_of_its_call() -> None:
    builder = BlockBuilder()
    (call,) = builder.later([ToolUse("1", "shell_command", {"command": "make"})]).new
    assert call.searched == "make"
    change = builder.later([ToolResult("1", '{"output":"fine\\n","exitCode":0}', exit_code=0)])
    assert (change.new, change.changed) == ([], [call])
    assert call.searched == "make\nfine"


def test_an_answer_without_a_call_is_shown_by_itself() -> None:
    (block,) = BlockBuilder().later([ToolResult("9", "lonely")]).new
    assert block.kind is BlockKind.ANSWER
    assert "lonely" in block.searched


def test_how_a_call_went_is_said_in_words() -> None:
    assert outcome(ToolResult("", '{"output":"a\\nb\\n","exitCode":0}', exit_code=0)) == ("ok", "b")
    assert outcome(ToolResult("", '{"output":"boom","exitCode":2}', exit_code=2)) == ("error", "exit 2: boom")
    assert outcome(ToolResult("", "Rejected by user permissions rule 1", refused=True))[0] == "warning"
    assert outcome(ToolResult("", "no such tool", is_error=True)) == ("error", "failed: no such tool")
    assert outcome(ToolResult("", '{"diff":"x"}')) == ("ok", "")


def test_arguments_are_clean() -> None:
    call = ToolUse("1", "x\x1b[2J", {"a\x1b": "b\x00\u202ec", "n": {"deep": [1]}})
    said = "".join(name + value for name, value in arguments(call))
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert '"deep"' in said


IDS = st.sampled_from(["a", "b", "c", ""])
EVENTS = st.lists(
    st.one_of(
        st.builds(TextBlock, st.text(max_size=20)),
        st.builds(Prompt, st.text(max_size=20)),
        st.builds(ToolUse, IDS, st.text(max_size=8), st.dictionaries(st.text(max_size=3), st.text(max_size=9))),
        st.builds(ToolResult, IDS, st.text(max_size=20)),
        st.builds(Attempt, st.integers(1, 9)),
    ),
    max_size=20,
)


@given(EVENTS, st.data())
def test_no_cutting_loses_a_text_or_an_answer(events: list[Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(events)))
    blocks = told(events, cut=cut)
    assert [b.text for b in blocks if b.kind is BlockKind.TEXT] == [
        b.text for b in told(events) if b.kind is BlockKind.TEXT
    ]
    calls = [event for event in events if isinstance(event, ToolUse)]
    assert sum(block.call is not None for block in blocks) == len(calls)
