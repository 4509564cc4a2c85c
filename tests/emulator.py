"""A terminal to look at: pyte with what it lacks, SU and SD, left and right margins, and half-overwritten wide cells."""

from collections.abc import Callable, Iterator

import pyte
from pyte.screens import Char
from wcwidth import wcwidth

Cell = tuple[object, ...]


class Emulator(pyte.Screen):
    """A screen with margins on all four sides, which answers where its cursor is."""

    def __init__(
        self, columns: int, lines: int, *, has_margins: bool = True, answer: Callable[[str], object] = lambda _: None
    ) -> None:
        self._can_have_margins = has_margins
        self._has_left_right = False
        self._left_right: tuple[int, int] | None = None
        self._answer = answer
        super().__init__(columns, lines)

    def set_mode(self, *modes: int, **kwargs: bool) -> None:
        if kwargs.get("private") and 69 in modes:
            self._has_left_right = self._can_have_margins
        else:
            super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes: int, **kwargs: bool) -> None:
        if kwargs.get("private") and 69 in modes:
            self._has_left_right, self._left_right = False, None
        else:
            super().reset_mode(*modes, **kwargs)

    def set_left_right(self, left: int = 0, right: int = 0, **_: bool) -> None:
        if self._has_left_right and left and right:
            self._left_right = left - 1, right - 1
            self.cursor_position()

    def carriage_return(self) -> None:
        left = self._left_right[0] if self._left_right else 0
        self.cursor.x = left if self.cursor.x >= left else 0

    def scroll_up(self, count: int = 1, **_: bool) -> None:
        self._scroll(count or 1)

    def scroll_down(self, count: int = 1, **_: bool) -> None:
        self._scroll(-(count or 1))

    def _scroll(self, by: int) -> None:
        top, bottom = (0, self.lines - 1) if self.margins is None else (self.margins.top, self.margins.bottom)
        left, right = self._left_right or (0, self.columns - 1)
        blank = self.cursor.attrs._replace(data=" ")
        rows = {y: [self.buffer[y][x] for x in range(left, right + 1)] for y in range(top, bottom + 1)}
        for y in range(top, bottom + 1):
            cells = rows.get(y + by) or [blank] * (right + 1 - left)
            for x, cell in zip(range(left, right + 1), cells, strict=True):
                self.buffer[y][x] = cell
            self.dirty.add(y)

    def write_process_input(self, data: str) -> None:
        self._answer(data)


_ORDERS = {**pyte.Stream.csi, "S": "scroll_up", "T": "scroll_down", "s": "set_left_right"}


class EmulatorStream(pyte.Stream):
    """With the orders that pyte has no name for."""

    csi = _ORDERS


class EmulatorByteStream(pyte.ByteStream):
    """The same from bytes."""

    csi = _ORDERS


class Terminal:
    """Takes text as a terminal does."""

    def __init__(self, columns: int, lines: int, *, has_margins: bool = True) -> None:
        self.screen = Emulator(columns, lines, has_margins=has_margins)
        self.screen.reset_mode(7, private=True)
        self._stream = EmulatorStream(self.screen)

    def feed(self, text: str) -> None:
        """Show what is written; a new line begins at the left, as the tty makes it."""
        self._stream.feed(text.replace("\n", "\r\n"))

    def differs(self, other: "Terminal") -> list[tuple[int, int, Cell, Cell]]:
        """Row, column and both cells wherever two terminals show different things."""
        return [
            (y, x, one, two)
            for (y, x, one), (_, _, two) in zip(cells(self.screen), cells(other.screen), strict=True)
            if one != two
        ]


def cells(screen: pyte.Screen) -> Iterator[tuple[int, int, Cell]]:
    """Each cell as it is seen: the foreground of a blank is not, unless a line or a swap shows it."""
    for y in range(screen.lines):
        row = [screen.buffer[y][x] for x in range(screen.columns)]
        for x, cell in enumerate(row):
            # Half of a wide cell that was overwritten in its other half is a blank, but not to pyte.
            if cell.data:
                is_lost = _is_wide(cell) and x + 1 < len(row) and bool(row[x + 1].data)
            else:
                is_lost = not (x and _is_wide(row[x - 1]))
            yield y, x, _seen(cell._replace(data=" ") if is_lost else cell)


def _is_wide(cell: Char) -> bool:
    return bool(cell.data) and wcwidth(cell.data[0]) == 2


def _seen(cell: Char) -> Cell:
    lines = cell.underscore, cell.strikethrough, cell.reverse
    if cell.data == " " and not any(lines):
        return " ", cell.bg
    return cell.data, cell.fg, cell.bg, cell.bold, cell.italics, *lines
