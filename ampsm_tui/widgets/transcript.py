"""What amp said in one iteration, as blocks, live.

It shows its end while that grows, and holds still once somebody scrolls up. How events become blocks and lines, and
how a view stands, is decided elsewhere.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from textual import work
from textual.strip import Strip

from ampsm_engine.errors import AmpsmError, Failed
from ampsm_tui.ask import tell
from ampsm_tui.clean import many_lines
from ampsm_tui.widgets import collector
from ampsm_tui.widgets.block_cursor import BlockCursor
from ampsm_tui.widgets.block_view import TranscriptStatus
from ampsm_tui.widgets.transcript_blocks import FOLDED, Block, BlockChanges, BlockKind, Story
from ampsm_tui.widgets.transcript_feed import Feed
from ampsm_tui.widgets.transcript_layout import TranscriptLayout
from ampsm_tui.widgets.transcript_search import BlockMatches, TranscriptQuery, marked, search

T = TypeVar("T")

POLL = 0.1
"""Seconds between two looks at a file that may grow; a look is one question to the file system."""

MANY = 3_000
"""Blocks that are worth hiding from the garbage collector."""


@dataclass(frozen=True, slots=True)
class ShownIteration:
    """Which iteration a transcript shows: its stream, its prompt, the folder whose paths are short, its ending."""

    key: str
    stream: Path
    prompt: str
    worktree: str = ""
    is_live: bool = False
    ending: str = ""


class TranscriptView(BlockCursor):
    """The transcript of the iteration that it is told to show."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._showing: ShownIteration | None = None
        self._story = Story()
        self._found = BlockMatches(TranscriptQuery(""))
        self._here: tuple[Block, int] | None = None

    def show(self, showing: ShownIteration) -> None:
        """Show an iteration; what is shown already goes on, with its new ending."""
        before, self._showing = self._showing, showing
        if before is not None and (before.key, before.stream) == (showing.key, showing.stream):
            if before != showing:
                self._end(showing)
            return
        self._begin(showing)
        self._follow(showing)

    def clear(self) -> None:
        """Show no iteration, and watch none."""
        self.workers.cancel_group(self, "watching")
        self._showing = None
        self._layout = TranscriptLayout(self._painter.paint, self._room)
        self._adjust(None)

    def on_unmount(self) -> None:
        """The collector may have the blocks."""
        collector.take_back()

    def _begin(self, showing: ShownIteration) -> None:
        collector.take_back()
        self._story = Story(showing.prompt)
        self._found, self._here, self._cursor = BlockMatches(TranscriptQuery("")), None, None
        self.dress()
        self._layout = TranscriptLayout(self._painter.paint, self._room)
        if showing.prompt.strip():
            self._layout.insert(0, [Block(BlockKind.PROMPT, many_lines(showing.prompt.strip()))])
        self._standing = TranscriptStatus(is_live=showing.is_live)
        self._end(showing)
        self._adjust(None)

    def dress(self) -> None:
        """A painter in the colours of the theme, that knows where paths are short."""
        super().dress()
        below = f"{self._showing.worktree}/" if self._showing and self._showing.worktree else "\0"
        self._painter.near = lambda text: text.replace(below, "")
        self._painter.live = self._is_live

    @work(group="watching", exclusive=True)
    async def _follow(self, showing: ShownIteration) -> None:
        feed = Feed(showing.stream)
        try:
            first = await self._patiently(feed.last, lambda found: found is not None)
            if first is None:
                return
            with collector.without_full_collections():
                self._put(self._story.earlier(first), self._head, feed.share)
                await self._read_all(feed)
            if len(self.blocks) > MANY:
                collector.set_aside()
            await self._read_on(feed)
        except AmpsmError as refusal:
            tell(self, refusal)
        finally:
            feed.close()

    async def _patiently(self, read: Callable[[], Awaitable[T]], is_enough: Callable[[T], bool]) -> T:
        """Read until there is something, for as long as somebody writes; what is in the way is told once."""
        heard = ""
        while True:
            is_live = self._is_live  # asked before reading: what was written before the end is still read
            try:
                found = await read()
            except Failed as reason:
                if not is_live:
                    raise
                if reason.message != heard:
                    heard = reason.message
                    tell(self, reason)
            else:
                if is_enough(found) or not is_live:
                    return found
            await asyncio.sleep(POLL)

    @property
    def _head(self) -> int:
        """Where what comes first in the stream stands: behind the prompt."""
        return 1 if self._showing and self._showing.prompt.strip() else 0

    async def _read_all(self, feed: Feed) -> None:
        """Read backwards to the beginning, and what comes meanwhile."""
        while not feed.is_complete:
            if new := await feed.later():
                self._put(self._story.later(new), None, feed.share)
            self._put(self._story.earlier(await feed.earlier()), self._head, feed.share)

    async def _read_on(self, feed: Feed) -> None:
        """Follow until the writer is gone and all is read."""
        while new := await self._patiently(feed.later, bool):
            self._put(self._story.later(new), None, feed.share)
        self._put(self._story.later(feed.rest()), None, 1.0)

    @property
    def _is_live(self) -> bool:
        return self._showing is not None and self._showing.is_live

    def _put(self, told: BlockChanges, at: int | None, share: float) -> None:
        """Take new blocks in, before or behind those that are there, and let the view stand where it stood."""
        anchor = self._anchor()
        tail = 1 if self.blocks and self.blocks[-1].kind is BlockKind.ENDING else 0
        if told.new:
            self._layout.insert(len(self.blocks) - tail if at is None else at, told.new)
        for block in told.changed:
            self._layout.touch(block)
        below = self._standing.new_below
        if at is None and not self._standing.is_following:
            below += len(told.new)
        self._stand(read=share, new_below=below)
        if told.new or told.changed:
            self._adjust(anchor, repaint=at is None or self._standing.is_following or bool(told.changed))

    def _end(self, showing: ShownIteration) -> None:
        """Say how the iteration ended, or no more that it has."""
        anchor = self._anchor()
        if self.blocks and self.blocks[-1].kind is BlockKind.ENDING:
            self._layout.remove(len(self.blocks) - 1)
        if showing.ending:
            self._layout.insert(len(self.blocks), [Block(BlockKind.ENDING, showing.ending)])
        if self._painter.live != showing.is_live:
            self._painter.live = showing.is_live
            for block in self.blocks:
                if block.kind is BlockKind.TOOL and block.answer is None:
                    self._layout.touch(block)
        self._stand(is_live=showing.is_live)
        self._adjust(anchor)

    # Searching.

    @work(group="search", exclusive=True)
    async def look_for(self, text: str, way: int = 1, *, again: bool = False) -> None:
        """Find a text, and go to the next place from here; `again`: to the one after that."""
        needle = TranscriptQuery(text)
        found = await search(self.blocks, needle)
        self._found = found
        if not found.hits:
            self._here = None
            self._stand(needle=text, match=0, matches=0)
            self.refresh()
            return
        block, ordinal = self._next(found, way, again=again)
        self._here = (block, ordinal)
        self._stand(needle=text, match=found.number(block, ordinal), matches=found.total)
        self._show_match(block, ordinal)

    def forget_search(self) -> None:
        """Nothing is looked for any more."""
        self._found, self._here = BlockMatches(TranscriptQuery("")), None
        self._stand(needle="", match=0, matches=0)
        self.refresh()

    def _next(self, found: BlockMatches, way: int, *, again: bool) -> tuple[Block, int]:
        counts = {id(block): count for block, count in found.hits}
        if again and self._here is not None and id(self._here[0]) in counts:
            ordinal = self._here[1] + way
            if 0 <= ordinal < counts[id(self._here[0])]:
                return self._here[0], ordinal
            begin = self._layout.index(self._here[0]) or 0
        else:
            begin = self._cursor_index() - way
        order = range(len(self.blocks)) if way > 0 else range(len(self.blocks) - 1, -1, -1)
        ahead = [at for at in order if id(self.blocks[at]) in counts and (at - begin) * way > 0]
        index = ahead[0] if ahead else next(at for at in order if id(self.blocks[at]) in counts)
        block = self.blocks[index]
        return block, 0 if way > 0 else counts[id(block)] - 1

    def _show_match(self, block: Block, ordinal: int) -> None:
        index = self._layout.index(block) or 0
        if self._line_of(self._layout.lines(index), ordinal) is None and block.kind in FOLDED and not block.is_open:
            block.is_open = True
            self._layout.touch(block)
        lines = self._layout.lines(index)
        line = self._line_of(lines, ordinal)
        at = self._layout.top(index) + (line or 0)
        self._cursor = block
        view, room = self.scroll_offset.y, self.size.height
        if not view <= at < view + room:
            self._stand(is_following=False)
            inner = line or 0
            above = room // 3
            self._layout.measure_up(index, above)
            top = max(0, self._layout.top(index) + inner - above)
            where, rest = self._layout.at(top)
            self._adjust((self.blocks[where], rest))
        self._notice_end()
        self.refresh()

    def _line_of(self, lines: list[Strip], ordinal: int) -> int | None:
        """The line with that place in it; the last one with any when the wrapping hides it."""
        seen, last = 0, None
        for at, strip in enumerate(lines):
            count = self._found.needle.count(strip.text)
            if count:
                seen, last = seen + count, at
                if seen > ordinal:
                    return at
        return last

    def touched_up(self, strip: Strip, block: Block, inner: int, lines: list[Strip]) -> Strip:
        """A line with what is looked for in colour."""
        needle = self._found.needle
        if not needle.text:
            return strip
        is_here = self._here is not None and self._here[0] is block and self._line_of(lines, self._here[1]) == inner
        return marked(strip, needle, self.style_of("match-here" if is_here else "match"))
