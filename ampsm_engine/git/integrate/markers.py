"""git's conflict markers in a file: the lines that are markers, the conflicts between them, and these replaced.

This is the one rule for all who ask whether a conflict is open. A marker has the length that the attribute
`conflict-marker-size` gives it, and is a line that neither side has: what a side holds as its own text is no marker.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.diff.encodings import is_binary, of_lines
from ampsm_engine.diff.hunks import lines_of
from ampsm_engine.errors import Refused
from ampsm_engine.git import attributes, program, records
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.outcomes import Choice, ConflictFile, ConflictHunk, LaidOut, Stage
from ampsm_engine.git.integrate.trees import FOLDER, Entry

SIZE = 7
"""Letters of a marker where no attribute says otherwise."""

_LIKE = re.compile(rb"^(?:<+|>+|\|+)(?: |$)|^=+$")
"""A line that is a marker of some size."""


class MarkersLeft(Refused):
    """Lines look like conflict markers: a person removes them, or declares them as meant."""


class ConflictSides(NamedTuple):
    """What a file is on both sides of a conflict, and was before; empty for nothing."""

    base: bytes = b""
    ours: bytes = b""
    theirs: bytes = b""


def left(content: bytes, known: Iterable[ConflictSides], sizes: Iterable[int]) -> tuple[int, ...]:
    """The lines of a content, from 1, that are markers; as many of a kind as a side has of its own are none."""
    found = [(number, line) for number, line in _lines(content) if any(_is_marker(line, size) for size in sizes)]
    if not found:
        return ()
    sides = [tuple(Counter(line for _, line in _lines(side)) for side in one) for one in known]
    allowed: Counter[bytes] = Counter()
    for base, ours, theirs in sides:
        for line in {line for _, line in found}:
            both = ours[line] + theirs[line] - base[line]
            allowed[line] = max(allowed[line], ours[line], theirs[line], both)
    total = Counter(line for _, line in found)
    return tuple(number for number, line in found if total[line] > allowed[line])


def own_lines(known: ConflictSides, size: int) -> frozenset[bytes]:
    """The lines of both sides that look like markers, less those that git writes like this itself."""
    as_git = {b"<" * size + b" HEAD", b"=" * size}
    lines = (line for side in known for _, line in _lines(side) if _is_marker(line, size))
    return frozenset(lines) - as_git


def sizes_of(worktree: Path, paths: Sequence[str]) -> dict[str, int]:
    """How long the markers of files are, as the attributes say now."""
    options = ("check-attr", "-z", "--stdin", "conflict-marker-size")
    fields = records.split(program.read(worktree, *options, feed=records.joined(paths)).output) if paths else []
    named = zip(fields[0::3], fields[2::3], strict=False)
    return {path: int(value) if value.isdigit() and int(value) > 0 else SIZE for path, value in named}


def in_commit(worktree: Path, laid: LaidOut, commit: str) -> dict[str, str]:
    """The files of a commit that hold markers, with their blobs: whatever it has that neither side has as it is."""
    objects = ObjectStore(worktree)
    trees = [bytes.fromhex(objects.tree_of(one)) for one in (laid.onto, laid.commit, commit)]
    files = {
        path.decode("utf-8", "surrogateescape"): (before, entry)
        for path, before, entry in objects.merger.differing(trees[0], trees[2])
        if entry is not None and entry[0].startswith(b"100")
    }
    contents = {path: objects.database.read("blob", entry[1].hex()) for path, (_, entry) in files.items()}
    likely = [path for path, content in contents.items() if _may_have_markers(content)]
    sizes = sizes_of(worktree, likely)
    found = {}
    for path in likely:
        before, entry = files[path]
        other = _entry(objects, trees[1], path)
        if other != entry and left(
            contents[path], _known(objects, laid, path, before, other), _sizes(laid, path, sizes[path])
        ):
            found[path] = entry[1].hex()
    return found


def in_worktree(worktree: Path, laid: LaidOut, paths: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The files of a worktree that hold conflict markers as they lie there, each with the lines that are markers."""
    objects = ObjectStore(worktree)
    trees = [bytes.fromhex(objects.tree_of(one)) for one in (laid.onto, laid.commit)]
    contents = {path: _content(worktree, path) for path in paths}
    likely = [path for path, content in contents.items() if _may_have_markers(content)]
    sizes = sizes_of(worktree, likely)
    found = {}
    for path in likely:
        ours, theirs = (_entry(objects, tree, path) for tree in trees)
        known = _known(objects, laid, path, ours, theirs)
        lines = left(contents[path], known, _sizes(laid, path, sizes[path]))
        if lines:
            found[path] = lines
    return found


