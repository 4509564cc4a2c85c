"""The part of a diff that is on the screen: the strips of its rows, and which of them the view shows from the top on.

Painted rows are kept, so a scroll paints what is new and a moved cursor two rows.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from ampsm_tui.driver.safe_output import SafeLines
from ampsm_tui.widgets.diff.layout import Row, RowKind
from ampsm_tui.widgets.diff.tones import mixed

if TYPE_CHECKING:
    from ampsm_tui.widgets.diff.document import Document
    from ampsm_tui.widgets.diff.painter import DiffPainter

KEPT = 1024
"""Painted rows that are kept: twenty screens. More of them would keep the collector busy."""

LOW = 14
"""Lines of the view below which files have no blank line between them."""

Place = tuple[int, int]
"""A row and which of its lines."""


class RowStrips:
    """The lines of a diff's rows as strips, each painted once, with the filters of the app applied."""

    painter: "DiffPainter"

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._painted: dict[tuple[Row, int], tuple[Strip, ...]] = {}
        self._mixed: dict[tuple[str, ...], Style] = {}
        self._safe_lines: list[SafeLines] = []
        self._background = Color(0, 0, 0)

    def of(self, row: Row, state: int = 0) -> tuple[Strip, ...]:
        """The lines of a row; `state` 1: the cursor is on it, 2: it is selected, 0: neither."""
        found = self._painted.get((row, state))
        if found is None:
            if len(self._painted) >= KEPT:
                del self._painted[next(iter(self._painted))]
            found = tuple(self._strip(line) for line in self.painter.lines(row, state))
            self._painted[row, state] = found
        return found

    def blank(self) -> Strip:
        """A line below the end of the diff."""
        return self._strip([*Strip.blank(self.painter.manner.width, self.style("-same"))])

    def _strip(self, line: list[Segment]) -> Strip:
        for safe in self._safe_lines:
            line = safe.apply(line, self._background)
        return Strip(line, self.painter.manner.width)

    def style(self, *names: str) -> Style:
        """The style of component classes, as the filters of the app leave it: once a style, not once a line."""
        found = self._mixed.get(names)
        if found is None:
            self._background = self._widget.background_colors[1]
            filters = self._widget.get_line_filters()
            self._safe_lines = [one for one in filters if isinstance(one, SafeLines)]
            segments = [Segment("x", mixed(names, self._widget.app.theme_variables))]
            for one in filters:
                segments = one.apply(segments, self._background)
            found = self._mixed[names] = segments[0].style or Style.null()
        return found

    def forget(self, file: int | None = None) -> None:
        """Paint the rows of one file, or all rows, again when they are shown next."""
        if file is None:
            self._painted.clear()
            return
        for key in [key for key in self._painted if key[0].file == file]:
            del self._painted[key]

    def forget_styles(self) -> None:
        """Paint all rows again, in other colours."""
        self.painter.forget()
        self._painted.clear()
        self._mixed.clear()


