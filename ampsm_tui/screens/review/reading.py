"""One diff as it arrives: patches become rows, slice by slice, so that no key waits for them.

The diff process sends the patches, those of the files on the screen first.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ampsm_engine.diff import hunks
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.review.annotations import Marks
from ampsm_tui.ask import run_while_open, show_error
from ampsm_tui.bindings import shown_key
from ampsm_tui.widgets import collector
from ampsm_tui.widgets.diff.document import Document, File, ViewedSpans, changed_hunks
from ampsm_tui.widgets.diff.layout import RowKind, parts
from ampsm_tui.widgets.diff.lines import cards
from ampsm_tui.widgets.diff.painter import STATUS
from ampsm_tui.widgets.diff.patch import Body, MovedLines
from ampsm_tui.widgets.diff.source import DiffSource
from ampsm_tui.widgets.diff.view import DiffView

if TYPE_CHECKING:
    from ampsm_engine.differ.protocol import FileEntry
    from ampsm_engine.git.hunk_changes import StagedChanges
    from ampsm_tui.differ.arriving_diff import ArrivingDiff, Event

SLICE = 0.004
"""Seconds of work between two chances for a key."""

NEAR = 3
"""Files before and behind the one that is looked at, whose colours are asked for as well."""

AT_ONCE = 400
"""Files that are taken at once when a review is renewed: some 20 ms."""

PORTION = 400
"""Lines of a file in one question."""

MOST_ROWS = 50_000
"""Rows of a patch that are looked through for those that are staged."""

BIG = 1 << 20
"""Bytes of a patch that are read in slices."""


class DiffReading:
    """A review in a view. `changed` is called when the counts of files, lines and hunks may have changed."""

    def __init__(self, view: DiffView, review: "ArrivingDiff", marks: Marks, changed: Callable[[], None]) -> None:
        self.review = review
        self.marks = marks
        self.source = DiffSource(review)
        self.document = Document(
            [_file(entry) for entry in review.files],
            is_split=view.document.is_split,
            extra_context=view.painter.manner.extra_context,
        )
        self._view = view
        self._changed = changed
        self._waiting: deque[int] = deque()
        self._recoloured: set[int] = set()
        self._is_recounted = False
        self._more = asyncio.Event()
        self._is_gone = False
        self._paths_of: Marks | None = None
        self._paths: set[str | None] = set()
        self.is_complete = False
        self.earlier: ViewedSpans = {}
        """The spans of hunks that were viewed in the reading before this one, by path."""
        self.staged: StagedChanges | None = None
        """What is in the index; None unless this is the diff of what is not committed."""
        self.rejected: frozenset[tuple[str, str | None]] = frozenset()
        """Paths and hunk keys of the rejections that wait; None as the key stands for the whole file."""
        self._fetching: set[tuple[int, int]] = set()
        review.listen(self._take_event)
        collector.set_aside()

    def fill(self) -> None:
        """Take at once the small patches that are here already: of a renewed review all but what changed."""
        for index in range(len(self.review.files)):
            patch = self.review.patch(index)
            if patch is not None and len(patch.data) <= BIG and index < AT_ONCE:
                self._put(index, Body.whole(patch.data, patch.line_encoding))
            elif patch is not None:
                self._waiting.append(index)
        self._more.set()

    def close(self) -> None:
        """Close the review, and end `follow`."""
        self._is_gone = True
        self._more.set()
        self.review.close()

    def _take_event(self, event: "Event") -> None:
        """Keep what an event tells for `follow`, which runs where the screen does."""
        if event.kind == "patches":
            self._waiting.extend(event.indices)
        elif event.kind in ("colours", "words"):
            self._recoloured.update(event.indices)
        elif event.kind == "files":
            self._relist()
        elif event.kind == "counts":
            self._is_recounted = True
        elif event.kind == "failed" and not self._is_gone:
            self._tell_failure()
        self._more.set()

    def _tell_failure(self) -> None:
        """Say that the rest of the diff does not come, and which key reads it anew."""
        reason = self.review.failure
        if reason is not None:
            key = shown_key(self._view.screen, "review.refresh")
            show_error(self._view, Failed(reason.message, f"{key} reads the diff anew" if key else reason.hint))

    async def follow(self) -> None:
        """Show patches, colours and counts as they come, until it is closed."""
        while not self._is_gone:
            await self._more.wait()
            self._more.clear()
            while self._waiting and not self._is_gone:
                await self._take_some()
                await asyncio.sleep(0)  # keys and frames have their turn
            self._recolour()
            self._recount()
            if self.review.is_complete and not self.is_complete:
                self.is_complete = True
                collector.set_aside()
                self._changed()
                await self._find_moved()

    async def _find_moved(self) -> None:
        """Mark the lines that were moved; what changes of the diff meanwhile begins anew with another reading."""
        moved = MovedLines([file.body for file in self.document.files if not file.is_gone])
        places = [index for index, file in enumerate(self.document.files) if not file.is_gone]
        until = time.perf_counter() + SLICE
        for _ in moved.steps():
            if time.perf_counter() > until:
                await asyncio.sleep(0)  # keys and frames have their turn
                if self._is_gone:
                    return
                until = time.perf_counter() + SLICE
        for at, rows in moved.rows.items():
            self.document.files[places[at]].moved = rows
            self._view.forget(places[at])
        if self.on_screen() & {places[at] for at in moved.rows}:
            self._view.refresh()

    async def _take_some(self) -> None:
        """Read patches for some milliseconds; the view stands where it stood."""
        view = self._view
        held = view.hold()
        last = max(self.on_screen(), default=0)
        until = time.perf_counter() + SLICE
        taken: set[int] = set()
        while self._waiting and time.perf_counter() < until:
            index = self._waiting.popleft()
            patch = self.review.patch(index)
            if patch is None:
                continue
            body = Body(patch.data, patch.line_encoding)
            if len(patch.data) > BIG:
                for _ in iter(body.read, True):
                    await asyncio.sleep(0)  # keys and frames have their turn
                held = view.hold()
            while not body.read():
                pass
            self._put(index, body)
            taken.add(index)
        if self._is_gone or not taken:
            return
        for index in taken:
            view.forget(index)
        if min(taken) <= last:
            view.stand_on(held)
        self._changed()

    def _put(self, index: int, body: Body) -> None:
        patch, entry = self.review.patch(index), self.review.files[index]
        if patch is None:
            return
        file = self.document.files[index]
        file.quiet = patch.fold
        file.encoding, file.is_converted = patch.encoding, patch.is_converted
        file.additions, file.deletions = self.review.counts(index)
        self.source.forget((index,))
        has_tail = entry.kind not in ("added", "deleted") and not patch.binary
        self.document.put(index, body, cards(entry, patch), has_tail=has_tail)
        self.mark(index)
        self._stage(index)
        self._reject(index)

    def _relist(self) -> None:
        """Join files that turned out to be one that was renamed; the view stands where it stood."""
        held, version = self._view.hold(), self.document.version
        for index, (file, entry) in enumerate(zip(self.document.files, self.review.files, strict=True)):
            is_gone = entry.merged_into >= 0
            if is_gone != file.is_gone or entry.old_path != file.old_path:
                file.is_gone, file.old_path, file.status = is_gone, entry.old_path, STATUS[entry.kind]
                self.document.changed(index)
                self._waiting.append(index)
        if version != self.document.version and self._view.document is self.document:
            self._view.stand_on(held)

    def _recolour(self) -> None:
        """Paint files whose colours came, where they are on the screen."""
        if not self._recoloured:
            return
        view = self._view
        self.source.forget_words(self._recoloured)
        for index in self._recoloured:
            view.forget(index)
        if self.on_screen() & self._recoloured:
            view.refresh()
        self._recoloured.clear()

    def _recount(self) -> None:
        """Show git's counts in the heads of files."""
        if not self._is_recounted:
            return
        self._is_recounted = False
        for index, file in enumerate(self.document.files):
            counts = self.review.counts(index)
            if counts != (file.additions, file.deletions):
                file.additions, file.deletions = counts
                self._view.forget(index)
        self._view.refresh()
        self._changed()

    def on_screen(self) -> set[int]:
        """The indexes of the files on the screen."""
        view, document = self._view, self.document
        if not len(document):
            return set()
        first = view.viewport.top[0]
        last = min(first + view.size.height, len(document) - 1)
        return set(range(document.file_at(first), document.file_at(last) + 1))

    def send_focus(self) -> None:
        """Tell the diff process which files are on the screen, so that it serves them first."""
        if not len(self.document) or self._is_gone:
            return
        here = self.document.file_at(self._view.cursor)
        seen = self.on_screen()
        around = [here + step for far in range(1, NEAR + 1) for step in (far, -far)]
        nearest = sorted(seen, key=lambda one: abs(one - here))
        wanted = [one for one in (*nearest, *around) if self._wants_colours(one)]
        self.review.focus(here, wanted)
        self._fetch()

    def _wants_colours(self, index: int) -> bool:
        return 0 <= index < len(self.document.files) and not self.document.files[index].shape.folded

    async def total(self, index: int) -> int:
        """How many lines the new side of a file has; AmpsmError when the diff process cannot read it."""
        return (await self.review.text(index, "new", 0, 1)).total

    def _fetch(self) -> None:
        """Ask for lines of context that are on the screen and not here yet."""
        rows = {self.document.row(at) for at, _ in self._view.viewport.places()}
        missing = {
            (row.file, (row.b - 1) // PORTION)
            for row in rows
            if row.kind is RowKind.GROWN and self.source.grown(row.file, row.b) is None
        }
        missing |= {(row.file, 0) for row in rows if row.kind is RowKind.TAIL and self._has_hidden_context(row.file)}
        for index, portion in missing - self._fetching:
            self._fetching.add((index, portion))
            run_while_open(self._view, self._fetched(index, portion), group="lines")

    def _has_hidden_context(self, index: int) -> bool:
        """Whether the last hunk is to have lines below it that wait for the number of the file's lines."""
        file = self.document.files[index]
        last = file.shape.grown.get(file.hunks - 1)
        return last is not None and last.below > 0 and file.shape.total is None

    async def fetch_grown(self) -> None:
        """Fetch all lines of context that were added around hunks, on the screen or not: a search wants them."""
        for index, file in enumerate(self.document.files):
            if not file.shape.grown or file.body is None:
                continue
            known = self.source.grown_of(index)
            ranges = [part for part in parts(file.body, file.shape) if part.kind is RowKind.GROWN]
            numbers = {at for part in ranges for at in range(part.first, part.first + part.rows)} - known.keys()
            for portion in sorted({(number - 1) // PORTION for number in numbers}):
                if not self._is_gone and (index, portion) not in self._fetching:
                    self._fetching.add((index, portion))
                    await self._fetched(index, portion)

    async def _fetched(self, index: int, portion: int) -> None:
        try:
            text = await self.review.text(index, "new", portion * PORTION, PORTION)
        except AmpsmError as reason:
            if not self._is_gone:
                show_error(self._view, reason)
            return
        finally:
            self._fetching.discard((index, portion))
        self.source.keep(index, text.first + 1, text.lines)
        held, version = self._view.hold(), self.document.version
        self.document.end(index, text.total)
        self._view.forget(index)
        if version != self.document.version and self._view.document is self.document:
            self._view.stand_on(held)
            self._fetch()
        self._view.refresh()
        self._changed()

    # What was viewed.

    def keys(self, index: int) -> tuple[str, ...]:
        """The keys of the hunks of a file; of one without any, its own."""
        file = self.document.files[index]
        if not file.keys and file.body is not None:
            entry = self.review.files[index]
            file.keys = hunks.keys(file.body.data) or (
                hunks.file_key(b"", f"{entry.old_mode:o}", f"{entry.new_mode:o}", entry.old_oid, entry.new_oid),
            )
        return file.keys

    def staged_keys(self, index: int) -> tuple[str, ...]:
        """The keys of the hunks of a file among what is staged; of one without any, its own."""
        body = self.document.files[index].body
        return (hunks.staged_keys(body.data) or (hunks.FILE_KEY,)) if body is not None else ()

    def mark(self, index: int) -> None:
        """Fold what of a file is viewed, and open what is not."""
        self._mark(index)
        file = self.document.files[index]
        spans = self.earlier.get(file.path) or self.earlier.get(file.old_path or "")
        file.changed = changed_hunks(file.body, file.viewed, spans) if spans and file.body else frozenset()

    def _mark(self, index: int) -> None:
        file = self.document.files[index]
        if not (self.marks.moved or self._marked_paths() & {file.path, file.old_path}):
            if file.viewed:
                self.document.view(index, frozenset())
            return
        viewed = frozenset(
            at for at, key in enumerate(self.keys(index)) if self.marks.viewed(file.path, key, file.old_path)
        )
        if viewed != file.viewed:
            self.document.view(index, viewed)

    def _marked_paths(self) -> set[str | None]:
        if self._paths_of is not self.marks:
            self._paths_of, self._paths = self.marks, {path for path, _ in self.marks.keys}
        return self._paths

    def set_marks(self, marks: Marks, files: Iterable[int]) -> None:
        """Take other marks, and fold or open the hunks of these files accordingly."""
        self.marks = marks
        for index in files:
            self.mark(index)
            self._view.forget(index)

    def set_staged(self, staged: "StagedChanges") -> None:
        """Mark the hunks that are in the index."""
        self.staged = staged
        for index in range(len(self.document.files)):
            self._stage(index)
        self._view.repaint()

    def _stage(self, index: int) -> None:
        file, staged = self.document.files[index], self.staged
        if staged is None or file.body is None:
            return
        keys = self.staged_keys(index) if staged.paths & {file.path, file.old_path} else ()
        file.staged = frozenset(at for at, key in enumerate(keys) if staged.has(file.path, key, file.old_path))
        known, body = staged.lines.get(file.path), file.body
        rows = body.rows_of(known.removed, known.missing) if known is not None and len(body.kinds) <= MOST_ROWS else ()
        file.partly_staged = frozenset(body.hunk_at(row) for row in rows) - file.staged
        file.staged_rows = frozenset(row for row in rows if body.hunk_at(row) in file.partly_staged)

    def set_rejected(self, rejected: frozenset[tuple[str, str | None]]) -> None:
        """Mark the hunks whose rejection waits for the end of amp's turn."""
        self.rejected = rejected
        for index in range(len(self.document.files)):
            self._reject(index)
        self._view.repaint()

    def _reject(self, index: int) -> None:
        file = self.document.files[index]
        wanted = {key for path, key in self.rejected if path == file.path}
        if file.body is None or not (wanted or file.rejected):
            return
        keys = self.keys(index) if wanted else ()
        file.rejected = frozenset(at for at, key in enumerate(keys) if key in wanted or None in wanted)


def _file(entry: "FileEntry") -> File:
    return File(entry.path, entry.old_path, STATUS[entry.kind], is_gone=entry.merged_into >= 0, quiet=entry.fold)
