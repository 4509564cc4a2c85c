"""Rows of a diff to lines of a width: heads, hunk headings, comments, code. Where they stand is not known here."""

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style

from ampsm_engine.diff.encodings import has_one_byte_a_letter, shown_name
from ampsm_engine.differ.protocol import CLASSES
from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.clean import cells, cut, inert, many_lines, one_line, wrapped
from ampsm_tui.widgets.diff.document import Document, File
from ampsm_tui.widgets.diff.layout import Row, RowKind, still_hidden
from ampsm_tui.widgets.diff.lines import (
    HERE,
    MARK,
    MATCH,
    NUMBER,
    SIGN,
    UNSEEN,
    WORD,
    CodeLine,
    LineBackground,
    Shown,
    drawn,
    letters,
    shown,
)
from ampsm_tui.widgets.diff.patch import MINUS, PLUS, Body, PatchLine
from ampsm_tui.widgets.diff.source import DiffSource, Note, uncut

STATUS = {"added": "A", "deleted": "D", "modified": "M", "renamed": "R", "copied": "C", "typechange": "T"}
_MARKS = {"note": "▪", "open": "◆", "sent": "◇", "resolved": "✓", "touched": "↻", "untouched": "◆"}
_MARKS |= {"gone": "∅", "differs": "≠", "submitted": "◇"}

_WHOLE = {"A": "new", "D": "deleted"}

_QUIET = {"lock": "lock file", "attributes": "not to be shown (-diff)"}

STAGED = "● staged"
PARTLY_STAGED = "◐ partly staged"
REJECTED = "✗ goes when amp's turn ends"
CHANGED = "↻ changed since you viewed it"

Named = Callable[..., Style]
"""The style of component classes laid over each other."""


class HeadPainter:
    """Paints heads of files, headings of hunks, comments and gaps."""

    def __init__(self, document: Document, source: DiffSource, named: Named) -> None:
        self._document = document
        self._source = source
        self._named = named

    def lines(self, row: Row, state: int, manner: "Manner") -> list[list[Segment]]:
        """The lines on the screen that a row takes."""
        if row.kind is RowKind.HEAD:
            head = self.head(row.file, state, manner.width)
            if manner.has_air and row.file != self._first() and not self._document.files[row.file].shape.folded:
                return [[Segment(" " * manner.width, self._named("-same"))], head]
            return [head]
        if row.kind is RowKind.HUNK:
            return [self._hunk(row, state, manner.width)]
        if row.kind is RowKind.NOTE:
            return self._note(row, state, manner.width)
        if row.kind is RowKind.CARD:
            card = inert(self._document.files[row.file].cards[row.a][:1000])
            return [self._text_row(card, "-card", state, manner.width)]
        text = "…" if row.kind is RowKind.WAIT else "⋯ more lines below"
        return [self._text_row(text, "-gap", state, manner.width)]

    def _first(self) -> int:
        return self._document.file_at(0)

    def head(self, file: int, state: int, width: int) -> list[Segment]:
        """The line that names a file; `state` 1: the cursor is on it."""
        one = self._document.files[file]
        background = ("-head", "-cursor-head" if state else "")
        badges = _counts(one)
        folder, _, name = one_line(one.path, 1000).rpartition("/")
        folder = f"{folder}/" if folder else ""
        if one.old_path:
            folder = f"{one_line(one.old_path, 1000)} → {folder}"
        mark = "▌" if state else " "
        fold = "▸" if one.shape.folded else "▾"
        left = [(f"{mark}{fold} ", "-head-mark"), (f"{one.status} ", f"-status-{one.status}")]
        taken = 5 + sum(cells(text) + 1 for text, _ in badges)
        room = width - taken - 1
        if room < 12:
            badges, room = [], width - 6
        if cells(folder) + cells(name) > room:
            folder = "…" + _end(folder, room - cells(name) - 1) if room - cells(name) > 8 else ""
        left += [(folder, "-head-folder"), (cut(name, max(1, room - cells(folder))), "-head-name")]
        gap = width - sum(cells(text) for text, _ in left) - sum(cells(text) + 1 for text, _ in badges)
        line = [Segment(text, self._named(*background, style)) for text, style in left if text]
        line.append(Segment(" " * max(0, gap), self._named(*background)))
        for text, style in badges:
            line += [Segment(text, self._named(*background, style)), Segment(" ", self._named(*background))]
        return line

    def _hunk(self, row: Row, state: int, width: int) -> list[Segment]:
        one = self._document.files[row.file]
        body = one.body
        assert body is not None  # noqa: S101 - it has hunks
        hidden = still_hidden(body, one.shape, row.a)
        where = one_line(body.heading(row.a).decode("utf-8", "replace"), 400)
        parts = []
        is_viewed, is_closed = row.a in one.viewed, row.a in one.shape.closed
        if is_closed:
            hunk = body.hunks[row.a]
            end = hunk.first + 1 + hunk.rows
            plus, minus = body.kinds.count(b"+", hunk.first, end), body.kinds.count(b"-", hunk.first, end)
            parts.append(f"{'✓ viewed' if is_viewed else '▸ folded'}  +{plus} -{minus}")
        elif is_viewed:
            parts.append("✓ viewed")
        if row.a in one.changed:
            parts.append(CHANGED)
        parts += _decided_hunk(one, row.a)
        if hidden:
            parts.append(f"{hidden:,} line{'s' * (hidden != 1)}")
        if where:
            parts.append(where)
        if not parts and one.status in _WHOLE:
            parts.append(self._whole(row.file, body.hunks[row.a].new_count or body.hunks[row.a].old_count))
        return self._text_row(("⋯ " if hidden else "· ") + "  ".join(parts), "-gap", state, width, indent=one.digits)

    def _whole(self, file: int, lines: int) -> str:
        entry, what = self._source.entry(file), _WHOLE[self._document.files[file].status]
        if entry is not None and (entry.is_submodule or entry.is_symlink):
            return f"{what} {'submodule' if entry.is_submodule else 'symbolic link'}"
        return f"{what}{' file' * (what == 'new')}, {lines:,} line{'s' * (lines != 1)}"

    def _text_row(self, text: str, style: str, state: int, width: int, *, indent: int = 2) -> list[Segment]:
        mark = "▌" if state else " "
        background = (style, f"-cursor{style}" if state else "")
        shown = cut(text, max(1, width - indent - 1))
        rest = width - indent - 1 - cells(shown)
        return [
            Segment(mark, self._named(*background, "-mark-here")),
            Segment(" " * indent + shown + " " * max(0, rest), self._named(*background)),
        ]

    def _note(self, row: Row, state: int, width: int) -> list[list[Segment]]:
        notes = self._source.notes.get(row.file, ())
        note = notes[row.a] if row.a < len(notes) else Note("", "", "", "open")
        background = ("-note", "-cursor-note" if state else "")
        room = max(10, min(width - 6, 100))
        head = f"{_MARKS.get(note.mark, '◆')} {one_line(note.title, 200)}"
        texts = [(head, "-note-title"), *((line, "") for line in wrapped(many_lines(note.text, 20_000), room))]
        bar = "▌" if state else "▎"
        return [
            [
                Segment("   ", self._named("-same")),
                Segment(f"{bar} ", self._named(*background, "-note-bar")),
                Segment(
                    (shown := cut(text, room)) + " " * max(0, width - 5 - cells(shown)), self._named(*background, style)
                ),
            ]
            for text, style in texts
        ]