def sides_of(worktree: Path, file: ConflictFile) -> ConflictSides:
    """The contents of the three sides of a conflict."""

    def content(stage: Stage | None) -> bytes:
        is_file = stage is not None and stage.mode.startswith("100")
        return program.query(worktree, "cat-file", "blob", stage.object) if stage and is_file else b""

    return ConflictSides(content(file.base), content(file.ours), content(file.theirs))


def _known(
    objects: ObjectStore, laid: LaidOut, path: str, ours: Entry | None, theirs: Entry | None
) -> Iterator[ConflictSides]:
    """What the two sides have at a path; of one that neither has, what they have wherever there was a conflict."""
    files = [file for file in laid.files if file.path == path]
    if not files:
        yield ConflictSides(b"", _blob(objects, ours), _blob(objects, theirs))
    if not files and ours is None and theirs is None:
        files = list(laid.files)
    for file in files:
        stages = (file.base, file.ours, file.theirs)
        yield ConflictSides(
            *(_blob(objects, (s.mode.encode(), bytes.fromhex(s.object)) if s else None) for s in stages)
        )


def _blob(objects: ObjectStore, entry: Entry | None) -> bytes:
    return objects.database.read("blob", entry[1].hex()) if entry and entry[0].startswith(b"100") else b""


def _entry(objects: ObjectStore, tree: bytes, path: str) -> Entry | None:
    entry: Entry | None = (FOLDER, tree)
    for part in path.encode("utf-8", "surrogateescape").split(b"/"):
        if entry is None or entry[0] != FOLDER:
            return None
        entry = objects.merger.tree(entry[1]).get(part)
    return entry


def _sizes(laid: LaidOut, path: str, now: int) -> frozenset[int]:
    """The lengths that a path's markers may have: as laid out, and `now`, as attributes say.

    Both, for the conflict may be in the attributes themselves.
    """
    return frozenset({now, *(file.marker_size for file in laid.files if file.path == path)})


def _content(worktree: Path, path: str) -> bytes:
    file = worktree / path
    if file.is_symlink() or not file.is_file():
        return b""
    return attributes.read_lines(worktree, path)


def _may_have_markers(content: bytes) -> bool:
    return not is_binary(content) and any(_LIKE.match(line) for _, line in _lines(content))


def _is_marker(line: bytes, size: int) -> bool:
    """git's own markers of merges of merge bases, inside others, are longer."""
    if line[:1] == b"=":
        return line == b"=" * size
    run = len(line) - len(line.lstrip(line[:1])) if line[:1] in (b"<", b">", b"|") else 0
    return run >= size and line[run : run + 1] in (b" ", b"")


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line.removesuffix(b"\r")) for number, line in enumerate(content.split(b"\n"), 1))


class FilePart(NamedTuple):
    """A piece of a file: lines as they are, or a conflict."""

    line: int
    plain: bytes
    ours: bytes = b""
    base: bytes | None = None
    theirs: bytes = b""
    is_conflict: bool = False
    is_last: bool = False
    """Whether the file ends with it."""


def file_parts(content: bytes, size: int = SIZE, sides: ConflictSides | None = None) -> list[FilePart]:
    """A file cut at its conflict markers of `size` letters. What is no whole conflict is plain text.

    `sides`: what the file is on both sides; lines of theirs that look like markers are text of the file.
    """
    found: list[FilePart] = []
    cutter = _Cutter(size, sides or ConflictSides(), own_lines(sides, size) if sides else frozenset())
    lines = lines_of(content)
    at, start = 0, 0
    while at < len(lines):
        end = cutter.conflict_end(lines, at) if cutter.is_marker(lines[at], b"<") else None
        if end is None:
            at += 1
            continue
        if at > start:
            found.append(FilePart(start + 1, b"".join(lines[start:at])))
        found.append(cutter.conflict(lines[at : end + 1], at + 1, is_last=end + 1 == len(lines)))
        at = start = end + 1
    if start < len(lines):
        found.append(FilePart(start + 1, b"".join(lines[start:])))
    return found


