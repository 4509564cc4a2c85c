"""Which lines a comment is for, from where the cursor stands in the rows of a diff. Pure."""

from typing import NamedTuple

from ampsm_engine.diff.deltas import Side
from ampsm_engine.review.body import MINUS, PLUS
from ampsm_engine.review.document import Document
from ampsm_engine.review.parts import Row, Sort


class Remarked(NamedTuple):
    """A file of the diff by its number, a side, and lines from 1 with both ends; 0, 0: the file itself."""

    file: int
    side: Side
    first: int
    last: int


def remarked(document: Document, cursor: int, selected_from: int | None = None) -> Remarked | None:
    """What is selected in one file, else the file, the hunk or the line under the cursor; None: nothing to comment on.

    New lines come before old ones: of a hunk those that it adds, or, where it adds none, those that it removes.
    """
    first, last = sorted((cursor if selected_from is None else selected_from, cursor))
    row = document.row(cursor)
    if row.sort is Sort.HEAD and first == last:
        return Remarked(row.file, Side.OLD if document.files[row.file].status == "D" else Side.NEW, 0, 0)
    rows = [one for one in (document.row(at) for at in range(first, last + 1)) if one.file == row.file]
    if row.sort is Sort.HUNK and first == last:
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
    return [Row(Sort.LINE, heading.file, at, heading.a) for at in shown if body and body.kinds[at] in (MINUS, PLUS)]


def _numbers(document: Document, row: Row) -> list[tuple[Side, int]]:
    """The lines that a row stands for, by side: of a context line the new one counts."""
    if row.sort is Sort.GROWN:
        return [(Side.NEW, row.b)]
    body = document.files[row.file].body
    if body is None or row.sort not in (Sort.LINE, Sort.PAIR):
        return []
    rows = (row.a,) if row.sort is Sort.LINE else (row.b, row.a)
    lines = [body.line(at) for at in rows if at >= 0]
    told = [(Side.OLD, one.old) if one.kind == MINUS else (Side.NEW, one.new) for one in lines]
    return told[:1] if row.sort is Sort.PAIR and told and told[0][0] is Side.NEW else told
