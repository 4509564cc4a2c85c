"""The hunks of a range, and what a verb acts on there: a file, some of its lines, or a hunk by its id.

What is compared and how a hunk is known is the review's own: the same comparison, the same keys.
"""

import contextlib
import difflib
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.diff import hunks
from ampsm_engine.diff.chosen_lines import rows_at, rows_of
from ampsm_engine.diff.hunks import BlobGone, Hunks, Side, TooLarge
from ampsm_engine.differ.comparison import Comparison
from ampsm_engine.engine import hunk_actions, reviews
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git import diff_library, diff_program, snapshot
from ampsm_engine.git.hunk_changes import StagedChanges
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.naming import LEAST_OF_AN_ID
from ampsm_engine.plain_text import printable
from ampsm_engine.review.annotations import WHOLE, Ends, Marks, Rejection

CONTEXT = 3
"""Lines around a change, as in the review."""


@dataclass(frozen=True, slots=True)
class ChangedHunk:
    """A hunk of a range; a file without lines to show (binary, a mode alone) is one of no lines."""

    id: str
    """Its content key: the same for as long as its lines, and those around them, are."""
    path: str
    old_path: str | None
    line: int
    """The first line that it changes, as it is on the new side; 0 where there are no lines to show."""
    old_start: int
    """Where it begins on the old side, from 1, with the lines around the change."""
    old_lines: int
    new_start: int
    new_lines: int
    additions: int
    deletions: int
    is_viewed: bool
    is_staged: bool | None
    """Whether all of it is staged; None in a range other than `uncommitted`."""


@dataclass(frozen=True, slots=True)
class ChosenChange:
    """What a verb acts on: all of a file, or (`rows`) lines of its patch, which may be a hunk."""

    path: str
    old_path: str | None
    keys: tuple[str, ...]
    """The content keys of the hunks that it is, or lies in."""
    patch: bytes = b""
    """The patch of the whole file, from its first `@@` on."""
    rows: frozenset[int] | None = None
    hunk: bytes | None = None
    """The hunk alone, where these are all of its rows."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a caller names: a file; with `lines` (first and last, from 1) a part of it; or a hunk by its id."""

    path: str = ""
    lines: tuple[int, int] | None = None
    side: Side = Side.NEW
    hunk: str = ""


