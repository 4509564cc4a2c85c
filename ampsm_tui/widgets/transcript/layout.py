"""Where blocks stand: heights, tops, and the lines of those near the view. Pure: `paint` is given.

A block that was not shown yet has a guessed height. Tops are added up in one go when they are needed: for 50,000
blocks that takes about a millisecond.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import accumulate

from textual.strip import Strip

from ampsm_tui.widgets.transcript.blocks import Block, BlockKind

CACHED = 500
"""Blocks whose lines are kept."""

Paint = Callable[[Block, int], list[Strip]]

_LINES = frozenset({BlockKind.TOOL, BlockKind.THINKING, BlockKind.ANSWER, BlockKind.NOISE})
"""Kinds that stand close together while they are folded."""


class TranscriptLayout:
    """Blocks one below the other, an empty line between those that are more than a line."""

    def __init__(self, paint: Paint, width: int = 80) -> None:
        self.blocks: list[Block] = []
        self._paint = paint
        self._width = width
        self._heights: list[int] = []
        self._is_exact: list[bool] = []
        self._ends: list[int] | None = []
        self._cache: OrderedDict[int, list[Strip]] = OrderedDict()

    @property
    def total(self) -> int:
        """The number of lines of all blocks."""
        ends = self._sums()
        return ends[-1] if ends else 0

    def insert(self, at: int, blocks: Sequence[Block]) -> None:
        """Put blocks before the one that is now at an index."""
        self.blocks[at:at] = blocks
        self._heights[at:at] = [self._guess(block) for block in blocks]
        self._is_exact[at:at] = [False] * len(blocks)
        self._forget(at + len(blocks))
        self._ends = None

    def remove(self, at: int) -> None:
        """Remove a block and its lines."""
        self._cache.pop(id(self.blocks[at]), None)
        del self.blocks[at], self._heights[at], self._is_exact[at]
        self._forget(at)
        self._ends = None

    def touch(self, block: Block) -> None:
        """A block has changed; the gap before the next one may have, too."""
        at = self.index(block)
        if at is None:
            return
        self._cache.pop(id(block), None)
        self._is_exact[at] = False
        self._heights[at] = self._guess(block)
        self._forget(at + 1)
        self._ends = None

    def repaint(self, width: int | None = None) -> None:
        """Forget how blocks were painted and how high they are, for another width or other blocks."""
        self._width = width or self._width
        self._cache.clear()
        self._heights = [self._guess(block) for block in self.blocks]
        self._is_exact = [False] * len(self.blocks)
        self._ends = None

    def forget_lines(self) -> None:
        """Forget how blocks were painted, for other colours; how high they are stays."""
        self._cache.clear()

    def index(self, block: Block) -> int | None:
        """Where a block stands; those near the end are found first."""
        size = len(self.blocks)
        for at in range(size - 1, max(-1, size - 40), -1):
            if self.blocks[at] is block:
                return at
        try:
            return self.blocks.index(block)
        except ValueError:
            return None

    def top(self, at: int) -> int:
        """The first line of a block; behind the last block, the total."""
        return self._sums()[at - 1] if at else 0

    def height(self, at: int) -> int:
        """The lines of a block, as far as they are known."""
        return self._heights[at]

    def at(self, line: int) -> tuple[int, int]:
        """The block that a line belongs to, and its number inside of it."""
        ends = self._sums()
        index = min(bisect_right(ends, max(0, line)), len(ends) - 1)
        return index, line - self.top(index)

    def lines(self, at: int) -> list[Strip]:
        """The lines of a block, the empty one before it included; from now on its height is exact."""
        block = self.blocks[at]
        strips = self._cache.get(id(block))
        if strips is None:
            painted = self._paint(block, self._width)
            strips = [Strip.blank(0)] * self.gap(at) + painted if painted else []
            self._cache[id(block)] = strips
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(id(block))
        if not self._is_exact[at]:
            self._is_exact[at] = True
            if self._heights[at] != len(strips):
                self._heights[at] = len(strips)
                self._ends = None
        return strips

    def measure_down(self, at: int, room: int) -> None:
        """Make heights exact from a block on, until so many lines are filled."""
        while at < len(self.blocks) and room > 0:
            room -= len(self.lines(at))
            at += 1

    def measure_up(self, at: int, room: int) -> int:
        """Make heights exact from the block before this one upwards; how many lines that moved everything below."""
        moved = 0
        while at > 0 and room > 0:
            at -= 1
            before = self._heights[at]
            room -= len(self.lines(at))
            moved += self._heights[at] - before
        return moved

    def gap(self, at: int) -> int:
        """Empty lines at the head of a block."""
        if at == 0:
            return 0
        return 0 if self._is_line(self.blocks[at]) and self._is_line(self.blocks[at - 1]) else 1

    def _sums(self) -> list[int]:
        if self._ends is None:
            self._ends = list(accumulate(self._heights))
        return self._ends

    def _forget(self, at: int) -> None:
        """The block before this one is another now, or looks different."""
        if at < len(self.blocks):
            self._cache.pop(id(self.blocks[at]), None)
            self._is_exact[at] = False
            self._ends = None

    @staticmethod
    def _is_line(block: Block) -> bool:
        return block.kind in _LINES and not block.is_open

    def _guess(self, block: Block) -> int:
        if block.is_hidden:
            return 0
        if self._is_line(block):
            return 1
        if block.is_open and block.kind in _LINES:
            return 2 + len(block.searched) // self._width + block.searched.count("\n")
        return 2 + len(block.text) // self._width + block.text.count("\n")
