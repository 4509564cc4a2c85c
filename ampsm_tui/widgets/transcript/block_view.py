"""Blocks one below the other, with a cursor: painted when they come near the view, so that any number of them is quick.

The view stands on a block, not on a line number: what grows above or below it does not move it. Where blocks come
from is not known here.
"""

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_tui.bindings import bind
from ampsm_tui.theme import legible_on
from ampsm_tui.widgets.diff.tones import mixed
from ampsm_tui.widgets.line_widgets import DraggedText, LineDrag, copy_text, wheel_lines
from ampsm_tui.widgets.transcript.blocks import FOLDED, Block
from ampsm_tui.widgets.transcript.layout import TranscriptLayout
from ampsm_tui.widgets.transcript.markdown import CODE
from ampsm_tui.widgets.transcript.painter import PALETTE_NAMES, TranscriptPainter, TranscriptStyles
from ampsm_tui.widgets.transcript.slices import CUT

GUTTER = 2
"""Cells left of the blocks, for the mark of the cursor."""

WHEEL = 3
"""Lines of one turn of the wheel."""

Anchor = tuple[Block, int]
"""A block, and which of its lines is at the top of the view."""

Highlight = Callable[[Strip, Block, int, list[Strip]], Strip]
"""Gives a line with marks on it: from the line, its block, its number in the block, and all lines of the block."""


@dataclass(frozen=True, slots=True)
class TranscriptStatus:
    """What the line below a transcript tells: whether the end is followed, what was read, what is searched."""

    is_live: bool = False
    is_following: bool = True
    new_below: int = 0
    """Blocks that came while the end was not followed."""
    read: float = 1.0
    """The share of the stream that was read."""
    query: str = ""
    match: int = 0
    matches: int = 0


class BlockViewport:
    """Which of its blocks a view shows: it stays on a block, or follows the end. It scrolls the view."""

    def __init__(self, view: "BlockView") -> None:
        self.status = TranscriptStatus()
        self._view = view
        self._is_adjusting = False
        self.layout = TranscriptLayout(view.paint)

    @property
    def width(self) -> int:
        """The cells that a line of a block may take."""
        return max(10, self._view.scrollable_content_region.width - GUTTER)

    def clear(self, *, is_live: bool = False) -> None:
        """Show no blocks, and follow the end of those that come."""
        self.layout = TranscriptLayout(self._view.paint, self.width)
        self._take_status(TranscriptStatus(is_live=is_live))

    def set_status(self, **changes: object) -> None:
        """Change fields of the status; a message tells of it."""
        self._take_status(replace(self.status, **changes))  # type: ignore[arg-type]

    def _take_status(self, status: TranscriptStatus) -> None:
        if status != self.status:
            self.status = status
            self._view.post_message(self._view.StatusChanged(status))

    def anchor(self) -> Anchor | None:
        """The block at the top of the view, and which line of it; None without blocks."""
        if not self.layout.blocks:
            return None
        index, line = self.layout.at(self._view.scroll_offset.y)
        return self.layout.blocks[index], line

    def adjust(self, anchor: Anchor | None, *, repaint: bool = True) -> None:
        """Measure what is in view, and scroll to the anchor, or to the end when that is followed."""
        height = self._view.size.height
        layout = self.layout
        if self.status.is_following or anchor is None:
            layout.measure_up(len(layout.blocks), height)
            top = layout.total - height
        else:
            index = layout.index(anchor[0]) or 0
            layout.measure_down(index, height + anchor[1])
            top = layout.top(index) + min(anchor[1], max(0, layout.height(index) - 1))
        self._is_adjusting = not repaint
        self._resize_content()
        self._view.scroll_to(y=max(0, top), animate=False, force=True)
        self._is_adjusting = False
        if repaint:
            self._view.refresh()

    def take_scroll(self, y: float) -> bool:
        """Measure what a scroll to the line `y` brings into view; False where that needs no repaint."""
        if self._is_adjusting:
            return False
        if self.layout.blocks:
            index, line = self.layout.at(round(y))
            before = self.layout.total
            self.layout.measure_down(index, self._view.size.height + line)
            if self.layout.total != before:
                self._resize_content()
        return True

    def scroll(self, lines: int) -> None:
        """Scroll by lines; upwards, what comes into view is measured first, so that nothing jumps."""
        anchor = self.anchor()
        if anchor is None:
            return
        if lines < 0:
            self.set_status(is_following=False)
            index = self.layout.index(anchor[0]) or 0
            self.layout.measure_up(index, -lines)
            self.adjust(anchor, repaint=False)
        target = self._view.scroll_offset.y + lines
        if lines > 0:
            index, line = self.layout.at(max(0, target))
            self.layout.measure_down(index, self._view.size.height + line)
            self._resize_content()
        self._view.scroll_to(y=max(0, target), animate=False, force=True)
        self.follow_at_end()

    def follow_at_end(self) -> None:
        """Follow the end when it is in view, and only then."""
        at_end = self._view.scroll_offset.y + self._view.size.height >= self.layout.total
        self.set_status(is_following=at_end, new_below=0 if at_end else self.status.new_below)

    def reveal(self, index: int, way: int) -> None:
        """Scroll as little as brings a block into view; of one that is too large, its near end."""
        self.layout.lines(index)
        top, height = self.layout.top(index), self.layout.height(index)
        view, room = self._view.scroll_offset.y, self._view.size.height
        if way > 0 and top + height > view + room:
            self.scroll(min(top + height - room, top) - view)
        elif way < 0 and top < view:
            self.scroll(max(top, top + height - room) - view)
        elif way > 0:
            self.follow_at_end()

    def reveal_line(self, index: int, line: int) -> None:
        """Scroll to a line of a block unless it is in view; a third of the view is above it then."""
        at = self.layout.top(index) + line
        view, height = self._view.scroll_offset.y, self._view.size.height
        if not view <= at < view + height:
            self.set_status(is_following=False)
            above = height // 3
            self.layout.measure_up(index, above)
            where, rest = self.layout.at(max(0, self.layout.top(index) + line - above))
            self.adjust((self.layout.blocks[where], rest))
        self.follow_at_end()

    def _resize_content(self) -> None:
        self._view.virtual_size = Size(self.width + GUTTER, self.layout.total)