class DiffViewport:
    """Which lines of which rows are on the screen: all from `top` on that fit into the view."""

    def __init__(self, widget: Widget, strips: RowStrips) -> None:
        self.top: Place = (0, 0)
        self._widget = widget
        self._strips = strips
        self._places: list[Place] = []
        self._placed_by: object = None

    @property
    def _document(self) -> "Document":
        return self._strips.painter.document

    @property
    def height(self) -> int:
        """The lines of the view."""
        return self._widget.size.height

    def fit(self) -> None:
        """Paint for the width of the view, and for whether it is high enough for blank lines between files."""
        width, height = self._widget.size
        manner = self._strips.painter.manner
        if manner.width != width or manner.has_air != (height >= LOW):
            manner.width, manner.has_air = width, height >= LOW
            self._strips.forget()

    def forget(self) -> None:
        """Work the places out again: rows may take other lines."""
        self._placed_by = None

    def tall(self, at: int) -> int:
        """The lines that a row takes on the screen."""
        row = self._document.row(at)
        if row.kind in (RowKind.HUNK, RowKind.CARD, RowKind.WAIT, RowKind.TAIL):
            return 1
        if row.kind is not RowKind.NOTE and row.kind is not RowKind.HEAD and not self._strips.painter.manner.wrap:
            return 1
        return len(self._strips.of(row))

    def is_head(self, at: int) -> bool:
        """Whether a row is the head of a file."""
        return self._document.row(at).kind is RowKind.HEAD

    def places(self) -> list[Place]:
        """The row and line of each line of the screen, from the top."""
        manner, document = self._strips.painter.manner, self._document
        key = (
            self.top,
            self._widget.size,
            document.version,
            len(document),
            manner.wrap,
            manner.has_air,
            manner.width,
        )
        if key != self._placed_by:
            at, inner = self.top
            if at < len(document):
                self.top = at, min(inner, self.tall(at) - 1)  # a head that is folded since has no line above it
            self._placed_by, self._places = (self.top, *key[1:]), list(self._iter_places())
        return self._places

    def _iter_places(self) -> Iterator[Place]:
        at, inner = self.top
        total, left = len(self._document), self.height
        while at < total and left > 0:
            tall = self.tall(at)
            for line in range(inner, tall):
                yield at, line
                left -= 1
                if not left:
                    return
            at, inner = at + 1, 0

    def above(self, place: Place, lines: int) -> Place:
        """The place so many lines above another one; the beginning where there are fewer."""
        at, inner = place
        lines -= inner
        while lines > 0 and at > 0:
            at -= 1
            lines -= self.tall(at)
        return (at, max(0, -lines)) if at or lines <= 0 else (0, 0)

    def below(self, place: Place, lines: int) -> Place:
        """The place so many lines below another one; the end where there are fewer."""
        at, inner = place
        lines += inner
        total = len(self._document)
        while at < total - 1 and lines >= (tall := self.tall(at)):
            lines -= tall
            at += 1
        return at, min(lines, max(0, self.tall(at) - 1))

    def y_of(self, at: int) -> int | None:
        """The line of the screen where a row begins; None when it is not on it."""
        return next((y for y, (row, _) in enumerate(self.places()) if row == at), None)

    def ys_of(self, at: int) -> list[int]:
        """The lines of the screen that show a row; the first line of the screen shows the sticky head, too."""
        ys = [y for y, (row, _) in enumerate(self.places()) if row == at]
        return ys if self.top[0] == at or self._document.tops[self._document.file_at(self.top[0])] != at else [0, *ys]

    def scroll(self, lines: int) -> None:
        """Move the top by lines, as far as the beginning and the end allow."""
        self.top = self._limit(self.below(self.top, lines)) if lines > 0 else self.above(self.top, -lines)

    def put(self, at: int, above: int) -> None:
        """Move the top so that `above` lines are above a row, as far as the beginning and the end allow."""
        if self.is_head(at) and self.tall(at) > 1 and not above:
            self.top = self._limit((at, self.tall(at) - 1))
        else:
            self.top = self._limit(self.above((at, 0), above))

    def put_at(self, at: int, y: int) -> None:
        """Move the top so that a row begins in a line of the screen and is on it with all of its lines."""
        self.top = self._limit(self.above((at, 0), min(y, max(0, self.height - self.tall(at)))))

    def reveal(self, at: int) -> None:
        """Scroll as little as brings a row into view; the first line is under the head of its file."""
        first, inner = self.top
        if at < first or (at == first and (inner or not self.is_head(at))):
            self.put(at, 0 if self.is_head(at) else 1)
            return
        last, used = at, 0
        while last >= first and used <= self.height:
            used += self.tall(last) - (inner if last == first else 0)
            last -= 1
        if used > self.height:
            self.put(at, max(0, self.height - self.tall(at)))

    def _limit(self, place: Place) -> Place:
        """A top with which the end of the diff is not above the end of the view."""
        total = len(self._document)
        if not total:
            return (0, 0)
        return min(place, self.above((total - 1, self.tall(total - 1)), self.height))

    @property
    def first_free(self) -> int:
        """The first line of the screen that no sticky head lies over."""
        places = self.places()
        return 1 if len(places) > 1 and self.sticky_file(places[0]) is not None else 0

    def sticky_file(self, place: Place) -> int | None:
        """The file whose head lies over the first line; None where nothing of that file would be below the head."""
        at, inner = place
        row = self._document.row(at)
        if row.kind is RowKind.HEAD or (at + 1 == self._document.tops[row.file + 1] and inner + 1 >= self.tall(at)):
            return None
        return row.file
