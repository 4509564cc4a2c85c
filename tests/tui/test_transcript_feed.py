"""Reading a stream from its end: every event once and in order, whatever the lengths of lines, and no secret."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.amp.events import Event, TextBlock, ToolResult
from ampsm_engine.errors import Failed
from ampsm_tui.widgets.transcript import slices
from ampsm_tui.widgets.transcript.view import AT_ONCE, Feed
from tests.tui.streams import answered, grow, lines, said

SECRET = "sk-ant-api03-" + "aB3" * 31 + "-AA"


async def everything(feed: Feed) -> list[Event]:
    found = list(await feed.last() or ())
    while not feed.is_complete:
        found[:0] = await feed.earlier()
    while new := await feed.later():
        found += new
    return found + list(feed.rest())


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(1, 400))
def test_slices_backwards_are_the_file(lengths: list[int], size: int) -> None:
    content = b"".join(b"x" * length + b"\n" for length in lengths)
    descriptor = os.memfd_create("lines")
    try:
        os.write(descriptor, content)
        end, seen = slices.last_line_end(descriptor, len(content)), b""
        assert end == len(content)
        while end:
            start = slices.beginning(descriptor, end, size)
            assert start < end
            seen = os.pread(descriptor, end - start, start) + seen
            assert start == 0 or os.pread(descriptor, 1, start - 1) == b"\n"
            end = start
        assert seen == content
    finally:
        os.close(descriptor)


async def test_every_event_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "amp.ndjson"
    path.write_bytes(lines(*(said(f"{number} " + "word " * 200) for number in range(600))) + b'{"type":"assi')
    feed = Feed(path)
    texts = [event.text.split()[0] for event in await everything(feed) if isinstance(event, TextBlock)]
    assert texts == [str(number) for number in range(600)]
    feed.close()


async def test_a_huge_line_is_read_aside_and_cut_after_redaction(tmp_path: Path) -> None:
    path = tmp_path / "amp.ndjson"
    path.write_bytes(lines(said("First")))
    feed = Feed(path)
    assert [type(event) for event in await feed.last() or ()] == [TextBlock]
    output = "x" * (slices.SHOWN - 20) + f" {SECRET} " + "y" * 3 * AT_ONCE
    grow(path, answered("1", {"output": output, "exitCode": 3}), said("Last"))
    found: list[Event] = []
    while not any(isinstance(event, TextBlock) for event in found):
        found += await feed.later()
    (result,) = [event for event in found if isinstance(event, ToolResult)]
    assert result.exit_code == 3
    assert len(result.content) < slices.SHOWN + 300
    assert "sk-ant" not in result.content
    feed.close()


async def test_no_file_is_no_error_and_one_that_cannot_be_read_is(tmp_path: Path) -> None:
    assert await Feed(tmp_path / "none").last() is None
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(Failed):
        await Feed(loop).last()


async def test_a_file_that_cannot_be_read_just_now_is_read_when_it_can(tmp_path: Path) -> None:
    path = tmp_path / "amp.ndjson"
    path.symlink_to(path)
    feed = Feed(path)
    with pytest.raises(Failed):
        await feed.last()
    path.unlink()
    path.write_bytes(lines(said("First")))
    assert [type(event) for event in await everything(feed)] == [TextBlock]
