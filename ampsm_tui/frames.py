"""Frames of a screen whose widgets lie side by side: the rows that look otherwise than before, and nothing else.

Textual composes every widget that shares a row with one that changed, and writes all that was asked to be painted.
Here only who asked is painted, what stands on the terminal already is left out, and the style at the end of one row is
where the next begins. Whatever is not that simple is left to Textual.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from textual._compositor import ChopsUpdate, Compositor, CompositorUpdate, LayoutUpdate
from textual.geometry import Region

from ampsm_tui.widgets.diff_wire import PLAIN, RESET, WireStrip, wire_of

if TYPE_CHECKING:
    from rich.console import Console
    from textual.strip import Strip
    from textual.widget import Widget

Standing = dict[tuple[int, int], "Strip"]
"""What was written last at a line and a column."""


class RowsUpdate(CompositorUpdate):
    """Rows to be written: line, column, strip. Writing them is what makes them stand there."""

    def __init__(self, rows: "list[tuple[int, int, Strip]]", standing: Standing) -> None:
        self.rows = rows
        self._standing = standing

    def render_segments(self, console: "Console") -> str:
        """Their bytes."""
        wire = wire_of(console)
        told: list[str] = []
        look = PLAIN
        for y, x, strip in self.rows:
            self._standing[y, x] = strip
            told.append(f"\x1b[{y + 1};{x + 1}H")
            if isinstance(strip, WireStrip):
                text, look = strip.carried(wire, look)
            else:
                text, look = (f"{RESET}{strip.render(console)}" if look != PLAIN else strip.render(console)), PLAIN
            told.append(text)
        if look != PLAIN:
            told.append(RESET)
        return "".join(told)


class Frames(Compositor):
    """The compositor of such a screen."""

    def __init__(self) -> None:
        super().__init__()
        self._standing: Standing = {}

    def reflow(self, parent: "Widget", size: Any) -> Any:
        """Widgets are elsewhere: nothing is known of what stands where."""
        self._standing.clear()
        return super().reflow(parent, size)

    def reflow_visible(self, parent: "Widget", size: Any) -> Any:
        """The same when something scrolls."""
        self._standing.clear()
        return super().reflow_visible(parent, size)

    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        """Everything anew."""
        self._standing.clear()
        return super().render_full_update(simplify)

    def render_partial_update(self) -> "ChopsUpdate | RowsUpdate | None":  # type: ignore[override]
        """What was asked to be painted."""
        owners = self._owners(self._dirty_regions)
        if owners is None:
            self._standing.clear()
            return super().render_partial_update()
        self._dirty_regions.clear()
        standing = self._standing
        rows: list[tuple[int, int, Strip]] = []
        for widget, shown, offset, first, last in owners:
            crop = Region(shown.x - offset[0], first - offset[1], shown.width, last - first)
            for y, strip in enumerate(widget.render_lines(crop), first):
                before = standing.get((y, shown.x))
                if before is not strip and before != strip:
                    rows.append((y, shown.x, strip))
        return RowsUpdate(rows, standing) if rows else None

    def _owners(self, dirty: Iterable[Region]) -> "list[tuple[Widget, Region, tuple[int, int], int, int]] | None":
        """Who paints these regions, which part of it is seen, where it begins, the lines to paint.

        None where one lies over another: then Textual has to find out who is seen.
        """
        found: dict[Widget, tuple[Region, tuple[int, int], set[int]]] = {}
        for region in dirty:
            for widget, (whole, clip) in self.visible_widgets.items():  # the topmost first
                shown = whole.intersection(clip)
                if not shown.overlaps(region):
                    continue
                if not shown.contains_region(region) or self._is_covered(widget, shown):
                    return None
                lines = found.setdefault(widget, (shown, whole.offset, set()))[2]
                lines.update(region.line_range)
                break
        return [
            (widget, shown, offset, first, last)
            for widget, (shown, offset, lines) in found.items()
            for first, last in _runs(sorted(lines))
        ]

    def _is_covered(self, widget: "Widget", shown: Region) -> bool:
        """Whether something lies over a widget, be it elsewhere."""
        for other, (whole, clip) in self.visible_widgets.items():
            if other is widget:
                return False
            if whole.intersection(clip).overlaps(shown):
                return True
        return True


def _runs(lines: list[int]) -> Iterable[tuple[int, int]]:
    """Lines below each other: the first, and the one behind the last."""
    start = end = lines[0]
    for line in lines:
        if line > end:
            yield start, end
            start = line
        end = line + 1
    yield start, end