def _end(text: str, room: int) -> str:
    """The end of a clean text that fits."""
    while cells(text) > max(0, room):
        text = text[1:]
    return text


def _decided_hunk(file: File, hunk: int) -> list[str]:
    parts = [STAGED] if hunk in file.staged else [PARTLY_STAGED] if hunk in file.partly_staged else []
    return [*parts, REJECTED] if hunk in file.rejected else parts


def _decided(file: File) -> list[tuple[str, str]]:
    badges: list[tuple[str, str]] = []
    if text := _staged(file):
        badges.append((text, "-viewed"))
    if file.rejected:
        badges.append((f"✗ {len(file.rejected)}/{file.hunks}", "-note-title"))
    return badges


def _counts(file: File) -> list[tuple[str, str]]:
    badges: list[tuple[str, str]] = []
    if file.quiet and file.shape.folded and not file.is_viewed:
        badges.append((_QUIET.get(file.quiet, file.quiet), "-head-folder"))
    badges += [(text, style) for text, style in _warnings(file) if text]
    if file.shape.notes:
        badges.append((f"◆{len(file.shape.notes)}", "-note-title"))
    if file.changed:
        badges.append(("↻ changed", "-note-title"))
    badges += _decided(file)
    if file.additions:
        badges.append((f"+{file.additions:,}", "-plus"))
    if file.deletions:
        badges.append((f"-{file.deletions:,}", "-minus"))
    if file.body is not None and file.viewed:
        badges.append(("✓ viewed" if file.is_viewed else f"✓ {len(file.viewed)}/{file.hunks}", "-viewed"))
    return badges


def _warnings(file: File) -> tuple[tuple[str, str], ...]:
    hidden = "⚠ hidden characters" if file.has_unseen else ""
    return (hidden, "-unseen-badge"), (shown_name(file.encoding) if file.encoding else "", "-head-folder")


def _staged(file: File) -> str:
    if file.staged:
        return STAGED if file.is_staged else f"{STAGED} {len(file.staged)}/{file.hunks}"
    return PARTLY_STAGED if file.partly_staged else ""


