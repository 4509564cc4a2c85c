"""The text that turns what stands on a terminal into what should stand there, and is short."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import compress, count
from operator import ne
from typing import NamedTuple

from ampsm_tui.driver.capabilities import Capabilities
from ampsm_tui.driver.cell_styles import DEFAULT, StyleTable
from ampsm_tui.driver.frame_parser import RIGHT, Clusters, is_doubtful, is_narrow
from ampsm_tui.driver.picture import Area, Picture

_GAP = 5
"""Unchanged cells between two changes that are cheaper to write again than to step over."""

_BLANKS = 8
"""Blanks in a row that are cheaper erased than written."""

_FEW_ROWS = 3
"""Changed rows up to which nothing is scrolled."""

_EDGE = 2
"""Columns at the right, a scroll bar, that have no vote about how far the rest has moved."""

_WORTH_SCROLLING = 0.9
"""Part of the changed cells above which scrolling saves too little to be tried."""

_CERTAIN = 0.5
"""Part of the changed cells below which a scroll is shorter for certain."""

_MANY_PIECES = 200
"""Pieces of a frame from which style by style is shorter for certain."""

_WORTH_STYLE_ORDER = 200
"""Characters of a frame from which it is tried to write it style by style."""

_MOST_STYLES = 60
"""Styles of a frame up to which their best order is looked for."""

_SAME_STYLE = re.compile(r"(.)\1*", re.DOTALL)
_ERASABLE = re.compile(f" {{{_BLANKS},}}")

_BEGINNING = "\x1b[r\x1b[?6l\x1b[4l\x1b[0m"
"""Takes back a scroll region, places counted from it, inserting and a style, which an earlier program may have left."""

SYNC_BEGIN, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"


class StyledRun(NamedTuple):
    """Cells of one row in one style."""

    row: int
    column: int
    text: str
    style: str
    is_erased: bool
    """Whether they are blanks that are erased instead of written."""


class _Scroll(NamedTuple):
    """A scroll of an area that may save bytes."""

    moved: Picture
    area: Area
    by: int
    part: float
    """How many cells it leaves to write, of those that have changed."""


class TerminalState:
    """What stands on the terminal: its cells, where its cursor is (None: not known) and which style it holds."""

    def __init__(self, width: int, height: int) -> None:
        self.picture = Picture(width, height)
        self.cursor: tuple[int, int] | None = None
        self.style: str | None = None

    def forget(self) -> None:
        """Forget what the terminal shows, because another program has written on it."""
        self.picture.forget()
        self.cursor = self.style = None


class _Text:
    """The text of a frame as it grows, with the cursor and the style at its end."""

    def __init__(self, encoder: "Encoder", cursor: tuple[int, int] | None, style: str | None, begun: str = "") -> None:
        self._encoder = encoder
        self._parts: list[str] = [begun]
        self.cursor = cursor
        self._is_exact = False
        """Whether every terminal has the cursor there: no character of another width stands before it."""
        self.style = style
        if style is None:
            self._parts.append(_BEGINNING)
            self.style = DEFAULT

    def __str__(self) -> str:
        return "".join(self._parts)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def add(self, sequence: str) -> None:
        """Write an order that moves neither cursor nor style."""
        self._parts.append(sequence)

    def move(self, row: int, column: int) -> None:
        """Bring the cursor to a cell."""
        if self.cursor == (row, column):
            return
        ways = [f"\x1b[{row + 1};{column + 1}H" if column else (f"\x1b[{row + 1}H" if row else "\x1b[H")]
        if self.cursor is not None and (self._is_exact or self.cursor[0] == row):
            across = _step_across(self.cursor[1], column)
            ways += [way + across for way in _steps_down(self.cursor[0], row)]
        way = min(ways, key=len)
        self._is_exact = self._is_exact or way is ways[0]
        self._parts.append(way)
        self.cursor = (row, column)

    def write(self, piece: StyledRun, *, doubtful: bool = False) -> None:
        """Write a run of cells at its place on the terminal."""
        encoder, width = self._encoder, self._encoder.width
        self.move(piece.row, piece.column)
        self.take(piece.style)
        if doubtful and RIGHT in piece.text:
            # Where a terminal draws it one cell wide, the other cell keeps what stood there.
            self._parts.append("\x1b[2X" if encoder.capabilities.erases_in_background else "  \x1b[2D")
        end = piece.column + len(piece.text)
        if piece.is_erased:
            self._parts.append("\x1b[K" if end == width else f"\x1b[{len(piece.text)}X")
            return
        self._parts.append(encoder.clusters.written(piece.text))
        self._is_exact = self._is_exact and is_narrow(piece.text)
        # At the last column, and behind what terminals measure differently, the place of the cursor is unknown.
        self.cursor = None if end == width or doubtful else (piece.row, end)

    def take(self, style: str) -> None:
        """Write the sequence that changes to a style of cells."""
        if style != self.style:
            self._parts.append(self._encoder.styles.step(self.style or DEFAULT, style))
            self.style = style


class Encoder:
    """Makes the text between two pictures of one size."""

    def __init__(self, width: int, styles: StyleTable, clusters: Clusters, capabilities: Capabilities) -> None:
        self.width = width
        self.styles = styles
        self.clusters = clusters
        self.capabilities = capabilities
        self._may_jump = False
        """Whether cells may come in any order: they are shown together, or change no cell that stands there."""

    def encode(self, terminal: TerminalState, wanted: Picture, cursor: tuple[int, int] | None) -> str:
        """The text of a frame; `terminal` is from now on what it will be when that text has arrived."""
        rows = _changed_rows(terminal.picture, wanted)
        self._may_jump = self.capabilities.synchronizes or terminal.picture.is_unknown
        text = self._shortest(terminal, wanted, rows)
        if cursor is not None:
            text.move(*cursor)
        terminal.cursor, terminal.style = text.cursor, text.style
        terminal.picture.texts, terminal.picture.styles = wanted.texts.copy(), wanted.styles.copy()
        result = str(text)
        if self.capabilities.synchronizes and len(rows) > 1 and len(result) > 100:
            return f"{SYNC_BEGIN}{result}{SYNC_END}"
        return result

    # Scrolling.

    def _shortest(self, terminal: TerminalState, wanted: Picture, rows: list[int]) -> _Text:
        """The shorter of the texts with and without scrolling; only the first where that is plain."""
        now = terminal.picture
        scroll = self._best_scroll(now, wanted, rows) if len(rows) > _FEW_ROWS and self.capabilities.scrolls else None
        texts = []
        if scroll is not None:
            text = _Text(self, terminal.cursor, terminal.style)
            self._scroll(text, scroll.area, scroll.by)
            texts.append(self._rows(terminal, scroll.moved, wanted, _changed_rows(scroll.moved, wanted), text))
        if scroll is None or scroll.part > _CERTAIN:
            texts.append(self._rows(terminal, now, wanted, rows))
        return min(texts, key=len)

    def _best_scroll(self, now: Picture, wanted: Picture, rows: list[int]) -> "_Scroll | None":
        """The scroll that leaves the fewest cells to write; None where nothing has moved."""
        spans = [_edges(now, wanted, row) for row in rows]
        changed = Area(rows[0], rows[-1], min(first for first, _ in spans), max(last for _, last in spans))
        cells = _count_changed(now, wanted, rows)
        scrolls = [
            _Scroll(moved, area, by, _count_changed(moved, wanted, range(area.top, area.bottom + 1)) / cells)
            for by in _likely_scrolls(now, wanted, rows, changed)
            for area in self._areas(now, changed)
            for moved in [now.scroll(area, by)]
        ]
        best = min(scrolls, key=lambda one: one.part, default=None)
        return best if best is not None and best.part < _WORTH_SCROLLING else None

    def _areas(self, now: Picture, changed: Area) -> Iterator[Area]:
        """The areas that may be scrolled: what has changed, where the terminal has margins, and its rows."""
        top, bottom, left, right = changed
        if self.capabilities.has_margins and right > left and (left > 0 or right < self.width - 1):
            end = right + 1
            texts = now.texts[top : bottom + 1]
            cuts = any(text[left] == RIGHT or (end < self.width and text[end] == RIGHT) for text in texts)
            if not cuts and not any(is_doubtful(text) for text in texts):
                yield changed
        yield Area(top, bottom, 0, self.width - 1)

    def _scroll(self, text: _Text, area: Area, by: int) -> None:
        top, bottom, left, right = area
        has_margins = left > 0 or right < self.width - 1
        # What comes in takes the current background in some terminals; it is written over in any case.
        if has_margins:
            text.add(f"\x1b[?69h\x1b[{left + 1};{right + 1}s")
        text.add(f"\x1b[{top + 1};{bottom + 1}r")
        if self.capabilities.scrolls_by_lines:
            text.add(f"\x1b[{top + 1};{left + 1}H\x1b[{abs(by)}{'M' if by > 0 else 'L'}")
        else:
            text.add(f"\x1b[{abs(by)}{'S' if by > 0 else 'T'}")
        text.add("\x1b[r\x1b[?69l" if has_margins else "\x1b[r")
        text.cursor = None

    # Writing cells.

    def _rows(
        self, terminal: TerminalState, now: Picture, wanted: Picture, rows: list[int], text: _Text | None = None
    ) -> _Text:
        """The changed cells of rows, row by row or style by style, by what is shorter."""
        begun = "" if text is None else str(text)
        cursor, style = (terminal.cursor, terminal.style) if text is None else (text.cursor, text.style)
        doubtful = [row for row in rows if is_doubtful(wanted.texts[row]) or is_doubtful(now.texts[row])]
        sure = [row for row in rows if row not in doubtful]
        pieces = [piece for row in sure for piece in self._pieces(now, wanted, row)]
        texts = []
        if not self._may_jump or len(pieces) < _MANY_PIECES:
            by_row = _Text(self, cursor, style, begun)
            for piece in pieces:
                by_row.write(self._lent(piece, by_row.style))
            texts.append(by_row)
        if self._may_jump and (not texts or len(texts[0]) - len(begun) > _WORTH_STYLE_ORDER):
            by_style = _Text(self, cursor, style, begun)
            for piece in self._style_order(pieces, by_style.style or DEFAULT):
                by_style.write(piece)
            texts.append(by_style)
        best = min(texts, key=len)
        for row in doubtful:
            self._write_doubtful(best, wanted, row)
        return best

    def _lent(self, piece: StyledRun, style: str | None) -> StyledRun:
        """Blanks in the style that is held already, where that looks the same."""
        if style is None or style == piece.style or self.styles.blank(style) != piece.style or not piece.text.isspace():
            return piece
        return piece._replace(style=style)

    def _pieces(self, now: Picture, wanted: Picture, row: int) -> Iterator[StyledRun]:
        """The changed cells of a row as pieces, blanks joined to a neighbour whose style looks the same on them."""
        text, styles = wanted.texts[row], wanted.styles[row]
        for start, end in self._spans(now.texts[row], now.styles[row], text, styles):
            run_start, run_style = start, ""
            for found in _SAME_STYLE.finditer(styles, start, end):
                style = styles[found.start()]
                if not run_style:
                    run_style = style
                elif style != run_style and not self._joins(run_style, style, text, found.start(), found.end()):
                    if run_style == self.styles.blank(style) and text[run_start : found.start()].isspace():
                        run_style = style  # blanks before it, in its own background
                    else:
                        yield from self._cut(row, run_start, text[run_start : found.start()], run_style)
                        run_start, run_style = found.start(), style
            yield from self._cut(row, run_start, text[run_start:end], run_style, ends=True)

    def _spans(self, text: str, styles: str, new_text: str, new_styles: str) -> Iterator[tuple[int, int]]:
        """Where a row has changed, from one column to before another, with small gaps filled and no wide cell cut."""
        columns = _changed_columns(text, styles, new_text, new_styles)
        start = previous = columns[0]
        for column in columns:
            if column - previous > 1 and not self._is_cheap(new_styles, previous, column):
                yield _whole(new_text, start, previous + 1)
                start = column
            previous = column
        yield _whole(new_text, start, previous + 1)

    def _is_cheap(self, styles: str, previous: int, column: int) -> bool:
        """Whether unchanged cells between two columns are written sooner than stepped over: no style for them alone."""
        held = styles[previous]
        return column - previous <= _GAP and {held, styles[column], self.styles.blank(held)}.issuperset(
            styles[previous + 1 : column]
        )

    def _joins(self, held: str, style: str, text: str, start: int, end: int) -> bool:
        return style == self.styles.blank(held) and text[start:end].isspace()

    def _cut(self, row: int, column: int, text: str, style: str, *, ends: bool = False) -> Iterator[StyledRun]:
        """A piece, or several where blanks in it are better erased; `ends`: nothing is written right behind it."""
        if not self.capabilities.erases_in_background or not self.styles.can_erase(self.styles.blank(style)):
            yield StyledRun(row, column, text, style, is_erased=False)
            return
        blank, at = self.styles.blank(style), 0
        blanks = [found.span() for found in _ERASABLE.finditer(text)]
        tail = len(text) - len(text.rstrip(" "))
        erasing = "\x1b[K" if column + len(text) == self.width else "\x1b[9X"
        if ends and tail > len(erasing) and (not blanks or blanks[-1][1] < len(text)):
            blanks.append((len(text) - tail, len(text)))
        for start, end in blanks:
            if start > at:
                yield StyledRun(row, column + at, text[at:start], style, is_erased=False)
            yield StyledRun(row, column + start, text[start:end], blank, is_erased=True)
            at = end
        if at < len(text):
            yield StyledRun(row, column + at, text[at:], style, is_erased=False)

    def _style_order(self, pieces: list[StyledRun], style: str) -> Iterable[StyledRun]:
        """The pieces style by style, beginning with the one that is held, each next one the cheapest to take."""
        groups: dict[str, list[StyledRun]] = {}
        for piece in pieces:
            if not piece.is_erased:
                groups.setdefault(piece.style, []).append(piece)
        hosts: dict[str, str] = {}
        for one in groups:
            hosts.setdefault(self.styles.blank(one), one)
        for at, piece in enumerate(pieces):
            if piece.is_erased:
                # Where the cursor comes by in any case no move is needed.
                near = (one.style for one in pieces[max(at - 1, 0) : at + 2] if self._is_beside(one, piece))
                host = next(near, "") or hosts.setdefault(piece.style, piece.style)
                groups.setdefault(host, []).append(piece._replace(style=host))
        left = list(groups)
        if len(left) > _MOST_STYLES:
            left.sort(key=lambda one: self.styles.style(one)[1::-1])
        while left:
            style = left[0] if len(left) > _MOST_STYLES else min(left, key=partial(self._cost, style))
            left.remove(style)
            yield from sorted(groups[style])

    def _is_beside(self, one: StyledRun, erased: StyledRun) -> bool:
        is_near = one.column + len(one.text) == erased.column or erased.column + len(erased.text) == one.column
        return is_near and one.row == erased.row and not one.is_erased and self.styles.blank(one.style) == erased.style

    def _cost(self, held: str, style: str) -> int:
        return len(self.styles.step(held, style)) if style != held else 0

    def _write_doubtful(self, text: _Text, wanted: Picture, row: int) -> None:
        """Write a whole row, and say after each cell of doubtful width where the next one belongs."""
        cells, styles = wanted.texts[row], wanted.styles[row]
        for found in _SAME_STYLE.finditer(styles):
            start = found.start()
            for cell in _sure_parts(cells[start : found.end()]):
                text.write(StyledRun(row, start, cell, styles[start], is_erased=False), doubtful=is_doubtful(cell))
                start += len(cell)


def _steps_down(at: int, to: int) -> tuple[str, ...]:
    """Ways to another row, in the same column. IND and RI scroll at a border, which no row of the picture is beyond."""
    if abs(to - at) < 2:
        return ("",) if at == to else ("\x1bD" if to > at else "\x1bM",)
    return f"\x1b[{abs(to - at)}{'B' if to > at else 'A'}", f"\x1b[{to + 1}d"


def _step_across(at: int, to: int) -> str:
    """The shortest way to another column of the same row. BS would be shorter, and is what a hostile text may have."""
    if at == to:
        return ""  # an order without a number moves by one
    if to > at:
        return f"\x1b[{_times(to - at)}C"
    return f"\x1b[{_times(at - to)}D" if to else "\r"


def _times(number: int) -> str:
    return str(number) if number > 1 else ""


def _sure_parts(text: str) -> Iterator[str]:
    """The text in parts that are either of sure width or one doubtful cell."""
    held = ""
    at = 0
    while at < len(text):
        end = at + 2 if text[at + 1 : at + 2] == RIGHT else at + 1
        cell = text[at:end]
        if is_doubtful(cell):
            if held:
                yield held
            yield cell
            held = ""
        else:
            held += cell
        at = end
    if held:
        yield held


def _changed_rows(now: Picture, wanted: Picture) -> list[int]:
    return [
        row
        for row, (text, styles) in enumerate(zip(wanted.texts, wanted.styles, strict=True))
        if text != now.texts[row] or styles != now.styles[row]
    ]


def _changed_columns(text: str, styles: str, new_text: str, new_styles: str) -> list[int]:
    columns = range(len(text))
    if styles == new_styles:
        return list(compress(columns, map(ne, text, new_text)))
    if text == new_text:
        return list(compress(columns, map(ne, styles, new_styles)))
    both = set(compress(columns, map(ne, text, new_text)))
    return sorted(both.union(compress(columns, map(ne, styles, new_styles))))


def _likely_scrolls(now: Picture, wanted: Picture, rows: list[int], changed: Area) -> list[int]:
    """The two distances, in lines, that the content may have moved up and that most rows speak for."""
    end = max(changed.right + 1 - _EDGE, changed.left + 1)
    places: dict[str, list[int]] = {}
    for row in range(changed.top, changed.bottom + 1):
        places.setdefault(now.texts[row][changed.left : end], []).append(row)
    votes: Counter[int] = Counter()
    for row in rows:
        content = wanted.texts[row][changed.left : end]
        if not content.isspace():
            votes.update(place - row for place in places.get(content, ())[:4] if place != row)
    return [by for by, _ in votes.most_common(2)]


def _count_changed(now: Picture, wanted: Picture, rows: Iterable[int]) -> int:
    """How many cells have changed, about: those whose text or those whose style has, whichever are more."""
    return sum(
        max(sum(map(ne, now.texts[row], wanted.texts[row])), sum(map(ne, now.styles[row], wanted.styles[row])))
        for row in rows
        if now.texts[row] != wanted.texts[row] or now.styles[row] != wanted.styles[row]
    )


def _edges(now: Picture, wanted: Picture, row: int) -> tuple[int, int]:
    """The first and the last changed column of a row."""
    texts, styles = _edge(now.texts[row], wanted.texts[row]), _edge(now.styles[row], wanted.styles[row])
    return min(texts[0], styles[0]), max(texts[1], styles[1])


def _edge(one: str, other: str) -> tuple[int, int]:
    """The first and the last place where two strings differ; beyond all others where they do not."""
    if one == other:
        return len(one), -1
    first = next(compress(count(), map(ne, one, other)))
    return first, len(one) - 1 - next(compress(count(), map(ne, reversed(one), reversed(other))))


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    if text[start] == RIGHT:
        start -= 1
    if end < len(text) and text[end] == RIGHT:
        end += 1
    return start, end
