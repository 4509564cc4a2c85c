"""Lines that git's conflict markers left in a file: the one rule for all who ask whether a conflict is open.

A marker has the length that the attribute `conflict-marker-size` gives it, and is a line that neither side has: what
a side holds as its own text is no marker.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import Refused
from ampsm_engine.git import program
from ampsm_engine.git.integrate.ground import Ground
from ampsm_engine.git.integrate.trees import FOLDER, Entry
from ampsm_engine.git.integrate.values import ConflictFile, LaidOut, Stage

SIZE = 7
"""Letters of a marker where no attribute says otherwise."""

_LIKE = re.compile(rb"^(?:<+|>+|\|+)(?: |$)|^=+$")
"""A line that is a marker of some size."""


class MarkersLeft(Refused):
    """Lines that look like conflict markers: somebody takes them out, or says that they are meant."""


class Sides(NamedTuple):
    """What a file is on both sides of a conflict, and was before; empty for nothing."""

    base: bytes = b""
    ours: bytes = b""
    theirs: bytes = b""


def left(content: bytes, known: Iterable[Sides], sizes: Iterable[int]) -> tuple[int, ...]:
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


def own_lines(known: Sides, size: int) -> frozenset[bytes]:
    """The lines of both sides that look like markers, less those that git writes like this itself."""
    as_git = {b"<" * size + b" HEAD", b"=" * size}
    lines = (line for side in known for _, line in _lines(side) if _is_marker(line, size))
    return frozenset(lines) - as_git


def sizes_of(worktree: Path, paths: Sequence[str]) -> dict[str, int]:
    """How long the markers of files are, as the attributes say now."""
    feed = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    options = ("check-attr", "-z", "--stdin", "conflict-marker-size")
    fields = program.text(program.read(worktree, *options, feed=feed).output).split("\0") if paths else []
    named = zip(fields[0::3], fields[2::3], strict=False)
    return {path: int(value) if value.isdigit() and int(value) > 0 else SIZE for path, value in named}


def in_commit(worktree: Path, laid: LaidOut, commit: str) -> dict[str, str]:
    """The files of a commit that hold markers, with their blobs: whatever it has that neither side has as it is."""
    ground = Ground(worktree)
    trees = [bytes.fromhex(ground.tree_of(one)) for one in (laid.onto, laid.commit, commit)]
    files = {
        path.decode("utf-8", "surrogateescape"): (before, entry)
        for path, before, entry in ground.merger.differing(trees[0], trees[2])
        if entry is not None and entry[0].startswith(b"100")
    }
    contents = {path: ground.objects.read("blob", entry[1].hex()) for path, (_, entry) in files.items()}
    likely = [path for path, content in contents.items() if _looks_marked(content)]
    sizes = sizes_of(worktree, likely)
    found = {}
    for path in likely:
        before, entry = files[path]
        other = _entry(ground, trees[1], path)
        if other != entry and left(
            contents[path], _known(ground, laid, path, before, other), _sizes(laid, path, sizes[path])
        ):
            found[path] = entry[1].hex()
    return found


def in_worktree(worktree: Path, laid: LaidOut, paths: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The files of a worktree that hold conflict markers as they lie there, each with the lines that are markers."""
    ground = Ground(worktree)
    trees = [bytes.fromhex(ground.tree_of(one)) for one in (laid.onto, laid.commit)]
    contents = {path: _content(worktree / path) for path in paths}
    likely = [path for path, content in contents.items() if _looks_marked(content)]
    sizes = sizes_of(worktree, likely)
    found = {}
    for path in likely:
        ours, theirs = (_entry(ground, tree, path) for tree in trees)
        known = _known(ground, laid, path, ours, theirs)
        lines = left(contents[path], known, _sizes(laid, path, sizes[path]))
        if lines:
            found[path] = lines
    return found


def sides_of(worktree: Path, file: ConflictFile) -> Sides:
    """The contents of the three sides of a conflict."""

    def content(stage: Stage | None) -> bytes:
        is_file = stage is not None and stage.mode.startswith("100")
        return program.told(worktree, "cat-file", "blob", stage.object) if stage and is_file else b""

    return Sides(content(file.base), content(file.ours), content(file.theirs))


def _known(ground: Ground, laid: LaidOut, path: str, ours: Entry | None, theirs: Entry | None) -> Iterator[Sides]:
    """What the two sides have at a path; of one that neither has, what they have wherever there was a conflict."""
    files = [file for file in laid.files if file.path == path]
    if not files:
        yield Sides(b"", _blob(ground, ours), _blob(ground, theirs))
    if not files and ours is None and theirs is None:
        files = list(laid.files)
    for file in files:
        stages = (file.base, file.ours, file.theirs)
        yield Sides(*(_blob(ground, (s.mode.encode(), bytes.fromhex(s.object)) if s else None) for s in stages))


def _blob(ground: Ground, entry: Entry | None) -> bytes:
    return ground.objects.read("blob", entry[1].hex()) if entry and entry[0].startswith(b"100") else b""


def _entry(ground: Ground, tree: bytes, path: str) -> Entry | None:
    entry: Entry | None = (FOLDER, tree)
    for part in path.encode("utf-8", "surrogateescape").split(b"/"):
        if entry is None or entry[0] != FOLDER:
            return None
        entry = ground.merger.tree(entry[1]).get(part)
    return entry


def _sizes(laid: LaidOut, path: str, now: int) -> frozenset[int]:
    """As it was laid out, and as the attributes say now: the conflict may be in the attributes themselves."""
    return frozenset({now, *(file.marker_size for file in laid.files if file.path == path)})


def _content(file: Path) -> bytes:
    if file.is_symlink() or not file.is_file():
        return b""
    return file.read_bytes()


def _looks_marked(content: bytes) -> bool:
    is_binary = b"\0" in content[:8000]
    return not is_binary and any(_LIKE.match(line) for _, line in _lines(content))


def _is_marker(line: bytes, size: int) -> bool:
    """git's own markers of merges of merge bases, inside others, are longer."""
    if line[:1] == b"=":
        return line == b"=" * size
    run = len(line) - len(line.lstrip(line[:1])) if line[:1] in (b"<", b">", b"|") else 0
    return run >= size and line[run : run + 1] in (b" ", b"")


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line.removesuffix(b"\r")) for number, line in enumerate(content.split(b"\n"), 1))
