"""What survives when one diff takes the place of another: the line under the cursor, what was folded or grown."""

from typing import NamedTuple

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.screens.review.reading import DiffReading
from ampsm_tui.widgets.diff.document import Document
from ampsm_tui.widgets.diff.layout import Row, RowKind, Shape
from ampsm_tui.widgets.diff.patch import Body
from ampsm_tui.widgets.diff.view import DiffView

NEAREST = 500
"""Lines with the same text among which the nearest is looked for."""


class FileView(NamedTuple):
    """How a file was shown."""

    shape: Shape
    is_filtered: bool
    is_viewed: bool
    data: bytes
    grown: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class ViewState:
    """Where the cursor was: a file by its path, a line by its text and numbers, and its place on the screen."""

    path: str
    row: Row
    y: int
    body: Body | None
    files: dict[str, FileView]


def view_state(reading: DiffReading, view: DiffView) -> ViewState | None:
    """What is shown of a reading; None of one without any row."""
    held = view.hold()
    if held is None:
        return None
    row, y = held
    files = reading.document.files
    known = {
        file.path: FileView(
            file.shape, file.is_filtered, file.is_viewed, file.body.data, reading.source.grown_of(index)
        )
        for index, file in enumerate(files)
        if file.body is not None
    }
    return ViewState(files[row.file].path, row, y, files[row.file].body, known)


def restore_view(reading: DiffReading, view: DiffView, state: ViewState) -> None:
    """Show the same of another reading."""
    document = reading.document
    for index, file in enumerate(document.files):
        known = state.files.get(file.path)
        if known is None:
            continue
        file.is_filtered = known.is_filtered
        if file.body is not None:
            file.shape.folded = file.is_viewed or (known.shape.folded and not known.is_viewed)
            if file.body.data == known.data:
                _grow(file.shape, known.shape)
                reading.source.keep_all(index, known.grown)
        document.changed(index)
    at = _find_row(state, document)
    if at is not None:
        view.cursor = at
        view.stand_at(at, state.y)


def _grow(shape: Shape, known: Shape) -> None:
    shape.grown, shape.total, shape.has_tail = known.grown, known.total, known.has_tail
    shape.closed |= known.closed


def _find_row(state: ViewState, document: Document) -> int | None:
    """Where the row under the cursor is now; the nearest one when it is gone."""
    index = next((at for at, file in enumerate(document.files) if state.path in (file.path, file.old_path)), None)
    if index is None:
        after = [at for at, file in enumerate(document.files) if file.path > state.path and not file.is_hidden]
        return document.tops[after[0]] if after else (len(document) - 1 if len(document) else None)
    row = _same_row(state, document.files[index].body)
    return document.find(row._replace(file=index))


def _same_row(state: ViewState, body: Body | None) -> Row:
    row = state.row
    if row.kind not in (RowKind.LINE, RowKind.PAIR) or state.body is None or body is None or not body.hunks:
        if row.kind is RowKind.HUNK and body is not None and body.hunks and state.body is not None:
            hunk = state.body.hunks[row.a]
            near = min(range(len(body.hunks)), key=lambda at: abs(body.hunks[at].new - hunk.new))
            return row._replace(a=near)
        return row
    wanted = row.a if row.kind is RowKind.LINE or row.a >= 0 else row.b
    line = state.body.line(wanted)
    text = bytes((line.kind,)) + line.text
    found = _same_line(body, text, line.new)
    if found is None:
        found = body.row_of(new=line.new)
    if found is None:
        near = min(range(len(body.hunks)), key=lambda at: abs(body.hunks[at].new - line.new))
        found = body.hunks[near].first + 1
    return Row(RowKind.LINE, row.file, found, body.hunk_at(found))


def _same_line(body: Body, text: bytes, new: int) -> int | None:
    """The row with this sign and text that is nearest to a number."""
    found: list[int] = []
    at = body.data.find(b"\n" + text + b"\n")
    while at >= 0 and len(found) < NEAREST:
        found.append(body.row_at(at + 1))
        at = body.data.find(b"\n" + text + b"\n", at + 1)
    return min(found, key=lambda row: abs(body.line(row).new - new), default=None)
