"""Places in a diff: the next hunk, file, comment or hunk not viewed, and the lines that a comment is for. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from ampsm_engine.diff.hunks import Side
from ampsm_tui.widgets.diff.document import Document
from ampsm_tui.widgets.diff.layout import Row, RowKind
from ampsm_tui.widgets.diff.patch import MINUS, PLUS


def next_hunk(document: Document, at: int, way: int) -> int | None:
    """The next heading of a hunk in a direction, over files; the head of a file that shows none."""
    for file in _files(document, at, way):
        top = document.tops[file]
        places = [top + inside for inside in document.layout(file).hunks()] or [top]
        if (found := _ahead(places, at, way)) is not None:
            return found
    return None


def next_file(document: Document, at: int, way: int) -> int | None:
    """The head of the next file; backwards, the head of this one first."""
    return next((top for file in _files(document, at, way) if ((top := document.tops[file]) - at) * way > 0), None)


def next_note(document: Document, at: int, way: int) -> int | None:
    """The next note in a direction; one in a folded file is where that stands."""
    for file in _files(document, at, way):
        if notes := document.files[file].shape.notes:
            layout = document.layout(file)
            places = sorted({document.tops[file] + layout.note(number) for number in range(len(notes))})
            if (found := _ahead(places, at, way)) is not None:
                return found
    return None


def line(document: Document, file: int, number: int) -> int | None:
    """The row of a file with that line number, as it is now; where its hunk or gap begins when it is not shown."""
    one = document.files[file]
    if one.body is None or not one.body.hunks or one.shape.folded:
        return None
    layout = document.layout(file)
    grown = layout.grown(number)
    if grown is not None:
        return document.tops[file] + grown
    row = one.body.row_of(new=number)
    if row is not None:
        return document.find(Row(RowKind.LINE, file, row, one.body.hunk_at(row)))
    below = next((at for at, hunk in enumerate(one.body.hunks) if hunk.new > number), None)
    return document.tops[file] + (layout.hunk(below) if below is not None else len(layout) - 1)


def next_unviewed(document: Document, at: int, way: int = 1) -> int | None:
    """The next hunk that is not viewed, around the end too; None when there is none."""
    if not document.files:
        return None
    here = document.file_at(at)
    count = len(document.files)
    for turn in range(count + 1):
        file = (here + turn * way) % count
        one = document.files[file]
        if one.is_viewed or one.is_hidden:
            continue
        top = document.tops[file]
        if one.shape.folded or one.body is None or not one.body.hunks:
            places = [top]
        else:
            layout = document.layout(file)
            places = [top + layout.hunk(hunk) for hunk in range(one.hunks) if hunk not in one.viewed]
        found = _ahead(places, at, way) if not turn else places[0 if way > 0 else -1]
        if found is not None:
            return found
    return None


def _files(document: Document, at: int, way: int) -> Iterable[int]:
    if not document.files:
        return iter(())
    here = document.file_at(at)
    order = range(here, len(document.files)) if way > 0 else range(here, -1, -1)
    return (file for file in order if not document.files[file].is_hidden)


def _ahead(places: list[int], at: int, way: int) -> int | None:
    ahead = [place for place in places if (place - at) * way > 0]
    if not ahead:
        return None
    return ahead[0] if way > 0 else ahead[-1]


def selected_rows(document: Document, cursor: int, selected_from: int) -> dict[int, frozenset[int]]:
    """The changed rows of patches that are selected, by their files."""
    first, last = sorted((selected_from, cursor))
    found: dict[int, set[int]] = {}
    for row in (document.row(at) for at in range(first, last + 1)):
        body = document.files[row.file].body
        if body is None or row.kind not in (RowKind.LINE, RowKind.PAIR):
            continue
        rows = (row.a,) if row.kind is RowKind.LINE else (row.a, row.b)
        if changed := {at for at in rows if at >= 0 and body.kinds[at] in (MINUS, PLUS)}:
            found.setdefault(row.file, set()).update(changed)
    return {file: frozenset(rows) for file, rows in found.items()}


class Remarked(NamedTuple):
    """A file of the diff by its number, a side, and lines from 1 with both ends; 0, 0: the file itself."""

    file: int
    side: Side
    first: int
    last: int


def remarked(document: Document, cursor: int, selected_from: int | None = None) -> Remarked | None:
    """What is selected in one file, else the file, the hunk or the line under the cursor; None: nothing to comment on.

    New lines come before old ones: of a hunk those that it adds, or, where it adds none, those that it removes. A file
    whose lines are shown otherwise than git has them is meant as a whole.
    """
    first, last = sorted((cursor if selected_from is None else selected_from, cursor))
    row = document.row(cursor)
    if document.files[row.file].is_converted or (row.kind is RowKind.HEAD and first == last):
        return Remarked(row.file, Side.OLD if document.files[row.file].status == "D" else Side.NEW, 0, 0)
    rows = [one for one in (document.row(at) for at in range(first, last + 1)) if one.file == row.file]
    if row.kind is RowKind.HUNK and first == last:
        rows = _changed(document, row)
    numbers: dict[Side, list[int]] = {Side.NEW: [], Side.OLD: []}
    for one in rows:
        for side, number in _numbers(document, one):
            numbers[side].append(number)
    side = Side.NEW if numbers[Side.NEW] else Side.OLD
    return Remarked(row.file, side, min(numbers[side]), max(numbers[side])) if numbers[side] else None


def _changed(document: Document, heading: Row) -> list[Row]:
    """The lines of a hunk that are not the same on both sides."""
    body = document.files[heading.file].body
    shown = body.hunks[heading.a].shown if body is not None else ()
    return [Row(RowKind.LINE, heading.file, at, heading.a) for at in shown if body and body.kinds[at] in (MINUS, PLUS)]


def _numbers(document: Document, row: Row) -> list[tuple[Side, int]]:
    """The lines that a row stands for, by side: of a context line the new one counts."""
    if row.kind is RowKind.GROWN:
        return [(Side.NEW, row.b)]
    body = document.files[row.file].body
    if body is None or row.kind not in (RowKind.LINE, RowKind.PAIR):
        return []
    rows = (row.a,) if row.kind is RowKind.LINE else (row.b, row.a)
    lines = [body.line(at) for at in rows if at >= 0]
    numbers = [(Side.OLD, one.old) if one.kind == MINUS else (Side.NEW, one.new) for one in lines]
    return numbers[:1] if row.kind is RowKind.PAIR and numbers and numbers[0][0] is Side.NEW else numbers
