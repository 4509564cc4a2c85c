"""Which changed lines of a file are staged: as they were chosen, where that is remembered, else as git compares.

Of equal lines an index does not tell which of them it has. What was chosen by line is remembered beside the index, for
as long as HEAD, index and file have the contents that they had then.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from ampsm_engine.diff import hunks
from ampsm_engine.diff.hunks import Side
from ampsm_engine.git import program, repository
from ampsm_engine.git.object_reader import ObjectReader
from ampsm_engine.git.records import TreeEntry
from ampsm_engine.home import read_json_object, write_json_object
from ampsm_engine.lean_dataclass import dataclass

Ranges = tuple[tuple[int, int], ...]
"""First lines, from 1, and how many."""

Blobs = tuple[str, str, str]
"""A file's contents in HEAD, in the index and in the worktree, as `git add` would have it; empty for nothing."""

_MEMORY = "ampsm-staged-lines.json"
"""Beside the worktree's own index."""

_MOST = 50
"""Files that are remembered."""


@dataclass(frozen=True, slots=True)
class StagedLines:
    """What of one file's changed lines is in the index."""

    removed: Ranges
    """Lines of HEAD that the index does not have any more."""
    missing: Ranges
    """Lines of the worktree that the index does not have."""


def ranges(lines: Iterable[int]) -> Ranges:
    """Lines, in order, as ranges."""
    runs = [[line for _, line in run] for _, run in groupby(enumerate(lines), key=lambda one: one[1] - one[0])]
    return tuple((run[0], len(run)) for run in runs)


def lines_in(found: Ranges) -> frozenset[int]:
    """The lines of ranges."""
    return frozenset(line for first, count in found for line in range(first, first + count))


def blobs(entries: Sequence[TreeEntry | None]) -> Blobs:
    """The contents that three entries name."""
    was, now, there = (entry.blob if entry else "" for entry in entries)
    return was, now, there


def remember(git_dir: Path, path: str, at: Blobs, staged: StagedLines) -> None:
    """Remember which lines of a file are staged, by the worktree's git folder."""
    known = read_json_object(git_dir / _MEMORY)
    known.pop(path, None)
    kept = dict([*known.items(), (path, [at, staged.removed, staged.missing])][-_MOST:])
    write_json_object(git_dir / _MEMORY, kept)


def remembered(git_dir: Path, path: str, at: Blobs) -> StagedLines | None:
    """What was remembered of a file; None where it is not as it was then."""
    try:
        then, removed, missing = read_json_object(git_dir / _MEMORY)[path]
        return StagedLines(_ranges(removed), _ranges(missing)) if tuple(then) == at else None
    except (KeyError, TypeError, ValueError):
        return None


def staged_lines(worktree: Path, path: str) -> StagedLines:
    """The lines of a file that are staged."""
    git_dir = repository.git_dir(worktree)
    is_kept = path in read_json_object(git_dir / _MEMORY)
    if is_kept and (known := remembered(git_dir, path, _blobs_now(worktree, path))) is not None:
        return known
    compared: list[Ranges] = []
    for side, options in ((Side.OLD, ("--cached",)), (Side.NEW, ())):
        plain = ("-U0", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv", "--inter-hunk-context=0")
        told = program.query(worktree, "--literal-pathspecs", "diff", *plain, *options, "--", path)
        found = [(hunk.start(side) + 1, len(hunk.image(side))) for hunk in hunks.split(told)]
        compared.append(tuple(one for one in found if one[1]))
    return StagedLines(*compared)


def _blobs_now(worktree: Path, path: str) -> Blobs:
    if "\n" in path:
        return "", "", ""
    was, now = ObjectReader(worktree).objects([f"HEAD:{path}", f":0:{path}"])
    return was or "", now or "", program.read(worktree, "hash-object", "--", path).line


def _ranges(plain: Iterable[tuple[int, int]]) -> Ranges:
    return tuple((int(first), int(count)) for first, count in plain)