class BlockView(DraggedText, ScrollView, can_focus=True):
    """Blocks with a cursor; Enter opens and closes the one it is on."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"blocks--{name}" for name in PALETTE_NAMES}
    DEFAULT_CSS = """
    BlockView {
        overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; height: 1fr;
        & > .blocks--prompt { background: $panel; color: $foreground; text-style: bold; }
        & > .blocks--prompt-mark { color: $accent; }
        & > .blocks--thinking { color: $text-muted; text-style: italic; }
        & > .blocks--tool { color: $primary; text-style: bold; }
        & > .blocks--strong { text-style: bold; }
        & > .blocks--dim { color: $text-muted; }
        & > .blocks--ok { color: $success; text-style: bold; }
        & > .blocks--warning { color: $warning; }
        & > .blocks--error { color: $error; }
        & > .blocks--added { color: $success; }
        & > .blocks--removed { color: $error; }
        & > .blocks--code { color: $accent; }
        & > .blocks--heading { color: $primary; text-style: bold; }
        & > .blocks--line { color: $border; }
        & > .blocks--match { background: $accent 40%; color: $foreground; }
        & > .blocks--match-here { background: $accent; color: $background; text-style: bold; }
        & > .blocks--cursor { color: $accent; }
    }
    """
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

    @dataclass
    class StatusChanged(Message):
        """The status of the view has changed."""

        status: TranscriptStatus

    highlight: Highlight | None = None
    """Marks on each line as it goes to the screen, as what a search has found."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.painter = TranscriptPainter(TranscriptStyles())
        self._has_colours = True
        self.viewport = BlockViewport(self)
        self.cursor: Block | None = None
        self.drag = LineDrag(self, self._line, lambda: self.scroll_offset.y, self.viewport.scroll)

    @property
    def blocks(self) -> list[Block]:
        """All blocks, in their order."""
        return self.viewport.layout.blocks

    @property
    def status(self) -> TranscriptStatus:
        """Whether the end is followed, what was read, what is searched."""
        return self.viewport.status

    def paint(self, block: Block, width: int) -> list[Strip]:
        """The lines of a block in the colours of the theme."""
        if not self._has_colours:
            self.make_painter()
        return self.painter.paint(block, width)

    def make_painter(self) -> None:
        """Paint in the colours of the theme from now on."""
        styles = {name: self.style_of(name) for name in PALETTE_NAMES}
        code = {name: mixed((f"-{name}",), self.app.theme_variables) for name in CODE}
        self.painter = TranscriptPainter(TranscriptStyles(styles, code))
        self._has_colours = True

    def style_of(self, name: str) -> Style:
        """The style of that name, so that it can be read, without the background that everything has."""
        whole, background = self.get_component_rich_style(f"blocks--{name}"), self.rich_style.bgcolor
        if name != "line":  # that is drawn, and not read
            whole = legible_on(whole, whole.bgcolor or background)
        return Style(
            color=whole.color,
            bgcolor=None if whole.bgcolor == background else whole.bgcolor,
            bold=whole.bold,
            italic=whole.italic,
            underline=whole.underline,
            reverse=whole.reverse,
        )

    def render_line(self, y: int) -> Strip:
        """One line of the view."""
        line = self.scroll_offset.y + y
        return self.drag.marked(self._line(line), line)

    def _line(self, line: int) -> Strip:
        layout = self.viewport.layout
        width = self.viewport.width + GUTTER
        if line >= layout.total:
            return Strip.blank(width, self.rich_style)
        index, inner = layout.at(line)
        block, lines = self.blocks[index], layout.lines(index)
        strip = lines[inner] if inner < len(lines) else Strip.blank(0)
        if self.highlight is not None:
            strip = self.highlight(strip, block, inner, lines)
        is_marked = block is self.cursor and inner >= layout.gap(index) and self.has_focus
        gutter = Segment("▌ " if is_marked else "  ", self.style_of("cursor") if is_marked else None)
        return Strip([gutter, *strip]).adjust_cell_length(width).apply_style(self.rich_style)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Measure what comes into view before it is painted."""
        if self.viewport.take_scroll(new_value):
            super().watch_scroll_y(old_value, new_value)
        else:
            self.vertical_scrollbar.position = new_value

    def notify_style_update(self) -> None:
        """Paint everything anew for another theme, once a line is asked for: those of the parts are not known yet."""
        super().notify_style_update()
        self._has_colours = False
        self.viewport.layout.forget_lines()

    def on_resize(self) -> None:
        """Wrap everything anew for another width, with the same block at the top."""
        anchor = self.viewport.anchor()
        self.viewport.layout.repaint(self.viewport.width)
        self.viewport.adjust(anchor)

    def on_focus(self) -> None:
        """Show the cursor: on the last block where the end is followed, else on the first in view."""
        if self.cursor is None and self.blocks:
            anchor = None if self.status.is_following else self.viewport.anchor()
            self.cursor = anchor[0] if anchor else self._last()
        self.refresh()

    def on_blur(self) -> None:
        """Repaint without the cursor, which shows only with the focus."""
        self.refresh()

    def _last(self) -> Block | None:
        return next((block for block in reversed(self.blocks) if not block.is_hidden), None)

    def cursor_index(self) -> int:
        """The place of the cursor's block; when it is out of view, of the first or the last one in view."""
        layout = self.viewport.layout
        index = layout.index(self.cursor) if self.cursor else None
        first, _ = layout.at(self.scroll_offset.y)
        last, _ = layout.at(self.scroll_offset.y + self.size.height - 1)
        return first if index is None else min(max(index, first), last)

    def _move_cursor(self, index: int) -> None:
        self.cursor = self.blocks[index]
        self.refresh()

    def action_step(self, way: int) -> None:
        """Go to the next block; in one that is larger than the view, move by a line."""
        if not self.blocks:
            return
        viewport, layout = self.viewport, self.viewport.layout
        if way < 0:
            viewport.set_status(is_following=False)
        index = self.cursor_index()
        top, height = layout.top(index), layout.height(index)
        view = self.scroll_offset.y
        if (top + height > view + self.size.height) if way > 0 else (top + layout.gap(index) < view):
            self._move_cursor(index)
            viewport.scroll(way)
            return
        index += way
        while 0 <= index < len(self.blocks) and self.blocks[index].is_hidden:
            index += way
        if 0 <= index < len(self.blocks):
            self._move_cursor(index)
            viewport.reveal(index, way)

    def action_page(self, pages: float) -> None:
        """A page, or a part of one."""
        self.viewport.scroll(round(pages * max(2, self.size.height - 1)))
        if self.blocks:
            self._move_cursor(self.cursor_index())

    def action_top(self) -> None:
        """Go to the first block, and follow the end no longer."""
        if self.blocks:
            self.viewport.set_status(is_following=False)
            self.viewport.adjust((self.blocks[0], 0))
            self._move_cursor(0)
            self.viewport.follow_at_end()

    def action_bottom(self) -> None:
        """Scroll to the end, and follow it."""
        self.viewport.set_status(is_following=True, new_below=0)
        self.viewport.adjust(None)
        self.cursor = self._last()
        self.refresh()

    def action_unfold(self) -> None:
        """Open or close the block with the cursor."""
        if self.blocks:
            self._toggle(self.blocks[self.cursor_index()])

    def _toggle(self, block: Block) -> None:
        self.cursor = block
        if block.kind in FOLDED:
            anchor = self.viewport.anchor()
            block.is_open = not block.is_open
            self.viewport.layout.touch(block)
            self.viewport.set_status(is_following=False)
            self.viewport.adjust(anchor)
            self.viewport.follow_at_end()

    def action_unfold_all(self) -> None:
        """Open everything, or close it again."""
        foldable = [block for block in self.blocks if block.kind in FOLDED]
        wanted = not all(block.is_open for block in foldable)
        anchor = self.viewport.anchor()
        for block in foldable:
            block.is_open = wanted
        self.viewport.layout.repaint()
        self.viewport.adjust(anchor)

    def action_copy(self) -> None:
        """Copy what is selected, else what the block with the cursor says."""
        if self.drag.text:
            copy_text(self, self.drag.text, "Copied what is selected, where the terminal allows it")
        elif self.blocks:
            text = self.blocks[self.cursor_index()].searched
            if CUT in text:
                self.notify("This is too long to be shown whole: ampsm log --raw has it.", markup=False)
                return
            copy_text(self, text, "Copied, where the terminal allows it", instead="ampsm log --raw has all of it.")

    def on_click(self, event: events.Click) -> None:
        """Open or close what one clicks on."""
        if self.drag.was_dragged:
            return
        line = self.scroll_offset.y + event.y
        if line < self.viewport.layout.total:
            index, _ = self.viewport.layout.at(line)
            self._toggle(self.blocks[index])
            self.refresh()

    @on(events.MouseScrollDown)
    @on(events.MouseScrollUp)
    def _scroll_by_wheel(self, event: events.MouseScrollDown | events.MouseScrollUp) -> None:
        self.viewport.scroll(wheel_lines(event, WHEEL))