def conflict_hunks(
    content: bytes, size: int = SIZE, sides: ConflictSides | None = None, *, encoding: str = ""
) -> tuple[ConflictHunk, ...]:
    """The conflicts of a file, numbered from 1, decoded as a review does; bytes that are no letters are surrogates.

    `encoding`: what attributes say that the file is in.
    """
    conflicts = [part for part in file_parts(content, size, sides) if part.is_conflict]
    encoding = of_lines(content, encoding) or "utf-8"
    return tuple(
        ConflictHunk(
            number,
            part.line,
            part.ours.decode(encoding, "surrogateescape"),
            None if part.base is None else part.base.decode(encoding, "surrogateescape"),
            part.theirs.decode(encoding, "surrogateescape"),
            part.line + len(lines_of(part.plain)) - 1,
        )
        for number, part in enumerate(conflicts, 1)
    )


def with_choices(
    content: bytes, choices: Mapping[int, Choice] | Choice, size: int = SIZE, sides: ConflictSides | None = None
) -> bytes:
    """The file with its conflicts, or those whose numbers are named, replaced by a side or by both."""
    result: list[bytes] = []
    number = 0
    for part in file_parts(content, size, sides):
        if not part.is_conflict:
            result.append(part.plain)
            continue
        number += 1
        choice = choices if isinstance(choices, str) else choices.get(number)
        result.append(part.plain if choice is None else _side(part, choice))
        end = sides and choice and (sides.ours if choice == "ours" else sides.theirs)
        if end and not end.endswith(b"\n") and end.endswith(result[-1].rstrip(b"\r\n")):
            # git ends a side with a line break before its marker; at the end of the file there was none.
            result[-1] = result[-1].rstrip(b"\r\n") if part.is_last else result[-1]
    return b"".join(result)


def _side(part: FilePart, choice: Choice) -> bytes:
    if choice == "both":
        # A side without a line break at its end would run into the other.
        gap = b"\n" if part.ours and part.theirs and not part.ours.endswith(b"\n") else b""
        return part.ours + gap + part.theirs
    return part.ours if choice == "ours" else part.theirs


class _Cutter(NamedTuple):
    """Tells conflict markers from lines of text that look like them, and splits files at them."""

    size: int
    sides: ConflictSides
    text: frozenset[bytes]
    """Lines that look like markers and are text."""

    def is_marker(self, line: bytes, letter: bytes) -> bool:
        """Whether a line is a marker of this letter."""
        size = self.size
        is_like = line.startswith(letter * size) and line[size : size + 1] in (b" ", b"\n", b"\r", b"")
        return is_like and line.rstrip(b"\r\n") not in self.text

    def conflict_end(self, lines: list[bytes], start: int) -> int | None:
        """The last line of the conflict that begins at `start`; None where it has no end."""
        has_middle = False
        for at in range(start + 1, len(lines)):
            if self.is_marker(lines[at], b"<"):
                return None
            has_middle = has_middle or self.is_marker(lines[at], b"=")
            if self.is_marker(lines[at], b">"):
                return at if has_middle else None
        return None

    def conflict(self, lines: list[bytes], line: int, *, is_last: bool) -> FilePart:
        """The sides of a conflict; of several lines that could part them, the one that gives what both sides have."""
        middles = [at for at, one in enumerate(lines) if self.is_marker(one, b"=")]
        cuts = [self._cut(lines, middle) for middle in middles]
        known = (cut for cut in cuts if cut[0] in self.sides.ours and cut[2] in self.sides.theirs)
        ours, base, theirs = next(known, cuts[0])
        return FilePart(line, b"".join(lines), ours, base, theirs, is_conflict=True, is_last=is_last)

    def _cut(self, lines: list[bytes], middle: int) -> tuple[bytes, bytes | None, bytes]:
        bar = next((at for at in range(1, middle) if self.is_marker(lines[at], b"|")), None)
        base = None if bar is None else b"".join(lines[bar + 1 : middle])
        return b"".join(lines[1 : bar or middle]), base, b"".join(lines[middle + 1 : -1])