KINDS = ("same", "added", "removed", "nothing", "added-moved", "removed-moved")
MOVED = {1: 4, 2: 5}
"""The kind of a moved line, by what it would be."""
SIGNS = " +- »«"
"""A line's sign, by its kind. A moved line points to where its other side was, or is: from elsewhere, to elsewhere."""
STATES = ("", "cursor", "selected")
NO_EOL = " ⊘ no newline"
SLIM = 60
"""Columns below which every blank counts."""
NARROW = 100
"""Columns below which one line number has to do: that of the new side, of a deleted line that of the old."""

CURSOR_MARK = "▌"
STAGED_MARK = "●"

LETTERS = {code: name for code, name in enumerate(CLASSES) if name} | {
    NUMBER: "number-column",
    SIGN: "sign",
    MARK: "mark",
}
"""The component class of each number of a letter."""

_EMPTY = Shown("", 0)


@dataclass(slots=True)
class Manner:
    """How lines are shown: their width, wrapped or not, unified or side by side."""

    width: int = 80
    left: int = 0
    wrap: bool = False
    is_split: bool = False
    tab: int = 4
    extra_context: int = 0
    """Lines around each hunk beside those that its patch has."""
    has_air: bool = True
    """A blank line above each file that is not folded."""

    @property
    def gap(self) -> str:
        """What stands behind numbers and signs: nothing where room is very short."""
        return " " if self.width >= SLIM else ""

    def numbers(self, old: str, new: str, one: str) -> str:
        """The columns of line numbers: both, or one where there is no room for two."""
        return f"{one}{self.gap}" if self.width < NARROW else f"{old} {new}{self.gap}"


