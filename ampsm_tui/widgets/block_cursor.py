"""The cursor of a view of blocks: moving it, scrolling with it, opening and closing what it is on."""

import os
from typing import ClassVar

from textual import events
from textual.binding import BindingType

from ampsm_engine.errors import AmpsmError
from ampsm_tui import clipboard
from ampsm_tui.ask import tell
from ampsm_tui.bindings import bind
from ampsm_tui.widgets.block_view import BlockView
from ampsm_tui.widgets.transcript_blocks import FOLDED, Block
from ampsm_tui.widgets.transcript_slices import CUT

WHEEL = 3


class BlockCursor(BlockView):
    """A view whose blocks can be walked through."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("move.down", "step(1)"),
        bind("move.up", "step(-1)"),
        bind("session.open", "unfold", "Open"),
        bind("move.page-down", "page(0.5)"),
        bind("move.page-up", "page(-0.5)"),
        bind("session.read-on", "page(1)"),
        bind("move.first", "top"),
        bind("move.last", "bottom"),
        bind("session.open-all", "unfold_all"),
        bind("session.copy-text", "copy"),
    ]

    def on_focus(self) -> None:
        """The cursor shows itself."""
        if self._cursor is None and self.blocks:
            self._cursor = self._first_in_view() if not self._standing.is_following else self._last()
        self.refresh()

    def on_blur(self) -> None:
        """Repaint without the cursor, which shows only with the focus."""
        self.refresh()

    def _last(self) -> Block | None:
        return next((block for block in reversed(self.blocks) if not block.is_hidden), None)

    def _first_in_view(self) -> Block | None:
        anchor = self._anchor()
        return anchor[0] if anchor else None

    def _cursor_index(self) -> int:
        """The cursor's block; when it is out of view, the first or the last one in view."""
        index = self._layout.index(self._cursor) if self._cursor else None
        first, _ = self._layout.at(self.scroll_offset.y)
        last, _ = self._layout.at(self.scroll_offset.y + self.size.height - 1)
        if index is None:
            return first
        return min(max(index, first), last)

    def action_step(self, way: int) -> None:
        """To the next block; in one that is larger than the view, by a line."""
        if not self.blocks:
            return
        if way < 0:
            self._stand(is_following=False)
        index = self._cursor_index()
        top, height = self._layout.top(index), self._layout.height(index)
        view = self.scroll_offset.y
        bottom = view + self.size.height
        if (top + height > bottom) if way > 0 else (top + self._layout.gap(index) < view):
            self._put_cursor(index)
            self._go(way)
            return
        index += way
        while 0 <= index < len(self.blocks) and self.blocks[index].is_hidden:
            index += way
        if 0 <= index < len(self.blocks):
            self._put_cursor(index)
            self._bring(index, way)

    def _bring(self, index: int, way: int) -> None:
        """Scroll as little as brings a block into view; of one that is too large, its near end."""
        self._layout.lines(index)
        top, height = self._layout.top(index), self._layout.height(index)
        view, room = self.scroll_offset.y, self.size.height
        if way > 0 and top + height > view + room:
            self._go(min(top + height - room, top) - view)
        elif way < 0 and top < view:
            self._go(max(top, top + height - room) - view)
        elif way > 0:
            self._notice_end()

    def _put_cursor(self, index: int) -> None:
        self._cursor = self.blocks[index]
        self.refresh()

    def action_page(self, pages: float) -> None:
        """A page, or a part of one."""
        self._go(round(pages * max(2, self.size.height - 1)))
        if self.blocks:
            self._put_cursor(self._cursor_index())

    def action_top(self) -> None:
        """Go to the first block, and follow the end no longer."""
        if self.blocks:
            self._stand(is_following=False)
            self._adjust((self.blocks[0], 0))
            self._put_cursor(0)
            self._notice_end()

    def action_bottom(self) -> None:
        """To the end, and follow it."""
        self._stand(is_following=True, new_below=0)
        self._adjust(None)
        self._cursor = self._last()
        self.refresh()

    def action_unfold(self) -> None:
        """Open or close the block with the cursor."""
        if self.blocks:
            self._toggle(self.blocks[self._cursor_index()])

    def _toggle(self, block: Block) -> None:
        self._cursor = block
        if block.kind in FOLDED:
            anchor = self._anchor()
            block.is_open = not block.is_open
            self._layout.touch(block)
            self._stand(is_following=False)
            self._adjust(anchor)
            self._notice_end()

    def action_unfold_all(self) -> None:
        """Open everything, or close it again."""
        foldable = [block for block in self.blocks if block.kind in FOLDED]
        wanted = not all(block.is_open for block in foldable)
        anchor = self._anchor()
        for block in foldable:
            block.is_open = wanted
        self._layout.repaint()
        self._adjust(anchor)

    def action_copy(self) -> None:
        """Copy what the block with the cursor says."""
        if self.blocks:
            text = self.blocks[self._cursor_index()].searched
            if CUT in text:
                self.notify("This is too long to be shown whole: ampsm log --raw has it.", markup=False)
                return
            try:
                clipboard.copy(self.app, text, os.environ, instead="ampsm log --raw has all of it.")
            except AmpsmError as refusal:
                tell(self, refusal)
            else:
                self.notify("Copied, where the terminal allows it", markup=False)

    def on_click(self, event: events.Click) -> None:
        """Opens or closes what one clicks on."""
        line = self.scroll_offset.y + event.y
        if line < self._layout.total:
            index, _ = self._layout.at(line)
            self._toggle(self.blocks[index])
            self.refresh()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Go up by a turn of the wheel."""
        event.stop().prevent_default()
        self._go(-WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Go down by a turn of the wheel."""
        event.stop().prevent_default()
        self._go(WHEEL)
