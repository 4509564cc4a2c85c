"""The part of a diff that is on the screen: a top row, lines below it, a file's head that stays. Moving is not here.

Painted rows are kept, so a scroll paints what is new and a moved cursor two rows. The lines go to the screen as they
are: Textual's own cache of a widget's look would cost more than they do.
"""

from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ampsm_tui.driver.safe_output import SafeLines
from ampsm_tui.widgets.diff.document import Document
from ampsm_tui.widgets.diff.layout import Row, Sort
from ampsm_tui.widgets.diff.painter import DiffPainter
from ampsm_tui.widgets.diff.palette import mixed
from ampsm_tui.widgets.diff.source import DiffSource

KEPT = 1024
"""Painted rows that are kept: twenty screens. More of them would keep the collector busy."""

LOW = 14
"""Lines of the view below which files have no blank line between them."""

Place = tuple[int, int]
"""A row and which of its lines."""


class DiffCanvas(Widget, can_focus=True):
    """Shows a document from a top row on, with a cursor."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.document = Document(())
        self.source = DiffSource()
        self.painter = DiffPainter(self.document, self.source, self.style)
        self.top: Place = (0, 0)
        self.cursor = 0
        self.selected_from: int | None = None
        self._painted: dict[tuple[Row, int], tuple[Strip, ...]] = {}
        self._placed: list[Place] = []
        self._placed_by: object = None
        self._mixed: dict[tuple[str, ...], Style] = {}
        self._safe_lines: list[SafeLines] = []
        self._background = Color(0, 0, 0)

    def take(self, document: Document, source: DiffSource) -> None:
        """Show another document from its beginning."""
        manner = self.painter.manner
        self.document, self.source = document, source
        self.painter = DiffPainter(document, source, self.style)
        self.painter.manner = manner
        self.top, self.cursor, self.selected_from = (0, 0), 0, None
        self.repaint()

    # Rows and their lines.

    def repaint(self) -> None:
        """Paint all rows again."""
        self._painted.clear()
        self._placed_by = None
        self.refresh()

    def forget(self, file: int) -> None:
        """Paint the rows of one file again when they are shown next."""
        self._placed_by = None
        for key in [key for key in self._painted if key[0].file == file]:
            del self._painted[key]

    def strips(self, at: int, state: int = 0) -> tuple[Strip, ...]:
        """The lines of a row."""
        row = self.document.row(at)
        found = self._painted.get((row, state))
        if found is None:
            if len(self._painted) >= KEPT:
                del self._painted[next(iter(self._painted))]
            width = self.painter.manner.width
            found = tuple(self._strip(line, width) for line in self.painter.lines(row, state))
            self._painted[row, state] = found
        return found

    def _strip(self, line: "list[Segment]", width: int) -> Strip:
        for safe in self._safe_lines:
            line = safe.apply(line, self._background)
        return Strip(line, width)

    def style(self, *names: str) -> Style:
        """The style of component classes, as the filters of the app leave it: once a style, not once a line."""
        found = self._mixed.get(names)
        if found is None:
            self._background = self.background_colors[1]
            filters = self.get_line_filters()
            self._safe_lines = [one for one in filters if isinstance(one, SafeLines)]
            segments = [Segment("x", mixed(names, self.app.theme_variables))]
            for one in filters:
                segments = one.apply(segments, self._background)
            found = self._mixed[names] = segments[0].style or Style.null()
        return found

    def tall(self, at: int) -> int:
        """The lines that a row takes on the screen."""
        sort = self.document.row(at).sort
        if sort in (Sort.HUNK, Sort.CARD, Sort.WAIT, Sort.TAIL):
            return 1
        if sort is not Sort.NOTE and sort is not Sort.HEAD and not self.painter.manner.wrap:
            return 1
        return len(self.strips(at))

    def state(self, at: int) -> int:
        """1: the cursor is on it, 2: it is selected, 0: neither."""
        if at == self.cursor:
            return 1
        if self.selected_from is not None:
            first, last = sorted((self.selected_from, self.cursor))
            return 2 if first <= at <= last else 0
        return 0

    # What is on the screen.

    def places(self) -> list[Place]:
        """The row and line of each line of the screen, from the top."""
        manner = self.painter.manner
        key = (
            self.top,
            self.size,
            self.document.version,
            len(self.document),
            manner.wrap,
            manner.has_air,
            manner.width,
        )
        if key != self._placed_by:
            self._placed_by, self._placed = key, list(self._places())
        return self._placed

    def _places(self) -> Iterator[Place]:
        at, inner = self.top
        total, left = len(self.document), self.size.height
        while at < total and left > 0:
            tall = self.tall(at)
            for line in range(inner, tall):
                yield at, line
                left -= 1
                if not left:
                    return
            at, inner = at + 1, 0

    def place_above(self, place: Place, lines: int) -> Place:
        """The place so many lines above another one; the beginning where there are fewer."""
        at, inner = place
        lines -= inner
        while lines > 0 and at > 0:
            at -= 1
            lines -= self.tall(at)
        return (at, max(0, -lines)) if at or lines <= 0 else (0, 0)

    def place_below(self, place: Place, lines: int) -> Place:
        """The place so many lines below another one; the end where there are fewer."""
        at, inner = place
        lines += inner
        total = len(self.document)
        while at < total - 1 and lines >= (tall := self.tall(at)):
            lines -= tall
            at += 1
        return at, min(lines, max(0, self.tall(at) - 1))

    def limit_top(self, place: Place) -> Place:
        """A top with which the end of the diff is not above the end of the view."""
        total = len(self.document)
        if not total:
            return (0, 0)
        return min(place, self.place_above((total - 1, self.tall(total - 1)), self.size.height))

    def y_of(self, at: int) -> int | None:
        """The line of the screen where a row begins; None when it is not on it."""
        return next((y for y, (row, _) in enumerate(self.places()) if row == at), None)

    def _sticky(self, place: Place) -> int | None:
        """The file whose head lies over the first line; None where that line is one itself."""
        at, inner = place
        row = self.document.row(at)
        if row.sort is not Sort.HEAD:
            return row.file
        if inner < self.tall(at) - 1 and at:
            return self.document.file_at(at - 1)
        return None

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a part of the view."""
        width, height = self.size
        manner = self.painter.manner
        if manner.width != width or manner.has_air != (height >= LOW):
            manner.width, manner.has_air = width, height >= LOW
            self._painted.clear()
        strips: list[Strip] = []
        first, last = crop.y, crop.bottom
        for y, place in enumerate(self.places()):
            if y >= last:
                break
            if y >= first:
                strips.append(self._line(y, place))
        if len(strips) < crop.height:
            blank = self._strip([*Strip.blank(width, self.style("-same"))], width)
            strips += [blank] * (crop.height - len(strips))
        if crop.x or crop.width < width:
            return [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def _line(self, y: int, place: Place) -> Strip:
        at, inner = place
        if not y and (file := self._sticky(place)) is not None:
            return self.strips(self.document.tops[file], self.state(self.document.tops[file]))[-1]
        return self.strips(at, self.state(at))[inner]

    def render_line(self, y: int) -> Strip:
        """One line of the view."""
        return self.render_lines(Region(0, y, self.size.width, 1))[0]

    def refresh_row(self, at: int) -> None:
        """Repaint the lines of one row."""
        ys = [y for y, (row, _) in enumerate(self.places()) if row == at]
        if ys:
            self.refresh(Region(0, ys[0], self.size.width, len(ys)))

    def notify_style_update(self) -> None:
        """Paint all rows again: the theme has changed."""
        super().notify_style_update()
        self.painter.forget()
        self._painted.clear()
        self._mixed.clear()