class DiffPainter:
    """Paints rows; the colours that it mixes are kept until `forget`."""

    def __init__(self, document: Document, source: DiffSource, named: Named) -> None:
        self.document = document
        self.source = source
        self.manner = Manner()
        self._named = named
        self._mixed_styles: dict[int, Style] = {}
        self._heads = HeadPainter(document, source, named)

    def style_of(self, background: int, letter: int) -> Style:
        """The style of a letter on a background."""
        key = background << 8 | letter
        found = self._mixed_styles.get(key)
        if found is None:
            found = self._mixed_styles[key] = self._mixed(background, letter)
        return found

    def forget(self) -> None:
        """Mix the colours again: the theme has changed."""
        self._mixed_styles.clear()

    def _mixed(self, background: int, letter: int) -> Style:
        kind, state = KINDS[background // 3], STATES[background % 3]
        names = [f"-{kind}", f"-{state}-{kind}" if state else ""]
        over = letter & 0xE0 if letter not in (NUMBER, SIGN, MARK) else 0
        code = letter & 0x1F
        if code in LETTERS:
            names.append(f"-{LETTERS[code]}")
        if code in (SIGN, NUMBER):
            names.append(f"-sign-{kind}")  # one colour for both: a step less on the wire
        elif code == MARK and state:
            names.append("-mark-here")
        if over & WORD and over & HERE == 0:
            names.append(f"-word-{kind}")
        if over & HERE:
            names.append({HERE: "-here", MATCH: "-match", UNSEEN: "-unseen"}[over & HERE])
        return self._named(*names)

    def lines(self, row: Row, state: int = 0) -> list[list[Segment]]:
        """The lines on the screen that a row takes; state 1: the cursor is on it, 2: it is selected."""
        if row.kind is RowKind.LINE:
            return self._line(row, state)
        if row.kind is RowKind.PAIR:
            return self._pair(row, state)
        if row.kind is RowKind.GROWN:
            return self._grown(row, state)
        return self._heads.lines(row, state, self.manner)

    def _line(self, row: Row, state: int) -> list[list[Segment]]:
        body = self._body(row.file)
        line = body.line(row.a)
        manner = self.manner
        file = self.document.files[row.file]
        kind = 1 if line.kind == PLUS else 2 if line.kind == MINUS else 0
        room = file.digits
        old = str(line.old) if kind != 1 else ""
        new = str(line.new) if kind != 2 else ""
        kind = MOVED[kind] if row.a in file.moved else kind
        sign = SIGNS[kind]
        numbers = manner.numbers(old.rjust(room), new.rjust(room), (new or old).rjust(room))
        sign += manner.gap
        side = self._side(row.file, row.a, line, LineBackground(kind, state), (numbers, sign))
        mark = CURSOR_MARK if state else STAGED_MARK if row.a in file.staged_rows else " "
        return drawn(side, manner.width, self.style_of, left=manner.left, wrap=manner.wrap, mark=mark)

    def _side(
        self, file: int, at: int, line: PatchLine, background: LineBackground, column: tuple[str, str]
    ) -> CodeLine:
        """`column`: the line numbers and the sign."""
        source = self.source
        raw, length = uncut(line.text) if len(line.text) > 4096 else (line.text, 0)
        encoding = self.document.files[file].line_encoding
        text = shown(raw, self.manner.tab, length=length, encoding=encoding)
        is_new = line.kind != MINUS
        # Places are counted in letters of UTF-8, or in bytes of what is not.
        is_placed = not encoding or has_one_byte_a_letter(encoding)
        spans = source.spans(file, is_new=is_new, number=line.new if is_new else line.old) if is_placed else ()
        words = source.words(file, at) if background.kind in MOVED and is_placed else ()
        return CodeLine(
            *column,
            text,
            letters(text, spans, words, self._matches(file, at, raw)),
            background,
            self._tail(file, line, raw),
        )

    def _matches(self, file: int, at: int, raw: bytes) -> Sequence[tuple[int, int, bool]]:
        found = list(self.source.matches(raw, self.document.files[file].line_encoding))
        if not found:
            return ()
        here = self.source.here
        return [(start, end, here == (file, at, number)) for number, (start, end) in enumerate(found)]

    def _tail(self, file: int, line: PatchLine, raw: bytes) -> str:
        has_cr = raw.endswith(b"\r")
        ending = ""
        if has_cr != self.document.files[file].is_crlf and (has_cr or line.kind in (PLUS, MINUS)):
            ending = "␍" if has_cr else "␊"
        return f"{ending}{NO_EOL}" if line.has_no_eol else ending

    def _pair(self, row: Row, state: int) -> list[list[Segment]]:
        body = self._body(row.file)
        width = self.manner.width
        half = (width - 1) // 2
        left = self._half(row, row.a, body, state, half, is_new=False)
        right = self._half(row, row.b, body, state, width - half - 1, is_new=True)
        tall = max(len(left), len(right))
        nothing = LineBackground(3, state).number
        rule = Segment("│", self._named("-rule"))
        blank = (
            Segment(" " * half, self.style_of(nothing, 0)),
            Segment(" " * (width - half - 1), self.style_of(nothing, 0)),
        )
        left += [[blank[0]]] * (tall - len(left))
        right += [[blank[1]]] * (tall - len(right))
        return [[*one, rule, *other] for one, other in zip(left, right, strict=True)]

    def _half(self, row: Row, at: int, body: Body, state: int, width: int, *, is_new: bool) -> list[list[Segment]]:
        room = self.document.files[row.file].digits
        is_staged = at in self.document.files[row.file].staged_rows
        mark = "" if is_new else CURSOR_MARK if state else STAGED_MARK if is_staged else " "
        if at < 0:
            side = CodeLine(" " * room, "   ", _EMPTY, b"", LineBackground(3, state))
            return drawn(side, width, self.style_of, mark=mark)
        line = body.line(at)
        kind = 1 if line.kind == PLUS else 2 if line.kind == MINUS else 0
        kind = MOVED[kind] if at in self.document.files[row.file].moved else kind
        numbers = str(line.new if is_new else line.old).rjust(room)
        side = self._side(row.file, at, line, LineBackground(kind, state), (numbers, f" {SIGNS[kind]} "))
        return drawn(side, width, self.style_of, left=self.manner.left, wrap=self.manner.wrap, mark=mark)

    def _grown(self, row: Row, state: int) -> list[list[Segment]]:
        file = self.document.files[row.file]
        raw = self.source.grown(row.file, row.b)
        line = PatchLine(ord(" "), raw if raw is not None else "…".encode(), row.a, row.b, has_no_eol=False)
        room = file.digits
        manner = self.manner
        mark = CURSOR_MARK if state else " "
        if manner.is_split:
            half = (manner.width - 1) // 2
            sides = []
            for number, is_new, width in ((row.a, False, half), (row.b, True, manner.width - half - 1)):
                side = self._side(
                    row.file, -1 - row.b, line, LineBackground(0, state), (str(number).rjust(room), "   ")
                )
                sides.append(
                    drawn(side, width, self.style_of, left=manner.left, wrap=manner.wrap, mark="" if is_new else mark)
                )
            rule = Segment("│", self._named("-rule"))
            return [[*one, rule, *other] for one, other in zip(*sides, strict=False)]
        old, new = (str(number).rjust(room) for number in row[2:])
        column = manner.numbers(old, new, new), f" {manner.gap}"
        side = self._side(row.file, -1 - row.b, line, LineBackground(0, state), column)
        return drawn(side, manner.width, self.style_of, left=manner.left, wrap=manner.wrap, mark=mark)

    def _body(self, file: int) -> Body:
        body = self.document.files[file].body
        assert body is not None  # noqa: S101 - rows of lines come from one
        return body
