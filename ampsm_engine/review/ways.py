"""Where one goes in a diff: the next hunk, file, note, or what is not viewed yet. Pure."""

from collections.abc import Iterable

from ampsm_engine.review.document import Document
from ampsm_engine.review.parts import Row, Sort


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
        return document.find(Row(Sort.LINE, file, row, one.body.hunk_at(row)))
    below = next((at for at, hunk in enumerate(one.body.hunks) if hunk.new > number), None)
    return document.tops[file] + (layout.hunk(below) if below is not None else len(layout) - 1)


def next_unviewed(document: Document, at: int, way: int = 1) -> int | None:
    """The next hunk that is not viewed, around the end too; None when there is none."""
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
    here = document.file_at(at)
    order = range(here, len(document.files)) if way > 0 else range(here, -1, -1)
    return (file for file in order if not document.files[file].is_hidden)


def _ahead(places: list[int], at: int, way: int) -> int | None:
    ahead = [place for place in places if (place - at) * way > 0]
    if not ahead:
        return None
    return ahead[0] if way > 0 else ahead[-1]