class RangeHunks:
    """The files of a range with their hunks. Valid inside `opened`, which has the worktree's state at hand."""

    def __init__(
        self, session_id: str, ends: Ends, comparison: Comparison, marks: Marks, staged: StagedChanges | None
    ) -> None:
        self.tree = comparison.new_tree
        self.objects: Path | None = None
        """The folder with what the repository lacks of the tree."""
        self._session_id = session_id
        self._label = "what is not committed" if ends.range == reviews.UNCOMMITTED else ends.label
        self._is_uncommitted = ends.range == reviews.UNCOMMITTED
        self._comparison = comparison
        self._marks = marks
        self._staged = staged
        self._patches: dict[int, Hunks | None] = {}

    def take_marks(self, marks: Marks) -> None:
        """Take over the marks of what has been viewed."""
        self._marks = marks

    @property
    def partly_staged(self) -> tuple[str, ...]:
        """The files of which the index has some, and not all."""
        return tuple(sorted(self._staged.lines)) if self._staged is not None else ()

    def hunks(self) -> tuple[ChangedHunk, ...]:
        """All hunks of the range, in the order of its files."""
        return tuple(one for index in self._files() for one in self._hunks_of(index))

    def find(self, place: Place, *, whole_hunks: bool = False) -> ChosenChange:
        """What a place names; `whole_hunks`: of lines, the hunks that they lie in. NotFound where nothing changed."""
        if place.hunk:
            return self._by_id(place.hunk, whole_hunks=whole_hunks)
        index = self._index(place.path)
        entry, keys = self._comparison.entries[index], self._keys(index)
        if place.lines is None:
            return ChosenChange(entry.path, entry.old_path, keys)
        data = self._lines_of(index, is_exact=not whole_hunks)
        first, last = place.lines
        rows = rows_at(data, place.side, first, last)
        found = hunks.split(data)
        starts = [one.start(place.side) for one in found]
        there = [
            at for at, one in enumerate(found) if starts[at] < last and first <= starts[at] + len(one.image(place.side))
        ]
        if not (there if whole_hunks else rows):
            side = "old" if place.side is Side.NEW else "new"
            where = f"line {first}" if first == last else f"lines {first}-{last}"
            message = f"Nothing of {printable(entry.path)} is changed at {where} of the {place.side} side."
            raise NotFound(message, f"{self._listing()}; lines of the {side} side: --side {side}")
        return ChosenChange(entry.path, entry.old_path, tuple(keys[at] for at in there), data, rows)

    def _by_id(self, reference: str, *, whole_hunks: bool) -> ChosenChange:
        found: list[tuple[int, int, str]] = []
        begun = reference.removeprefix(hunks.FILE_KEY)
        if len(begun) >= LEAST_OF_AN_ID:
            for index in self._files():
                keys = enumerate(self._keys(index))
                found += [(index, at, key) for at, key in keys if key.removeprefix(hunks.FILE_KEY).startswith(begun)]
        if not found:
            raise NotFound(f"There is no hunk {reference[:80]!r} in {self._label}.", self._listing())
        if len(found) > 1:
            raise Refused(f"{reference!r} means {len(found)} hunks.", "Name a file and a line: PATH:LINE.")
        ((index, at, key),) = found
        entry = self._comparison.entries[index]
        if key.startswith(hunks.FILE_KEY):
            return ChosenChange(entry.path, entry.old_path, (key,))
        data = self._lines_of(index, is_exact=not whole_hunks)
        return ChosenChange(entry.path, entry.old_path, (key,), data, rows_of(data, at), hunks.slices(data)[at])

    def _lines_of(self, index: int, *, is_exact: bool) -> bytes:
        """The patch of a file, as git has it if `is_exact`; Refused where only the whole file can be taken."""
        found, path = self._patch(index), printable(self._comparison.entries[index].path)
        if found is None or not found.data:
            raise Refused(f"{path} has no lines to choose from.", "Name the file alone: all of it.")
        if found.encoding and is_exact:
            message = f"git takes {path} as a whole: it is in {found.encoding}."
            raise Refused(message, "Name the file alone: all of it.")
        return found.data

    def _listing(self) -> str:
        if self._is_uncommitted:
            return f"ampsm stage {self._session_id}"
        return f"ampsm viewed {self._session_id}"

    def _index(self, path: str) -> int:
        """The file of this path, else the one that had it before it was renamed."""
        entries = [self._comparison.entries[index] for index in self._files()]
        named = [one for one in entries if one.path == path] or [one for one in entries if one.old_path == path]
        if named:
            return named[0].index
        names = [one.path for one in entries]
        near = [one for one in names if one.endswith(f"/{path}")] or difflib.get_close_matches(path, names, n=1)
        hint = f"Did you mean {printable(near[0])}?" if near else self._listing()
        raise NotFound(f"{printable(path)} is not changed in {self._label}.", hint)

    def _files(self) -> list[int]:
        return [entry.index for entry in self._comparison.entries if entry.merged_into < 0]

    def _patch(self, index: int) -> Hunks | None:
        """The changed lines of a file; None where it cannot be compared line by line."""
        if index not in self._patches:
            try:
                too_large = self._comparison.size(index) > diff_program.LARGEST
                self._patches[index] = None if too_large else self._comparison.hunks(index)
            except (BlobGone, TooLarge):
                self._patches[index] = None
        return self._patches[index]

    def _keys(self, index: int) -> tuple[str, ...]:
        found, entry = self._patch(index), self._comparison.entries[index]
        data = found.data if found is not None else b""
        modes = f"{entry.old_mode:o}", f"{entry.new_mode:o}"
        return hunks.keys(data) or (hunks.file_key(b"", *modes, entry.old_oid, entry.new_oid),)

    def _hunks_of(self, index: int) -> Iterator[ChangedHunk]:
        entry, found = self._comparison.entries[index], self._patch(index)
        data = found.data if found is not None else b""
        parts = hunks.split(data)
        staged = self._staged_of(index, data)
        for at, key in enumerate(self._keys(index)):
            part = parts[at] if parts else hunks.Hunk(0, 0, ())
            signs = [line[:1] for line in part.lines]
            before = next((count for count, sign in enumerate(signs) if sign != b" "), 0)
            yield ChangedHunk(
                id=key,
                path=entry.path,
                old_path=entry.old_path,
                line=max(part.new_start, 1) + before if part.lines else 0,
                old_start=part.old_start,
                old_lines=len(part.image(Side.OLD)),
                new_start=part.new_start,
                new_lines=len(part.image(Side.NEW)),
                additions=signs.count(b"+"),
                deletions=signs.count(b"-"),
                is_viewed=self._marks.viewed(entry.path, key, entry.old_path),
                is_staged=staged[at] if staged is not None else None,
            )

    def _staged_of(self, index: int, data: bytes) -> list[bool] | None:
        if self._staged is None:
            return None
        entry = self._comparison.entries[index]
        keys = hunks.staged_keys(data) or (hunks.FILE_KEY,)
        return [self._staged.has(entry.path, key, entry.old_path) for key in keys]


