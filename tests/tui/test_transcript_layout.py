"""Where blocks stand: the parts add up, whatever is put in, opened, or looked at; and the search finds what is there."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.strip import Strip

from ampsm_tui import clean
from ampsm_tui.clean import cells, wrapped
from ampsm_tui.widgets.transcript.blocks import Block, BlockKind
from ampsm_tui.widgets.transcript.layout import TranscriptLayout
from ampsm_tui.widgets.transcript.painter import TranscriptPainter, TranscriptStyles
from ampsm_tui.widgets.transcript.search import TranscriptQuery, marked, search

TEXTS = st.text(max_size=120)
BLOCKS = st.lists(
    st.builds(
        Block,
        st.sampled_from([BlockKind.PLAIN, BlockKind.THINKING, BlockKind.PROMPT, BlockKind.NOISE, BlockKind.ERROR]),
        TEXTS,
    ),
    max_size=12,
)


def plain(block: Block, width: int) -> list[Strip]:
    return [Strip([Segment(line)]) for line in wrapped(block.text, width)]


@given(BLOCKS, st.integers(4, 60), st.data())
def test_the_total_is_the_sum_of_the_parts(blocks: list[Block], width: int, data: st.DataObject) -> None:
    layout = TranscriptLayout(plain, width)
    for block in blocks:
        layout.insert(data.draw(st.integers(0, len(layout.blocks))), [block])
        if data.draw(st.booleans()):
            block.is_open = not block.is_open
            layout.touch(block)
        if data.draw(st.booleans()):
            layout.lines(data.draw(st.integers(0, len(layout.blocks) - 1)))
    if layout.blocks and data.draw(st.booleans()):
        layout.remove(data.draw(st.integers(0, len(layout.blocks) - 1)))
    measured = [len(layout.lines(at)) for at in range(len(layout.blocks))]
    assert layout.total == sum(measured)
    for at in range(len(measured)):
        assert layout.top(at) == sum(measured[:at])
        for inner in range(measured[at]):
            assert layout.at(layout.top(at) + inner) == (at, inner)


def test_measuring_above_tells_how_far_everything_moved() -> None:
    layout = TranscriptLayout(plain, 10)
    layout.insert(0, [Block(BlockKind.PLAIN, "\n".join("word word word" for _ in range(5))) for _ in range(4)])
    top = layout.top(3)
    assert layout.measure_up(3, 100) == layout.top(3) - top


def test_a_hidden_block_takes_no_line() -> None:
    layout = TranscriptLayout(TranscriptPainter(TranscriptStyles()).paint, 20)
    layout.insert(
        0, [Block(BlockKind.NOISE, "a"), Block(BlockKind.ANSWER, is_hidden=True), Block(BlockKind.NOISE, "b")]
    )
    assert [len(layout.lines(at)) for at in range(3)] == [1, 0, 1]


@given(st.text(max_size=300), st.integers(2, 40))
def test_wrapping_keeps_every_letter_and_the_width(text: str, width: int) -> None:
    clean = "".join(letter for letter in text if letter.isprintable() or letter == "\n")
    lines = wrapped(clean, width)
    assert all(cells(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(clean.split())


def test_wrapping_ends_somewhere() -> None:
    lines = wrapped("word\n" * 10_000, 20, 50)
    assert len(lines) == 51
    assert "49,7" in lines[-1]


def test_of_one_long_line_no_more_is_read_than_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message of amp is often one line; measuring all of it for each piece held the app still for seconds."""
    measured: list[str] = []
    monkeypatch.setattr(clean, "get_character_cell_size", lambda letter: measured.append(letter) or 1)
    lines = wrapped("é" * 100_000, 20, 50)
    assert lines[-1] == "… 99,000 characters more"[:20]
    assert len(measured) < 51 * 22


@given(st.lists(TEXTS, max_size=8), st.text(min_size=1, max_size=3))
def test_the_search_finds_what_find_finds(texts: list[str], needle: str) -> None:
    blocks = [Block(BlockKind.PLAIN, text) for text in texts]
    found = asyncio.run(search(blocks, TranscriptQuery(needle)))
    exact = needle != needle.lower()
    expected = [(text if exact else text.lower()).count(needle) for text in texts]
    assert found.total == sum(expected)
    assert [count for _, count in found.hits] == [count for count in expected if count]
    numbers = [found.number(block, ordinal) for block, count in found.hits for ordinal in range(count)]
    assert numbers == list(range(1, found.total + 1))


@given(st.text(alphabet="abcAB 字é", max_size=40), st.text(alphabet="abA字", min_size=1, max_size=2))
def test_marking_changes_no_letter(text: str, needle: str) -> None:
    strip = Strip([Segment(text[: len(text) // 2]), Segment(text[len(text) // 2 :])])
    after = marked(strip, TranscriptQuery(needle), TranscriptPainter(TranscriptStyles())._palette["match"])
    assert after.text == text
    assert after.cell_length == strip.cell_length
