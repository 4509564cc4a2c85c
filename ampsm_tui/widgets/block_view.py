"""Blocks one below the other, with a cursor: painted when they come near the view, so that any number of them is quick.

The view stands on a block, not on a line number: what grows above or below it does not move it. Where blocks come
from is not known here.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ampsm_tui.widgets.transcript_blocks import Block
from ampsm_tui.widgets.transcript_layout import TranscriptLayout
from ampsm_tui.widgets.transcript_paint import PALETTE_NAMES, TranscriptPainter, TranscriptStyles

GUTTER = 2


@dataclass(frozen=True, slots=True)
class TranscriptStatus:
    """How a transcript stands, for the line below it."""

    is_live: bool = False
    is_following: bool = True
    new_below: int = 0
    read: float = 1.0
    needle: str = ""
    match: int = 0
    matches: int = 0


class BlockView(ScrollView, can_focus=True):
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
        & > .blocks--match { background: $accent 40%; }
        & > .blocks--match-here { background: $accent; color: $background; text-style: bold; }
        & > .blocks--cursor { color: $accent; }
    }
    """

    @dataclass
    class Stood(Message):
        """The transcript stands differently now."""

        standing: TranscriptStatus

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._painter = TranscriptPainter(TranscriptStyles())
        self._layout = TranscriptLayout(self._painter.paint)
        self._standing = TranscriptStatus()
        self._cursor: Block | None = None
        self._is_adjusting = False

    @property
    def blocks(self) -> list[Block]:
        """All blocks, in their order."""
        return self._layout.blocks

    @property
    def standing(self) -> TranscriptStatus:
        """How the transcript stands, as the line below it tells."""
        return self._standing

    def dress(self) -> None:
        """A painter in the colours of the theme."""
        styles = {name: self.style_of(name) for name in PALETTE_NAMES}
        self._painter = TranscriptPainter(
            TranscriptStyles(styles, "ansi_dark" if self.app.current_theme.dark else "ansi_light")
        )

    # Where the view stands.

    @property
    def _room(self) -> int:
        return max(10, self.scrollable_content_region.width - GUTTER)

    def _anchor(self) -> tuple[Block, int] | None:
        """The block at the top of the view, and which line of it."""
        if not self.blocks:
            return None
        index, line = self._layout.at(self.scroll_offset.y)
        return self.blocks[index], line

    def _adjust(self, anchor: tuple[Block, int] | None, *, repaint: bool = True) -> None:
        """Measure what is in view, and stand at the anchor, or at the end when that is followed."""
        height = self.size.height
        layout = self._layout
        if self._standing.is_following or anchor is None:
            layout.measure_up(len(layout.blocks), height)
            top = layout.total - height
        else:
            index = layout.index(anchor[0]) or 0
            layout.measure_down(index, height + anchor[1])
            top = layout.top(index) + min(anchor[1], max(0, layout.height(index) - 1))
        self._is_adjusting = not repaint
        self.virtual_size = Size(self._room + GUTTER, layout.total)
        self.scroll_to(y=max(0, top), animate=False, force=True)
        self._is_adjusting = False
        if repaint:
            self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Measure what comes into view before it is painted."""
        if self._is_adjusting:
            self.vertical_scrollbar.position = new_value
            return
        if self.blocks:
            index, line = self._layout.at(round(new_value))
            before = self._layout.total
            self._layout.measure_down(index, self.size.height + line)
            if self._layout.total != before:
                self.virtual_size = Size(self._room + GUTTER, self._layout.total)
        super().watch_scroll_y(old_value, new_value)

    def _go(self, lines: int) -> None:
        """Scroll by lines; upwards, what comes into view is measured first, so that nothing jumps."""
        anchor = self._anchor()
        if anchor is None:
            return
        if lines < 0:
            self._stand(is_following=False)
            index = self._layout.index(anchor[0]) or 0
            self._layout.measure_up(index, -lines)
            self._adjust(anchor, repaint=False)
        target = self.scroll_offset.y + lines
        if lines > 0:
            index, line = self._layout.at(max(0, target))
            self._layout.measure_down(index, self.size.height + line)
            self.virtual_size = Size(self._room + GUTTER, self._layout.total)
        self.scroll_to(y=max(0, target), animate=False, force=True)
        self._notice_end()

    def _notice_end(self) -> None:
        at_end = self.scroll_offset.y + self.size.height >= self._layout.total
        self._stand(is_following=at_end, new_below=0 if at_end else self._standing.new_below)

    def _stand(self, **changes: object) -> None:
        now = replace(self._standing, **changes)  # type: ignore[arg-type]
        if now != self._standing:
            self._standing = now
            self.post_message(self.Stood(now))

    # Painting.

    def render_line(self, y: int) -> Strip:
        """One line of the view."""
        line = self.scroll_offset.y + y
        width = self._room + GUTTER
        if line >= self._layout.total:
            return Strip.blank(width, self.rich_style)
        index, inner = self._layout.at(line)
        block, lines = self.blocks[index], self._layout.lines(index)
        strip = lines[inner] if inner < len(lines) else Strip.blank(0)
        strip = self.touched_up(strip, block, inner, lines)
        is_marked = block is self._cursor and inner >= self._layout.gap(index) and self.has_focus
        gutter = Segment("▌ " if is_marked else "  ", self.style_of("cursor") if is_marked else None)
        return Strip([gutter, *strip]).adjust_cell_length(width).apply_style(self.rich_style)

    def touched_up(self, strip: Strip, block: Block, inner: int, lines: list[Strip]) -> Strip:  # noqa: ARG002 - for heirs
        """A line as it goes to the screen; heirs mark what they look for."""
        return strip

    def style_of(self, name: str) -> Style:
        """The style of that name, without the background that everything has."""
        whole, ground = self.get_component_rich_style(f"blocks--{name}"), self.rich_style.bgcolor
        return Style(
            color=whole.color,
            bgcolor=None if whole.bgcolor == ground else whole.bgcolor,
            bold=whole.bold,
            italic=whole.italic,
            underline=whole.underline,
            reverse=whole.reverse,
        )

    def notify_style_update(self) -> None:
        """Another theme: everything is painted anew."""
        super().notify_style_update()
        if self.is_attached and self.is_mounted:
            anchor = self._anchor()
            self.dress()
            self._layout.repaint(self._painter.paint)
            self._adjust(anchor)

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002 - Textual's
        """Another width: everything is wrapped anew, and the view stands where it stood."""
        anchor = self._anchor()
        self._layout.repaint(width=self._room)
        self._adjust(anchor)