@contextlib.contextmanager
def opened(engine: Engine, session_id: str, range_: str = WHOLE) -> Iterator[RangeHunks]:
    """The hunks of a range as of now; NotFound or Refused when it has none."""
    ends = reviews.resolve(engine, session_id, range_)
    place, marks = Path(ends.worktree), reviews.viewed_marks(engine, session_id)
    staged = hunk_actions.staged(engine, session_id) if range_ == reviews.UNCOMMITTED else None
    with contextlib.ExitStack() as stack:
        live = stack.enter_context(snapshot.live_tree(place)) if ends.new is None else None
        objects = live.objects if live is not None else None
        variables = snapshot.object_variables(live.objects, live.own_objects) if live is not None else {}
        source = diff_library.library(place, objects) or diff_program.Program(place, variables)
        trees = source.tree(ends.old), source.tree(live.tree if live is not None else ends.new or "")
        comparison = Comparison(0, source, *trees, ignore_whitespace=False, context=CONTEXT)
        comparison.list_files()
        if comparison.may_have_renames:
            comparison.join_renames(diff_program.moves(place, *trees, variables))
        found = RangeHunks(session_id, ends, comparison, marks, staged)
        found.objects = objects
        yield found


def stage(engine: Engine, session_id: str, places: list[Place], *, undo: bool = False) -> StagedChanges:
    """Stage what of what is not committed the places name, or take it out of the index again; what is staged then.

    Nothing is staged where one of the places is not found.
    """
    with opened(engine, session_id, reviews.UNCOMMITTED) as found:
        chosen = [found.find(place) for place in places]
    staged = hunk_actions.staged(engine, session_id)
    for one in chosen:
        engine_and_file = (engine, session_id, one.path)
        if one.rows is not None and (one.hunk is None or one.path in staged.lines):
            staged = hunk_actions.stage_lines(
                *engine_and_file, one.patch, one.rows, old_path=one.old_path, is_put_in=not undo
            )
        else:
            verb = hunk_actions.unstage if undo else hunk_actions.stage
            staged = verb(*engine_and_file, one.hunk, old_path=one.old_path)
    return staged


def reject(
    engine: Engine, session_id: str, place: Place, *, reason: str | None = None, range_: str = WHOLE
) -> Rejection:
    """Reject what a place names; while amp works it waits for the end of the turn."""
    with opened(engine, session_id, range_) as found:
        chosen = found.find(place)
    is_lines = chosen.rows is not None and chosen.hunk is None
    return hunk_actions.reject(
        engine,
        session_id,
        chosen.path,
        chosen.patch if is_lines else chosen.hunk,
        rows=chosen.rows if is_lines else None,
        reason=reason,
        old_path=chosen.old_path,
        range_=range_,
        queues=True,
        key=chosen.keys[0] if chosen.rows is not None else None,
    )


def mark_viewed(
    engine: Engine, session_id: str, places: list[Place] | None, *, range_: str = WHOLE, undo: bool = False
) -> tuple[ChangedHunk, ...]:
    """Mark what the places name (None: everything) as viewed, or take the marks away; the hunks of the range then.

    What is marked counts as looked at, as in the review: the range `looked` begins there.
    """
    with opened(engine, session_id, range_) as found:
        if places is None:
            pairs = [(one.path, one.id) for one in found.hunks()]
        else:
            chosen = [found.find(place, whole_hunks=True) for place in places]
            pairs = [(one.path, key) for one in chosen for key in one.keys]
        found.take_marks(reviews.mark_viewed(engine, session_id, pairs, viewed=not undo))
        if not undo and range_ != reviews.UNCOMMITTED:
            reviews.keep_looked_tree(engine, session_id, found.tree, str(found.objects) if found.objects else None)
        return found.hunks()
