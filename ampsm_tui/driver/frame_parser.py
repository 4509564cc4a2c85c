"""Reading what Textual writes: frames as runs of cells, and the few orders that are none.

A cell is one character of a row's text. What is two cells wide is followed by `RIGHT`; what is made of several code
points (a flag, a letter with its accents) is one stand-in of `Clusters`. So rows are compared, cut and searched as
strings, at the speed of strings.
"""

import re
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes

from ampsm_tui.driver.cell_styles import DEFAULT, StyleTable

RIGHT = "\x00"
"""The right half of what is two cells wide."""

_MOST_CHARACTERS = 1_000_000
"""Characters of runs that are kept; a screen of 160 by 50 has about 60,000 with its styles."""

_MOVE = re.compile(r"\x1b\[([0-9]+);([0-9]+)H")
_TOKEN = re.compile(
    r"\x1b\[(?P<style>[0-9;:]*)m"
    r"|\x1b\]8;(?P<link>[a-zA-Z0-9=._:-]*;[!-~]*)\x1b\\"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?P<end>\n)"
    r"|(?P<refused>.)",
    re.DOTALL,
)
_NARROW = re.compile("[ -~\xa0-\xac\xae-\u02ff\u0370-\u0482\u2190-\u21ff\u2500-\u25fc\u2800-\u28ff]*")
"""One cell each, in all fonts and by rich's own table."""

_UNSAFE = re.compile(
    "[\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Characters that hide or turn text round: the screens make them visible before; here they are refused."""

_DOUBTFUL = re.compile("[\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff]|[\u2300-\u2bff\U0001f000-\U0001ffff]\x00")
"""Cells whose width terminals disagree about: clusters, private characters, emoji."""


class Cells(NamedTuple):
    """A run of cells: text and keys of styles (`StyleTable`) of the same length, and the style after it."""

    text: str
    styles: str
    style: str


class PlacedCells(NamedTuple):
    """Cells at a place, counted from 0."""

    row: int
    column: int
    cells: Cells


class Clusters:
    """Stand-ins for what takes several code points: lone surrogates, which no text that is written has."""

    _FIRST, _LAST = 0xD800, 0xDFFF

    def __init__(self) -> None:
        self._stand_ins: dict[str, str] = {}
        self._texts: dict[int, str | None] = {ord(RIGHT): None}

    @property
    def is_full(self) -> bool:
        """Whether few stand-ins are left."""
        return len(self._stand_ins) > self._LAST - self._FIRST - 64

    def of(self, text: str) -> str:
        """The stand-in of a cluster."""
        found = self._stand_ins.get(text)
        if found is None:
            if self._FIRST + len(self._stand_ins) > self._LAST:
                return "\ufffd"
            found = chr(self._FIRST + len(self._stand_ins))
            self._stand_ins[text] = found
            self._texts[ord(found)] = text
        return found

    def written(self, cells: str) -> str:
        """The text of cells as a terminal gets it, without stand-ins."""
        return cells if cells.isascii() and RIGHT not in cells else cells.translate(self._texts)


def is_narrow(text: str) -> bool:
    """Whether each character takes one cell, in every terminal and with every font."""
    return text.isascii() or _NARROW.fullmatch(text) is not None


def is_doubtful(text: str) -> bool:
    """Whether terminals may disagree about where the cells of a row stand."""
    return not text.isascii() and _DOUBTFUL.search(text) is not None


class FrameParser:
    """Reads the frames that Textual writes, not the keyboard, and makes cells of their text."""

    def __init__(self) -> None:
        self.styles = StyleTable()
        self.clusters = Clusters()
        self.refused = 0
        """Orders and characters that Textual does not write into a frame, and that were left out."""
        self._known: dict[str, Cells] = {}
        self._known_characters = 0

    @property
    def is_full(self) -> bool:
        """Whether styles or stand-ins run out: cells that were kept are then of no use, and a new parser is needed."""
        return self.styles.is_full or self.clusters.is_full

    def parse(self, text: str) -> tuple[list[PlacedCells], tuple[int, int] | None]:
        """The runs of a frame, and where the cursor is left (None: behind the last run)."""
        pieces = _MOVE.split(text)
        if pieces[0]:
            self.refused += 1
        runs: list[PlacedCells] = []
        cursor = None
        for at in range(1, len(pieces), 3):
            row, column, piece = int(pieces[at]) - 1, int(pieces[at + 1]) - 1, pieces[at + 2]
            if piece:
                cursor = None
                runs.append(PlacedCells(row, column, self._cells(piece)))
            else:
                cursor = (row, column)
        return runs, cursor

    def _cells(self, piece: str) -> Cells:
        cells = self._known.get(piece)
        if cells is None:
            if self._known_characters > _MOST_CHARACTERS:
                self._known.clear()
                self._known_characters = 0
            # Textual begins each piece with the terminal's own style, and ends it so.
            cells = self._known[piece] = self._parse_piece(piece)
            self._known_characters += len(piece) + 2 * len(cells.text)
        return cells

    def _parse_piece(self, piece: str) -> Cells:
        table, style = self.styles, DEFAULT
        texts: list[str] = []
        styles: list[str] = []
        for token in _TOKEN.finditer(piece):
            kind = token.lastgroup
            if kind == "text":
                text = self._text(token["text"])
                texts.append(text)
                styles.append(self._styles(text, style))
            elif kind == "style":
                style = table.applied(style, token["style"])
            elif kind == "link":
                style = table.linked(style, "" if token["link"] == ";" else token["link"])
            elif kind == "refused":
                self.refused += 1
        return Cells("".join(texts), "".join(styles), style)

    def _text(self, text: str) -> str:
        """The cells of a text in the current style."""
        if is_narrow(text):
            return text
        safe = _UNSAFE.sub(lambda found: "\ufffd" * cell_len(found.group()), text)
        if safe != text:
            self.refused += 1
        cells: list[str] = []
        for start, end, width in split_graphemes(safe)[0]:
            if width:
                one = safe[start:end]
                cells.append((one if len(one) == 1 else self.clusters.of(one)) + RIGHT * (width - 1))
        return "".join(cells)

    def _styles(self, text: str, style: str) -> str:
        blank = self.styles.blank(style)
        if blank == style or " " not in text:
            return style * len(text)
        return "".join(blank if cell == " " else style for cell in text)
