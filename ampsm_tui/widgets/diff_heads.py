"""The rows between lines of code: the head of a file, its cards, the heading of a hunk, comments, what is below."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from ampsm_tui.clean import cells, cut, many_lines, one_line
from ampsm_tui.widgets.diff.document import Document, File
from ampsm_tui.widgets.diff.layout import Row, Sort, still_hidden
from ampsm_tui.widgets.diff_source import Note, Source
from ampsm_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from ampsm_tui.widgets.diff_paint import Manner

STATUS = {"added": "A", "deleted": "D", "modified": "M", "renamed": "R", "copied": "C", "typechange": "T"}
_MARKS = {"open": "◆", "sent": "◇", "resolved": "✓", "touched": "↻", "untouched": "◆", "gone": "∅"}

_WHOLE = {"A": "new", "D": "deleted"}

_QUIET = {"lock": "lock file", "attributes": "not to be shown (-diff)"}

STAGED = "● staged"
CHANGED = "↻ changed since you viewed it"

Named = Callable[..., Style]


class HeadPainter:
    """Paints what is no line of code."""

    def __init__(self, document: Document, source: Source, named: Named) -> None:
        self._document = document
        self._source = source
        self._named = named

    def lines(self, row: Row, state: int, manner: "Manner") -> list[list[Segment]]:
        """The lines on the screen that a row takes."""
        if row.sort is Sort.HEAD:
            head = self.head(row.file, state, manner.width)
            if manner.has_air and row.file != self._first():
                return [[Segment(" " * manner.width, self._named("-same"))], head]
            return [head]
        if row.sort is Sort.HUNK:
            return [self._hunk(row, state, manner.width)]
        if row.sort is Sort.NOTE:
            return self._note(row, state, manner.width)
        if row.sort is Sort.CARD:
            return [self._said(self._document.files[row.file].cards[row.a], "-card", state, manner.width)]
        told = "…" if row.sort is Sort.WAIT else "⋯ more lines below"
        return [self._said(told, "-gap", state, manner.width)]

    def _first(self) -> int:
        return self._document.file_at(0)

    def head(self, file: int, state: int, width: int) -> list[Segment]:
        """The line that names a file; `state` 1: the cursor is on it."""
        one = self._document.files[file]
        ground = ("-head", "-cursor-head" if state else "")
        told = _counts(one)
        folder, _, name = one_line(one.path, 1000).rpartition("/")
        folder = f"{folder}/" if folder else ""
        if one.old_path:
            folder = f"{one_line(one.old_path, 1000)} → {folder}"
        mark = "▌" if state else " "
        fold = "▸" if one.shape.folded else "▾"
        left = [(f"{mark}{fold} ", "-head-mark"), (f"{one.status} ", f"-status-{one.status}")]
        taken = 5 + sum(cells(text) + 1 for text, _ in told)
        room = width - taken - 1
        if room < 12:
            told, room = [], width - 6
        if cells(folder) + cells(name) > room:
            folder = "…" + _end(folder, room - cells(name) - 1) if room - cells(name) > 8 else ""
        left += [(folder, "-head-folder"), (cut(name, max(1, room - cells(folder))), "-head-name")]
        gap = width - sum(cells(text) for text, _ in left) - sum(cells(text) + 1 for text, _ in told)
        line = [Segment(text, self._named(*ground, style)) for text, style in left if text]
        line.append(Segment(" " * max(0, gap), self._named(*ground)))
        for text, style in told:
            line += [Segment(text, self._named(*ground, style)), Segment(" ", self._named(*ground))]
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
        if row.a in one.staged:
            parts.append(STAGED)
        if hidden:
            parts.append(f"{hidden:,} line{'s' * (hidden != 1)}")
        if where:
            parts.append(where)
        if not parts and one.status in _WHOLE:
            parts.append(self._whole(row.file, body.hunks[row.a].new_count or body.hunks[row.a].old_count))
        return self._said(("⋯ " if hidden else "· ") + "  ".join(parts), "-gap", state, width, indent=one.digits)

    def _whole(self, file: int, lines: int) -> str:
        entry, what = self._source.entry(file), _WHOLE[self._document.files[file].status]
        if entry is not None and (entry.is_submodule or entry.is_symlink):
            return f"{what} {'submodule' if entry.is_submodule else 'symbolic link'}"
        return f"{what}{' file' * (what == 'new')}, {lines:,} line{'s' * (lines != 1)}"

    def _said(self, text: str, style: str, state: int, width: int, *, indent: int = 2) -> list[Segment]:
        mark = "▌" if state else " "
        ground = (style, f"-cursor{style}" if state else "")
        shown = cut(text, max(1, width - indent - 1))
        rest = width - indent - 1 - cells(shown)
        return [
            Segment(mark, self._named(*ground, "-mark-here")),
            Segment(" " * indent + shown + " " * max(0, rest), self._named(*ground)),
        ]

    def _note(self, row: Row, state: int, width: int) -> list[list[Segment]]:
        notes = self._source.notes.get(row.file, ())
        note = notes[row.a] if row.a < len(notes) else Note("", "", "", "open")
        ground = ("-note", "-cursor-note" if state else "")
        room = max(10, min(width - 6, 100))
        head = f"{_MARKS.get(note.mark, '◆')} {one_line(note.title, 200)}"
        told = [(head, "-note-title"), *((line, "") for line in wrapped(many_lines(note.text, 20_000), room))]
        bar = "▌" if state else "▎"
        return [
            [
                Segment("   ", self._named("-same")),
                Segment(f"{bar} ", self._named(*ground, "-note-bar")),
                Segment(
                    (shown := cut(text, room)) + " " * max(0, width - 5 - cells(shown)), self._named(*ground, style)
                ),
            ]
            for text, style in told
        ]


def _end(text: str, room: int) -> str:
    """The end of a clean text that fits."""
    while cells(text) > max(0, room):
        text = text[1:]
    return text


def _counts(file: File) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    if file.quiet and file.shape.folded and not file.is_viewed:
        told.append((_QUIET.get(file.quiet, file.quiet), "-head-folder"))
    if file.has_unseen:
        told.append(("⚠ hidden characters", "-unseen-badge"))
    if file.shape.notes:
        told.append((f"◆{len(file.shape.notes)}", "-note-title"))
    if file.changed:
        told.append(("↻ changed", "-note-title"))
    if file.staged:
        told.append((STAGED if file.is_staged else f"{STAGED} {len(file.staged)}/{file.hunks}", "-viewed"))
    if file.additions:
        told.append((f"+{file.additions:,}", "-plus"))
    if file.deletions:
        told.append((f"-{file.deletions:,}", "-minus"))
    if file.body is not None and file.viewed:
        told.append(("✓ viewed" if file.is_viewed else f"✓ {len(file.viewed)}/{file.hunks}", "-viewed"))
    return told
