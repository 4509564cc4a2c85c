"""Search in a transcript: how often a text is in which blocks, going from match to match, and marking them.

Small letters find capitals, a capital finds only itself.
"""

import asyncio
import time
from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.ask import run_while_open
from ampsm_tui.clean import cells
from ampsm_tui.widgets.transcript.block_view import BlockView
from ampsm_tui.widgets.transcript.blocks import FOLDED, Block

SLICE = 0.006
"""Seconds that a search takes before others work."""


@dataclass(frozen=True, slots=True)
class TranscriptQuery:
    """The text that is searched."""

    text: str

    @property
    def is_exact(self) -> bool:
        """Whether capitals count: when there is one in it."""
        return self.text != self.text.lower()

    def count(self, text: str) -> int:
        """How often it is in a text."""
        return (text if self.is_exact else text.lower()).count(self.text) if self.text else 0

    def places(self, text: str) -> list[int]:
        """Where it begins in a text."""
        folded = text if self.is_exact else text.lower()
        found: list[int] = []
        at = folded.find(self.text) if self.text and len(folded) == len(text) else -1
        while at >= 0:
            found.append(at)
            at = folded.find(self.text, at + len(self.text))
        return found


@dataclass(frozen=True, slots=True)
class BlockMatches:
    """The blocks that a query is in, in their order, each with how often."""

    query: TranscriptQuery
    hits: tuple[tuple[Block, int], ...] = ()

    @property
    def total(self) -> int:
        """How often the query is in all of them."""
        return sum(count for _, count in self.hits)

    def number(self, block: Block, ordinal: int) -> int:
        """The number of one place among all, from 1."""
        before = 0
        for each, count in self.hits:
            if each is block:
                return before + min(ordinal, count - 1) + 1
            before += count
        return 0


async def search(blocks: Sequence[Block], query: TranscriptQuery) -> BlockMatches:
    """All matches in the blocks; others work after every few milliseconds of it."""
    hits: list[tuple[Block, int]] = []
    until = time.perf_counter() + SLICE
    for block in tuple(blocks):
        if not block.is_hidden and (count := query.count(block.searched)):
            hits.append((block, count))
        if time.perf_counter() > until:
            await asyncio.sleep(0)
            until = time.perf_counter() + SLICE
    return BlockMatches(query, tuple(hits))


def marked(strip: Strip, query: TranscriptQuery, style: Style) -> Strip:
    """The line with every match in that style."""
    text = strip.text
    places = query.places(text)
    if not places:
        return strip
    pieces: list[Strip] = []
    end = 0
    for place in places:
        start = cells(text[:place])
        pieces.append(strip.crop(end, start))
        end = start + cells(text[place : place + len(query.text)])
        found = strip.crop(start, end)
        # Over its own style, not below it: what is pale or coloured there could not be read on this background.
        pieces.append(Strip(Segment(one.text, (one.style or Style.null()) + style) for one in found))
    pieces.append(strip.crop(end))
    return Strip.join(pieces)


_NOTHING = BlockMatches(TranscriptQuery(""))


class TranscriptSearch:
    """Searches the blocks of a view, and goes from match to match; the status of the view tells how many there are."""

    def __init__(self, view: BlockView) -> None:
        self._view = view
        self._found = _NOTHING
        self._here: tuple[Block, int] | None = None
        view.highlight = self._highlight

    def find(self, text: str, way: int = 1, *, again: bool = False) -> None:
        """Find a text, and go to the next match from the cursor; `again`: to the one after the present match."""
        run_while_open(self._view, self._find(text, way, again=again), group="search", exclusive=True)

    async def _find(self, text: str, way: int, *, again: bool) -> None:
        found = self._found = await search(self._view.blocks, TranscriptQuery(text))
        if not found.hits:
            self._here = None
            self._view.viewport.set_status(query=text, match=0, matches=0)
            self._view.refresh()
            return
        block, ordinal = self._here = self._next(found, way, again=again)
        self._view.viewport.set_status(query=text, match=found.number(block, ordinal), matches=found.total)
        self._show(block, ordinal)

    def clear(self) -> None:
        """End the search and drop its matches."""
        self._found, self._here = _NOTHING, None
        self._view.viewport.set_status(query="", match=0, matches=0)
        self._view.refresh()

    def _next(self, found: BlockMatches, way: int, *, again: bool) -> tuple[Block, int]:
        counts = {id(block): count for block, count in found.hits}
        blocks = self._view.blocks
        if again and self._here is not None and id(self._here[0]) in counts:
            ordinal = self._here[1] + way
            if 0 <= ordinal < counts[id(self._here[0])]:
                return self._here[0], ordinal
            begin = self._view.viewport.layout.index(self._here[0]) or 0
        else:
            begin = self._view.cursor_index() - way
        order = range(len(blocks)) if way > 0 else range(len(blocks) - 1, -1, -1)
        hits = [at for at in order if id(blocks[at]) in counts]
        index = next((at for at in hits if (at - begin) * way > 0), hits[0])
        block = blocks[index]
        return block, 0 if way > 0 else counts[id(block)] - 1

    def _show(self, block: Block, ordinal: int) -> None:
        layout = self._view.viewport.layout
        index = layout.index(block) or 0
        if self._line_of(layout.lines(index), ordinal) is None and block.kind in FOLDED and not block.is_open:
            block.is_open = True
            layout.touch(block)
        line = self._line_of(layout.lines(index), ordinal) or 0
        self._view.cursor = block
        self._view.viewport.reveal_line(index, line)
        self._view.refresh()

    def _line_of(self, lines: list[Strip], ordinal: int) -> int | None:
        """The line that a match is in; the last one with any match when the wrapping hides it."""
        seen, last = 0, None
        for at, strip in enumerate(lines):
            count = self._found.query.count(strip.text)
            if count:
                seen, last = seen + count, at
                if seen > ordinal:
                    return at
        return last

    def _highlight(self, strip: Strip, block: Block, inner: int, lines: list[Strip]) -> Strip:
        query = self._found.query
        if not query.text:
            return strip
        is_here = self._here is not None and self._here[0] is block and self._line_of(lines, self._here[1]) == inner
        return marked(strip, query, self._view.style_of("match-here" if is_here else "match"))
