"""Searching in blocks: how often a word stands where.

Small letters find capitals, a capital finds only itself. No widget is known here.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style
from textual.strip import Strip

from ampsm_tui.clean import cells
from ampsm_tui.widgets.transcript_blocks import Block

SLICE = 0.006
"""Seconds that a search takes before it lets others work."""


@dataclass(frozen=True, slots=True)
class TranscriptQuery:
    """What is looked for."""

    text: str

    @property
    def is_exact(self) -> bool:
        """Whether capitals count: when there is one in it."""
        return self.text != self.text.lower()

    def count(self, text: str) -> int:
        """How often it stands in a text."""
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
    """Blocks that have it, in their order, each with how often."""

    needle: TranscriptQuery
    hits: tuple[tuple[Block, int], ...] = ()

    @property
    def total(self) -> int:
        """How often it stands in all of them."""
        return sum(count for _, count in self.hits)

    def number(self, block: Block, ordinal: int) -> int:
        """The number of one place among all, from 1."""
        before = 0
        for each, count in self.hits:
            if each is block:
                return before + min(ordinal, count - 1) + 1
            before += count
        return 0


async def search(blocks: Sequence[Block], needle: TranscriptQuery) -> BlockMatches:
    """All places, in slices of a few milliseconds."""
    hits: list[tuple[Block, int]] = []
    until = time.perf_counter() + SLICE
    for block in tuple(blocks):
        if not block.is_hidden and (count := needle.count(block.searched)):
            hits.append((block, count))
        if time.perf_counter() > until:
            await asyncio.sleep(0)
            until = time.perf_counter() + SLICE
    return BlockMatches(needle, tuple(hits))


def marked(strip: Strip, needle: TranscriptQuery, style: Style) -> Strip:
    """The line with every place of the needle in that style."""
    text = strip.text
    places = needle.places(text)
    if not places:
        return strip
    pieces: list[Strip] = []
    end = 0
    for place in places:
        start = cells(text[:place])
        pieces.append(strip.crop(end, start))
        end = start + cells(text[place : place + len(needle.text)])
        pieces.append(strip.crop(start, end).apply_style(style))
    pieces.append(strip.crop(end))
    return Strip.join(pieces)
