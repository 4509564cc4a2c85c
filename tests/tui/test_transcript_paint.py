"""Blocks to lines: each kind says what it is in words, and nothing foreign breaks the width."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.amp import edits
from ampsm_engine.amp.events import ToolResult, ToolUse
from ampsm_tui.clean import many_lines
from ampsm_tui.widgets.transcript.blocks import Block, BlockKind
from ampsm_tui.widgets.transcript.markdown import MarkdownPainter, pieces
from ampsm_tui.widgets.transcript.painter import TranscriptPainter, TranscriptStyles

HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "[red]markup[/red] [link=http://x]y[/link]",
    "\u202egnp.exe\u202c \u2066x\u2069",
    "a\x00b\rc\x0bd",
    "字字字字字字字字字字字字字字字字字字字字字字字字字",
    "e\u0301\u0301\u0301\u0301\u0301 \u200b\u200d\ufeff",
    "x" * 10_000,
    "\ud800 alone",
]


def painted(block: Block, width: int = 60) -> list[str]:
    lines = TranscriptPainter(TranscriptStyles(), lambda text: text.replace("/repo/", "")).paint(block, width)
    assert all(line.cell_length <= width for line in lines)
    return [line.text.rstrip() for line in lines]


def a_call(name: str = "shell_command", answer: ToolResult | None = None, **given_: object) -> Block:
    return Block(BlockKind.TOOL, call=ToolUse("1", name, given_), answer=answer)


def test_a_call_is_one_line_that_opens() -> None:
    block = a_call(answer=ToolResult("1", '{"output":"one\\ntwo\\n","exitCode":0}', exit_code=0), command="make test")
    assert painted(block) == ["▸ $ make test  two"]
    block.is_open = True
    assert painted(block) == ["▾ $ make test  two", "  command: make test", "  │ one", "  │ two"]


def test_how_it_went_is_there_even_when_the_argument_is_long() -> None:
    failed = ToolResult("1", '{"output":"Boom: the whole thing fell over","exitCode":2}', exit_code=2)
    (line,) = painted(a_call(answer=failed, command="pytest " + "tests/very/long/path.py " * 20), 50)
    assert "exit 2: Boom" in line
    assert line.startswith("▸ $ pytest tests/")


def test_an_edit_shows_its_diff_small() -> None:
    new = "\n".join(f"line {number}" for number in range(20))
    block = a_call("create_file", ToolResult("1", "Successfully created"), path="/repo/a.py", content=new)
    lines = painted(block)
    assert lines[0] == "▸ create_file a.py  +20 -0"
    assert lines[1] == "  + line 0"
    assert lines[-1] == "  … 12 more lines"
    block.is_open = True
    assert len(painted(block)) == 22


@pytest.mark.parametrize(
    ("call", "answer", "expected"),
    [
        (
            ToolUse("1", "edit_file", {"path": "a", "old_str": "x\ny", "new_str": "x\nz"}),
            None,
            [(" ", "x"), ("-", "y"), ("+", "z")],
        ),
        (
            ToolUse("1", "edit_file", {"path": "a"}),
            ToolResult("1", '{"diff":"```diff\\n--- a\\n+++ b\\n@@ -1 +1 @@\\n-a\\n+b\\n@@ -9 +9 @@\\n c\\n```"}'),
            [("-", "a"), ("+", "b"), ("@", ""), (" ", "c")],
        ),
        (
            ToolUse(
                "1",
                "apply_patch",
                {"patchText": "*** Begin Patch\n*** Update File: a.py\n@@ def\n-a\n+b\n*** End Patch"},
            ),
            None,
            [("f", "a.py"), ("@", "def"), ("-", "a"), ("+", "b")],
        ),
        (ToolUse("1", "create_file", {"path": "a", "content": "one\ntwo\n"}), None, [("+", "one"), ("+", "two")]),
        (ToolUse("1", "Read", {"path": "a"}), None, []),
        (ToolUse("1", "edit_file", {"path": 7, "old_str": None}), ToolResult("1", '{"diff": 3}'), []),
    ],
)
def test_diffs(call: ToolUse, answer: ToolResult | None, expected: list[tuple[str, str]]) -> None:
    assert [(line.sign, line.text) for line in edits.diff_of(call, answer, many_lines)] == expected


def test_markdown_headings_lists_and_code() -> None:
    block = Block(BlockKind.TEXT, "# Title\n\nSome *words* with `code`.\n\n- one\n- two\n\n```python\nx = 1\n```")
    lines = painted(block, 30)
    assert lines[0] == "Title"
    assert "Some words with code." in lines
    assert " • one" in lines
    assert "  x = 1" in lines


def test_a_link_shows_where_it_leads() -> None:
    lines = TranscriptPainter(TranscriptStyles()).paint(Block(BlockKind.TEXT, "[good](http://evil.example)"), 60)
    assert "evil.example" in lines[0].text
    assert not any(segment.style and segment.style.link for line in lines for segment in line)


@pytest.mark.parametrize("text", ["[" * 6_000, "*" * 6_000, "> " * 3_000, "`" * 6_000, "<!--" * 1_500, "|a" * 3_000])
def test_what_is_slow_to_read_is_shown_as_it_was_written(text: str) -> None:
    began = time.perf_counter()
    assert MarkdownPainter({}).lines(text, 60)
    assert time.perf_counter() - began < 5  # quadratic ones take minutes


@given(st.text(max_size=50))
def test_pieces_keep_every_line(text: str) -> None:
    long = f"{text}\n\n" * 400
    assert [line for piece in pieces(long) for line in piece.split("\n") if line.strip()] == [
        line for line in long.split("\n") if line.strip()
    ]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", list(BlockKind))
@pytest.mark.parametrize("is_open", [False, True])
def test_hostile_text_is_inert_everywhere(text: str, kind: BlockKind, is_open: bool) -> None:
    call = ToolUse("1", text, {"command": text, text: text}) if kind is BlockKind.TOOL else None
    answer = ToolResult("1", text) if kind in (BlockKind.TOOL, BlockKind.ANSWER) else None
    block = Block(kind, many_lines(text), depth=2, call=call, answer=answer, is_open=is_open)
    for width in (12, 60):
        said = "".join(painted(block, width))
        assert [letter for letter in said if not letter.isprintable() and letter not in "\u200c\u200d"] == []


@given(st.text(max_size=200), st.sampled_from(list(BlockKind)), st.integers(10, 80), st.booleans())
def test_no_text_is_wider_than_its_room(text: str, kind: BlockKind, width: int, is_open: bool) -> None:
    answer = ToolResult("1", text) if kind is BlockKind.ANSWER else None
    call = (
        ToolUse("1", "edit_file", {"path": text, "old_str": text, "new_str": text[::-1]})
        if kind is BlockKind.TOOL
        else None
    )
    painted(Block(kind, many_lines(text), call=call, answer=answer, is_open=is_open), width)
