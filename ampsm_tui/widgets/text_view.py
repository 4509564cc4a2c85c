"""A text to read, laid out by a function of the width: lines in pieces, scrolled by key and by wheel.

What the lines say is not known here; the styles of the pieces are component classes.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ampsm_engine.errors import AmpsmError
from ampsm_tui.bindings import bind
from ampsm_tui.clean import many_lines, one_line, wrapped
from ampsm_tui.hints import in_app
from ampsm_tui.widgets.line_widgets import BlendedStyles, DraggedText, LineDrag, Piece, wheel_lines

PieceLine = tuple[Piece, ...]
LayOut = Callable[[int], Sequence[PieceLine]]
"""Gives the lines for a width in cells."""

_STYLES = (
    *("title", "label", "quiet", "text", "key", "ok", "warn", "stop", "wait", "added", "removed", "ours", "theirs"),
    *("base", "mark", "rule", "here", "hunk", "unseen", "ours-line", "ours-word", "theirs-line", "theirs-word"),
    *("base-line", "base-word"),
)
WHEEL = 3


class TextView(DraggedText, ScrollView, can_focus=True):
    """The lines that a function gives for the width; asked for anew when the width is another."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"-{word}" for word in _STYLES}
    DEFAULT_CSS = """
    TextView {
        height: 1fr; width: 1fr; background: $background; color: $foreground; padding: 0 1;
        overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        & > .-title { color: $foreground; text-style: bold; }
        & > .-label { color: $foreground 60%; }
        & > .-quiet { color: $foreground 60%; }
        & > .-text { color: $foreground; }
        & > .-key { color: $accent; text-style: bold; }
        & > .-ok, & > .-added { color: $success; }
        & > .-warn { color: $warning; }
        & > .-stop, & > .-removed { color: $error; }
        & > .-wait { color: $secondary; }
        & > .-ours { color: $primary; }
        & > .-theirs { color: $success; }
        & > .-base { color: $foreground 60%; }
        & > .-mark { color: $accent; text-style: bold; }
        & > .-ours-line { background: $primary 13%; }
        & > .-ours-word { background: $primary 38%; text-style: bold; }
        & > .-theirs-line { background: $success 13%; }
        & > .-theirs-word { background: $success 34%; text-style: bold; }
        &:ansi > .-ours-line, &:ansi > .-theirs-line { background: transparent; }
        & > .-base-line, & > .-base-word { color: $foreground 70%; background: $surface; }
        & > .-unseen { color: $foreground; background: $warning 40%; }
        & > .-rule { color: $border; }
        & > .-here { color: $foreground; text-style: bold; }
        & > .-hunk { color: $primary; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("move.down", "by(1)"),
        bind("move.up", "by(-1)"),
        bind("move.page-down", "page(0.5)"),
        bind("move.page-up", "page(-0.5)"),
        bind("move.first", "end(0)"),
        bind("move.last", "end(1)"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._blended = BlendedStyles(self)
        self._lines_for: LayOut = lambda _width: ()
        self.lines: Sequence[PieceLine] = ()
        """The lines that are shown, wrapped for the width."""
        self._width = 0
        self.drag = LineDrag(self, self._line, lambda: round(self.scroll_y), self.action_by)

    def show_lines(self, lay_out: LayOut, *, top: bool = False) -> None:
        """Show the lines that `lay_out` gives from now on; `top` goes to the first."""
        self._lines_for = lay_out
        self._lay_out()
        if top:
            self.scroll_to(y=0, animate=False, force=True)

    def show_text(self, text: str) -> None:
        """Show a text, from its first line."""
        self.show_lines(lambda width: [(), *paragraph(text, width)], top=True)

    def show_error(self, error: AmpsmError) -> None:
        """Show an error with its hint, from the first line."""
        hint = in_app(self, error.hint)
        self.show_lines(lambda width: [(), *error_lines(error.message, hint, width)], top=True)

    def reveal(self, first: int, last: int) -> None:
        """Bring these lines into view, the first in any case."""
        height, y = self.scrollable_content_region.height, round(self.scroll_y)
        if last >= y + height:
            y = last - height + 1
        self.scroll_to(y=max(0, min(y, first)), animate=False, force=True)

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return  # it is not shown; when it is, it hears of its size
        self._width = width
        before, self.lines = self.lines, tuple(self._lines_for(self._width))
        if len(before) != len(self.lines):
            self.virtual_size = Size(self._width, len(self.lines))
            self.refresh()
            return
        y = round(self.scroll_y)
        for at in range(y, min(len(before), y + self.size.height)):
            if before[at] != self.lines[at]:
                self.refresh(Region(0, at - y + self.styles.padding.top, self.size.width, 1))

    def on_resize(self) -> None:
        """Wrap the text for the new width."""
        self._lay_out()
        self.refresh()

    def watch_show_vertical_scrollbar(self) -> None:
        """The bar takes a column that the lines may have taken as theirs."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        if self.scrollable_content_region.width != self._width:
            self._lay_out()
            self.refresh()

    def notify_style_update(self) -> None:
        """Paint all lines again: the colours have changed."""
        super().notify_style_update()
        self._blended.forget()

    def render_line(self, y: int) -> Strip:
        """One line of what is shown as cells."""
        at = y + round(self.scroll_y)
        return self.drag.marked(self._line(at), at)

    def _line(self, at: int) -> Strip:
        return self._blended.strip(self.lines[at] if at < len(self.lines) else (), self._width)

    def action_by(self, lines: int) -> None:
        """Scroll down by so many lines; up where `lines` is negative."""
        self.scroll_to(y=self.scroll_y + lines, animate=False)

    def action_page(self, pages: float) -> None:
        """Scroll by a part of what is on the screen."""
        self.scroll_to(y=self.scroll_y + round(pages * max(2, self.size.height)), animate=False)

    def action_end(self, end: int) -> None:
        """Scroll to the first or the last line."""
        self.scroll_to(y=len(self.lines) if end else 0, animate=False)

    @on(events.MouseScrollDown)
    @on(events.MouseScrollUp)
    def _scroll_by_wheel(self, event: events.MouseScrollDown | events.MouseScrollUp) -> None:
        self.action_by(wheel_lines(event, WHEEL))


def paragraph(text: str, width: int, style: str = "quiet") -> list[PieceLine]:
    """A text as wrapped lines of one style, at most 60."""
    return [(Piece(line, style),) for line in wrapped(many_lines(text, 4000), width, 60)]


def error_lines(message: str, hint: str, width: int) -> list[PieceLine]:
    """The message of an error with its hint below."""
    lines = indented(f"✗ {one_line(message, 1000)}", "stop", width, indent=0)
    return lines + (indented(f"→ {one_line(hint, 1000)}", "quiet", width) if hint else [])


def indented(text: str, style: str, width: int, *, indent: int = 2) -> list[PieceLine]:
    """A clean text as wrapped lines of one style, each so many cells from the left."""
    return [(Piece(" " * indent), Piece(line, style)) for line in wrapped(text, max(10, width - indent), 8)]
