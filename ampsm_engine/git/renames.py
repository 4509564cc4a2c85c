"""Which files of two trees were renamed or copied: git's own answer, which may take its time on large diffs."""

from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import program

LIMIT = 1_000
"""Files on each side of which git compares all with all to find copies; beyond it only equal contents count."""


class Rename(NamedTuple):
    """One file that has the content of another."""

    is_copy: bool
    similarity: int
    """Percent."""
    old_path: str
    path: str
    old_mode: int
    old_oid: str


def moves(where: Path, old: str, new: str, variables: program.Variables | None = None) -> tuple[Rename, ...]:
    """The renames between two trees as `git diff` has them, and of which files the other new ones are copies.

    None when git cannot tell. Filters and drivers do not run.
    """
    letters, renamed = _found(where, old, new, ("-M",), variables)
    if "A" not in letters or not letters - {"A"}:
        return tuple(renamed)
    # Looking for copies pairs renames otherwise, too: nothing but copies is taken from that.
    _, others = _found(where, old, new, ("-M", "-C", f"-l{LIMIT}"), variables)
    known = {move.path for move in renamed}
    return (*renamed, *(move for move in others if move.is_copy and move.path not in known))


def _found(
    where: Path, old: str, new: str, detection: tuple[str, ...], variables: program.Variables | None
) -> tuple[set[str], list[Rename]]:
    """What happened to files, as git's letters, and the moves among it."""
    options = ("-r", "--raw", "-z", *detection, "--no-ext-diff", "--no-textconv", "--full-index")
    answer = program.read(where, "diff-tree", *options, old, new, "--", variables=variables)
    fields = iter(program.text(answer.output).split("\0") if answer.ok else ())
    letters, found = set(), []
    for field in fields:
        if not field.startswith(":"):
            continue
        old_mode, _, old_oid, _, letter = field[1:].split(" ")
        first = next(fields)
        letters.add(letter[0])
        if letter[0] in "RC":
            score = int(letter[1:])
            found.append(Rename(letter[0] == "C", score, first, next(fields), int(old_mode, 8), old_oid))
    return letters, found
